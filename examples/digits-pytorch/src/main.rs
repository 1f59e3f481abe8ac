//! Reads handwritten digits by a network that was trained in PyTorch: as it is, and quantised to int8 by PT2E.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m as _; // its critical section
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;

// `mod digits` and `mod digits_int8`, which build.rs compiled from the archives in `models`.
ariel_ml_rs::include_models!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// Reads all images with a model and prints each digit. The same words for both: every input takes real numbers.
macro_rules! read {
    ($model:ident) => {{
        let mut model = ariel_ml_rs::wire!($model).expect("wired once");
        let mut right = 0;
        for [pixels @ .., label] in IMAGES {
            *model.input_mut() = $model::Input::from_scaled(pixels, 1.0 / 16.0);
            let digit = model.run().expect("one core never fails").argmax();
            hprintln!("{}: {}", stringify!($model), digit);
            right += u32::from(digit == usize::from(*label));
        }
        hprintln!("{}: {} of {} right", stringify!($model), right, IMAGES.len());
    }};
}

#[entry]
fn main() -> ! {
    read!(digits);
    read!(digits_int8);
    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
