//! Four channels of an image as planes of int16, and 3x3 depthwise sums over them.

use crate::kernels::isa::packed::{Lines, lines};
use core::arch::naked_asm;

/// Writes `count` pixels of four channels, `stride` bytes apart, to four planes that are `plane` bytes apart; with an odd
/// count the one behind the last as well, which gets `padding` (four times the zero point). 11 instructions for a pixel.
///
/// # Safety
/// Each pixel has four bytes, and there is room in the planes for the pixels, rounded up to even.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn transpose(
    source: *const i8,
    stride: usize,
    to: *mut i16,
    plane: usize,
    count: usize,
    padding: u32,
) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "ldrd r7, r12, [sp, #20]",
        "add r4, r2, r3",
        "add r5, r4, r3",
        "add r3, r5, r3",
        "mov lr, r7",
        "cbz r7, 3f",
        "2:",
        "ldrsb r6, [r0]",
        "strh r6, [r2], #2",
        "ldrsb r6, [r0, #1]",
        "strh r6, [r4], #2",
        "ldrsb r6, [r0, #2]",
        "strh r6, [r5], #2",
        "ldrsb r6, [r0, #3]",
        "strh r6, [r3], #2",
        "add r0, r0, r1",
        "subs r7, r7, #1",
        "bne 2b",
        "3:",
        "tst lr, #1",
        "beq 4f",
        "sxtb r12, r12",
        "strh r12, [r2]",
        "strh r12, [r4]",
        "strh r12, [r5]",
        "strh r12, [r3]",
        "4:",
        "pop {{r4-r7, pc}}",
    )
}

/// Copies a channel for blocks (see [`lines`]).
macro_rules! copy {
    () => {
        "asr r2, r12, #8\nstm r1, {{r2, r4, r6, r8, r10, r11, r12}}"
    };
}

/// Taps of a line for two outputs, one pixel apart; the weights are so many bytes into the stream.
macro_rules! near2 {
    ($w0:literal, $w1:literal, $w2:literal) => {
        concat!(
            "ldrsb r8, [r1, #",
            $w0,
            "]\n",
            "ldrsh r9, [r0]\n",
            "mla r4, r9, r8, r4\n",
            "ldrsh r10, [r0, #2]\n",
            "mla r5, r10, r8, r5\n",
            "ldrsb r8, [r1, #",
            $w1,
            "]\n",
            "mla r4, r10, r8, r4\n",
            "ldrsh r11, [r0, #4]\n",
            "mla r5, r11, r8, r5\n",
            "ldrsb r8, [r1, #",
            $w2,
            "]\n",
            "mla r4, r11, r8, r4\n",
            "ldrsh r12, [r0, #6]\n",
            "mla r5, r12, r8, r5",
        )
    };
}

/// Taps of a line for four outputs, one pixel apart.
macro_rules! near4 {
    ($w0:literal, $w1:literal, $w2:literal) => {
        concat!(
            "ldrsb r8, [r1, #",
            $w0,
            "]\n",
            "ldrsh r9, [r0]\n",
            "ldrsh r10, [r0, #2]\n",
            "ldrsh r11, [r0, #4]\n",
            "ldrsh r12, [r0, #6]\n",
            "mla r4, r9, r8, r4\n",
            "mla r5, r10, r8, r5\n",
            "mla r6, r11, r8, r6\n",
            "mla r7, r12, r8, r7\n",
            "ldrsb r8, [r1, #",
            $w1,
            "]\n",
            "ldrsh r9, [r0, #8]\n",
            "mla r4, r10, r8, r4\n",
            "mla r5, r11, r8, r5\n",
            "mla r6, r12, r8, r6\n",
            "mla r7, r9, r8, r7\n",
            "ldrsb r8, [r1, #",
            $w2,
            "]\n",
            "ldrsh r10, [r0, #10]\n",
            "mla r4, r11, r8, r4\n",
            "mla r5, r12, r8, r5\n",
            "mla r6, r9, r8, r6\n",
            "mla r7, r10, r8, r7",
        )
    };
}

