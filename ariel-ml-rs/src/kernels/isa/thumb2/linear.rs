//! `(left_factor * left + right_factor * right + offset) / 2^28` of int8.

use crate::kernels::isa::packed::Terms;
use core::arch::naked_asm;

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
pub(in crate::kernels::isa) unsafe extern "C" fn linear(
    left: *const i8,
    right: *const i8,
    output: *mut i8,
    count: usize,
    terms: &Terms,
) {
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
