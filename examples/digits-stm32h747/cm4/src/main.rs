//! Helps the M7: the program of the M4, with the kernels of its own core.
#![no_std]
#![no_main]

#[path = "../../stm32h747.rs"]
mod stm32h747;

use cortex_m_rt::entry;
use panic_halt as _;
use stm32h747::{CM4, Lock, PARK, open};

critical_section::set_impl!(Lock<CM4>);

// `mod digits`, which build.rs compiled from digits.tflite for the M4 of the board.
ariel_ml_rs::include_models!();

ariel_ml_rs::images! {
    /// What both images have: the same words stand in the other.
    struct Models { digits: digits }
    helpers 1, park &PARK
}

#[entry]
fn main() -> ! {
    open::<CM4>();
    // SAFETY: this is the image of helper 1, and has no DMA.
    let refused = unsafe { Models::help(1) };
    panic!("{refused}")
}
