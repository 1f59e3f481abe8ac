//! Two pixels times four channels.

use super::blocks::Blocks;
use super::rounding::{away as requantise_away, even as requantise_even, rectified as requantise_rectified};
use core::arch::naked_asm;

/// 16 bytes of two patches times four channels, with `$mac`: 2 loads of patches, 4 of weights and 8 products for 128 MACs.
///
/// A product keeps its unit busy for two cycles, a load its own: they take turns, so that products never wait. The first weights
/// are loaded by the step before (and the last step of all loads the biases).
macro_rules! step {
    ($mac:literal) => {
        concat!(
            "vldrb.u8 q0, [r1], #16\n",
            $mac,
            " r0, q0, q2\n",
            "vldrw.u32 q3, [r5], #16\n",
            $mac,
            " r2, q0, q3\n",
            "vldrb.u8 q1, [r3], #16\n",
            $mac,
            " r10, q1, q3\n",
            "vldrw.u32 q4, [r5], #16\n",
            $mac,
            " r8, q1, q2\n",
            "vldrw.u32 q5, [r5], #16\n",
            $mac,
            " r4, q0, q4\n",
            $mac,
            " r6, q0, q5\n",
            $mac,
            " r12, q1, q4\n",
            "vldrw.u32 q2, [r5], #16\n",
            $mac,
            " lr, q1, q5\n",
        )
    };
}

/// Defines a function that computes pairs of pixels, all channels of each, four at a time; the macro `$requantise` makes two
/// vectors of the sums and requantises them, to what bounds leave.
///
/// Registers: r0, r2, r4, r6 sums of the first pixel, r8, r10, r12, lr of the second (VMLADAVA takes even ones only), r1 and r3
/// their patches, r5 stream, r7 output. r9 fours left, r11 bytes between the outputs of the pixels; of patches in pieces r9
/// pieces left, r11 bytes between them. q0 and q1 patches, q2 to q5 weights, q6 and q7 bounds.
///
/// On the stack: 0 both patches, 8 where the second step of a patch is entered, 12 what follows a piece, 16 where other pieces
/// are entered, 20 output, 24 stream, 28 step, 32 pairs left, 36 what 12 is for fours, 40 channels left, 44 stride, 48 pieces, 52
/// bytes between them, 56 fours, or channels of patches in pieces, 60 channels behind the fours, 64 where a pair is entered.
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
                "sub sp, sp, #72",
                "ldm r2, {{r3-r12}}",
                "vdup.32 q6, r11",
                "vdup.32 q7, r12",
                "add r12, r0, r4",
                "strd r0, r12, [sp]",
                "strd r3, r4, [sp, #24]",
                "str r10, [sp, #32]",
                "str r8, [sp, #44]",
                "strd r6, r5, [sp, #48]",
                // A step is 56 bytes of code; bit 0 of an address says that it is Thumb's.
                "movs r2, #56",
                "adr.w r11, 4f",
                "orr r11, r11, #1",
                "mls r11, r7, r2, r11",
                "add r12, r11, r2",
                "strd r11, r1, [sp, #16]",
                // Patches in one piece, in fours; or none.
                "adr.w r0, 5f",
                "adr.w r1, 3f",
                "adr.w r4, 8f",
                "and r2, r9, #3",
                "lsrs r3, r9, #2",
                "it eq",
                "moveq r1, r4",
                // In pieces.
                "adr.w r4, 6f",
                "adr.w r5, 10f",
                "cmp r6, #1",
                "ittt ne",
                "movne r0, r4",
                "movne r1, r5",
                "movne r3, r9",
                "orr r0, r0, #1",
                "orr r1, r1, #1",
                "strd r12, r0, [sp, #8]",
                "str r0, [sp, #36]",
                "strd r3, r2, [sp, #56]",
                "str r1, [sp, #64]",
                // A pair of pixels.
                "2:",
                "ldrd r7, r5, [sp, #20]",
                "ldr r9, [sp, #56]",
                "ldr r11, [sp, #44]",
                "ldr pc, [sp, #64]",
                // Four channels.
                ".p2align 2",
                "3:",
                "ldrd r1, r3, [sp]",
                "vldrw.u32 q2, [r5], #16",
                step!("vmladav.s8"),
                "ldr pc, [sp, #8]",
                ".p2align 2",
                ".rept 16",
                step!("vmladava.s8"),
                ".endr",
                "4:",
                "ldr pc, [sp, #12]",
                ".p2align 2",
                "5:",
                $requantise!(),
                "vstrb.32 q0, [r7], #4",
                "subs r9, r9, #1",
                "vstrb.32 q1, [r1]",
                "bne.w 3b",
                // Channels behind the fours: as many as are left of one.
                ".p2align 2",
                "8:",
                "ldr r0, [sp, #60]",
                "cbz r0, 9f",
                "str r0, [sp, #40]",
                "adr.w r1, 7f",
                "orr r1, r1, #1",
                "str r1, [sp, #12]",
                "b.w 3b",
                "9:",
                "ldr r0, [sp, #32]",
                "subs r0, r0, #1",
                "beq 11f",
                "str r0, [sp, #32]",
                "ldrd r1, r3, [sp]",
                "ldr r0, [sp, #28]",
                "ldr r2, [sp, #44]",
                "ldr r7, [sp, #20]",
                "add r1, r1, r0, lsl #1",
                "add r3, r3, r0, lsl #1",
                "add r7, r7, r2, lsl #1",
                "strd r1, r3, [sp]",
                "str r7, [sp, #20]",
                "b.w 2b",
                // A piece of a patch ends, and there is another one.
                ".p2align 2",
                "6:",
                "subs r9, r9, #1",
                "ittt ne",
                "addne r1, r1, r11",
                "addne r3, r3, r11",
                "ldrne pc, [sp, #16]",
                ".p2align 2",
                "7:",
                "ldrd r9, r11, [sp, #40]",
                $requantise!(),
                "vctp.32 r9",
                "subs r9, r9, #4",
                "vpstt",
                "vstrbt.32 q0, [r7], #4",
                "vstrbt.32 q1, [r1]",
                "bgt 10f",
                "ldr r0, [sp, #36]",
                "str r0, [sp, #12]",
                "b.w 9b",
                // Four channels of patches in pieces.
                ".p2align 2",
                "10:",
                "str r9, [sp, #40]",
                "ldrd r9, r11, [sp, #48]",
                "b.w 3b",
                "11:",
                "add sp, sp, #72",
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
