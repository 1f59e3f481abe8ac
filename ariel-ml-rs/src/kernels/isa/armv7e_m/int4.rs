//! Weights of four bits: four channels share a halfword.
//!
//! A halfword has the digits d0, d1 and d2 of the first three channels, each a weight and 8 more, and the weight w3 of the
//! fourth in its top bits: `4096 * w3 + 256 * d2 + 16 * d1 + d0`. Two of the depth are a word. SMLAD sums, with inputs x,
//!
//! | weights | sum |
//! |---|---|
//! | the word | `F = 4096 * A3 + 256 * D2 + 16 * D1 + D0` |
//! | its low bytes (UXTB16) | `B = 16 * D1 + D0` |
//! | its low digits (`AND 0x0f0f0f0f`) | `M = 256 * D2 + D0` |
//! | its lowest digits (`AND 0x000f000f`) | `Z = D0` |
//!
//! so that three instructions unpack eight weights. Sums wrap; the compiler has proved `|256 * D2 + 16 * D1 + D0| < 2^31`, and so
//! `D2 = (M - Z) >> 8` and `D1 = (B - Z) >> 4` are exact, and `A3 = (F - B - (M - Z)) >> 12` where F has 64 bits, as loops over one
//! row sum it (SMLALD), or where `|A3| < 2^19`, as it is proved for patches. The digits are 8 too great: 8 times the sum of the
//! inputs, which all channels share, comes off three of the four.
//!
//! A stream has for each four channels the words of weights, in the order of what is widened, then for each channel its
//! multiplier and `bias << 8 | n - 1` (see [`crate::kernels::isa::packed`]).

/// Two of the depth of four channels, whose inputs of one row are in a register: 7 instructions for 8 MACs.
macro_rules! digits {
    ($word:literal, $inputs:literal) => {
        concat!(
            "smlald r4, r2, ",
            $inputs,
            ", ",
            $word,
            "\nuxtb16 r12, ",
            $word,
            "\nsmlad r5, ",
            $inputs,
            ", r12, r5\nand r12, ",
            $word,
            ", #0x0f0f0f0f\nsmlad r6, ",
            $inputs,
            ", r12, r6\nand r12, ",
            $word,
            ", #0x000f000f\nsmlad r7, ",
            $inputs,
            ", r12, r7",
        )
    };
}
pub(in crate::kernels::isa) use digits;

/// Gives A3, D1 - 8X, D2 - 8X and D0 - 8X in the place of F, B, M and Z, where a register has 8X: 8 instructions.
macro_rules! apart {
    ($f:literal $b:literal $m:literal $z:literal, $excess:literal) => {
        concat!(
            "sub ",
            $m,
            ", ",
            $m,
            ", ",
            $z,
            "\n",
            "sub ",
            $f,
            ", ",
            $f,
            ", ",
            $b,
            "\n",
            "sub ",
            $f,
            ", ",
            $f,
            ", ",
            $m,
            "\n",
            "asr ",
            $f,
            ", ",
            $f,
            ", #12\n",
            "rsb ",
            $m,
            ", ",
            $excess,
            ", ",
            $m,
            ", asr #8\n",
            "sub ",
            $b,
            ", ",
            $b,
            ", ",
            $z,
            "\n",
            "rsb ",
            $b,
            ", ",
            $excess,
            ", ",
            $b,
            ", asr #4\n",
            "sub ",
            $z,
            ", ",
            $z,
            ", ",
            $excess,
        )
    };
}
pub(in crate::kernels::isa) use apart;

