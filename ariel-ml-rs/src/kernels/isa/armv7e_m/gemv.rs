//! One row times pairs of channels.

use core::arch::naked_asm;

/// Four of the depth of a pair of channels, whose inputs are in two registers: 7 instructions for 8 MACs.
macro_rules! quad {
    ($a:literal $b:literal) => {
        concat!(
            "ldrd r10, r11, [r1], #8\n",
            "smlad r4, r10, ",
            $a,
            ", r4\n",
            "sxtb16 r10, r10\n",
            "smlad r5, r10, ",
            $a,
            ", r5\n",
            "smlad r4, r11, ",
            $b,
            ", r4\n",
            "sxtb16 r11, r11\n",
            "smlad r5, r11, ",
            $b,
            ", r5"
        )
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use quad;

/// Defines a function that computes channels, two by two, of a row that is so short that it stays in registers: the row is loaded
/// into r6-r9, and what else it takes, and `$products` adds up a pair of channels.
///
/// Registers: r1 stream, r2 output, r3 end of the stream, r4 the sum of words, r5 that of c0, r10-r12 data; on the stack: 36 rounding. A pair of channels
/// adds 21 instructions to its products.
macro_rules! near {
    ($(#[$doc:meta])* $name:ident, $requantize:ident, $load:expr, $products:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `inputs` has the elements of the row, up to a multiple of 4; `stream` has whole pairs up to `end`; twice as many
        /// outputs as pairs are this call's own to write.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            inputs: *const i16,
            stream: *const i32,
            output: *mut i8,
            end: *const i32,
            rounding: i32,
        ) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "ldm r0, {{r6-r9}}",
                $load,
                "ldr r5, [r1]",
                "ldr r4, [r1, #8]",
                "add r1, r1, #12",
                "asr r5, r5, #8",
                "add r4, r4, r5",
                "2:",
                $products,
                "sub r4, r4, r5",
                "asr r4, r4, #8",
                "ldr r12, [sp, #36]",
                "ldrd r10, r11, [r1], #8",
                $requantize!("r5", "r10", "r12", "r11"),
                "strb r5, [r2], #1",
                "asr r5, r11, #8",
                "ldrd r10, r11, [r1], #8",
                $requantize!("r4", "r10", "r12", "r11"),
                "strb r4, [r2], #1",
                "add r4, r5, r11",
                "cmp r1, r3",
                "bne.w 2b",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use near;

/// Defines [`gemv`] and [`gemv_near`], which requantise a register with the macro `$requantize`.
macro_rules! gemv_with {
    ($requantize:ident) => {
        $crate::kernels::isa::armv7e_m::gemv::near! {
            /// A row of up to eight elements.
            eight,
            $requantize,
            "",
            concat!(
                $crate::kernels::isa::armv7e_m::gemv::quad!("r6" "r7"),
                "\n",
                $crate::kernels::isa::armv7e_m::gemv::quad!("r8" "r9")
            )
        }
        $crate::kernels::isa::armv7e_m::gemv::near! {
            /// A row of nine to twelve elements: of its second step there is a half.
            twelve,
            $requantize,
            "ldr lr, [r0, #20]\nldr r0, [r0, #16]",
            concat!(
                $crate::kernels::isa::armv7e_m::gemv::quad!("r6" "r7"),
                "\n",
                $crate::kernels::isa::armv7e_m::gemv::quad!("r8" "r9"),
                "\n",
                $crate::kernels::isa::armv7e_m::gemv::quad!("r0" "lr"),
                "\nadd r1, r1, #8"
            )
        }

        /// Computes channels, two by two, of one row of `depth` elements, not 0 of them, where that is short; returns whether it is.
        ///
        /// # Safety
        /// As for [`gemv`].
        #[inline]
        pub(in crate::kernels::isa) unsafe fn gemv_near(
            inputs: *const i16,
            stream: *const i32,
            output: *mut i8,
            depth: usize,
            end: *const i32,
            rounding: i32,
        ) -> bool {
            // SAFETY: forwarded to the caller.
            unsafe {
                match depth {
                    ..=8 => eight(inputs, stream, output, end, rounding),
                    9..=12 => twelve(inputs, stream, output, end, rounding),
                    _ => return false,
                }
            }
            true
        }

        /// Computes channels, two by two, of one row.
        ///
        /// `inputs` are int16 as [`super::widen1`] writes them, `stream` is as for [`super::gemm4`].
        ///
        /// Registers: r0 inputs, r1 stream, r2 output, r3 where the loop is entered, r4 the sum of words, r5 that of c0, r6-r9
        /// weights, r10-r12 and lr inputs. A step is 2 LDM + 4 SXTB16 + 8 SMLAD for 16 MACs, 0.88 a MAC; the loop of four steps adds
        /// 3 instructions, and a pair of channels 24.
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
                cpu!(),
                // On the stack: 0 inputs, 12 their end, 52 end of the stream, 56 rounding.
                "push {{r0-r11, lr}}",
                "add r4, r0, r3",
                "str r4, [sp, #12]",
                // Steps that the first turn of the loop leaves out, 56 bytes of code each.
                "rsb r4, r3, #0",
                "ubfx r4, r4, #4, #2",
                "rsb r4, r4, r4, lsl #3",
                "adr.w r3, 3f",
                "add r3, r3, r4, lsl #3",
                "orr r3, r3, #1",
                "ldr r7, [r1]",
                "ldr r9, [r1, #8]",
                "add r1, r1, #12",
                "2:",
                "asr r5, r7, #8",
                "add r4, r5, r9",
                "bx r3",
                ".p2align 2",
                "3:",
                ".rept 4",
                "ldm.w r1!, {{r6-r9}}",
                "ldm.w r0!, {{r10, r11, r12, lr}}",
                "smlad r4, r6, r10, r4",
                "sxtb16 r6, r6",
                "smlad r5, r6, r10, r5",
                "smlad r4, r7, r11, r4",
                "sxtb16 r7, r7",
                "smlad r5, r7, r11, r5",
                "smlad r4, r8, r12, r4",
                "sxtb16 r8, r8",
                "smlad r5, r8, r12, r5",
                "smlad r4, r9, lr, r4",
                "sxtb16 r9, r9",
                "smlad r5, r9, lr, r5",
                ".endr",
                "ldr r6, [sp, #12]",
                "cmp r0, r6",
                "bne.w 3b",
                "sub r4, r4, r5",
                "asr r4, r4, #8",
                "ldm r1!, {{r6, r7, r8, r9}}",
                "ldr r10, [sp, #56]",
                $requantize!("r5", "r6", "r10", "r7"),
                $requantize!("r4", "r8", "r10", "r9"),
                "strb r5, [r2], #1",
                "strb r4, [r2], #1",
                "ldr r0, [sp]",
                "ldr r6, [sp, #52]",
                "cmp r1, r6",
                "bne.w 2b",
                "pop {{r0-r11, pc}}",
            )
        }
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use gemv_with;

gemv_with!(requantize);
