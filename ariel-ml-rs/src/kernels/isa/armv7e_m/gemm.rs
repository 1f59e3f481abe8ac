//! Four pixels times pairs of channels.

use core::arch::naked_asm;

/// Defines a function that computes channels, two by two, of four pixels; its loop has `$steps` steps, a power
/// of two, and the macro `$requantize` requantises a register.
///
/// `inputs` are int16 as [`super::widen4`] writes them: for each two of the depth a word of each pixel. `stream` is as
/// [`crate::kernels::isa::packed`] says, `rounding` what `$requantize` takes. Pixel p is stored at `output + p * stride`.
///
/// Registers: r0 inputs, r1 stream, r2-r5 the sums of words, r6-r9 those of c0, r10-r12 and lr data; all else is on the
/// stack. A step is 1 LDR + 2 LDRD + 1 SXTB16 + 8 SMLAD for 16 MACs, 0.75 a MAC; the loop adds 3 instructions, and a pair
/// of channels 75, of which 40 requantise eight sums.
macro_rules! gemm {
    ($(#[$doc:meta])* $name:ident, $steps:literal, $requantize:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `inputs` has `bytes` bytes, a multiple of 16 and not 0; `stream` has whole pairs up to `end`; four pixels
        /// of twice as many channels as pairs are this call's own to write.
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn $name(
            inputs: *const i16,
            stream: *const i32,
            output: *mut i8,
            stride: usize,
            bytes: usize,
            end: *const i32,
            rounding: i32,
        ) {
            naked_asm!(
                cpu!(),
                // On the stack: 0 inputs, 4 their end, 8 output, 12 stride, 52 where the loop is entered, 56 end of the stream, 60 rounding.
                "push {{r0-r11, lr}}",
                "ldr r4, [sp, #52]",
                "add r5, r0, r4",
                "str r5, [sp, #4]",
                // Steps that the first turn of the loop leaves out, 48 bytes of code each.
                "rsb r4, r4, #0",
                concat!("and r4, r4, #16 * (", $steps, " - 1)"),
                "add r4, r4, r4, lsl #1",
                "adr.w r5, 3f",
                "add r4, r4, r5",
                "orr r4, r4, #1",
                "str r4, [sp, #52]",
                "ldr r11, [r1]",
                "ldr lr, [r1, #8]",
                "add r1, r1, #12",
                // The shift below the bias of c1 is lost with the lower bits of that sum.
                "2:",
                "asr r6, r11, #8",
                "add r2, r6, lr",
                "mov r7, r6",
                "mov r8, r6",
                "mov r9, r6",
                "mov r3, r2",
                "mov r4, r2",
                "mov r5, r2",
                "ldr pc, [sp, #52]",
                ".p2align 2",
                "3:",
                concat!(".rept ", $steps),
                "ldr r12, [r1], #4",
                "ldrd r10, r11, [r0], #8",
                "sxtb16 lr, r12",
                "smlad r2, r10, r12, r2",
                "smlad r6, r10, lr, r6",
                "smlad r3, r11, r12, r3",
                "smlad r7, r11, lr, r7",
                "ldrd r10, r11, [r0], #8",
                "smlad r4, r10, r12, r4",
                "smlad r8, r10, lr, r8",
                "smlad r5, r11, r12, r5",
                "smlad r9, r11, lr, r9",
                ".endr",
                "ldr r10, [sp, #4]",
                "cmp r0, r10",
                "bne.w 3b",
                // A1 = (sum - A0) >> 8.
                "sub r2, r2, r6",
                "sub r3, r3, r7",
                "sub r4, r4, r8",
                "sub r5, r5, r9",
                "asr r2, r2, #8",
                "asr r3, r3, #8",
                "asr r4, r4, #8",
                "asr r5, r5, #8",
                "ldm r1!, {{r10, r11, r12, lr}}",
                "ldr r0, [sp, #60]",
                $requantize!("r6", "r10", "r0", "r11"),
                $requantize!("r7", "r10", "r0", "r11"),
                $requantize!("r8", "r10", "r0", "r11"),
                $requantize!("r9", "r10", "r0", "r11"),
                $requantize!("r2", "r12", "r0", "lr"),
                $requantize!("r3", "r12", "r0", "lr"),
                $requantize!("r4", "r12", "r0", "lr"),
                $requantize!("r5", "r12", "r0", "lr"),
                // Both channels of a pixel are one halfword.
                $crate::kernels::isa::pairs::store_pairs!("r6" "r7" "r8" "r9", "r2" "r3" "r4" "r5"),
            )
        }
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use gemm;

gemm! {
    /// Computes channels, two by two, of four pixels: eight steps a turn.
    gemm4, 8, requantize
}
gemm! {
    /// As [`gemm4`], in less code: two steps a turn.
    gemm4_short, 2, requantize
}
