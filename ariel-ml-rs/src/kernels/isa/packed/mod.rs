//! int8 kernels of Arm's M profile with double rounding, whose weights lie in one order for cores with the DSP extension and
//! for those without.
//!
//! A kernel is written once; its loops over data are naked functions of an instruction set ([`loops`]), so that they are the
//! same whatever the user's opt-level is. Where a chip has cores of both kinds, each worker runs the loops of its core
//! ([`cores`]).
//!
//! Two output channels share a word of weights: each of its halfwords is `256 * c1 + c0`. The compiler has proved that this is
//! a halfword, and of every channel's sums, bias included, `|A| < 2^23`; where it cannot, the portable kernel is used.
//!
//! Requantisation with double rounding: with the multiplier `q` in [2^30, 2^31) and `m = 2 * q - 2^32`,
//! `v + ((v * m + 2^31) >> 32)` is `(2 * v * q + 2^31) >> 32`, the rounding high multiplication; one is taken from what is
//! negative (halves go away from zero), then ASR by n - 1, `2 * zero_point + 1` is added, and SSAT to int8 of half of that.
//! The compiler has proved that no sum leaves 32 bits. Bounds tighter than int8's are applied to what is stored ([`clamp`]).
//!
//! A channel takes 8 bytes besides its weights: its multiplier, and a word in whose low byte is the shift, n - 1, all that a
//! shift by a register looks at. The other bits of that word have the bias, which loops need when they begin, of the channel
//! that is so far behind: of the next pair in the place of this one. So a stream of int8 is
//!
//! | words | |
//! |---|---|
//! | `HEAD` | biases of the first pair, shifted by 8, with a word between them |
//! | for each pair its weights and four | `m[c0]`, `bias[c0 + 2] << 8 \| n[c0] - 1`, `m[c1]`, `bias[c1 + 2] << 8 \| n[c1] - 1` |

pub mod average_pool2d;
#[cfg(armv7e_m)]
pub mod batch_matmul;
mod clamp;
pub mod conv2d;
pub mod conv_transpose;
pub mod cores;
pub mod deep;
pub mod depthwise_conv2d;
pub mod fetched;
pub mod fully_connected;
pub mod linear;
mod lines;
mod loops;
mod part;
mod patches;
mod row;
pub mod small_conv2d;

pub use average_pool2d::AveragePool2d;
pub(super) use average_pool2d::Cells;
#[cfg(armv7e_m)]
pub use batch_matmul::BatchMatMul;
pub use conv_transpose::ConvTranspose;
pub use conv2d::Conv2d;
pub use cores::{Cores, Plain16, Thumb2};
#[cfg(armv7e_m)]
pub use cores::{Dsp, Dsp4, Dsp16, Unequal, Unequal16};
#[cfg(vfpv4_sp)]
pub use cores::{DspFpu, DspFpu4};
pub use deep::DeepConnected;
pub use depthwise_conv2d::{DepthwiseConv2d, Far, FarShort, Near, NearShort};
pub use fetched::{FetchedConnected, FetchedConv2d, FetchedDeep};
pub use fully_connected::FullyConnected;
pub use linear::{Linear, Terms};
#[cfg(armv7e_m)]
pub(super) use lines::spread;
pub(super) use lines::{Lines, lines};
pub use small_conv2d::SmallConv2d;
