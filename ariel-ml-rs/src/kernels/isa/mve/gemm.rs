//! Two pixels times four channels.
//!
//! Products keep their unit busy for two cycles, and are 16 of a step's: what requantises the sums of four channels is woven into the
//! products of the four that come next, whether of the same pixels or of the next pair.

use super::blocks::Blocks;
use super::nine::{away_nine, even_nine, rectified_nine};
use super::rounding::{away_drained, away_woven, even_drained, even_woven, rectified_drained, rectified_woven};
use super::up::{up_drained, up_woven};
use core::arch::naked_asm;

/// What loops over elements of int8 and of int16 differ in: int16 are half as many in 16 bytes, and their weights, which are int8, are
/// widened while they are loaded.
///
/// A `step` takes 16 bytes of two patches times four channels, with `$mac`: 2 loads of patches, 4 of weights and 8 products; and what
/// stands between the last of them. A product keeps its unit busy for two cycles, a load its own: they take turns, so that products
/// never wait. The first weights are loaded by the step before (and the last step of all loads the biases, of int8). `same` and `next`
/// are the steps into which `$woven` weaves what requantises the sums of the same pixels, or of the pair before.
macro_rules! int8 {
    (step $mac:literal $(, $first:literal, $second:literal, $third:literal)?) => {
        step!("vldrw.u32", "16", concat!($mac, ".s8") $(, $first, $second, $third)?)
    };
    (first) => {
        "vldrw.u32 q2, [r5], #16"
    };
    // Bytes of four channels: 64 for each step, and 64 more.
    (steps) => {
        "lsl #4"
    };
    // Of a step, and the first weights of the next one.
    (begun) => {
        "#80"
    };
    // From the end of a pair's outputs to the next.
    (outputs) => {
        "rsb r12, r0, r8, lsl #1"
    };
    (same $woven:ident) => {
        $woven!(
            "[r5], #128",
            "[r5, #-112]",
            "[r5, #-96]",
            "[r5, #-80]",
            "[r5, #-64]",
            "[r5, #-48]",
            "[r5, #-32]",
            "[r5, #-16]"
        )
    };
    (next $woven:ident) => {
        $woven!("[r1]", "[r1, #16]", "[r1, #32]", "[r5]", "[r5, #16]", "[r5, #32]", "[r5, #48]", "[r5, #64]")
    };
}

/// As [`int8`], of int16: 32 bytes of weights for each step, and 32 more.
macro_rules! int16 {
    (step $mac:literal $(, $first:literal, $second:literal, $third:literal)?) => {
        step!("vldrb.s16", "8", concat!($mac, ".s16") $(, $first, $second, $third)?)
    };
    (first) => {
        "vldrb.s16 q2, [r5], #8"
    };
    (steps) => {
        "lsl #3"
    };
    (begun) => {
        "#40"
    };
    (outputs) => {
        "sub r12, r8, r0
        lsl r12, r12, #1"
    };
    (same $woven:ident) => {
        concat!(
            $woven!("[r5, #-8]", "[r5, #8]", "[r5, #24]", "[r5, #32]", "[r5, #40]", "[r5, #48]", "[r5, #56]"),
            "add r5, r5, #64"
        )
    };
    (next $woven:ident) => {
        $woven!("[r1, #-8]", "[r1, #8]", "[r5]", "[r5, #8]", "[r5, #16]", "[r5, #24]", "[r5, #32]")
    };
}

/// The instructions of a step: 14, of four bytes each.
macro_rules! step {
    ($load:literal, $bytes:literal, $mac:expr) => {
        step!($load, $bytes, $mac, "", "", "")
    };
    ($load:literal, $bytes:literal, $mac:expr, $first:literal, $second:literal, $third:literal) => {
        concat!(
            "vldrb.u8 q0, [r9], #16\n",
            $mac,
            " r0, q0, q2\n",
            $load,
            " q3, [r5], #",
            $bytes,
            "\n",
            $mac,
            " r2, q0, q3\n",
            "vldrb.u8 q1, [r11], #16\n",
            $mac,
            " r10, q1, q3\n",
            $load,
            " q4, [r5], #",
            $bytes,
            "\n",
            $mac,
            " r8, q1, q2\n",
            $load,
            " q5, [r5], #",
            $bytes,
            "\n",
            $mac,
            " r4, q0, q4\n",
            $first,
            $second,
            $mac,
            " r6, q0, q5\n",
            $third,
            $mac,
            " r12, q1, q4\n",
            $load,
            " q2, [r5], #",
            $bytes,
            "\n",
            $mac,
            " lr, q1, q5\n",
        )
    };
}

