//! Blocks of bytes: one after the other on the dense side, anywhere on the side where indices lead.

use super::{index, width};
use crate::memory::Source;

/// Axes along which blocks lie.
const AXES: usize = 6;

/// Where one of the indices of a block leads.
#[derive(Clone, Copy)]
pub struct Place {
    /// What is added to a negative index: the extent of its axis, or 0 where those count as outside.
    pub wrap: u32,
    /// The greatest index; those outside of 0 to it are clamped.
    pub last: u32,
    /// Bytes from one index to the next.
    pub stride: u32,
}

/// Blocks, and the indices that tell where each lies.
#[derive(Clone, Copy)]
pub struct Blocks {
    /// Bytes of a block.
    pub block: u32,
    /// Blocks along each axis, the last axis fastest.
    pub counts: [u32; AXES],
    /// Bytes from a block to the next along each axis, before indices have their say.
    pub strides: [u32; AXES],
    /// By how many groups of indices it goes on along each axis.
    pub steps: [u32; AXES],
    /// Whether indices have 64 bits.
    pub wide: bool,
    /// Where each index of a group leads; the ways add up.
    pub places: &'static [Place],
}

/// Where a walk over blocks is.
pub(super) struct Walk<'a> {
    blocks: &'a Blocks,
    at: [u32; AXES],
    start: usize,
    group: usize,
}

/// From the first of `count` to the last, `stride` apart.
const fn reach(count: u32, stride: u32) -> usize {
    (count as usize - 1).saturating_mul(stride as usize)
}

impl Blocks {
    /// Checks that no block leaves the `bytes` where indices lead, whatever they are, and that there are indices for all.
    ///
    /// # Panics
    /// Where one may, or there are not: evaluated in a constant, this is a compile error.
    #[inline]
    pub(super) const fn check_walk(&self, arena_bytes: usize, bytes: usize, indices: &Source<u8>) {
        let (mut end, mut groups, mut axis) = (self.block as usize, 1_usize, 0);
        while axis < AXES {
            assert!(self.counts[axis] > 0, "axis without blocks");
            end = end.saturating_add(reach(self.counts[axis], self.strides[axis]));
            groups = groups.saturating_add(reach(self.counts[axis], self.steps[axis]));
            axis += 1;
        }
        let mut place = 0;
        while place < self.places.len() {
            let Place { last, stride, .. } = self.places[place];
            end = end.saturating_add((last as usize).saturating_mul(stride as usize));
            place += 1;
        }
        assert!(end <= bytes, "blocks outside of what indices lead into");
        indices.check(arena_bytes, groups.saturating_mul(self.places.len()).saturating_mul(width(self.wide)));
    }

    /// Checks that blocks begin and end at multiples of `width`, wherever indices lead.
    ///
    /// # Panics
    /// Where one may not: evaluated in a constant, this is a compile error.
    #[inline]
    pub(super) const fn check_whole(&self, width: u32) {
        assert!(self.block.is_multiple_of(width), "a block that is no whole number of elements");
        let mut axis = 0;
        while axis < AXES {
            assert!(self.strides[axis].is_multiple_of(width), "blocks between elements");
            axis += 1;
        }
        let mut place = 0;
        while place < self.places.len() {
            assert!(self.places[place].stride.is_multiple_of(width), "indices that lead between elements");
            place += 1;
        }
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        let (mut count, mut axis) = (1_usize, 0);
        while axis < AXES {
            count = count.saturating_mul(self.counts[axis] as usize);
            axis += 1;
        }
        count
    }

    /// The walk from block `number` on.
    pub(super) fn walk(&self, number: u32) -> Walk<'_> {
        let mut walk = Walk { blocks: self, at: [0; AXES], start: 0, group: 0 };
        let mut number = number;
        for axis in (0..AXES).rev() {
            // `check_walk` proved that no divisor is 0, which the optimiser cannot know.
            let outer = number.checked_div(self.counts[axis]).unwrap_or(0);
            let at = number.wrapping_sub(outer.wrapping_mul(self.counts[axis]));
            walk.at[axis] = at;
            walk.start = walk.start.wrapping_add((at as usize).wrapping_mul(self.strides[axis] as usize));
            walk.group = walk.group.wrapping_add((at as usize).wrapping_mul(self.steps[axis] as usize));
            number = outer;
        }
        walk
    }
}

impl Walk<'_> {
    /// The byte at which the current block lies; goes on to the next.
    ///
    /// # Safety
    /// The blocks passed `check_walk` with these indices, and are not at their end.
    #[inline(always)]
    pub(super) unsafe fn next(&mut self, indices: *const u8) -> usize {
        let blocks = self.blocks;
        let mut byte = self.start;
        let first = self.group.wrapping_mul(blocks.places.len());
        for (number, place) in blocks.places.iter().enumerate() {
            // SAFETY: `check_walk` proved that each block has its group of indices.
            let index = unsafe { index(indices, first.wrapping_add(number), blocks.wide) };
            let index = if index < 0 { index.wrapping_add(i64::from(place.wrap)) } else { index };
            let index = index.max(0).min(i64::from(place.last)) as usize;
            byte = byte.wrapping_add(index.wrapping_mul(place.stride as usize));
        }
        for axis in (0..AXES).rev() {
            let (count, stride, step) =
                (blocks.counts[axis], blocks.strides[axis] as usize, blocks.steps[axis] as usize);
            let at = self.at[axis].wrapping_add(1);
            self.start = self.start.wrapping_add(stride);
            self.group = self.group.wrapping_add(step);
            if at < count {
                self.at[axis] = at;
                break;
            }
            self.at[axis] = 0;
            self.start = self.start.wrapping_sub(stride.wrapping_mul(count as usize));
            self.group = self.group.wrapping_sub(step.wrapping_mul(count as usize));
        }
        byte
    }
}
