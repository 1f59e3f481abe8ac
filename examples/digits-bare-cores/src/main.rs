//! Reads handwritten digits with four cores in plain loops: no executor, no heap, no interrupt handlers.
//!
//! `cargo run --release` builds it and runs it on four of QEMU's RISC-V harts.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "how harts start and are woken is below what Rust knows")]
mod harts;

use riscv_rt::entry;
use semihosting::{println, process};

// `mod digits`, which build.rs compiled from digits.tflite for the cores of the board.
ariel_ml_rs::include_models!();

// The cores beside the first, and how they sleep while there is nothing to do.
ariel_ml_rs::pool!(static POOL: 3 helpers, park = &harts::PARK);

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

#[entry]
fn main(hart: usize) -> ! {
    if hart > 0 {
        // For ever; the core sleeps between inferences.
        POOL.seat(hart).expect("each hart takes its own seat").work();
    }
    let mut model = ariel_ml_rs::wire!(digits, pool = POOL).expect("wired once");
    harts::release(3);

    let mut right = 0;
    for [pixels @ .., label] in IMAGES {
        *model.input_mut() = digits::Input::from_scaled(pixels, 1.0 / 16.0);
        // Returns when all tiles are done, by whichever core.
        let scores = model.run().expect("no budget to exceed");
        let digit = scores.argmax();
        right += u32::from(digit == usize::from(*label));
    }
    println!("{right} of {} right", IMAGES.len());
    for hart in 0..4 {
        let did = POOL.stats(hart);
        println!(
            "hart {hart}: {} tiles and gates, {} of them stolen, slept {} times",
            did.units, did.steals, did.sleeps
        );
    }
    process::exit(0)
}
