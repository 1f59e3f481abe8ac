//! Helium's vectors of float32: VFMA adds to four sums the products of a vector of weights and one input, or of two vectors.
//!
//! A VFMA keeps its unit busy for two cycles, and what it adds to has to be there: sums of four pixels, or four sums of one, take
//! turns, and loads lie between. Vectors are loaded as words: a float32 is aligned to 4, which is all that a core asks for. Results that are NaN have no sign, and what is below `2^-126`
//! is 0: vectors know no other mode.

pub(in crate::kernels::isa) mod clamp;
pub(in crate::kernels::isa) mod elementwise;
pub(in crate::kernels::isa) mod gemm;
pub(in crate::kernels::isa) mod taps;