/// Defines a function that computes channels, four by four, of one row; the macro `$requantize` requantises a register.
///
/// `$sum` gives 8 times the sum of the inputs in r5, with the end of the inputs in lr; a step is the `$bytes` of code that `$load`
/// and the products of four of the depth are, and takes `1 << $size` bytes of inputs.
///
/// Registers: r0 inputs, r1 stream, r2 and r4 F, r3 where the loop is entered, r5 B, r6 M, r7 Z, r8 and r9 inputs, r10 and r11
/// weights, r12 data, lr end of the inputs. A step of [`quads`] is 18 instructions for 16 MACs, one of [`gemv`] 16; the loop of
/// four steps adds 2, and four channels 60.
macro_rules! row4 {
    ($(#[$doc:meta])* $name:ident($element:ident), $requantize:ident, $size:literal, $times:literal, [$($sum:literal),*], $load:literal) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn $name(
            inputs: *const $element,
            stream: *const i32,
            output: *mut i8,
            bytes: usize,
            end: *const i32,
            rounding: i32,
        ) {
            core::arch::naked_asm!(
                cpu!(),
                // On the stack: 0 inputs, 8 output, 12 eight times the sum of the inputs, 52 end of the stream, 56 rounding.
                "push {{r0-r11, lr}}",
                "add lr, r0, r3",
                $($sum,)*
                "str r5, [sp, #12]",
                "ldr r0, [sp]",
                // Steps that the first turn of the loop leaves out, `$times` times 8 bytes of code each.
                "rsb r4, r3, #0",
                concat!("ubfx r4, r4, #", $size, ", #2"),
                concat!("mov r5, #", $times),
                "mul r4, r4, r5",
                "adr.w r3, 3f",
                "add r3, r3, r4, lsl #3",
                "orr r3, r3, #1",
                "2:",
                "mov r2, #0",
                "mov r4, #0",
                "mov r5, #0",
                "mov r6, #0",
                "mov r7, #0",
                "bx r3",
                ".p2align 2",
                "3:",
                ".rept 4",
                $load,
                "ldrd r10, r11, [r1], #8",
                $crate::kernels::isa::armv7e_m::int4::digits!("r10", "r8"),
                $crate::kernels::isa::armv7e_m::int4::digits!("r11", "r9"),
                ".endr",
                "cmp r0, lr",
                "bne.w 3b",
                "ldr r10, [sp, #12]",
                "sub r6, r6, r7",
                "add r11, r5, r6",
                "subs r4, r4, r11",
                "sbc r2, r2, r11, asr #31",
                "lsr r4, r4, #12",
                "orr r4, r4, r2, lsl #20",
                "rsb r6, r10, r6, asr #8",
                "sub r5, r5, r7",
                "rsb r5, r10, r5, asr #4",
                "sub r7, r7, r10",
                "ldr r2, [sp, #8]",
                "ldr r12, [sp, #56]",
                "ldrd r8, r9, [r1], #8",
                "ldrd r10, r11, [r1], #8",
                "add r7, r7, r9, asr #8",
                $requantize!("r7", "r8", "r12", "r9"),
                "add r5, r5, r11, asr #8",
                $requantize!("r5", "r10", "r12", "r11"),
                "ldrd r8, r9, [r1], #8",
                "ldrd r10, r11, [r1], #8",
                "add r6, r6, r9, asr #8",
                $requantize!("r6", "r8", "r12", "r9"),
                "add r4, r4, r11, asr #8",
                $requantize!("r4", "r10", "r12", "r11"),
                "strb r7, [r2], #1",
                "strb r5, [r2], #1",
                "strb r6, [r2], #1",
                "strb r4, [r2], #1",
                "str r2, [sp, #8]",
                "ldr r0, [sp]",
                "ldr r12, [sp, #52]",
                "cmp r1, r12",
                "bne.w 2b",
                "pop {{r0-r11, pc}}",
            )
        }
    };
}
pub(in crate::kernels::isa) use row4;

/// Writes 8 times the sum of the inputs of each of four pixels.
///
/// # Safety
/// `inputs`, as [`super::widen4`] writes them, have `bytes` bytes, a multiple of 32 and not 0; there is room for four sums.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn sums4(inputs: *const i16, bytes: usize, sums: *mut i32) {
    core::arch::naked_asm!(
        cpu!(),
        "push {{r4-r10, lr}}",
        "add r1, r1, r0",
        "mov r12, #0x00010001",
        "mov r7, #0",
        "mov r8, #0",
        "mov r9, #0",
        "mov r10, #0",
        "2:",
        ".rept 2",
        "ldm r0!, {{r3, r4, r5, r6}}",
        "smlad r7, r3, r12, r7",
        "smlad r8, r4, r12, r8",
        "smlad r9, r5, r12, r9",
        "smlad r10, r6, r12, r10",
        ".endr",
        "cmp r0, r1",
        "bne 2b",
        "lsl r7, r7, #3",
        "lsl r8, r8, #3",
        "lsl r9, r9, #3",
        "lsl r10, r10, #3",
        "stm r2, {{r7-r10}}",
        "pop {{r4-r10, pc}}",
    )
}

