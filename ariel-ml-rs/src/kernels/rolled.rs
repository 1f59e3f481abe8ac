//! Loops that stay as they are written, and what they count with.

/// Keeps the optimiser from unrolling the loop that calls it.
///
/// Unrolled four times, with four remainders, an elementwise kernel is five times as large and 5 % faster.
#[inline]
pub(in crate::kernels) fn rolled() {
    #[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
    // SAFETY: no instruction at all. The optimiser does not unroll loops with assembly in them.
    unsafe {
        core::arch::asm!("", options(nomem, nostack, preserves_flags));
    }
}

/// Returns the place, which the optimiser is not to compute anew from what it is made of.
#[inline]
pub(in crate::kernels) fn kept<T>(place: *const T) -> *const T {
    #[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
    {
        let mut place = place;
        #[expect(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written there")]
        // SAFETY: no instruction at all.
        unsafe {
            core::arch::asm!("/* {0} */", inout(reg) place, options(pure, nomem, nostack, preserves_flags));
        }
        place
    }
    #[cfg(not(any(target_arch = "arm", target_arch = "riscv32")))]
    place
}