/// Defines a function that computes pairs of pixels, all channels of each, four at a time, of elements of `$int`. The macro `$woven`
/// requantises the sums of four while it computes the first step of the next, `$drained` those of the last four, and `$nine` while it
/// computes all steps of the next, where these are nine.
///
/// Registers: r0, r2, r4, r6 sums of the first pixel, r8, r10, r12, lr of the second (VMLADAVA takes even ones only), r9 and r11
/// their patches, r5 stream, r7 output, r1 twice the pieces left of a patch, less one for the last four channels, r3
/// bytes between pieces. q0 and q1 patches, q2 to q5 weights and
/// what requantises, q6 and q7 the sums of the four before.
///
/// On the stack: 0 both patches, 8 where the second step of a patch is entered, 12 where its other pieces are, 16 where r5 is
/// behind the first step of the last four, or, of nine steps, at their biases, 20 what r1 is of the first four, 24 bytes between the outputs of both pixels, 28 pairs left
/// that follow each other without a pause, 32 pairs left behind a pause, 36 from a pair of patches to the next, 40 from the end of a
/// pair's outputs to the next, 44 stream, 48 channels of the last four, 52 how pairs go on. There is a pause where the last four are
/// less than four.
macro_rules! gemm {
    ($(#[$doc:meta])* $name:ident, $int:ident, $woven:ident, $drained:ident $(, $nine:ident)?) => {
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
                "sub sp, sp, #56",
                "ldm r2, {{r3-r10}}",
                // r3 stream, r4 from a patch to the next, r5 bytes between pieces, r6 pieces, r7 steps of one, r8 stride, r9 channels,
                // r10 pairs.
                "add r12, r0, r4",
                "strd r0, r12, [sp]",
                "add r0, r9, #3",
                "bic r0, r0, #3",
                "lsl r4, r4, #1",
                $int!(outputs),
                "strd r4, r12, [sp, #36]",
                "sub r12, r0, r9",
                "rsb r12, r12, #4",
                "strd r3, r12, [sp, #44]",
                "mul r2, r6, r7",
                "lsl r12, r6, #1",
                $(
                "cmp r2, #9",
                "bne 1f",
                "cmp r7, #1",
                "beq 1f",
                // Nine steps, of one piece or three, are woven as a whole; the first four say that they are the last, and another way is
                // gone on. The biases of the last four tell them. Bit 0 of an address says that it is Thumb's, here and below.
                "sub r12, r12, #1",
                "mov r2, #160",
                "mla r2, r2, r0, r3",
                "adr.w r4, 11f + 1",
                "sub r2, r2, #64",
                "str r2, [sp, #16]",
                concat!("b 2f // ", stringify!($nine)),
                )?
                // Where r5 is behind the first step of the last four.
                "1:",
                "add r11, r2, #1",
                "sub lr, r0, #4",
                "mul r11, r11, lr",
                "adr.w r4, 10f + 1",
                concat!("add r11, r3, r11, ", $int!(steps)),
                concat!("add r11, r11, ", $int!(begun)),
                "str r11, [sp, #16]",
                "cmp r0, #4",
                "it eq",
                "subeq r12, r12, #1",
                "2:",
                "str r4, [sp, #52]",
                "strd r12, r8, [sp, #20]",
                // Pairs follow each other if all fours are whole.
                "mov r4, #1",
                "cmp r0, r9",
                "ite eq",
                "strdeq r10, r4, [sp, #28]",
                "strdne r4, r10, [sp, #28]",
                // A step is 56 bytes of code.
                "adr.w r0, 4f + 57",
                "mov r4, #56",
                "mls r0, r7, r4, r0",
                "add r4, r0, #56",
                "adr.w r12, 6f + 1",
                "cmp r7, #1",
                "it eq",
                "moveq r4, r12",
                "strd r4, r0, [sp, #8]",
                "mov r7, r1",
                "mov r3, r5",
                // The first four of a pair that nothing is woven into.
                "3:",
                "ldrd r9, r11, [sp]",
                "ldr r5, [sp, #44]",
                $int!(first),
                $int!(step "vmladav"),
                "ldr r1, [sp, #20]",
                "ldr pc, [sp, #8]",
                // The last steps of a piece.
                ".p2align 2",
                ".rept 15",
                $int!(step "vmladava"),
                ".endr",
                "4:",
                $int!(step "vmladava", "add r9, r9, r3\n", "subs r1, r1, #2\n", "add r11, r11, r3\n"),
                // Whether there is another one; if not, whether there are channels.
                "5:",
                "it hi",
                "ldrhi pc, [sp, #12]",
                "blo.w 7f",
                "ldrd r9, r11, [sp]",
                $int!(same $woven),
                "ldr r1, [sp, #16]",
                "cmp r5, r1",
                "ldr r1, [sp, #20]",
                "it eq",
                "subeq r1, r1, #1",
                "ldr pc, [sp, #8]",
                // A piece of one step ends.
                ".p2align 2",
                "6:",
                "add r9, r9, r3",
                "subs r1, r1, #2",
                "add r11, r11, r3",
                "b 5b",
                // The last four of a pair: the first of the next one.
                "7:",
                "ldr pc, [sp, #52]",
                ".p2align 2",
                "10:",
                "ldr r1, [sp, #28]",
                "subs r1, r1, #1",
                "beq.w 8f",
                "str r1, [sp, #28]",
                "ldrd r9, r11, [sp]",
                "ldr r1, [sp, #36]",
                "add r9, r9, r1",
                "add r11, r11, r1",
                "strd r9, r11, [sp]",
                "mov r1, r5",
                "ldr r5, [sp, #44]",
                $int!(next $woven),
                "ldr r1, [sp, #40]",
                concat!("add r5, r5, ", $int!(begun)),
                "add r7, r7, r1",
                "ldr r1, [sp, #20]",
                "ldr pc, [sp, #8]",
                // A pause.
                "8:",
                $drained!(),
                "ldr r0, [sp, #32]",
                "subs r0, r0, #1",
                "beq 9f",
                "str r0, [sp, #32]",
                "ldrd r9, r11, [sp]",
                "ldrd r1, r2, [sp, #36]",
                "add r9, r9, r1",
                "add r11, r11, r1",
                "strd r9, r11, [sp]",
                "add r7, r7, r2",
                "b.w 3b",
                $(
                // Nine steps: r5 is where the biases are.
                ".p2align 2",
                "11:",
                "ldr r1, [sp, #16]",
                "sub r5, r5, #16",
                "cmp r5, r1",
                "beq 13f",
                "12:",
                "ldrd r9, r11, [sp]",
                $nine!(),
                "ldr r1, [sp, #16]",
                "cmp r5, r1",
                "bne.w 12b",
                // The first four of the next pair.
                "13:",
                "ldr r1, [sp, #28]",
                "subs r1, r1, #1",
                "beq.w 14f",
                "str r1, [sp, #28]",
                "ldrd r9, r11, [sp]",
                "ldr r1, [sp, #36]",
                "add r9, r9, r1",
                "add r11, r11, r1",
                "strd r9, r11, [sp]",
                "mov r1, r5",
                "ldr r5, [sp, #44]",
                $nine!("[r1, #16]", "[r1, #32]", "[r1, #48]", "[r5]"),
                "ldr r1, [sp, #40]",
                "add r7, r7, r1",
                "ldr r1, [sp, #16]",
                "cmp r5, r1",
                "bne.w 12b",
                "b.w 13b",
                "14:",
                "add r5, r5, #16",
                "b.w 8b",
                )?
                "9:",
                "add sp, sp, #56",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

gemm! {
    /// Rounds as TFLite does.
    away, int8, away_woven, away_drained, away_nine
}
gemm! {
    /// Rounds as ONNX does.
    even, int8, even_woven, even_drained, even_nine
}
gemm! {
    /// Rounds as TFLite does, of outputs that a ReLU ends.
    rectified, int8, rectified_woven, rectified_drained, rectified_nine
}
gemm! {
    /// Rounds as TFLite does, of int16.
    up, int16, up_woven, up_drained
}
