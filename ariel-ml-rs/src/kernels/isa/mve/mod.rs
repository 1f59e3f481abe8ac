//! Helium, the vectors of Armv8.1-M: Cortex-M55 and M85. Kernels whose sums VMLADAVA takes, 16 products of int8 at a time, or 8 of
//! int16 with weights of int8.
//!
//! The compiler chooses them where the board file says that the core has it (`mve`): no target triple does. The functions are
//! naked and name the core themselves, so that stable Rust assembles them. Firmware has to give access to coprocessors 10 and 11
//! (CPACR, as for an FPU) and should set CCR.LOB, which low-overhead loops are fast with.
//!
//! Sums of four channels of a pixel become the lanes of a vector, with the bias in them from the start. With double rounding:
//! VQRDMULH is the rounding high multiplication; one is taken from what is negative (halves go away from zero),
//! `(2 * zero_point + 1) << (n - 1)` is added, and VSHL by -n shifts to the right. The compiler has proved that no sum leaves 32
//! bits. As ONNX rounds: converted to float32, multiplied, converted with VCVTN, whose halves go to even, zero point added with
//! saturation. Bounds apply last.
//!
//! Vectors of words are loaded from streams of int32 only, which are aligned to 4: a core faults on others. What may lie
//! anywhere is loaded as bytes.

/// Tells the assembler what the core has.
macro_rules! cpu {
    () => {
        ".cpu cortex-m55"
    };
}

mod blocks;
mod clamp;
pub mod conv2d;
pub mod conv_transpose;
pub mod depthwise_conv2d;
pub mod depthwise_conv2d16;
pub mod elementwise16;
pub mod fetched;
#[cfg(all(vfpv4_sp, feature = "float"))]
pub(super) mod float32;
mod gather;
mod gemm;
pub mod linear;
mod lines;
mod nine;
pub mod pool2d;
pub mod product;
mod rounding;
mod sides;
pub mod softmax;
mod taps16;
mod up;

pub use conv_transpose::ConvTranspose;
pub use conv2d::Conv2d;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use depthwise_conv2d16::DepthwiseConv2d16;
pub use elementwise16::{Factor16, LeakyRelu16, Product16, Sides16, Sum16, Terms16};
pub use fetched::FetchedConv2d;
pub(crate) use gather::copy;
pub use linear::{Linear, Terms};
pub use pool2d::{AveragePool2d, MaxPool2d, MaxPool2d16};
pub use product::{Centred, Product, ProductTwice};
pub use rounding::{Away, Even, Rectified, Up};
pub use softmax::Softmax;

#[cfg(all(vfpv4_sp, feature = "float"))]
super::aliases!(real Helium: AddF32 = Add, Conv2dF32 = Conv2d, DepthwiseConv2dF32 = DepthwiseConv2d, FullyConnectedF32 = FullyConnected, MulF32 = Mul, SubF32 = Sub);
