//! Bounds of a fused activation, applied to what is stored.

use super::cores::Loops;

/// Bounds of the output; a lower one of 0 alone is applied before a sum is stored.
#[derive(Clone, Copy)]
pub(super) struct Clip {
    pub min: f32,
    pub max: f32,
}

impl Clip {
    /// Whether what is negative becomes 0 where it is stored.
    pub(super) fn is_relu(self) -> bool {
        self.min.to_bits() << 1 == 0
    }

    /// Whether there is more to do than that.
    pub(super) fn is_bounded(self) -> bool {
        (!self.is_relu() && self.min > f32::NEG_INFINITY) || self.max < f32::INFINITY
    }

    /// Applies all bounds to `count` results of operations in the mode of [`super::mode`], the one of 0 included.
    ///
    /// # Safety
    /// As for [`Clip::apply`].
    pub(super) unsafe fn apply_all<C: Loops>(self, values: *mut f32, count: usize) {
        // SAFETY: forwarded to the caller; results that are NaN have no sign.
        unsafe {
            if self.is_bounded() {
                self.apply::<C>(values, count);
            } else if self.is_relu() {
                C::RELU(values, count);
            }
        }
    }

    /// Applies the bounds to `count` values; NaN stays NaN.
    ///
    /// # Safety
    /// `values` points to `count` values that are this call's own.
    pub(super) unsafe fn apply<C: Loops>(self, values: *mut f32, count: usize) {
        if count > 0 {
            let (min, max) = (self.min.to_bits(), self.max.to_bits());
            // SAFETY: forwarded to the caller.
            unsafe { C::CLAMP(values, count, min, max) };
        }
    }
}
