//! TFLite-Micro's operators on signals, bit for bit as its reference code computes them: from samples to the features that a
//! network reads, and back.

pub mod bands;
pub mod fft;
pub mod frames;
pub mod kiss;
pub mod level;
pub mod noise;
pub mod overlap;
mod root;
