//! int8 to what the loops of this folder read: pairs of pixels in a word, or int16.

use core::arch::naked_asm;

/// The zero point of two pixels.
pub(in crate::kernels::isa) fn padding(zero_point: i8) -> u32 {
    (i32::from(zero_point) * 0x0080_0001).cast_unsigned()
}

/// Widens `words` times four elements of four pixels, `stride` bytes apart, and returns the end of what it wrote: of each four
/// elements, in the order k0, k2, k1, k3, a word `a + 2^23 * b` of the first two pixels and one of the others.
///
/// 34 instructions for 16 elements; words may be misaligned.
///
/// # Safety
/// `source + p * stride` has `4 * words` bytes for p < 4, `words` is not 0, and there is room for eight words for each.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn widen4(
    source: *const i8,
    stride: usize,
    to: *mut i16,
    words: usize,
) -> *mut i16 {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "add r4, r0, r1",
        "add r5, r4, r1",
        "add r6, r5, r1",
        "2:",
        "ldr r7, [r0], #4",
        "ldr r8, [r4], #4",
        "ldr r9, [r5], #4",
        "ldr r10, [r6], #4",
        "sxtb r1, r7",
        "sxtb r12, r8",
        "add r1, r1, r12, lsl #23",
        "sxtb r11, r9",
        "sxtb r12, r10",
        "add r11, r11, r12, lsl #23",
        "strd r1, r11, [r2], #8",
        "sxtb r1, r7, ror #16",
        "sxtb r12, r8, ror #16",
        "add r1, r1, r12, lsl #23",
        "sxtb r11, r9, ror #16",
        "sxtb r12, r10, ror #16",
        "add r11, r11, r12, lsl #23",
        "strd r1, r11, [r2], #8",
        "sxtb r1, r7, ror #8",
        "sxtb r12, r8, ror #8",
        "add r1, r1, r12, lsl #23",
        "sxtb r11, r9, ror #8",
        "sxtb r12, r10, ror #8",
        "add r11, r11, r12, lsl #23",
        "strd r1, r11, [r2], #8",
        "sxtb r1, r7, ror #24",
        "sxtb r12, r8, ror #24",
        "add r1, r1, r12, lsl #23",
        "sxtb r11, r9, ror #24",
        "sxtb r12, r10, ror #24",
        "add r11, r11, r12, lsl #23",
        "strd r1, r11, [r2], #8",
        "subs r3, r3, #1",
        "bne 2b",
        "mov r0, r2",
        "pop {{r4-r11, pc}}",
    )
}

/// Widens `words` times four elements to int16, of each four elements k in the order k0, k2, k1, k3: 12 instructions.
///
/// # Safety
/// `source` has `4 * words` bytes, `words` is not 0, and there is room for as many int16.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16 {
    naked_asm!(
        "2:",
        "ldrsb r3, [r0]",
        "strh r3, [r1]",
        "ldrsb r3, [r0, #2]",
        "strh r3, [r1, #2]",
        "ldrsb r3, [r0, #1]",
        "strh r3, [r1, #4]",
        "ldrsb r3, [r0, #3]",
        "strh r3, [r1, #6]",
        "adds r0, r0, #4",
        "adds r1, r1, #8",
        "subs r2, r2, #1",
        "bne 2b",
        "mov r0, r1",
        "bx lr",
    )
}
