//! Four pixels times pairs of channels.

use core::arch::naked_asm;

/// One step: a word of weights of two channels, two elements of four pixels each. 19 instructions of four bytes for 16 MACs.
macro_rules! step {
    () => {
        concat!(
            "ldr r10, [r1], #4\n",
            "ldr lr, [r0], #4\n",
            "sxtb r11, r10\n",
            "sub r12, r10, r11\n",
            "sbfx r12, r12, #8, #8\n",
            "smlal r2, r3, lr, r11\n",
            "smlal r4, r5, lr, r12\n",
            "ldr lr, [r0], #4\n",
            "smlal r6, r7, lr, r11\n",
            "smlal r8, r9, lr, r12\n",
            "sxtb r11, r10, ror #16\n",
            "sub r12, r10, r11, lsl #16\n",
            "asr r12, r12, #24\n",
            "ldr lr, [r0], #4\n",
            "smlal r2, r3, lr, r11\n",
            "smlal r4, r5, lr, r12\n",
            "ldr lr, [r0], #4\n",
            "smlal r6, r7, lr, r11\n",
            "smlal r8, r9, lr, r12",
        )
    };
}

/// The 64 bits in which the sums of two pixels begin, out of a bias: `bias + 2^22 + 2^23 * bias`. The 2^22 keep the lower part
/// from borrowing.
macro_rules! begin {
    ($bias:literal, $low:literal, $high:literal) => {
        concat!(
            "add r12, ",
            $bias,
            ", #0x400000\n",
            "adds ",
            $low,
            ", r12, ",
            $bias,
            ", lsl #23\n",
            "asr ",
            $high,
            ", ",
            $bias,
            ", #9\n",
            "adc ",
            $high,
            ", ",
            $high,
            ", #0",
        )
    };
}

/// Parts the 64 bits into the sums of the two pixels.
macro_rules! part {
    ($low:literal, $high:literal) => {
        concat!(
            "lsr r10, ",
            $low,
            ", #23\n",
            "orr ",
            $high,
            ", r10, ",
            $high,
            ", lsl #9\n",
            "ubfx ",
            $low,
            ", ",
            $low,
            ", #0, #23\n",
            "sub ",
            $low,
            ", ",
            $low,
            ", #0x400000",
        )
    };
}

/// Computes channels, two by two, of four pixels.
///
/// `inputs` are as [`super::widen4`] writes them, `stream` is as [`crate::kernels::isa::packed`] says. Of a word
/// `256 * c1 + c0` in its lower half, SXTB gives c0, and bits 8 to 15 of what is left are c1.
///
/// Registers: r0 inputs, r1 stream, r2-r9 four sums of 64 bits: of the first two pixels c0 and c1, of the others c0 and c1;
/// r10-r12 and lr data; all else is on the stack. The loop of eight steps adds 3 instructions to 1.19 a MAC, and a pair of
/// channels 108, of which 56 requantise eight sums.
///
/// # Safety
/// `inputs` has `bytes` bytes, a multiple of 16 and not 0; `stream` has whole pairs up to `end`; four pixels of
/// twice as many channels as pairs are this call's own to write.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn gemm4(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i8,
    stride: usize,
    bytes: usize,
    end: *const i32,
    rounding: i32,
) {
    naked_asm!(
        // On the stack: 0 inputs, 4 their end, 8 output, 12 stride, 52 where the loop is entered, 56 end of the stream, 60 rounding.
        "push {{r0-r11, lr}}",
        "ldr r4, [sp, #52]",
        "add r5, r0, r4",
        "str r5, [sp, #4]",
        // Steps that the first turn of the loop leaves out, 76 bytes of code each: 16 bytes of inputs are 19 words of code.
        "rsb r4, r4, #0",
        "and r4, r4, #0x70",
        "lsr r4, r4, #2",
        "mov r5, #19",
        "mul r4, r4, r5",
        "adr.w r5, 3f",
        "add r4, r4, r5",
        "orr r4, r4, #1",
        "str r4, [sp, #52]",
        "add r1, r1, #12",
        "2:",
        "ldr r10, [r1, #-12]",
        "ldr r11, [r1, #-4]",
        "asr r10, r10, #8",
        "asr r11, r11, #8",
        begin!("r10", "r2", "r3"),
        begin!("r11", "r4", "r5"),
        "mov r6, r2",
        "mov r7, r3",
        "mov r8, r4",
        "mov r9, r5",
        "ldr pc, [sp, #52]",
        ".p2align 2",
        "3:",
        step!(),
        step!(),
        step!(),
        step!(),
        step!(),
        step!(),
        step!(),
        step!(),
        "ldr r10, [sp, #4]",
        "cmp r0, r10",
        "bne.w 3b",
        part!("r2", "r3"),
        part!("r4", "r5"),
        part!("r6", "r7"),
        part!("r8", "r9"),
        "ldrd r10, r12, [r1], #8",
        "ldr r11, [sp, #60]",
        requantize!("r2", "r0", "lr"),
        requantize!("r3", "r0", "lr"),
        requantize!("r6", "r0", "lr"),
        requantize!("r7", "r0", "lr"),
        "ldrd r10, r12, [r1], #8",
        requantize!("r4", "r0", "lr"),
        requantize!("r5", "r0", "lr"),
        requantize!("r8", "r0", "lr"),
        requantize!("r9", "r0", "lr"),
        // Both channels of a pixel are one halfword.
        crate::kernels::isa::pairs::store_pairs!("r2" "r3" "r6" "r7", "r4" "r5" "r8" "r9"),
    )
}
