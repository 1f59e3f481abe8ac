//! Choices: each element of the output is one of two, as a boolean says.

use super::copy;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// Axes that all three operands are spread over.
const AXES: usize = 6;

/// `output = condition ? left : right`, the three broadcast to one shape.
#[derive(Clone, Copy)]
pub struct Select {
    /// Booleans.
    pub condition: Source<u8>,
    /// What is taken where they are set.
    pub left: Source<u8>,
    /// What is taken elsewhere.
    pub right: Source<u8>,
    /// Output; may be an operand of its size.
    pub output: Region,
    /// Bytes of an element of left, right and output.
    pub element: u32,
    /// Elements of the output.
    pub elements: u32,
    /// Elements along each axis, the last axis fastest.
    pub counts: [u32; AXES],
    /// Strides of condition, left and right along each axis, in elements.
    pub strides: [[u32; AXES]; 3],
}

impl Select {
    /// Elements of an operand up to the last that is read.
    const fn reach(&self, operand: usize) -> usize {
        let (mut last, mut axis) = (0_usize, 0);
        while axis < AXES {
            assert!(self.counts[axis] > 0, "axis without elements");
            let stride = self.strides[operand][axis] as usize;
            last = last.saturating_add((self.counts[axis] as usize - 1).saturating_mul(stride));
            axis += 1;
        }
        last.saturating_add(1)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and strides do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (mut elements, mut axis) = (1_usize, 0);
        while axis < AXES {
            elements = elements.saturating_mul(self.counts[axis] as usize);
            axis += 1;
        }
        assert!(elements == self.elements as usize, "the axes do not cover the output");
        self.condition.check(arena_bytes, self.reach(0));
        self.left.check(arena_bytes, self.reach(1).saturating_mul(self.element as usize));
        self.right.check(arena_bytes, self.reach(2).saturating_mul(self.element as usize));
        self.output.check::<u8>(arena_bytes, elements.saturating_mul(self.element as usize));
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// Computes one tile of the output: a range of elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let element = self.element as usize;
        let (mut at, mut places, mut number) = ([0_u32; AXES], [0_usize; 3], tile.start);
        for axis in (0..AXES).rev() {
            let outer = number.checked_div(self.counts[axis]).unwrap_or(0);
            at[axis] = number.wrapping_sub(outer.wrapping_mul(self.counts[axis]));
            for (place, strides) in places.iter_mut().zip(&self.strides) {
                *place = place.wrapping_add((at[axis] as usize).wrapping_mul(strides[axis] as usize));
            }
            number = outer;
        }
        // SAFETY: `check` proved that the walk stays inside the operands, and the tile lies inside the output.
        unsafe {
            let condition = memory.source(self.condition);
            let (left, right) = (memory.source(self.left), memory.source(self.right));
            let mut to = memory.at::<u8>(self.output).add(tile.start().wrapping_mul(element));
            for _ in tile.start..tile.end {
                let [asked, first, second] = places;
                let from = if *condition.add(asked) == 0 {
                    right.add(second.wrapping_mul(element))
                } else {
                    left.add(first.wrapping_mul(element))
                };
                copy(from, to, element);
                to = to.wrapping_add(element);
                for axis in (0..AXES).rev() {
                    let count = self.counts[axis];
                    let next = at[axis].wrapping_add(1);
                    for (place, strides) in places.iter_mut().zip(&self.strides) {
                        *place = place.wrapping_add(strides[axis] as usize);
                    }
                    if next < count {
                        at[axis] = next;
                        break;
                    }
                    at[axis] = 0;
                    for (place, strides) in places.iter_mut().zip(&self.strides) {
                        *place = place.wrapping_sub((count as usize).wrapping_mul(strides[axis] as usize));
                    }
                }
            }
        }
    }
}
