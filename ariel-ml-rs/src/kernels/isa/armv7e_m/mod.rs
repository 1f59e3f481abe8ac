//! Armv7E-M, and Armv8-M with the DSP extension: Cortex-M4, M7 and M33, whose SMLAD multiplies two pairs of halfwords and adds
//! both products. The loops of [`super::packed`].
//!
//! SMLAD on a word of weights sums `256 * A1 + A0`, one SXTB16 gives the weights of c0 alone and so A0, and
//! `A1 = (sum - A0) >> 8`.

/// Tells the assembler that the core has the DSP extension, where the target does not imply it: `.arch_extension dsp` is what
/// LLVM refuses.
#[cfg(armv8_m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(armv8_m))]
macro_rules! cpu {
    () => {
        ""
    };
}

/// Requantises a register in five instructions with three others: multiplier, rounding and shift (see [`super::packed`]); SMMLAR
/// is the rounding high multiplication.
macro_rules! requantize {
    ($sum:literal) => {
        requantize!($sum, "r10", "r11", "r12")
    };
    ($sum:literal, $multiplier:literal, $rounding:literal, $shift:literal) => {
        concat!(
            "smmlar ",
            $sum,
            ", ",
            $sum,
            ", ",
            $multiplier,
            ", ",
            $sum,
            "\nadd ",
            $sum,
            ", ",
            $sum,
            ", ",
            $sum,
            ", asr #31\nasr ",
            $sum,
            ", ",
            $sum,
            ", ",
            $shift,
            "\nadd ",
            $sum,
            ", ",
            $sum,
            ", ",
            $rounding,
            "\nssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #1",
        )
    };
}

mod average;
mod clamp;
mod elementwise16;
mod gemm;
pub(super) mod gemv;
pub(super) mod int16;
pub(super) mod int4;
mod planes;
mod products;
mod quads;
#[cfg(feature = "recurrent")]
mod recurrent;
mod spread;
pub(super) mod sums;
mod widen;

#[cfg(vfpv4_sp)]
pub(super) use self::{
    gemm::gemm,
    gemv::gemv_with,
    planes::{far2, far4, lines_with, near2, near4},
    products::products_with,
    quads::quads_with,
};
pub(super) use average::average;
pub(super) use clamp::clamp_all;
pub use elementwise16::{Add16, Halves, LeakyRelu16, Side, Sides};
pub(super) use gemm::{gemm4, gemm4_short};
pub(super) use gemv::{gemv, gemv_near};
#[allow(unused_imports, reason = "`gemv_with` has them by their paths")]
pub(super) use gemv::{near, quad};
pub(super) use planes::{lines1, lines1_short, lines2, lines2_short, transpose};
pub(super) use planes::{transpose16, wide1, wide1_short, wide2, wide2_short};
pub(super) use products::products;
pub(super) use quads::quads;
#[cfg(feature = "recurrent")]
pub use recurrent::{Lstm, Svdf};
pub use spread::{LinearRuns, MulRuns, ProductRuns, SquareRuns, Twice};
pub use sums::Fixed;
pub(super) use widen::{padding, widen1, widen4};

pub(super) use super::thumb2::rounding;

super::aliases!(Dsp, Dsp16);
super::aliases!(Dsp: BatchMatMul, FetchedConnected, FetchedConv2d, FetchedDeep);
super::aliases!(int16 Dsp16: FetchedConnected16 = FetchedConnected, FetchedConv2d16 = FetchedConv2d);
super::aliases!(int4 Dsp4: FetchedConnectedInt4 = FetchedConnected, FetchedConv2dInt4 = FetchedConv2d, FetchedDeepInt4 = FetchedDeep);
super::aliases!(int4 Dsp4: Conv2dInt4 = Conv2d, DeepConnectedInt4 = DeepConnected, FullyConnectedInt4 = FullyConnected);
/// [`DepthwiseConv2d`](super::packed::DepthwiseConv2d) of int16 for these cores.
pub type DepthwiseConv2d16<O> = super::packed::DepthwiseConv2d<super::packed::Dsp16, O>;
