//! Bounds that are tighter than those of int8 or int16, applied to what is stored.

use crate::quant::Bounds;
use core::arch::naked_asm;

/// Defines a function that applies bounds where saturation has not, to elements of so many bits.
macro_rules! clamp {
    ($clamp:ident, $all:ident, $element:ident, $bits:literal, $load:literal, $store:literal) => {
        /// Applies bounds where saturation has not.
        ///
        /// # Safety
        /// The core has Helium; `values` points to `count` values that are this call's own.
        pub(super) unsafe fn $clamp(values: *mut $element, count: usize, bounds: &Bounds) {
            if bounds.min > i32::from($element::MIN) || bounds.max < i32::from($element::MAX) {
                // SAFETY: forwarded to the caller.
                unsafe { $all(values, count, bounds.min, bounds.max) };
            }
        }

        /// Applies bounds.
        ///
        /// # Safety
        /// As for the function above.
        #[unsafe(naked)]
        unsafe extern "C" fn $all(values: *mut $element, count: usize, low: i32, high: i32) {
            naked_asm!(
                cpu!(),
                "push {{r7, lr}}",
                concat!("vdup.", $bits, " q1, r2"),
                concat!("vdup.", $bits, " q2, r3"),
                concat!("wlstp.", $bits, " lr, r1, 3f"),
                "2:",
                concat!($load, " q0, [r0]"),
                concat!("vmax.s", $bits, " q0, q0, q1"),
                concat!("vmin.s", $bits, " q0, q0, q2"),
                concat!($store, " q0, [r0], #16"),
                "letp lr, 2b",
                "3:",
                "pop {{r7, pc}}",
            )
        }
    };
}
clamp!(clamp, clamp_all, i8, "8", "vldrb.u8", "vstrb.8");
clamp!(clamp16, clamp_all16, i16, "16", "vldrh.u16", "vstrh.16");
