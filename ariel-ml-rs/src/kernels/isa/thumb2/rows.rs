//! One row times pairs of channels.

use core::arch::naked_asm;

/// A word of weights of two channels: two elements of the row. 10 instructions for 4 MACs, the word's load left out.
macro_rules! word {
    ($word:literal) => {
        concat!(
            "ldrsh r10, [r0], #2\n",
            "sxth r12, ",
            $word,
            "\n",
            "mla r4, r10, r12, r4\n",
            "sxtb r12, ",
            $word,
            "\n",
            "mla r5, r10, r12, r5\n",
            "ldrsh r10, [r0], #2\n",
            "asr r12, ",
            $word,
            ", #16\n",
            "mla r4, r10, r12, r4\n",
            "sxtb r12, ",
            $word,
            ", ror #16\n",
            "mla r5, r10, r12, r5",
        )
    };
}

/// Computes channels, two by two, of one row.
///
/// `inputs` are int16 as [`super::widen1`] writes them, `stream` is as for [`super::gemm4`].
///
/// Registers: r0 inputs, r1 stream, r2 output, r3 end of the inputs, r4 the sum of words `256 * A1 + A0`, r5 that of c0, r6-r9
/// weights, r10-r12 data. A turn of the loop is 44 instructions for 16 MACs, and a pair of channels adds 31.
///
/// # Safety
/// `inputs` has `bytes` bytes, a multiple of 16 and not 0; `stream` has whole pairs up to `end`; twice as many
/// outputs as pairs are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn gemv(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i8,
    bytes: usize,
    end: *const i32,
    rounding: i32,
) {
    naked_asm!(
        // On the stack: 0 inputs, 52 end of the stream, 56 rounding.
        "push {{r0-r11, lr}}",
        "add r3, r0, r3",
        "ldr r7, [r1]",
        "ldr r12, [r1, #8]",
        "add r1, r1, #12",
        "2:",
        "asr r5, r7, #8",
        "add r4, r5, r12",
        "3:",
        "ldm.w r1!, {{r6-r9}}",
        word!("r6"),
        word!("r7"),
        word!("r8"),
        word!("r9"),
        "cmp r0, r3",
        "bne.w 3b",
        "sub r4, r4, r5",
        "asr r4, r4, #8",
        "ldm r1!, {{r6, r7, r10, r12}}",
        "ldr r11, [sp, #56]",
        requantize!("r5", "r8", "r9", "r6", "r11", "r7"),
        requantize!("r4", "r8", "r9", "r10", "r11", "r12"),
        "strb r5, [r2], #1",
        "strb r4, [r2], #1",
        "ldr r0, [sp]",
        "ldr r6, [sp, #52]",
        "cmp r1, r6",
        "bne.w 2b",
        "pop {{r0-r11, pc}}",
    )
}
