//! Reads handwritten digits on an nRF52840 DK, while an LED blinks.
//!
//! `cargo run --release` flashes it through probe-rs and shows what it logs.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use ariel_ml_rs::{Error, clock};
use defmt::{error, info, unwrap};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_time::{Duration, Instant, Timer};
use panic_probe as _;

// `mod digits`, which build.rs compiled from digits.tflite.
ariel_ml_rs::include_models!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = embassy_nrf::init(embassy_nrf::config::Config::default());
    // LED1 of the DK is lit when its pin is low.
    let led = Output::new(board.P0_13, Level::High, OutputDrive::Standard);
    spawner.spawn(unwrap!(blink(led)));
    spawner.spawn(unwrap!(classify()));
}

/// Goes on while the network thinks.
#[embassy_executor::task]
async fn blink(mut led: Output<'static>) {
    loop {
        led.toggle();
        Timer::after(Duration::from_millis(100)).await;
    }
}

#[embassy_executor::task]
async fn classify() {
    // An answer that takes longer than 50 ms is of no use, and not waited for.
    let model = unwrap!(ariel_ml_rs::wire!(digits));
    let mut model = model.within::<clock::Embassy>(core::time::Duration::from_millis(50));
    loop {
        let (mut right, mut missed) = (0, 0);
        let start = Instant::now();
        for [pixels @ .., label] in IMAGES {
            let input = digits::Input::from_scaled(pixels, 1.0 / 16.0);
            match model.infer_async(&input).await {
                Ok(scores) => right += u32::from(scores.argmax() == usize::from(*label)),
                Err(Error::DeadlineMissed) => missed += 1,
                Err(error) => error!("{}", error),
            }
        }
        let each = start.elapsed().as_micros() / IMAGES.len() as u64;
        info!("{} of {} right, {} too late; {} us each", right, IMAGES.len(), missed, each);
        Timer::after(Duration::from_secs(5)).await;
    }
}
