//! Boxes of the data that begin where numbers say which the model computes: slices, crops and borders.
//!
//! The shape of the output is known. Element c along an axis comes from element `first + c * step` of the data; where that is outside,
//! `Beyond` decides. So a slice whose numbers ask for another shape than the declared one repeats the elements at the edge, and reads
//! nothing that is not there.

use super::{copy, index, width};
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// Axes, those in front 1 where there are fewer.
const AXES: usize = 6;

/// What stands beyond the edges of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The nearest element.
    Edge,
    /// One value.
    Value,
    /// The data in a mirror at its last element, again and again.
    Mirror,
    /// The data once more, again and again.
    Again,
}

/// Elements of the data from where the numbers say, `step` apart.
#[derive(Clone, Copy)]
pub struct Boxed {
    /// The data.
    pub data: Source<u8>,
    /// Where the box begins along each axis that is named.
    pub starts: Source<u8>,
    /// The axes; one that there is not is passed over.
    pub axes: Source<u8>,
    /// Elements of the data from one of the box to the next.
    pub steps: Source<u8>,
    /// The element beyond the edges.
    pub value: Source<u8>,
    /// Output.
    pub output: Region,
    /// Bytes of an element.
    pub element: u32,
    /// Extents of the data.
    pub extents: [u32; AXES],
    /// Extents of the output.
    pub counts: [u32; AXES],
    /// Axes that data and output have.
    pub rank: u32,
    /// How many axes are named.
    pub named: u32,
    /// Whether starts, axes and steps have 64 bits.
    pub wide: bool,
    /// Whether a negative start counts from the end of its axis.
    pub wraps: bool,
    /// Whether starts are widths of borders, in front of the data.
    pub borders: bool,
    /// What stands beyond the edges.
    pub beyond: Beyond,
}

/// Product of extents.
const fn product(extents: &[u32; AXES], axes: usize) -> usize {
    let (mut product, mut axis) = (1_usize, 0);
    while axis < axes {
        product = product.saturating_mul(extents[axis] as usize);
        axis += 1;
    }
    product
}

impl Boxed {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and extents do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (element, numbers) = (self.element as usize, (self.named as usize).saturating_mul(width(self.wide)));
        assert!(self.rank as usize <= AXES, "more axes than there are");
        assert!(product(&self.extents, AXES) > 0, "data without elements");
        self.data.check(arena_bytes, product(&self.extents, AXES).saturating_mul(element));
        self.output.check::<u8>(arena_bytes, product(&self.counts, AXES).saturating_mul(element));
        self.starts.check(arena_bytes, numbers);
        self.axes.check(arena_bytes, numbers);
        self.steps.check(arena_bytes, numbers);
        self.value.check(arena_bytes, element);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(product(&self.counts, AXES - 1))
    }

    /// First element and step along each axis, as the numbers say.
    ///
    /// # Safety
    /// The kernel passed `check`, and its inputs are complete.
    unsafe fn numbers(&self, memory: Memory<'_>) -> [(i64, i64); AXES] {
        let mut found = [(0, 1); AXES];
        let near = |number: i64| number.max(i64::from(i32::MIN)).min(i64::from(i32::MAX));
        for number in 0..self.named as usize {
            // SAFETY: `check` proved that there are so many of each.
            let (start, axis, step) = unsafe {
                let at = |numbers: Source<u8>| index(memory.source(numbers), number, self.wide);
                (near(at(self.starts)), at(self.axes), near(at(self.steps)))
            };
            let rank = i64::from(self.rank);
            let axis = if axis < 0 { axis.wrapping_add(rank) } else { axis };
            if axis < 0 || axis >= rank {
                continue;
            }
            let place = (AXES as i64).wrapping_sub(rank).wrapping_add(axis) as usize;
            if let (Some(found), Some(&extent)) = (found.get_mut(place), self.extents.get(place)) {
                let extent = i64::from(extent);
                let wrapped = if start < 0 && self.wraps { start.wrapping_add(extent) } else { start };
                // Where a slice goes backwards from behind the end, it begins with the last element.
                let last = if step < 0 { extent.wrapping_sub(1) } else { extent };
                let first = if self.borders { start.wrapping_neg() } else { wrapped.max(0).min(last) };
                *found = (first, step);
            }
        }
        found
    }

    /// The element of an axis that stands at `place`, or `None` where the value does.
    #[inline]
    fn inside(&self, place: i64, extent: u32) -> Option<usize> {
        let extent = i64::from(extent);
        let last = extent.wrapping_sub(1);
        if place >= 0 && place < extent {
            return Some(place as usize);
        }
        let found = match self.beyond {
            Beyond::Edge => place.max(0).min(last),
            Beyond::Value => return None,
            Beyond::Mirror => {
                let period = last.wrapping_mul(2);
                let at = place.checked_rem_euclid(period).unwrap_or(0);
                if at > last { period.wrapping_sub(at) } else { at }
            }
            Beyond::Again => place.checked_rem_euclid(extent).unwrap_or(0),
        };
        Some(found as usize)
    }

    /// Computes one tile of the output: a range of rows along its last axis.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let [.., row] = self.counts;
        let [.., columns] = self.extents;
        let element = self.element as usize;
        // SAFETY: `inside` gives elements of each axis, so that all that is read lies inside the data (`check`); the tile lies inside
        // the output.
        unsafe {
            let numbers = self.numbers(memory);
            let [.., (first, step)] = numbers;
            let (data, value) = (memory.source(self.data), memory.source(self.value));
            let mut to =
                memory.at::<u8>(self.output).add(tile.start().wrapping_mul(row as usize).wrapping_mul(element));
            let end = first.wrapping_add(i64::from(row));
            let is_run = step == 1 && first >= 0 && end <= i64::from(columns);
            for number in tile.start..tile.end {
                let line = self.line(&numbers, number);
                if let (Some(line), true) = (line, is_run) {
                    let from = data.add(line.wrapping_add(first as usize).wrapping_mul(element));
                    core::ptr::copy(from, to, (row as usize).wrapping_mul(element));
                    to = to.wrapping_add((row as usize).wrapping_mul(element));
                    continue;
                }
                for column in 0..i64::from(row) {
                    let place = self.inside(first.wrapping_add(column.wrapping_mul(step)), columns);
                    let from = match (line, place) {
                        (Some(line), Some(place)) => data.add(line.wrapping_add(place).wrapping_mul(element)),
                        _ => value,
                    };
                    copy(from, to, element);
                    to = to.wrapping_add(element);
                }
            }
        }
    }

    /// The first element of the data's row from which row `number` of the output comes, or `None` where the value stands in all of it.
    fn line(&self, numbers: &[(i64, i64); AXES], number: u32) -> Option<usize> {
        let (mut number, mut line) = (number, Some(0_usize));
        let mut stride = self.extents[AXES - 1] as usize;
        for axis in (0..AXES - 1).rev() {
            let outer = number.checked_div(self.counts[axis]).unwrap_or(0);
            let at = i64::from(number.wrapping_sub(outer.wrapping_mul(self.counts[axis])));
            number = outer;
            let (first, step) = numbers[axis];
            let place = self.inside(first.wrapping_add(at.wrapping_mul(step)), self.extents[axis]);
            line = match (line, place) {
                (Some(line), Some(place)) => Some(line.wrapping_add(place.wrapping_mul(stride))),
                _ => None,
            };
            stride = stride.wrapping_mul(self.extents[axis] as usize);
        }
        line
    }
}
