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

    /// Applies all bounds to `count` results of operations in the mode of [`super::mode`], the one of 0 included.
    ///
    /// # Safety
    /// As for [`Clip::apply`].
    pub(super) unsafe fn apply_all(self, values: *mut f32, count: usize) {
        // SAFETY: forwarded to the caller; results that are NaN have no sign.
        unsafe {
            if self.is_bounded() {
                self.apply(values, count);
            } else if self.is_relu() {
                relu(values, count);
            }
        }
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

/// Makes what is negative 0: eight instructions for four values.
///
/// # Safety
/// As for [`Clip::apply`]; `count` may be 0, and no value is NaN with its sign set.
#[unsafe(naked)]
unsafe extern "C" fn relu(values: *mut f32, count: usize) {
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
