//! Markers before the steps of a model, for the instruction counter of `ariel_build`: nothing without the feature `trace`.

/// What follows is the work of step `INDEX`: an instruction without effect that the counter knows.
#[inline]
pub fn step<const INDEX: u32>() {
    #[cfg(feature = "profile")]
    crate::profile::enter(INDEX);
    // SAFETY: a hint to fetch ahead, which cores may ignore, and do. As two halfwords, so that code for Armv6-M can be
    // measured on a Cortex-M3.
    #[cfg(all(feature = "trace", target_arch = "arm"))]
    unsafe {
        core::arch::asm!(".hword 0xf89f, 0xf000 + {}", const INDEX & 0xfff, options(nostack, preserves_flags));
    };
    // SAFETY: writes to a register that stays zero.
    #[cfg(all(feature = "trace", target_arch = "riscv32"))]
    unsafe {
        core::arch::asm!("slti x0, x0, {}", const 16 + (INDEX & 0x3ff), options(nostack, preserves_flags));
    };
}

/// The layer of a step: the step's own index, unless the model says otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! traced_layer {
    ($index:literal) => {
        $index
    };
    ($index:literal $layer:literal) => {
        $layer
    };
}
#[doc(hidden)]
pub use traced_layer as layer;
