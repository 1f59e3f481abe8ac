//! Reads handwritten digits with two unequal cores in plain loops: no executor, no heap, no interrupt handlers.
//!
//! `cargo run --release` builds it and runs it on QEMU's two Cortex-M33, of which one has no DSP instructions.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "how the second core starts and is woken is below what Rust knows")]
mod sse200;

use cortex_m_rt::entry;
use semihosting::{println, process};

// `mod digits`, which build.rs compiled from digits.tflite for the cores of the board.
ariel_ml_rs::include_models!();

// Core 1, which the first `wire!` starts, and how cores sleep while there is nothing to do.
ariel_ml_rs::pool!(static POOL: 1 helpers, park = &sse200::PARK, start = sse200::start);

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

#[entry]
fn main() -> ! {
    let mut model = ariel_ml_rs::wire!(digits, pool = POOL).expect("wired once");

    let mut right = 0;
    for [pixels @ .., label] in IMAGES {
        *model.input_mut() = digits::Input::from_scaled(pixels, 1.0 / 16.0);
        // Returns when all tiles are done, by whichever core.
        let scores = model.run().expect("no budget to exceed");
        let digit = scores.argmax();
        right += u32::from(digit == usize::from(*label));
    }
    println!("{right} of {} right", IMAGES.len());
    for core in 0..2 {
        let did = POOL.stats(core);
        println!(
            "core {core}: {} tiles and gates, {} of them stolen, slept {} times",
            did.units, did.steals, did.sleeps
        );
    }
    process::exit(0)
}
