//! `(left * left_factor + right * right_factor + offset) / 2^21`, rounded down: sums of two tensors of one shape.
//!
//! What [`crate::kernels::map2::Linear`] computes with constants that a lane has no room for: the compiler finds those of 32 bits that
//! give the same for all pairs of int8.

use super::clamp::clamp;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// int8 sum or difference; tiles are ranges of elements.
#[derive(Clone, Copy)]
pub struct Linear {
    /// Left operand.
    pub left: Region,
    /// Right operand.
    pub right: Region,
    /// Output; may be an operand.
    pub output: Region,
    /// Elements of each.
    pub elements: u32,
    /// Factors of the operands, and zero points and rounding: no sum leaves int32.
    pub terms: Terms,
    /// Bounds of the output; the zero point is in the offset.
    pub bounds: Bounds,
}

/// Constants of [`Linear`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Terms {
    /// Factor of the left operand.
    pub left: i32,
    /// Factor of the right operand.
    pub right: i32,
    /// Zero points of the operands and of the output, and the rounding.
    pub offset: i32,
}

impl Linear {
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
    /// in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and the core has
    /// Helium.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let (start, count) = (tile.start(), tile.end() - tile.start());
        // SAFETY: the elements of the tile lie inside the regions (`check`) and are this call's own.
        unsafe {
            let left = memory.at::<i8>(self.left).cast_const().add(start);
            let right = memory.at::<i8>(self.right).cast_const().add(start);
            let output = memory.at::<i8>(self.output).add(start);
            linear(left, right, output, count, &self.terms);
            clamp(output, count, &self.bounds);
        }
    }
}

/// Computes `count` elements: 29 instructions for 16, whose four vectors take turns so that no result is waited for, 8 for four of
/// what is left.
///
/// Registers: r0 left, r1 right, r2 output, r4 and q4 factor of the left operand, r5 that of the right one, r6 offset.
///
/// # Safety
/// The core has Helium; all three have `count` elements; the output may be an operand, but overlaps it in no other way.
#[unsafe(naked)]
unsafe extern "C" fn linear(left: *const i8, right: *const i8, output: *mut i8, count: usize, terms: &Terms) {
    naked_asm!(
        cpu!(),
        "push {{r4-r7, lr}}",
        "vpush {{d8-d15}}",
        "ldr r12, [sp, #84]",
        "ldm r12, {{r4-r6}}",
        "vdup.32 q4, r4",
        "lsr r12, r3, #4",
        "and r3, r3, #15",
        "wls lr, r12, 3f",
        "2:",
        "vldrb.s32 q0, [r0], #4",
        "vmlas.i32 q0, q4, r6",
        "vldrb.s32 q5, [r1], #4",
        "vmla.i32 q0, q5, r5",
        "vldrb.s32 q1, [r0], #4",
        "vmlas.i32 q1, q4, r6",
        "vldrb.s32 q6, [r1], #4",
        "vmla.i32 q1, q6, r5",
        "vqshrnb.s32 q0, q0, #16",
        "vldrb.s32 q2, [r0], #4",
        "vmlas.i32 q2, q4, r6",
        "vqshrnb.s16 q0, q0, #5",
        "vldrb.s32 q7, [r1], #4",
        "vmla.i32 q2, q7, r5",
        "vqshrnb.s32 q1, q1, #16",
        "vldrb.s32 q3, [r0], #4",
        "vmlas.i32 q3, q4, r6",
        "vqshrnb.s16 q1, q1, #5",
        "vldrb.s32 q5, [r1], #4",
        "vmla.i32 q3, q5, r5",
        "vstrb.32 q0, [r2], #4",
        "vqshrnb.s32 q2, q2, #16",
        "vstrb.32 q1, [r2], #4",
        "vqshrnb.s16 q2, q2, #5",
        "vqshrnb.s32 q3, q3, #16",
        "vstrb.32 q2, [r2], #4",
        "vqshrnb.s16 q3, q3, #5",
        "vstrb.32 q3, [r2], #4",
        "le lr, 2b",
        "3:",
        "wlstp.32 lr, r3, 5f",
        "4:",
        "vldrb.s32 q0, [r0], #4",
        "vldrb.s32 q5, [r1], #4",
        "vmlas.i32 q0, q4, r6",
        "vmla.i32 q0, q5, r5",
        "vqshrnb.s32 q0, q0, #16",
        "vqshrnb.s16 q0, q0, #5",
        "vstrb.32 q0, [r2], #4",
        "letp lr, 4b",
        "5:",
        "vpop {{d8-d15}}",
        "pop {{r4-r7, pc}}",
    )
}
