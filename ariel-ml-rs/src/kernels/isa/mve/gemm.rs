//! Two pixels times four channels.

use super::blocks::Blocks;
use super::rounding::{away as requantise_away, even as requantise_even, rectified as requantise_rectified};
use core::arch::naked_asm;

/// Defines a function that computes pairs of pixels, all channels of each, four at a time; the macro `$requantise` requantises
/// two vectors, to what bounds leave.
///
/// Registers: r0, r2, r4, r6 sums of the first pixel, r8, r10, r12, lr of the second (VMLADAVA takes even ones only), r1 and r3
/// their patches, r5 stream, r7 output, r9 pieces left, r11 bytes between pieces. q0 and q1 patches, q2 and q3 weights, q6 and
/// q7 bounds. A step is 2 loads of patches, 4 of weights and 8 VMLADAVA for 128 MACs: 0.109 a MAC.
///
/// On the stack: 0 both patches, 8 where a piece is entered, 12 output, 16 pairs left, 20 channels left, 24 stream, 28 step, 32
/// channels, 36 stride, 40 pieces, 44 bytes between them.
macro_rules! gemm {
    ($(#[$doc:meta])* $name:ident, $requantise:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The core has Helium. Patches have the bytes that `blocks` says, from `input` on; `stream` has all channels in fours;
        /// the outputs of the pixels, from `output` on, are this call's own.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(input: *const i8, output: *mut i8, blocks: &Blocks) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "sub sp, sp, #48",
                "ldm r2, {{r3-r12}}",
                "vdup.32 q6, r11",
                "vdup.32 q7, r12",
                "add r12, r0, r4",
                "strd r0, r12, [sp]",
                // Steps that a piece leaves out, 56 bytes of code each.
                "rsb r7, r7, #16",
                "movs r2, #56",
                "adr.w r11, 4f",
                "mla r11, r7, r2, r11",
                "orr r11, r11, #1",
                "strd r11, r1, [sp, #8]",
                "str r10, [sp, #16]",
                "strd r3, r4, [sp, #24]",
                "strd r9, r8, [sp, #32]",
                "strd r6, r5, [sp, #40]",
                // A pair of pixels.
                "2:",
                "ldr r5, [sp, #24]",
                "ldr r7, [sp, #12]",
                "ldr r9, [sp, #32]",
                "str r9, [sp, #20]",
                // Four channels.
                "3:",
                "ldrd r0, r2, [r5], #8",
                "ldrd r4, r6, [r5], #8",
                "ldrd r1, r3, [sp]",
                "ldrd r9, r11, [sp, #40]",
                "mov r8, r0",
                "mov r10, r2",
                "mov r12, r4",
                "mov lr, r6",
                "ldr pc, [sp, #8]",
                ".p2align 2",
                "4:",
                ".rept 16",
                "vldrb.u8 q0, [r1], #16",
                "vldrw.u32 q2, [r5], #16",
                "vldrb.u8 q1, [r3], #16",
                "vmladava.s8 r0, q0, q2",
                "vldrw.u32 q3, [r5], #16",
                "vmladava.s8 r8, q1, q2",
                "vmladava.s8 r2, q0, q3",
                "vldrw.u32 q2, [r5], #16",
                "vmladava.s8 r10, q1, q3",
                "vmladava.s8 r4, q0, q2",
                "vldrw.u32 q3, [r5], #16",
                "vmladava.s8 r12, q1, q2",
                "vmladava.s8 r6, q0, q3",
                "vmladava.s8 lr, q1, q3",
                ".endr",
                "subs r9, r9, #1",
                "beq 5f",
                "add r1, r1, r11",
                "add r3, r3, r11",
                "ldr pc, [sp, #8]",
                "5:",
                "vmov q0[2], q0[0], r0, r4",
                "vmov q1[2], q1[0], r8, r12",
                "vmov q0[3], q0[1], r2, r6",
                "vmov q1[3], q1[1], r10, lr",
                $requantise!(),
                "ldr r0, [sp, #20]",
                "ldr r1, [sp, #36]",
                "vctp.32 r0",
                "add r1, r1, r7",
                "subs r0, r0, #4",
                "str r0, [sp, #20]",
                "vpstt",
                "vstrbt.32 q0, [r7], #4",
                "vstrbt.32 q1, [r1]",
                "bgt.w 3b",
                "ldr r0, [sp, #16]",
                "subs r0, r0, #1",
                "beq 6f",
                "str r0, [sp, #16]",
                "ldrd r1, r3, [sp]",
                "ldr r0, [sp, #28]",
                "ldr r2, [sp, #36]",
                "ldr r7, [sp, #12]",
                "add r1, r1, r0, lsl #1",
                "add r3, r3, r0, lsl #1",
                "add r7, r7, r2, lsl #1",
                "strd r1, r3, [sp]",
                "str r7, [sp, #12]",
                "b.w 2b",
                "6:",
                "add sp, sp, #48",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

gemm! {
    /// Rounds as TFLite does.
    away, requantise_away
}
gemm! {
    /// Rounds as ONNX does.
    even, requantise_even
}
gemm! {
    /// Rounds as TFLite does, of outputs that a ReLU ends.
    rectified, requantise_rectified
}
