//! Helps the program of core 0: that of core 1, with its own vectors, its own flash and the kernels of its own core.
#![no_std]
#![no_main]

#[path = "../../sse200.rs"]
mod sse200;

use cortex_m_rt::entry;
use semihosting::{eprintln, process};

// `mod digits`, which build.rs compiled from digits.tflite for core 1 of the board.
ariel_ml_rs::include_models!();

ariel_ml_rs::images! {
    /// What both images have: the same words stand in the other.
    struct Models { digits: digits }
    helpers 1, park &sse200::PARK
}

#[entry]
fn main() -> ! {
    // SAFETY: this is the image of helper 1, and has no DMA.
    let refused = unsafe { Models::help(1) };
    // Here a program may go on without helping. This one has nothing else to do.
    eprintln!("core 1 does not help: {refused}");
    process::exit(1)
}
