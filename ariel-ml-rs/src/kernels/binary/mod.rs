//! Elementwise operators of two operands, with full broadcasting: `output = clamp(f(left, right))`.
//!
//! An operand may be a region of the arena or a constant in flash. [`float`] computes in float32 and int32, [`int8`] in the
//! integers of TFLite's and onnxruntime's quantised operators, [`dequantized`] does what no integer formula does exactly.

mod dequantized;
mod float;
mod int8;

pub use super::broadcast::Broadcast;
pub use dequantized::*;
pub use float::*;
pub use int8::*;
