//! VFPv4 with single precision, on Cortex-M4F, M7 and M33: VFMA adds a product to a sum, VLDM loads up to 32 registers.
//!
//! Every loop over data is a naked function, so that it is the same whatever the user's opt-level is. Weights are packed as for
//! the portable kernels, whose results these are but for rounding: products are added to the bias without being rounded first.

/// Tells the assembler what the target has: where it reads assembly for its symbols alone, as link-time optimisation does, it
/// does not know the target's features.
macro_rules! fpu {
    () => {
        ".fpu fpv4-sp-d16"
    };
}

pub mod batch_matmul;
mod clamp;
pub mod conv2d;
mod dense;
pub mod depthwise_conv2d;
pub mod elementwise;
pub mod fully_connected;
mod gemm;
mod mode;
mod regions;
pub mod softmax;
mod sums;
mod taps;

pub use batch_matmul::BatchMatMul;
pub use conv2d::Conv2d;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use elementwise::{Add, Mul, Sub};
pub use fully_connected::FullyConnected;
pub use softmax::{Softmax, SoftmaxNearest};
