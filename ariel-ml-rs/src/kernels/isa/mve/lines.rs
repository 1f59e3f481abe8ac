//! 3x3 depthwise sums over lines of four channels, out of a ring of three input lines in scratch.
//!
//! A channel has a plane: byte `3 * x + slot` is pixel x of the line that the ring has in `slot`. So nine taps lie in one vector,
//! and one VMLADAV is an output; the order of the weights follows the slot of the oldest line.

use super::rounding::{away1, even1, rectified1, window};
use core::arch::naked_asm;

/// Lines of four channels, and what is left of them: strides are in bytes.
#[repr(C)]
pub(super) struct Lines {
    /// Four times 16 bytes of weights, four biases, three vectors that requantise.
    pub stream: *const i32,
    /// The next input line: its first pixel that is read.
    pub source: *const i8,
    /// From an input line to the next.
    pub input_line: usize,
    /// From an input pixel to the next; those of a line are less than 2^16 apart.
    pub input_pixel: usize,
    /// Pixels of a line that are read.
    pub count: usize,
    /// Where the first of them goes to in the first plane, in slot 0.
    pub to: *mut i8,
    /// From a plane to the next.
    pub plane: usize,
    /// The first output of the next line.
    pub output: *mut i8,
    /// From an output line to the next.
    pub output_line: usize,
    /// From an output pixel to the next.
    pub output_pixel: usize,
    /// Outputs of a line, at least 1.
    pub columns: usize,
    /// Output lines that are left, at least 1.
    pub lines: usize,
    /// Input lines from an output line to the next, at least 1.
    pub step: usize,
    /// Lines of padding that are left above the image.
    pub above: usize,
    /// Input lines that are left; those behind are padding.
    pub left: usize,
    /// The slot that the next line goes to.
    pub slot: usize,
    /// Four bytes of padding.
    pub padding: *const i8,
    /// The first plane.
    pub planes: *const i8,
}

