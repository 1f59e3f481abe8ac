//! int8 to int16, in the order that SXTB16 gives: of each four elements k the words (k0, k2) and (k1, k3).

use core::arch::naked_asm;

/// Widens `words` times four elements of four pixels, `stride` bytes apart, and returns the end of what it wrote: for each
/// word two times a word of each pixel.
///
/// 16 instructions for 16 elements; words may be misaligned.
///
/// # Safety
/// `source + p * stride` has `4 * words` bytes for p < 4, `words` is not 0, and there is room for four times as many int16.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn widen4(
    source: *const i8,
    stride: usize,
    to: *mut i16,
    words: usize,
) -> *mut i16 {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "add r4, r0, r1",
        "add r5, r4, r1",
        "add r6, r5, r1",
        "2:",
        "ldr r7, [r0], #4",
        "ldr r8, [r4], #4",
        "ldr r9, [r5], #4",
        "ldr r10, [r6], #4",
        "sxtb16 r1, r7",
        "sxtb16 r11, r8",
        "sxtb16 r12, r9",
        "sxtb16 lr, r10",
        "stm r2!, {{r1, r11, r12, lr}}",
        "sxtb16 r7, r7, ror #8",
        "sxtb16 r8, r8, ror #8",
        "sxtb16 r9, r9, ror #8",
        "sxtb16 r10, r10, ror #8",
        "stm r2!, {{r7-r10}}",
        "subs r3, r3, #1",
        "bne 2b",
        "mov r0, r2",
        "pop {{r4-r11, pc}}",
    )
}

/// Widens `words` times four elements: for each word (k0, k2) and (k1, k3).
///
/// # Safety
/// `source` has `4 * words` bytes, `words` is not 0, and there is room for as many int16.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16 {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "2:",
        "ldr r3, [r0], #4",
        "sxtb16 r4, r3",
        "sxtb16 r12, r3, ror #8",
        "strd r4, r12, [r1], #8",
        "subs r2, r2, #1",
        "bne 2b",
        "mov r0, r1",
        "pop {{r4, pc}}",
    )
}

/// The zero point in both halves of a word.
pub(in crate::kernels::isa) fn padding(zero_point: i8) -> u32 {
    u32::from(i16::from(zero_point).cast_unsigned()) * 0x0001_0001
}
