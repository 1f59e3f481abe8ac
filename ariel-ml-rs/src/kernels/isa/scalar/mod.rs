//! Kernels for cores that multiply two 32-bit integers and have no SIMD: RISC-V with M, Cortex-M0+ and M3, Xtensa.
//!
//! They are plain Rust and run on any target; what makes them fast is what the compiler proves about a model's weights
//! (`ariel_build/isa/scalar`).
//!
//! **Three products of two multiplications.** Three pixels a, b, c of a channel are two words, `c * 2^21 + a` and
//! `c * 2^10 + b`. Their products with a weight are summed like numbers, modulo 2^32: `C * 2^21 + A` and `C * 2^10 + B`.
//! Where A, B and C lie in `[-2^20, 2^20)`, as the compiler proves for every channel and every input, nothing is lost: the low
//! 21 bits of the first word are A, the others C modulo 2^11; what that contributes to the second word is taken away, and
//! its low 21 bits are B, the others the rest of C (see `triples`).
//!
//! **Requantisation in four instructions.** `(high word of (4 * sum * multiplier) + rounding) >> shift`, the zero point being in
//! the rounding, and two less where the sum is negative and the reference rounds halves away from zero. The compiler has
//! compared it with the reference at every step of the output (see `finish`).

/// Saves r4 to r11 and lr at the beginning of a naked function of Armv6-M, which can push no register above r7 but lr.
#[cfg(target_arch = "arm")]
macro_rules! save {
    () => {
        "push {{r4, r5, r6, r7, lr}}\nmov r4, r8\nmov r5, r9\nmov r6, r10\nmov r7, r11\npush {{r4, r5, r6, r7}}"
    };
}
/// Brings back what `save` has saved, and returns.
#[cfg(target_arch = "arm")]
macro_rules! restore {
    () => {
        "pop {{r4, r5, r6, r7}}\nmov r8, r4\nmov r9, r5\nmov r10, r6\nmov r11, r7\npop {{r4, r5, r6, r7, pc}}"
    };
}

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(all(target_arch = "arm", not(thumb2)))]
mod arm_ending;
#[cfg(all(target_arch = "arm", not(thumb2)))]
mod arm_taps;
pub mod conv2d;
pub mod conv2d16;
pub mod depthwise_conv2d;
mod ending;
pub mod fetched;
mod finish;
pub mod fully_connected;
pub mod lines;
mod patches;
mod plane;
#[cfg(all(target_arch = "riscv32", target_feature = "m"))]
mod riscv;
mod taps;
mod triples;

pub use conv2d::Conv2d;
pub use conv2d16::Conv2d16;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use ending::{Elements, Int8, Int16};
pub use fetched::{FetchedConnected, FetchedConv2d};
pub use finish::{Channel, Limits, Stepped};
pub use fully_connected::FullyConnected;
pub use lines::DepthwiseLines;
