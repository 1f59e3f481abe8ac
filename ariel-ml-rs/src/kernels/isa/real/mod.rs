//! float32 kernels of Arm's M profile, for cores with an FPU and for those with vectors of floats.
//!
//! A kernel is written once; its loops over data are naked functions of an instruction set ([`cores`]), so that they are the
//! same whatever the user's opt-level is. Weights are packed as for the portable kernels, whose results these are but for
//! rounding: products are added to the bias without being rounded first, and vectors add up four sums of a single pixel at the end.
//! Vectors also take numbers below `2^-126` for 0.

mod block;
mod clip;
pub mod conv2d;
pub mod cores;
mod dense;
pub mod depthwise_conv2d;
pub mod elementwise;
pub mod fully_connected;
mod mode;
mod regions;
mod sums;

pub(super) use block::Block;
pub use conv2d::Conv2d;
pub use cores::Fpu;
#[cfg(armv8_m)]
pub use cores::Helium;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use elementwise::{Add, Mul, Sub};
pub use fully_connected::FullyConnected;
pub(super) use mode::DefaultNan;
