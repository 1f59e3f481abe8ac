//! Four rows times pairs of columns, both of which are computed at run time.

use core::arch::naked_asm;

/// Defines a function that computes columns, two by two, of four rows; the macro `$requantize` requantises a register.
///
/// `rows` are int16 as [`super::widen4`] writes them: for each two of the depth a word of each row. `columns` have for each pair
/// of columns the number that each sum begins with, c0 and c1, and for each two of the depth a word of each. Row p is stored at
/// `output + p * stride`. `scale` has multiplier, rounding and shift.
///
/// Registers: r0 rows, r1 columns, r2-r5 the sums of c1, r6-r9 those of c0, r10-r12 and lr data; all else is on the stack. Four of
/// the depth are 25 instructions for 32 MACs, and a pair of columns adds 68, of which 40 requantise eight sums.
macro_rules! products_with {
    ($(#[$doc:meta])* $name:ident, $requantize:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `rows` has `bytes` bytes, a multiple of 32 and not 0; `columns` consists of whole pairs up to `end`; two elements for each
        /// pair of four rows are this call's own to write.
        #[unsafe(naked)]
        pub(in crate::kernels::isa) unsafe extern "C" fn $name(
            rows: *const i16,
            columns: *const i32,
            output: *mut i8,
            stride: usize,
            bytes: usize,
            end: *const i32,
            scale: *const $crate::kernels::isa::armv7e_m::sums::Fixed,
        ) {
            naked_asm!(
                cpu!(),
                // On the stack: 0 rows, 4 their end, 8 output, 12 stride, 56 end of the columns, 60 scale.
                "push {{r0-r11, lr}}",
                "ldr r4, [sp, #52]",
                "add r5, r0, r4",
                "str r5, [sp, #4]",
                "2:",
                "ldrd r6, r2, [r1], #8",
                "mov r7, r6",
                "mov r8, r6",
                "mov r9, r6",
                "mov r3, r2",
                "mov r4, r2",
                "mov r5, r2",
                "3:",
                ".rept 2",
                "ldrd r12, lr, [r1], #8",
                "ldrd r10, r11, [r0], #8",
                "smlad r6, r10, r12, r6",
                "smlad r2, r10, lr, r2",
                "smlad r7, r11, r12, r7",
                "smlad r3, r11, lr, r3",
                "ldrd r10, r11, [r0], #8",
                "smlad r8, r10, r12, r8",
                "smlad r4, r10, lr, r4",
                "smlad r9, r11, r12, r9",
                "smlad r5, r11, lr, r5",
                ".endr",
                "ldr r10, [sp, #4]",
                "cmp r0, r10",
                "bne 3b",
                "ldr r12, [sp, #60]",
                "ldm r12, {{r10, r11, r12}}",
                $requantize!("r6"),
                $requantize!("r7"),
                $requantize!("r8"),
                $requantize!("r9"),
                $requantize!("r2"),
                $requantize!("r3"),
                $requantize!("r4"),
                $requantize!("r5"),
                // Both columns of a row are one halfword.
                $crate::kernels::isa::pairs::store_pairs!("r6" "r7" "r8" "r9", "r2" "r3" "r4" "r5"),
            )
        }
    };
}
#[cfg(vfpv4_sp)]
pub(in crate::kernels::isa) use products_with;

products_with! {
    /// Rounds twice.
    products, requantize
}
