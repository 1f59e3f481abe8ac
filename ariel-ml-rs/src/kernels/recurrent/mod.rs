//! Layers with a memory: LSTM and its kin over sequences, and SVDF.

pub mod lstm;
mod sigmoid16;
pub mod svdf;

pub use lstm::{Cell, Lstm8, Lstm16, Product};
pub use svdf::{Memories, Svdf8, Svdf8In16, SvdfF32};