lines! {
    /// Stride 1: 110 instructions for four outputs of 9 MACs each.
    lines1, lines1_short, requantize, "strb", 1, copy!(), 28,
    four: [
        "ldr r7, [r1], #4",
        "mov r4, r7",
        "mov r5, r7",
        "mov r6, r7",
        near4!("0", "1", "3"),
        "add r0, r0, r3",
        near4!("4", "5", "7"),
        "add r0, r0, r3",
        near4!("8", "9", "11"),
        "sub r0, r0, r3, lsl #1",
        "add r0, r0, #8",
        "add r1, r1, #12"
    ],
    two: [
        "ldr r4, [r1], #4",
        "mov r5, r4",
        near2!("0", "1", "3"),
        "add r0, r0, r3",
        near2!("4", "5", "7"),
        "add r0, r0, r3",
        near2!("8", "9", "11"),
        "sub r0, r0, r3, lsl #1",
        "add r0, r0, #4",
        "add r1, r1, #12"
    ],
}

/// Taps of a line for two outputs, two pixels apart.
macro_rules! far2 {
    ($w0:literal, $w1:literal, $w2:literal) => {
        concat!(
            "ldrsb r8, [r1, #",
            $w0,
            "]\n",
            "ldrsh r9, [r0]\n",
            "mla r4, r9, r8, r4\n",
            "ldrsh r10, [r0, #4]\n",
            "mla r5, r10, r8, r5\n",
            "ldrsb r8, [r1, #",
            $w1,
            "]\n",
            "ldrsh r9, [r0, #2]\n",
            "mla r4, r9, r8, r4\n",
            "ldrsh r9, [r0, #6]\n",
            "mla r5, r9, r8, r5\n",
            "ldrsb r8, [r1, #",
            $w2,
            "]\n",
            "mla r4, r10, r8, r4\n",
            "ldrsh r9, [r0, #8]\n",
            "mla r5, r9, r8, r5",
        )
    };
}

/// Taps of a line for four outputs, two pixels apart.
macro_rules! far4 {
    ($w0:literal, $w1:literal, $w2:literal) => {
        concat!(
            "ldrsb r8, [r1, #",
            $w0,
            "]\n",
            "ldrsh r9, [r0]\n",
            "ldrsh r10, [r0, #4]\n",
            "ldrsh r11, [r0, #8]\n",
            "ldrsh r12, [r0, #12]\n",
            "mla r4, r9, r8, r4\n",
            "mla r5, r10, r8, r5\n",
            "mla r6, r11, r8, r6\n",
            "mla r7, r12, r8, r7\n",
            "ldrsb r8, [r1, #",
            $w2,
            "]\n",
            "ldrsh r9, [r0, #16]\n",
            "mla r4, r10, r8, r4\n",
            "mla r5, r11, r8, r5\n",
            "mla r6, r12, r8, r6\n",
            "mla r7, r9, r8, r7\n",
            "ldrsb r8, [r1, #",
            $w1,
            "]\n",
            "ldrsh r9, [r0, #2]\n",
            "ldrsh r10, [r0, #6]\n",
            "ldrsh r11, [r0, #10]\n",
            "ldrsh r12, [r0, #14]\n",
            "mla r4, r9, r8, r4\n",
            "mla r5, r10, r8, r5\n",
            "mla r6, r11, r8, r6\n",
            "mla r7, r12, r8, r7",
        )
    };
}

lines! {
    /// Stride 2: 119 instructions for four outputs of 9 MACs each.
    lines2, lines2_short, requantize, "strb", 1, copy!(), 28,
    four: [
        "ldr r7, [r1], #4",
        "mov r4, r7",
        "mov r5, r7",
        "mov r6, r7",
        far4!("0", "1", "3"),
        "add r0, r0, r3",
        far4!("4", "5", "7"),
        "add r0, r0, r3",
        far4!("8", "9", "11"),
        "sub r0, r0, r3, lsl #1",
        "add r0, r0, #16",
        "add r1, r1, #12"
    ],
    two: [
        "ldr r4, [r1], #4",
        "mov r5, r4",
        far2!("0", "1", "3"),
        "add r0, r0, r3",
        far2!("4", "5", "7"),
        "add r0, r0, r3",
        far2!("8", "9", "11"),
        "sub r0, r0, r3, lsl #1",
        "add r0, r0, #8",
        "add r1, r1, #12"
    ],
}
