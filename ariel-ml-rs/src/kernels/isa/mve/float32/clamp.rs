//! Bounds, applied to what is stored.

use core::arch::naked_asm;

/// Makes what is negative 0: three instructions for four values, and what ends the loop.
///
/// As an integer, a float32 with its sign set is negative.
///
/// # Safety
/// The core has Helium; `values` points to `count` values, which may be 0, that are this call's own, and no value is NaN with its
/// sign set.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn relu(values: *mut f32, count: usize) {
    naked_asm!(
        cpu!(),
        "push {{r7, lr}}",
        "vmov.i32 q1, #0",
        "wlstp.32 lr, r1, 3f",
        "2:",
        "vldrw.u32 q0, [r0]",
        "vmax.s32 q0, q0, q1",
        "vstrw.32 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r7, pc}}",
    )
}

/// Applies bounds: six instructions for four values, and what ends the loop.
///
/// NaN stays NaN: it is not greater than anything, though `lt` would hold of it as it does of flags.
///
/// # Safety
/// The core has Helium; `values` points to `count` values that are this call's own.
#[unsafe(naked)]
pub(in crate::kernels::isa) unsafe extern "C" fn clamp(values: *mut f32, count: usize, min: u32, max: u32) {
    naked_asm!(
        cpu!(),
        "push {{r7, lr}}",
        "vdup.32 q1, r2",
        "wlstp.32 lr, r1, 3f",
        "2:",
        "vldrw.u32 q0, [r0]",
        "vpt.f32 gt, q1, q0",
        "vdupt.32 q0, r2",
        "vpt.f32 gt, q0, r3",
        "vdupt.32 q0, r3",
        "vstrw.32 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r7, pc}}",
    )
}
