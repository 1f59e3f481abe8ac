//! Four channels of an image as planes of int16, and 3x3 depthwise sums over them.
//!
//! Pixels along a line lie one behind the other in a plane, with padding as pixels of its own: no line has edges.

use crate::kernels::isa::packed::{Lines, lines, spread};
use core::arch::naked_asm;

/// Writes `count` pixels of four channels, `stride` bytes apart, to four planes that are `plane` bytes apart; with an odd
/// count the one behind the last as well, which gets `padding` (four times the zero point).
///
/// 17 instructions for two pixels of four channels: PKHBT and PKHTB exchange the halfwords that SXTB16 gave. Stores may be
/// misaligned.
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
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldrd r11, r12, [sp, #36]",
        "add r4, r2, r3, lsl #1",
        "add r5, r4, r3",
        "add r3, r2, r3",
        "subs r11, r11, #2",
        "blt 4f",
        "2:",
        "ldr r6, [r0]",
        "ldr r7, [r0, r1]",
        "add r0, r0, r1, lsl #1",
        "3:",
        "sxtb16 r8, r6",
        "sxtb16 r9, r7",
        "pkhbt r10, r8, r9, lsl #16",
        "str r10, [r2], #4",
        "pkhtb r10, r9, r8, asr #16",
        "str r10, [r4], #4",
        "sxtb16 r8, r6, ror #8",
        "sxtb16 r9, r7, ror #8",
        "pkhbt r10, r8, r9, lsl #16",
        "str r10, [r3], #4",
        "pkhtb r10, r9, r8, asr #16",
        "str r10, [r5], #4",
        "subs r11, r11, #2",
        "bge 2b",
        "4:",
        "adds r11, r11, #2",
        "beq 5f",
        "ldr r6, [r0]",
        "mov r7, r12",
        "mov r11, #0",
        "b 3b",
        "5:",
        "pop {{r4-r11, pc}}",
    )
}

