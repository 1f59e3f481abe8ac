//! One row of int8 as it is times fours of channels.

use core::arch::naked_asm;

/// Defines [`quads`], which requantises a register with the macro `$requantize`.
macro_rules! quads_with {
    ($requantize:ident) => {
        /// Computes channels, four by four, of one row.
        ///
        /// `stream` is as [`crate::kernels::isa::packed`] says, with four channels in the place of pairs: for each four elements two
        /// words of c0 and c1 and two of c2 and c3.
        ///
        /// Registers: r0 inputs, r1 stream, r2 output, r3 where the loop is entered, r4 the sum of words of c0 and c1, r5 that of c0,
        /// r6 and r7 those of c2 and c3, r8 and r9 inputs, r10-r12 and lr weights. A step is 1 LDR + 6 SXTB16 + 1 LDM + 8 SMLAD for 16
        /// MACs, 1 a MAC; the loop of four steps adds 3 instructions, and four channels 39.
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
                cpu!(),
                // On the stack: 0 inputs, 12 their end, 52 end of the stream, 56 rounding.
                "push {{r0-r11, lr}}",
                "add r4, r0, r3",
                "str r4, [sp, #12]",
                // Steps that the first turn of the loop leaves out, 64 bytes of code each.
                "rsb r4, r3, #0",
                "ubfx r4, r4, #2, #2",
                "adr.w r3, 3f",
                "add r3, r3, r4, lsl #6",
                "orr r3, r3, #1",
                "ldr r9, [r1]",
                "ldr r11, [r1, #8]",
                "ldr r8, [r1, #16]",
                "ldr lr, [r1, #24]",
                "add r1, r1, #28",
                "2:",
                "asr r5, r9, #8",
                "add r4, r5, r11",
                "asr r7, r8, #8",
                "add r6, r7, lr",
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
                "ldr r12, [sp, #56]",
                "ldm r1!, {{r8, r9, r10, r11}}",
                $requantize!("r5", "r8", "r12", "r9"),
                $requantize!("r4", "r10", "r12", "r11"),
                "ldm.w r1!, {{r0, r8, r10, lr}}",
                $requantize!("r7", "r0", "r12", "r8"),
                $requantize!("r6", "r10", "r12", "lr"),
                "strb r5, [r2], #1",
                "strb r4, [r2], #1",
                "strb r7, [r2], #1",
                "strb r6, [r2], #1",
                "ldr r0, [sp]",
                "ldr r12, [sp, #52]",
                "cmp r1, r12",
                "bne.w 2b",
                "pop {{r0-r11, pc}}",
            )
        }
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use quads_with;

quads_with!(requantize);
