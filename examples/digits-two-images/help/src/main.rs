//! Helps the program of core 0: that of core 1, with its own vectors, its own flash and the kernels of its own core.
#![no_std]
#![no_main]

#[path = "../../sse200.rs"]
mod sse200;

#[cfg(feature = "resets")]
#[path = "../../reset.rs"]
mod reset;

use cortex_m_rt::entry;
use semihosting::{eprintln, process};

// `mod digits`, which build.rs compiled from digits.tflite for core 1 of the board.
ariel_ml_rs::include_models!();

ariel_ml_rs::images! {
    /// What both images have: the same words stand in the other.
    struct Models { digits: digits }
    helpers 1, park &PARK
}

#[cfg(not(feature = "resets"))]
use sse200::PARK;

/// How core 1 sleeps where it is reset: it is most interesting while there is work, a moment after it woke up.
#[cfg(feature = "resets")]
#[derive(Debug)]
struct Fragile;

#[cfg(feature = "resets")]
static PARK: Fragile = Fragile;

#[cfg(feature = "resets")]
impl ariel_ml_rs::sync::park::Park for Fragile {
    fn core(&self) -> u32 {
        sse200::PARK.core()
    }

    fn park(&self, spot: &ariel_ml_rs::sync::park::Spot) {
        sse200::PARK.park(spot);
        // Within 5 ms of 20 MHz.
        reset::within(100_000, 200);
    }

    fn unpark(&self, spot: &ariel_ml_rs::sync::park::Spot) {
        sse200::PARK.unpark(spot);
    }
}

#[entry]
fn main() -> ! {
    // SAFETY: this is the image of helper 1, and has no DMA.
    let refused = unsafe { Models::help(1) };
    // Here a program may go on without helping. This one has nothing else to do.
    eprintln!("core 1 does not help: {refused}");
    process::exit(1)
}
