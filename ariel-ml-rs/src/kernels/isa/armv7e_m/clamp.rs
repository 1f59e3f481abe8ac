//! `min(max(value, low), high)` of int8 that are stored already, four at a time.

use core::arch::naked_asm;

/// SSUB8 tells for each byte whether a difference is negative, SEL takes one or the other: 8 instructions for four bytes.
///
/// # Safety
/// `values` points to `count` values that are this call's own; each byte of `low` and `high` is a bound.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn clamp_all(values: *mut i8, count: usize, low: u32, high: u32) {
    naked_asm!(
        cpu!(),
        "push {{lr}}",
        "subs r1, r1, #4",
        "blt 3f",
        "2:",
        "ldr r12, [r0]",
        "ssub8 lr, r12, r2",
        "sel r12, r12, r2",
        "ssub8 lr, r12, r3",
        "sel r12, r3, r12",
        "str r12, [r0], #4",
        "subs r1, r1, #4",
        "bge 2b",
        "3:",
        "adds r1, r1, #4",
        "beq 5f",
        "4:",
        "ldrsb r12, [r0]",
        "ssub8 lr, r12, r2",
        "sel r12, r12, r2",
        "ssub8 lr, r12, r3",
        "sel r12, r3, r12",
        "strb r12, [r0], #1",
        "subs r1, r1, #1",
        "bne 4b",
        "5:",
        "pop {{pc}}",
    )
}
