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
pub(super) mod clamp;
pub(super) mod elementwise;
pub(super) mod gemm;
pub mod softmax;
pub(super) mod taps;

pub use batch_matmul::BatchMatMul;
pub use softmax::{Softmax, SoftmaxNearest};

super::aliases!(real Fpu: Add = Add, Conv2d = Conv2d, DepthwiseConv2d = DepthwiseConv2d, FullyConnected = FullyConnected, Mul = Mul, Sub = Sub);
