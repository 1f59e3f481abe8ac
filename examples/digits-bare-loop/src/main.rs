//! Reads handwritten digits in a plain loop: no executor, no heap, no interrupts.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m as _; // its critical section
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;

// `mod digits`, which build.rs compiled from digits.tflite.
ariel_ml_rs::include_models!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

#[entry]
fn main() -> ! {
    // The network's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!(digits).expect("wired once");

    let mut right = 0;
    for [pixels @ .., label] in IMAGES {
        // The input is filled where the network reads it, as a driver or a DMA would: no copy.
        *model.input_mut() = digits::Input::from_scaled(pixels, 1.0 / 16.0);
        let scores = model.run().expect("one core never fails");
        let digit = scores.argmax();
        right += u32::from(digit == usize::from(*label));
    }
    hprintln!("{} of {} right", right, IMAGES.len());

    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
