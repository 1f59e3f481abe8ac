//! NaN without a sign: while a kernel runs, every result that is NaN is the default NaN, whose sign is not set.
//!
//! The sign of a float32 then tells what is less than zero, as the portable kernels' comparisons do: NaN stays NaN.

use core::arch::asm;

/// Bit DN of FPSCR.
const DEFAULT_NAN: u32 = 1 << 25;

/// FPSCR as it was, which comes back when this is dropped.
pub(in crate::kernels::isa) struct DefaultNan {
    before: u32,
}

impl DefaultNan {
    /// Sets the mode.
    #[inline]
    pub(in crate::kernels::isa) fn enter() -> Self {
        let before: u32;
        // SAFETY: DN changes only which NaN an operation returns, and no code between asks for more than NaN.
        unsafe {
            asm!("vmrs {0}, fpscr", out(reg) before);
            asm!("vmsr fpscr, {0}", in(reg) before | DEFAULT_NAN);
        }
        Self { before }
    }
}

impl Drop for DefaultNan {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the mode is what it was; flags of exceptions are not used.
        unsafe { asm!("vmsr fpscr, {0}", in(reg) self.before) };
    }
}