/// Defines a function that computes all lines; windows are `$stride` times three bytes apart, and the macro `$requantise`
/// requantises q4 with q6 and q7, q5 being free, alone or together with the sums of the next windows.
///
/// Registers, while a line is copied: r1, r3, r5, r7 sources of the channels, r0, r2, r4, r6 their planes, q6 and q7 where eight
/// pixels are there. While outputs are computed: r1, r3, r5, r7 windows, r0 output, r2 stream, q0 to q3 weights, r4, r6, r8, r10
/// sums, q5 a window. r9 is `lines`.
macro_rules! lines {
    ($(#[$doc:meta])* $name:ident, $stride:literal, $requantise:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The core has Helium; what `lines` says is there, planes with 16 bytes more than windows take, and the outputs are this
        /// call's own.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(lines: &mut Lines) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "mov r9, r0",
                "movs r11, #3",
                // An input line: r11 are to come before the next output line.
                "3:",
                "ldrd r10, r12, [r9, #52]",
                "cmp r10, #0",
                "beq 4f",
                "subs r10, r10, #1",
                "str r10, [r9, #52]",
                "b 5f",
                "4:",
                "cmp r12, #0",
                "beq 5f",
                "subs r12, r12, #1",
                "str r12, [r9, #56]",
                "ldrd r1, r12, [r9, #4]",
                "ldr r8, [r9, #12]",
                "add r12, r12, r1",
                "str r12, [r9, #4]",
                "b 6f",
                "5:",
                "ldr r1, [r9, #64]",
                "movs r8, #0",
                "6:",
                "ldr r12, [r9, #60]",
                "ldrd r0, r2, [r9, #20]",
                "add r0, r0, r12",
                "add r12, r12, #1",
                "cmp r12, #3",
                "it eq",
                "moveq r12, #0",
                "str r12, [r9, #60]",
                "add r4, r0, r2, lsl #1",
                "add r6, r4, r2",
                "add r2, r0, r2",
                "add r3, r1, #1",
                "add r5, r1, #2",
                "add r7, r1, #3",
                "mov r12, #0",
                "vidup.u16 q6, r12, #1",
                "mov r10, #3",
                "vmul.i16 q7, q6, r10",
                "vmul.i16 q6, q6, r8",
                "lsl r8, r8, #3",
                "mov r10, #24",
                "ldr r12, [r9, #16]",
                "wlstp.16 lr, r12, 8f",
                "7:",
                "vldrb.u16 q0, [r1, q6]",
                "vldrb.u16 q1, [r3, q6]",
                "vstrb.16 q0, [r0, q7]",
                "vldrb.u16 q2, [r5, q6]",
                "vstrb.16 q1, [r2, q7]",
                "vldrb.u16 q3, [r7, q6]",
                "vstrb.16 q2, [r4, q7]",
                "vadd.i16 q6, q6, r8",
                "vstrb.16 q3, [r6, q7]",
                "vadd.i16 q7, q7, r10",
                "letp lr, 7b",
                "8:",
                "subs r11, r11, #1",
                "bne.w 3b",
                // Weights in the order of the slots: the oldest line is where the next one goes to.
                "ldr r12, [r9, #60]",
                "ldr r2, [r9]",
                "adr.w r10, 12f",
                "add r10, r10, r12, lsl #4",
                "vldrb.u8 q4, [r10]",
                "add r10, r2, #16",
                "vldrb.u8 q0, [r2, q4]",
                "add r11, r2, #32",
                "vldrb.u8 q1, [r10, q4]",
                "add r10, r2, #48",
                "vldrb.u8 q2, [r11, q4]",
                "vldrb.u8 q3, [r10, q4]",
                "vldrw.u32 q6, [r2, #80]",
                "vldrw.u32 q7, [r2, #112]",
                "ldr r1, [r9, #68]",
                "ldr r10, [r9, #24]",
                "ldrd r0, r12, [r9, #28]",
                "add r3, r1, r10",
                "add r5, r3, r10",
                "add r7, r5, r10",
                "add r12, r12, r0",
                "str r12, [r9, #28]",
                "ldrd r11, r12, [r9, #36]",
                // The first pixel's sums; then the next one's while they are requantised.
                concat!("vldrb.u8 q5, [r1], #3 * ", $stride),
                "vmladav.s8 r4, q5, q0",
                concat!("vldrb.u8 q5, [r3], #3 * ", $stride),
                "vmladav.s8 r6, q5, q1",
                concat!("vldrb.u8 q5, [r5], #3 * ", $stride),
                "vmladav.s8 r8, q5, q2",
                concat!("vldrb.u8 q5, [r7], #3 * ", $stride),
                "vmladav.s8 r10, q5, q3",
                "vmov q4[2], q4[0], r4, r8",
                "vmov q4[3], q4[1], r6, r10",
                "subs r12, r12, #1",
                "wls lr, r12, 10f",
                "9:",
                $requantise!($stride),
                "vstrb.32 q4, [r0]",
                "add r0, r0, r11",
                "vmov q4[2], q4[0], r4, r8",
                "vmov q4[3], q4[1], r6, r10",
                "le lr, 9b",
                "10:",
                $requantise!(),
                "vstrb.32 q4, [r0]",
                "ldrd r12, r11, [r9, #44]",
                "subs r12, r12, #1",
                "str r12, [r9, #44]",
                "bne.w 3b",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
                ".p2align 2",
                // Where the weights w[3 * column + line] go to, for the slot of the first line.
                "12:",
                ".byte 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9",
                ".byte 2, 0, 1, 5, 3, 4, 8, 6, 7, 9, 9, 9, 9, 9, 9, 9",
                ".byte 1, 2, 0, 4, 5, 3, 7, 8, 6, 9, 9, 9, 9, 9, 9, 9",
            )
        }
    };
}

lines! {
    /// Stride 1 along lines, rounded as TFLite does.
    near_away, 1, away1
}
lines! {
    /// Stride 2, rounded as TFLite does.
    far_away, 2, away1
}
lines! {
    /// Stride 1, rounded as ONNX does.
    near_even, 1, even1
}
lines! {
    /// Stride 2, rounded as ONNX does.
    far_even, 2, even1
}
lines! {
    /// Stride 1, of outputs that a ReLU ends.
    near_rectified, 1, rectified1
}
lines! {
    /// Stride 2, of outputs that a ReLU ends.
    far_rectified, 2, rectified1
}
