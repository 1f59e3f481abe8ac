//! Layers with a memory: LSTM and its kin over sequences, and SVDF.

pub mod float;
mod functions;
pub mod lstm;
pub mod sequences;
pub mod svdf;

pub use float::{GruF32, LstmF32, RnnF32};
pub use lstm::{Cell, Lstm, Lstm8, Lstm16, Product};
pub use sequences::{Activation, Kind, Sequences};
pub use svdf::{Memories, Svdf8, Svdf8In16, SvdfF32, SvdfQuantized};
