//! TFLite-Micro's operators on signals, bit for bit as its reference code computes them: from samples to the features that a
//! network reads, and back.

mod bands;
mod fft;
mod frames;
mod kiss;
mod level;
mod noise;
mod overlap;
mod root;

pub use bands::{FilterBank, Log, SignedFilterBank, SquareRoot};
pub use fft::{IrfftF32, IrfftInt16, IrfftInt32, RfftF32, RfftInt16, RfftInt32};
pub use frames::{Framer, Stacker};
pub use level::{AutoScale, Energy, Window};
pub use noise::{Pcan, SpectralSubtraction};
pub use overlap::{OverlapAddF32, OverlapAddInt16};
