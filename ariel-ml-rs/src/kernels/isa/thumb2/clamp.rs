//! `min(max(value, low), high)` of int8 that are stored already.

use core::arch::naked_asm;

/// 10 instructions for a byte.
///
/// # Safety
/// `values` points to `count` values that are this call's own; each byte of `low` and `high` is a bound.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn clamp_all(values: *mut i8, count: usize, low: u32, high: u32) {
    naked_asm!(
        "sxtb r2, r2",
        "sxtb r3, r3",
        "cbz r1, 3f",
        "2:",
        "ldrsb r12, [r0]",
        "cmp r12, r2",
        "it lt",
        "movlt r12, r2",
        "cmp r12, r3",
        "it gt",
        "movgt r12, r3",
        "strb r12, [r0], #1",
        "subs r1, r1, #1",
        "bne 2b",
        "3:",
        "bx lr",
    )
}
