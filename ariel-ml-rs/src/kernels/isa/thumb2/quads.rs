//! One row of int8 as it is times fours of channels.

use core::arch::naked_asm;

/// A word of weights of two channels, for two elements: 9 instructions for 4 MACs.
macro_rules! word {
    ($words:literal, $first:literal, $x0:literal, $x1:literal) => {
        concat!(
            "ldr r12, [r1], #4\n",
            "sxth lr, r12\n",
            "mla ",
            $words,
            ", ",
            $x0,
            ", lr, ",
            $words,
            "\n",
            "sxtb lr, r12\n",
            "mla ",
            $first,
            ", ",
            $x0,
            ", lr, ",
            $first,
            "\n",
            "asr lr, r12, #16\n",
            "mla ",
            $words,
            ", ",
            $x1,
            ", lr, ",
            $words,
            "\n",
            "sxtb lr, r12, ror #16\n",
            "mla ",
            $first,
            ", ",
            $x1,
            ", lr, ",
            $first,
        )
    };
}

/// Computes channels, four by four, of one row.
///
/// Registers: r0 inputs, r1 stream, r2 output, r3 end of the inputs, r4 the sum of words of c0 and c1, r5 that of c0, r6 and
/// r7 those of c2 and c3, r8-r11 inputs, r12 and lr weights. A turn of the loop is 42 instructions for 16 MACs, and four
/// channels add 58.
///
/// # Safety
/// `inputs` has `depth` bytes, a multiple of 4 and not 0; `stream` has whole fours up to `end`; as many outputs as
/// channels are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn quads(
    inputs: *const i8,
    stream: *const i32,
    output: *mut i8,
    depth: usize,
    end: *const i32,
    rounding: i32,
) {
    naked_asm!(
        // On the stack: 0 inputs, 52 end of the stream, 56 rounding.
        "push {{r0-r11, lr}}",
        "add r3, r0, r3",
        "add r1, r1, #28",
        "2:",
        "ldr r5, [r1, #-28]",
        "ldr r4, [r1, #-20]",
        "ldr r7, [r1, #-12]",
        "ldr r6, [r1, #-4]",
        "asr r5, r5, #8",
        "add r4, r4, r5",
        "asr r7, r7, #8",
        "add r6, r6, r7",
        "3:",
        "ldrsb r8, [r0], #1",
        "ldrsb r9, [r0], #1",
        "ldrsb r10, [r0], #1",
        "ldrsb r11, [r0], #1",
        word!("r4", "r5", "r8", "r10"),
        word!("r4", "r5", "r9", "r11"),
        word!("r6", "r7", "r8", "r10"),
        word!("r6", "r7", "r9", "r11"),
        "cmp r0, r3",
        "bne.w 3b",
        "sub r4, r4, r5",
        "sub r6, r6, r7",
        "asr r4, r4, #8",
        "asr r6, r6, #8",
        "ldr r11, [sp, #56]",
        "ldrd r10, r12, [r1], #8",
        requantize!("r5"),
        "ldrd r10, r12, [r1], #8",
        requantize!("r4"),
        "ldrd r10, r12, [r1], #8",
        requantize!("r7"),
        "ldrd r10, r12, [r1], #8",
        requantize!("r6"),
        "strb r5, [r2], #1",
        "strb r4, [r2], #1",
        "strb r7, [r2], #1",
        "strb r6, [r2], #1",
        "ldr r0, [sp]",
        "ldr r8, [sp, #52]",
        "cmp r1, r8",
        "bne.w 2b",
        "pop {{r0-r11, pc}}",
    )
}
