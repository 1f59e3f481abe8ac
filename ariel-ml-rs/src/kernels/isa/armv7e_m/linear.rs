//! `(left_factor * left + right_factor * right + offset) / 2^28`, rounded down: sums of two tensors of one shape.
//!
//! What [`crate::kernels::binary::int8::Linear`] computes, with operands that are not broadcast.

use super::clamp::clamp;
use crate::memory::{Memory, Region};
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// int8 sum or difference; tiles are ranges of elements.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
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
}

/// Constants of [`Linear`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Terms {
    /// Factor of the left operand.
    pub left_factor: i32,
    /// Factor of the right operand.
    pub right_factor: i32,
    /// Zero points of the operands and of the output, and the rounding.
    pub offset: i64,
}

impl Linear {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and the number of elements do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let elements = self.elements as usize;
        self.left.check::<i8>(arena_bytes, elements);
        self.right.check::<i8>(arena_bytes, elements);
        self.output.check::<i8>(arena_bytes, elements);
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
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

/// One element out of the words r8 and r9: ten instructions.
macro_rules! element {
    ($rotation:literal) => {
        concat!(
            "sxtb r12, r8, ror #",
            $rotation,
            "\n",
            "sxtb lr, r9, ror #",
            $rotation,
            "\n",
            "mov r10, r6\n",
            "mov r11, r7\n",
            "smlal r10, r11, r4, r12\n",
            "smlal r10, r11, r5, lr\n",
            "lsl r11, r11, #4\n",
            "orr r11, r11, r10, lsr #28\n",
            "ssat r11, #8, r11\n",
            "strb r11, [r2], #1",
        )
    };
}

/// Computes `count` elements: 46 instructions for four.
///
/// Registers: r0 left, r1 right, r2 output, r3 elements, r4 and r5 factors, r6 and r7 offset, r8 and r9 words of elements,
/// r10 and r11 a sum, r12 and lr its operands.
///
/// # Safety
/// All three have `count` elements; the output may be an operand, but overlaps it in no other way.
#[unsafe(naked)]
unsafe extern "C" fn linear(left: *const i8, right: *const i8, output: *mut i8, count: usize, terms: &Terms) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldr r4, [sp, #36]",
        "ldm.w r4, {{r4, r5, r6, r7}}",
        "subs r3, r3, #4",
        "blt 3f",
        "2:",
        "ldr r8, [r0], #4",
        "ldr r9, [r1], #4",
        element!("0"),
        element!("8"),
        element!("16"),
        element!("24"),
        "subs r3, r3, #4",
        "bge.w 2b",
        "3:",
        "adds r3, r3, #4",
        "beq 5f",
        "4:",
        "ldrb r8, [r0], #1",
        "ldrb r9, [r1], #1",
        element!("0"),
        "subs r3, r3, #1",
        "bne 4b",
        "5:",
        "pop {{r4-r11, pc}}",
    )
}
