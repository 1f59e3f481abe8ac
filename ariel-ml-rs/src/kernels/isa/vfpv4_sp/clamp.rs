//! Bounds, applied to what is stored.

use core::arch::naked_asm;

/// Makes what is negative 0: eight instructions for four values.
///
/// # Safety
/// `values` points to `count` values, which may be 0, that are this call's own, and no value is NaN with its sign set.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn relu(values: *mut f32, count: usize) {
    naked_asm!(
        fpu!(),
        "push {{r4, lr}}",
        "subs r1, r1, #4",
        "blt 3f",
        "2:",
        "ldm r0, {{r2, r3, r4, r12}}",
        "usat r2, #31, r2",
        "usat r3, #31, r3",
        "usat r4, #31, r4",
        "usat r12, #31, r12",
        "stm r0!, {{r2, r3, r4, r12}}",
        "subs r1, r1, #4",
        "bge 2b",
        "3:",
        "adds r1, r1, #4",
        "beq 5f",
        "4:",
        "ldr r2, [r0]",
        "usat r2, #31, r2",
        "str r2, [r0], #4",
        "subs r1, r1, #1",
        "bne 4b",
        "5:",
        "pop {{r4, pc}}",
    )
}

/// 11 instructions a value.
///
/// # Safety
/// `values` points to `count` values, which is not 0, that are this call's own.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn clamp(values: *mut f32, count: usize, min: u32, max: u32) {
    naked_asm!(
        fpu!(),
        "vmov s1, r2",
        "vmov s2, r3",
        "2:",
        "vldr s0, [r0]",
        "vcmp.f32 s0, s1",
        "vmrs apsr_nzcv, fpscr",
        "it mi",
        "vmovmi.f32 s0, s1",
        "vcmp.f32 s0, s2",
        "vmrs apsr_nzcv, fpscr",
        "it gt",
        "vmovgt.f32 s0, s2",
        "vstm r0!, {{s0}}",
        "subs r1, r1, #1",
        "bne 2b",
        "bx lr",
    )
}
