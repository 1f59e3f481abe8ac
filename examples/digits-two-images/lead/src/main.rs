//! Reads handwritten digits with two cores, each with a program of its own: that of core 0, which leads.
//!
//! `cargo run --release` here runs both images on QEMU's two Cortex-M33, once that of core 1 is built: see the README.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "how the second core starts and is woken is below what Rust knows")]
#[path = "../../sse200.rs"]
mod sse200;

use cortex_m_rt::entry;
use semihosting::{println, process};

// `mod digits`, which build.rs compiled from digits.tflite for core 0 of the board.
ariel_ml_rs::include_models!();

ariel_ml_rs::images! {
    /// What both images have: the same words stand in the other.
    struct Models { digits: digits }
    helpers 1, park &sse200::PARK
}

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

#[entry]
fn main() -> ! {
    let Models { mut digits } = Models::lead(sse200::start).expect("called once");

    let mut right = 0;
    for [pixels @ .., label] in IMAGES {
        *digits.input_mut() = digits::Input::from_scaled(pixels, 1.0 / 16.0);
        // Returns when all tiles are done, by whichever core.
        let scores = digits.run().expect("nobody is reset here");
        let digit = scores.argmax();
        right += u32::from(digit == usize::from(*label));
    }
    println!("{right} of {} right", IMAGES.len());
    for core in 0..2 {
        let did = Models::stats(core);
        println!(
            "core {core}: {} tiles and gates, {} of them stolen, slept {} times",
            did.units, did.steals, did.sleeps
        );
    }
    process::exit(0)
}
