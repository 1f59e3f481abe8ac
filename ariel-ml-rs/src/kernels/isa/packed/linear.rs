//! `(left_factor * left + right_factor * right + offset) / 2^28`, rounded down: sums of two tensors of one shape.
//!
//! What [`crate::kernels::map2::Linear`] computes, with operands that are not broadcast.

use super::clamp::clamp;
use super::cores::for_cores;
use super::loops::Loops;
use crate::kernels::access::Access;
use crate::kernels::isa::thumb2::linear;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

/// int8 sum or difference; tiles are ranges of elements.
#[derive(Clone, Copy)]
pub struct Linear<C> {
    /// Left operand.
    pub left: Region,
    /// Right operand.
    pub right: Region,
    /// Output; may be an operand.
    pub output: Region,
    /// Elements of each.
    pub elements: u32,
    /// Factors of the operands, and zero points and rounding, with 28 fractional bits.
    pub terms: Terms,
    /// Bounds of the output; the zero point is in the offset.
    pub bounds: Bounds,
    /// The cores that run it.
    pub cores: C,
}

/// Constants of [`Linear`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Terms {
    /// Factor of the left operand.
    pub left_factor: i32,
    /// Factor of the right operand.
    pub right_factor: i32,
    /// Zero points of the operands and of the output, and the rounding.
    pub offset: i64,
}

impl<C> Linear<C> {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and the number of elements do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let elements = self.elements as usize;
        self.left.check::<i8>(arena_bytes, elements);
        self.right.check::<i8>(arena_bytes, elements);
        self.output.check::<i8>(arena_bytes, elements);
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

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    unsafe fn compute<L: Loops>(&self, memory: Memory<'_>, tile: Tile) {
        let (start, count) = (tile.start(), tile.end() - tile.start());
        // SAFETY: the elements of the tile lie inside the regions (`check`) and are this call's own.
        unsafe {
            let left = memory.at::<i8>(self.left).cast_const().add(start);
            let right = memory.at::<i8>(self.right).cast_const().add(start);
            let output = memory.at::<i8>(self.output).add(start);
            linear(left, right, output, count, &self.terms);
            clamp::<L>(output, count, &self.bounds);
        }
    }
}

for_cores!(Linear);
