//! `min(max(value, low), high)` of int8 that are stored already.

use super::loops::Loops;
use crate::quant::Bounds;

/// Applies bounds that are tighter than those of int8, which saturation has applied.
///
/// # Safety
/// `values` points to `count` values that are this call's own.
pub(super) unsafe fn clamp<L: Loops>(values: *mut i8, count: usize, bounds: &Bounds) {
    if bounds.min > -128 || bounds.max < 127 {
        let spread = |bound: i32| u32::from(bound as u8).wrapping_mul(0x0101_0101);
        // SAFETY: forwarded to the caller.
        unsafe { L::clamp_all(values, count, spread(bounds.min), spread(bounds.max)) };
    }
}
