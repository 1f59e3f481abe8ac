//! Loops that stay as they are written.

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
