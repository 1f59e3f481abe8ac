//! Armv7E-M: Cortex-M4 and M7, whose SMLAD multiplies two pairs of halfwords and adds both products.
//!
//! Every loop over data is a naked function, so that it is the same whatever the user's opt-level is.
//!
//! Two output channels share a word of weights: each of its halfwords is `256 * c1 + c0`. SMLAD on the word itself sums
//! `256 * A1 + A0`, one SXTB16 gives the weights of c0 alone and so A0, and `A1 = (sum - A0) >> 8`. The compiler has proved
//! `|A1| < 2^23`, bias included, and that 256 * c1 + c0 is a halfword; where it cannot, the portable kernel is used.
//!
//! Requantisation with double rounding takes five instructions. With the multiplier `q` in [2^30, 2^31) and
//! `m = 2 * q - 2^32`, SMMLAR(v, m, v) is `(2 * v * q + 2^31) >> 32`, the rounding high multiplication; one is taken from
//! what is negative (halves go away from zero), `(2 * zero_point + 1) << (n - 1)` is added, then ASR by n, and SSAT to int8.
//! The compiler has proved that no sum leaves 32 bits. Bounds tighter than int8's are applied to what is stored ([`clamp`]).

/// Requantises a register in five instructions: r10 multiplier, r11 rounding, r12 shift (see above).
macro_rules! requantize {
    ($sum:literal) => {
        concat!(
            "smmlar ",
            $sum,
            ", ",
            $sum,
            ", r10, ",
            $sum,
            "\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $sum,
            ", asr #31\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", r11\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", r12\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
        )
    };
}

pub mod average_pool2d;
mod clamp;
pub mod conv2d;
pub mod deep;
pub mod depthwise_conv2d;
pub mod fully_connected;
mod gemm;
mod gemv;
pub mod linear;
mod patches;
mod planes;
pub mod small_conv2d;
mod widen;

pub use average_pool2d::AveragePool2d;
pub use conv2d::Conv2d;
pub use deep::DeepConnected;
pub use depthwise_conv2d::{DepthwiseConv2d, Far, FarShort, Near, NearShort};
pub use fully_connected::FullyConnected;
pub use linear::{Linear, Terms};
pub use small_conv2d::SmallConv2d;
