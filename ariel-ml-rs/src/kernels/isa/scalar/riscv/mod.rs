//! Loops for RISC-V with M, in naked functions: LLVM cannot keep what they need in registers.

mod plane;
mod triples;

pub(super) use plane::plane;
pub(super) use triples::{store6, sum4, sum6};