/// Defines `gemm4`, `gemv` and `quads` for weights of four bits, which requantise a register with the macro `$requantize`.
macro_rules! int4_with {
    ($requantize:ident) => {
        $crate::kernels::isa::armv7e_m::int4::row4! {
            /// Computes channels, four by four, of one row that has been widened.
            ///
            /// # Safety
            /// `inputs` has `bytes` bytes, a multiple of 16 and not 0, as [`super::widen1`] writes them; `stream` has whole fours up to
            /// `end`; as many outputs as channels are this call's own to write.
            gemv(i16), $requantize, 3, 8,
            [
                "mov r5, #0",
                "mov r4, #0x00010001",
                "4:",
                "ldm r0!, {{r6, r7, r8, r9}}",
                "smlad r5, r6, r4, r5",
                "smlad r5, r7, r4, r5",
                "smlad r5, r8, r4, r5",
                "smlad r5, r9, r4, r5",
                "cmp r0, lr",
                "bne 4b",
                "lsl r5, r5, #3"
            ],
            "ldrd r8, r9, [r0], #8"
        }
        $crate::kernels::isa::armv7e_m::int4::row4! {
            /// Computes channels, four by four, of one row of int8 as it is. USAD8 sums bytes without a sign, each 128 too great.
            ///
            /// # Safety
            /// `inputs` has `bytes` bytes, a multiple of 4 and not 0; `stream` has whole fours up to `end`; as many outputs as
            /// channels are this call's own to write.
            quads(i8), $requantize, 2, 9,
            [
                "mov r5, #0",
                "mov r6, #0",
                "4:",
                "ldr r4, [r0], #4",
                "eor r4, r4, #0x80808080",
                "usada8 r5, r4, r6, r5",
                "cmp r0, lr",
                "bne 4b",
                "lsl r5, r5, #3",
                "sub r5, r5, r3, lsl #10"
            ],
            "ldr r9, [r0], #4\nsxtb16 r8, r9\nsxtb16 r9, r9, ror #8"
        }

        /// Computes channels, four by four, of two of four pixels.
        ///
        /// Registers: r0 inputs, r1 stream, r2-r5 F, B, M and Z of the first pixel, r6-r9 those of the second, r10-r12 and lr data;
        /// all else is on the stack. A step is 1 LDR + 1 LDRD + 1 UXTB16 + 2 AND + 8 SMLAD for 16 MACs, 0.81 a MAC; the loop of eight
        /// steps adds 3 instructions, and four channels 100, of which 40 requantise eight sums.
        ///
        /// # Safety
        /// `inputs`, as [`super::widen4`] writes them, belong to the first of the two pixels, and those of all four have `bytes` bytes, a
        /// multiple of 16 and not 0; `stream` has whole fours up to `end`; the channels of pixels at `output` and `output + stride`
        /// are this call's own to write; `sums` are 8 times the sums of the inputs of both.
        #[unsafe(naked)]
        unsafe extern "C" fn two(
            inputs: *const i16,
            stream: *const i32,
            output: *mut i8,
            stride: usize,
            bytes: usize,
            end: *const i32,
            rounding: i32,
            sums: *const i32,
        ) {
            core::arch::naked_asm!(
                cpu!(),
                // On the stack: 0 inputs, 4 their end, 8 output, 12 stride, 52 where the loop is entered, 56 end of the stream,
                // 60 rounding, 64 sums.
                "push {{r0-r11, lr}}",
                "ldr r4, [sp, #52]",
                "add r5, r0, r4",
                "str r5, [sp, #4]",
                // Steps that the first turn of the loop leaves out, 16 bytes of inputs and 52 bytes of code each.
                "rsb r4, r4, #0",
                "and r4, r4, #112",
                "add r5, r4, r4, lsl #1",
                "add r5, r5, r4, lsr #2",
                "adr.w r4, 3f",
                "add r4, r4, r5",
                "orr r4, r4, #1",
                "str r4, [sp, #52]",
                "2:",
                "mov r2, #0",
                "mov r3, #0",
                "mov r4, #0",
                "mov r5, #0",
                "mov r6, #0",
                "mov r7, #0",
                "mov r8, #0",
                "mov r9, #0",
                "ldr pc, [sp, #52]",
                ".p2align 2",
                "3:",
                ".rept 8",
                "ldr r12, [r1], #4",
                "ldrd r10, r11, [r0], #16",
                "smlad r2, r10, r12, r2",
                "smlad r6, r11, r12, r6",
                "uxtb16 lr, r12",
                "smlad r3, r10, lr, r3",
                "smlad r7, r11, lr, r7",
                "and lr, r12, #0x0f0f0f0f",
                "smlad r4, r10, lr, r4",
                "smlad r8, r11, lr, r8",
                "and lr, r12, #0x000f000f",
                "smlad r5, r10, lr, r5",
                "smlad r9, r11, lr, r9",
                ".endr",
                "ldr r10, [sp, #4]",
                "cmp r0, r10",
                "bne.w 3b",
                "ldr lr, [sp, #64]",
                "ldrd r10, r11, [lr]",
                $crate::kernels::isa::armv7e_m::int4::apart!("r2" "r3" "r4" "r5", "r10"),
                $crate::kernels::isa::armv7e_m::int4::apart!("r6" "r7" "r8" "r9", "r11"),
                "ldr r12, [sp, #60]",
                "ldrd r10, r11, [r1], #8",
                "add r5, r5, r11, asr #8",
                "add r9, r9, r11, asr #8",
                $requantize!("r5", "r10", "r12", "r11"),
                $requantize!("r9", "r10", "r12", "r11"),
                "ldrd r10, r11, [r1], #8",
                "add r3, r3, r11, asr #8",
                "add r7, r7, r11, asr #8",
                $requantize!("r3", "r10", "r12", "r11"),
                $requantize!("r7", "r10", "r12", "r11"),
                "ldrd r10, r11, [r1], #8",
                "add r4, r4, r11, asr #8",
                "add r8, r8, r11, asr #8",
                $requantize!("r4", "r10", "r12", "r11"),
                $requantize!("r8", "r10", "r12", "r11"),
                "ldrd r10, r11, [r1], #8",
                "add r2, r2, r11, asr #8",
                "add r6, r6, r11, asr #8",
                $requantize!("r2", "r10", "r12", "r11"),
                $requantize!("r6", "r10", "r12", "r11"),
                "ldrd r10, r11, [sp, #8]",
                "add r11, r11, r10",
                "strb r5, [r10], #1",
                "strb r3, [r10], #1",
                "strb r4, [r10], #1",
                "strb r2, [r10], #1",
                "strb r9, [r11]",
                "strb r7, [r11, #1]",
                "strb r8, [r11, #2]",
                "strb r6, [r11, #3]",
                "str r10, [sp, #8]",
                "ldr r0, [sp]",
                "ldr r10, [sp, #56]",
                "cmp r1, r10",
                "bne.w 2b",
                "pop {{r0-r11, pc}}",
            )
        }

        /// Computes channels, four by four, of four pixels.
        ///
        /// # Safety
        /// As for [`two`], with all four pixels; `bytes` is a multiple of 32.
        pub(in crate::kernels::isa) unsafe fn gemm4(
            inputs: *const i16,
            stream: *const i32,
            output: *mut i8,
            stride: usize,
            bytes: usize,
            end: *const i32,
            rounding: i32,
        ) {
            let mut sums = [0_i32; 4];
            // SAFETY: forwarded to the caller; a word of each of four pixels follows another.
            unsafe {
                $crate::kernels::isa::armv7e_m::int4::sums4(inputs, bytes, sums.as_mut_ptr());
                two(inputs, stream, output, stride, bytes, end, rounding, sums.as_ptr());
                // Too few pixels for a block are each computed four times over: there is one place.
                let (inputs, output) = (inputs.add(4), output.add(2 * stride));
                two(inputs, stream, output, stride, bytes, end, rounding, sums.as_ptr().add(2));
            }
        }
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use int4_with;

int4_with!(requantize);
