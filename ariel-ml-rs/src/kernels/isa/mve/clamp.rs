//! Bounds that are tighter than those of int8, applied to what is stored.

use crate::quant::Bounds;
use core::arch::naked_asm;

/// Applies bounds where saturation has not.
///
/// # Safety
/// The core has Helium; `values` points to `count` values that are this call's own.
pub(super) unsafe fn clamp(values: *mut i8, count: usize, bounds: &Bounds) {
    if bounds.min > i32::from(i8::MIN) || bounds.max < i32::from(i8::MAX) {
        // SAFETY: forwarded to the caller.
        unsafe { clamp_all(values, count, bounds.min, bounds.max) };
    }
}

/// Applies bounds.
///
/// # Safety
/// As for [`clamp`].
#[unsafe(naked)]
unsafe extern "C" fn clamp_all(values: *mut i8, count: usize, low: i32, high: i32) {
    naked_asm!(
        cpu!(),
        "push {{r7, lr}}",
        "vdup.8 q1, r2",
        "vdup.8 q2, r3",
        "wlstp.8 lr, r1, 3f",
        "2:",
        "vldrb.u8 q0, [r0]",
        "vmax.s8 q0, q0, q1",
        "vmin.s8 q0, q0, q2",
        "vstrb.u8 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r7, pc}}",
    )
}
