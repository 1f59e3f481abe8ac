//! One row of int8 as it is times fours of channels.

use core::arch::naked_asm;

/// Defines [`quads`], which requantises a register with the macro `$requantize`.
macro_rules! quads_with {
    ($requantize:ident) => {
        /// Computes channels, four by four, of one row.
        ///
        /// `stream` has for each four channels, c0 to c3: `256 * bias[c1] + bias[c0]`, `bias[c0]`, the same of c2 and c3; for each
        /// four elements two words of c0 and c1 and two of c2 and c3; multiplier, rounding and shift of each channel.
        ///
        /// Registers: r0 inputs, r1 stream, r2 output, r3 where the loop is entered, r4 the sum of words of c0 and c1, r5 that of c0,
        /// r6 and r7 those of c2 and c3, r8 and r9 inputs, r10-r12 and lr weights. A step is 1 LDR + 6 SXTB16 + 1 LDM + 8 SMLAD for 16
        /// MACs, 1 a MAC; the loop of four steps adds 3 instructions, and four channels 37.
        ///
        /// # Safety
        /// `inputs` has `depth` bytes, a multiple of 4 and not 0; `stream` consists of whole fours up to `end`; as many outputs as
        /// channels are this call's own to write.
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn quads(
            inputs: *const i8,
            stream: *const i32,
            output: *mut i8,
            depth: usize,
            end: *const i32,
        ) {
            naked_asm!(
                cpu!(),
                // On the stack: 0 inputs, 12 their end, 52 end of the stream.
                "push {{r0-r11, lr}}",
                "add r4, r0, r3",
                "str r4, [sp, #12]",
                // Steps that the first turn of the loop leaves out, 64 bytes of code each.
                "rsb r4, r3, #0",
                "ubfx r4, r4, #2, #2",
                "adr.w r3, 3f",
                "add r3, r3, r4, lsl #6",
                "orr r3, r3, #1",
                "2:",
                "ldm.w r1!, {{r4, r5, r6, r7}}",
                "bx r3",
                ".p2align 2",
                "3:",
                ".rept 4",
                "ldr r9, [r0], #4",
                "ldm.w r1!, {{r10, r11, r12, lr}}",
                "sxtb16 r8, r9",
                "sxtb16 r9, r9, ror #8",
                "smlad r4, r10, r8, r4",
                "sxtb16 r10, r10",
                "smlad r5, r10, r8, r5",
                "smlad r4, r11, r9, r4",
                "sxtb16 r11, r11",
                "smlad r5, r11, r9, r5",
                "smlad r6, r12, r8, r6",
                "sxtb16 r12, r12",
                "smlad r7, r12, r8, r7",
                "smlad r6, lr, r9, r6",
                "sxtb16 lr, lr",
                "smlad r7, lr, r9, r7",
                ".endr",
                "ldr r8, [sp, #12]",
                "cmp r0, r8",
                "bne.w 3b",
                "sub r4, r4, r5",
                "sub r6, r6, r7",
                "asr r4, r4, #8",
                "asr r6, r6, #8",
                "ldm r1!, {{r10, r11, r12}}",
                $requantize!("r5"),
                "ldm r1!, {{r10, r11, r12}}",
                $requantize!("r4"),
                "ldm r1!, {{r10, r11, r12}}",
                $requantize!("r7"),
                "ldm r1!, {{r10, r11, r12}}",
                $requantize!("r6"),
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
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use quads_with;

quads_with!(requantize);