/// Two outputs, one pixel apart, of a line of taps out of the words r10 and r11; sums begin as given.
macro_rules! near2 {
    ($a:literal, $b:literal) => {
        concat!(
            "smlad r4, r10, r8, ",
            $a,
            "\n",
            "smlatb r5, r10, r8, ",
            $b,
            "\n",
            "smlabt r4, r11, r9, r4\n",
            "smlad r5, r11, r9, r5",
        )
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use near2;

/// Four outputs, one pixel apart, out of the words r10 to r12.
macro_rules! near4 {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            near2!($a, $b),
            "\n",
            "smlad r6, r11, r8, ",
            $c,
            "\n",
            "smlatb r7, r11, r8, r7\n",
            "smlabt r6, r12, r9, r6\n",
            "smlad r7, r12, r9, r7",
        )
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use near4;

/// Two outputs, two pixels apart, of a line of taps at r0; the third word stays in r12.
macro_rules! far2 {
    ($a:literal, $b:literal) => {
        concat!(
            "ldm r0, {{r10, r11, r12}}\n",
            "smlad r4, r10, r8, ",
            $a,
            "\n",
            "smlad r5, r11, r8, ",
            $b,
            "\n",
            "smlabt r4, r11, r9, r4\n",
            "smlabt r5, r12, r9, r5",
        )
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use far2;

/// Four outputs, two pixels apart.
macro_rules! far4 {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            far2!($a, $b),
            "\n",
            "ldr r10, [r0, #12]\n",
            "ldr r11, [r0, #16]\n",
            "smlad r6, r12, r8, ",
            $c,
            "\n",
            "smlad r7, r10, r8, r7\n",
            "smlabt r6, r10, r9, r6\n",
            "smlabt r7, r11, r9, r7",
        )
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use far4;

/// Defines the functions that compute lines and requantise a register with the macro `$requantize`.
macro_rules! lines_with {
    ($requantize:ident) => {
        lines_with!(lines1, lines1_short, lines2, lines2_short, $requantize, "strb", 1, "asr r2, r12, #8");
    };
    ($lines1:ident, $lines1_short:ident, $lines2:ident, $lines2_short:ident, $requantize:ident, $store:literal, $bytes:literal, $bias:literal) => {
        lines! {
            /// Stride 1: 64 instructions for four outputs of 9 MACs each: 32 for the sums, 20 to requantise them, 6 to store them.
            $lines1, $lines1_short, $requantize, $store, $bytes, spread!($bias), 40,
            four: [
                "ldm r1!, {{r7, r8, r9}}",
                "ldm r0, {{r10, r11, r12}}",
                near4!("r7", "r7", "r7"),
                "ldm r1!, {{r8, r9}}",
                "add r10, r0, r3",
                "ldm r10, {{r10, r11, r12}}",
                near4!("r4", "r5", "r6"),
                "ldm r1!, {{r8, r9}}",
                "add r10, r0, r3, lsl #1",
                "ldm r10, {{r10, r11, r12}}",
                near4!("r4", "r5", "r6"),
                "add r0, r0, #8"
            ],
            two: [
                "ldm r1!, {{r7, r8, r9}}",
                "ldrd r10, r11, [r0]",
                near2!("r7", "r7"),
                "ldm r1!, {{r8, r9}}",
                "add r12, r0, r3",
                "ldrd r10, r11, [r12]",
                near2!("r4", "r5"),
                "ldm r1!, {{r8, r9}}",
                "add r12, r0, r3, lsl #1",
                "ldrd r10, r11, [r12]",
                near2!("r4", "r5"),
                "add r0, r0, #4"
            ],
        }

        lines! {
            /// Stride 2: 72 instructions for four outputs of 9 MACs each.
            $lines2, $lines2_short, $requantize, $store, $bytes, spread!($bias), 40,
            four: [
                "ldm r1!, {{r7, r8, r9}}",
                far4!("r7", "r7", "r7"),
                "add r0, r0, r3",
                "ldm r1!, {{r8, r9}}",
                far4!("r4", "r5", "r6"),
                "add r0, r0, r3",
                "ldm r1!, {{r8, r9}}",
                far4!("r4", "r5", "r6"),
                "sub r0, r0, r3, lsl #1",
                "add r0, r0, #16"
            ],
            two: [
                "ldm r1!, {{r7, r8, r9}}",
                far2!("r7", "r7"),
                "add r0, r0, r3",
                "ldm r1!, {{r8, r9}}",
                far2!("r4", "r5"),
                "add r0, r0, r3",
                "ldm r1!, {{r8, r9}}",
                far2!("r4", "r5"),
                "sub r0, r0, r3, lsl #1",
                "add r0, r0, #8"
            ],
        }
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use lines_with;

lines_with!(requantize);

/// Requantises a sum to int16 with r10: see [`super::int16`].
macro_rules! reduce {
    ($sum:literal) => {
        concat!("smmulr ", $sum, ", ", $sum, ", r10\nssat ", $sum, ", #16, ", $sum)
    };
}
lines_with!(wide1, wide1_short, wide2, wide2_short, reduce, "strh", 2, "mov r2, r12");

/// Writes `count` pixels of four channels of int16, `stride` bytes apart, to four planes that are `plane` bytes apart; with an
/// odd count the one behind the last as well, which gets `padding`, a pair of it.
///
/// 17 instructions for two pixels of four channels. Words may be misaligned.
///
/// # Safety
/// Each pixel has four elements, and there is room in the planes for the pixels, rounded up to even.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn transpose16(
    source: *const i8,
    stride: usize,
    to: *mut i16,
    plane: usize,
    count: usize,
    padding: u32,
) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldrd r11, r12, [sp, #36]",
        "add r4, r2, r3",
        "add r5, r4, r3",
        "add r3, r5, r3",
        "subs r11, r11, #2",
        "blt 4f",
        "2:",
        "ldr r6, [r0]",
        "ldr r7, [r0, #4]",
        "add r0, r0, r1",
        "ldr r8, [r0]",
        "ldr r9, [r0, #4]",
        "add r0, r0, r1",
        "3:",
        "pkhbt r10, r6, r8, lsl #16",
        "str r10, [r2], #4",
        "pkhtb r10, r8, r6, asr #16",
        "str r10, [r4], #4",
        "pkhbt r10, r7, r9, lsl #16",
        "str r10, [r5], #4",
        "pkhtb r10, r9, r7, asr #16",
        "str r10, [r3], #4",
        "subs r11, r11, #2",
        "bge 2b",
        "4:",
        "adds r11, r11, #2",
        "beq 5f",
        "ldr r6, [r0]",
        "ldr r7, [r0, #4]",
        "mov r8, r12",
        "mov r9, r12",
        "mov r11, #0",
        "b 3b",
        "5:",
        "pop {{r4-r11, pc}}",
    )
}
