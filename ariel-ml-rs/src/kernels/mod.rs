//! The kernels: one file per operator, one struct per element type.
//!
//! A kernel is a struct of constants that the generated module fills in. Every kernel has
//! - `const fn check(&self, arena_bytes)`: proves while compiling that its regions lie inside the arena and that its
//!   constants have the lengths that its shapes ask for; every `SAFETY` comment of its `run` stands on that;
//! - `unsafe fn run(&self, memory, tile)`: computes one tile of the output.
//!
//! Where most models spend their time (convolutions, dense layers, products of matrices, pools, Softmax, sums of int8, what
//! has an instruction set of its own), `run` takes a [`Memory`](crate::memory::Memory): it is compiled with this crate, at its
//! optimisation level, whatever the user's crate is built with. Of the other kernels a model uses few: their `run` takes
//! `impl Into<Memory>`, and so is compiled where a model calls it, not in every build. Where all cores of a target have the DSP
//! extension, kernels of cores without it are such others, as are portable kernels that it has its own in place of; where all
//! have an FPU, portable products of float32.
//! No kernel derives `Debug`, which nobody asks of one and every build would pay for.
//!
//! Sums wrap, as the reference's int32 accumulators do, so that no overflow check can panic.
#![expect(clippy::inline_always, reason = "a kernel is one function and its hot loop, at opt-level s and z too")]

pub mod access;
pub mod batch_matmul;
pub mod broadcast;
#[cfg(feature = "elementwise")]
pub mod cast;
#[cfg(feature = "elementwise")]
pub mod compare;
pub mod conv2d;
pub mod conv_transpose;
pub mod copy;
pub mod depthwise_conv2d;
#[cfg(feature = "vision")]
pub mod detection;
mod divide;
pub mod dot;
pub mod dynamic_quantize;
pub mod fold;
pub mod fully_connected;
pub mod gemmlowp;
#[cfg(feature = "index")]
pub mod index;
pub mod int4;
pub mod isa;
pub mod lookup;
#[cfg(feature = "elementwise")]
pub mod map1;
pub mod map2;
mod multiply;
#[cfg(feature = "elementwise")]
pub mod normalize;
pub mod pool2d;
#[cfg(feature = "index")]
pub mod positions;
pub mod quantize;
#[cfg(any(soft_float, test))]
mod quotient;
#[cfg(feature = "recurrent")]
pub mod recurrent;
#[cfg(feature = "vision")]
pub mod resample;
mod rolled;
#[cfg(feature = "vision")]
pub mod sampling;
mod sigmoid16;
#[cfg(feature = "signal")]
pub mod signal;
mod sizes;
pub mod softmax;
#[cfg(feature = "vision")]
pub mod suppression;
#[cfg(feature = "trees")]
pub mod svm;
mod table16;
#[cfg(test)]
mod tests;
#[cfg(feature = "trees")]
pub mod trees;
pub mod window;

/// Defines `run` of kernels by their `compute`, which is generic: compiled with this crate, or `where called`, or with this crate
/// `without dsp`, where a core of the target may have none, or `without fpu`, where kernels of one compute nothing, and else
/// where called.
macro_rules! instantiate {
    ($($kernel:ty),+) => { $crate::kernels::instantiate!(@ [] [$crate::memory::Memory<'_>] $($kernel),+); };
    (without dsp: $($kernel:ty),+) => {
        #[cfg(any(not(armv7e_m), armv8_m))]
        $crate::kernels::instantiate!($($kernel),+);
        #[cfg(all(armv7e_m, not(armv8_m)))]
        $crate::kernels::instantiate!(where called: $($kernel),+);
    };
    (without fpu: $($kernel:ty),+) => {
        #[cfg(not(vfpv4_sp))]
        $crate::kernels::instantiate!($($kernel),+);
        #[cfg(vfpv4_sp)]
        $crate::kernels::instantiate!(where called: $($kernel),+);
    };
    (where called: $($kernel:ty),+) => {
        $crate::kernels::instantiate!(@ [<'a>] [impl Into<$crate::memory::Memory<'a>>] $($kernel),+);
    };
    (@ $lifetime:tt $memory:tt $($kernel:ty),+) => { $(
        $crate::kernels::instantiate!(@@ $lifetime $memory $kernel);
    )+ };
    (@@ [$($lifetime:tt)*] [$($memory:tt)*] $kernel:ty) => {
        impl $kernel {
            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no
            /// other tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the
            /// output.
            #[inline(never)]
            #[allow(clippy::useless_conversion, reason = "a `Memory` where the kernel is compiled here")]
            pub unsafe fn run $($lifetime)* (&self, memory: $($memory)*, tile: $crate::tile::Tile) {
                // SAFETY: forwarded to the caller.
                unsafe { self.compute(memory.into(), tile) }
            }
        }
    };
}
use instantiate;

/// Defines `check` and `run` of an integer kernel for both roundings, and for int16 where it has them: as [`instantiate`] says.
///
/// The kernel has a field `requantize`, `channels()`, `check_shapes(arena_bytes)` and, over any [`crate::quant::Requantize`],
/// `compute(memory, tile)`.
macro_rules! quantized {
    () => {
        quantized!(Quantized);
        quantized!(Quantized<$crate::quant::DoubleRounding16>, without dsp:);
        quantized!(Quantized<$crate::quant::Reduced>, without dsp:);
        quantized!(Quantized<$crate::quant::Narrow>, without dsp:);
    };
    ($kernel:ident) => {
        quantized!($kernel<$crate::quant::DoubleRounding>, without dsp:);
        quantized!($kernel<$crate::quant::NearestEven>, without dsp:);
    };
    ($kernel:ty $(, $($place:tt)+)?) => {
        impl $kernel {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.check_shapes(arena_bytes);
                assert!(self.requantize.is_for(self.channels()), "scales of the wrong length");
            }
        }
        $crate::kernels::instantiate!($($($place)+)? $kernel);
    };
}
use quantized;
