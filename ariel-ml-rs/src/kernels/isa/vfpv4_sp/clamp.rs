//! Bounds of a fused activation, applied to what is stored.

use core::arch::naked_asm;

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

    /// Applies the bounds to `count` values; NaN stays NaN.
    ///
    /// # Safety
    /// `values` points to `count` values that are this call's own.
    pub(super) unsafe fn apply(self, values: *mut f32, count: usize) {
        if count > 0 {
            let (min, max) = (self.min.to_bits(), self.max.to_bits());
            // SAFETY: forwarded to the caller.
            unsafe { clamp(values, count, min, max) };
        }
    }
}

/// 11 instructions a value.
///
/// # Safety
/// As for [`Clip::apply`]; `count` is not 0.
#[unsafe(naked)]
unsafe extern "C" fn clamp(values: *mut f32, count: usize, min: u32, max: u32) {
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
