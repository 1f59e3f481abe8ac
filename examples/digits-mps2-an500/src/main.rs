//! Reads handwritten digits in one Embassy task, while another task keeps the beat.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m as _; // its critical section
use cortex_m_semihosting::{debug, hprint, hprintln};
use embassy_executor::Spawner;
use panic_semihosting as _;

// `mod digits`, which build.rs compiled from models/digits.tflite.
ariel_ml_rs::include_models!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../models/digits-test.bin").as_chunks().0;

/// How often the heartbeat has come round.
static BEATS: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    spawner.spawn(heartbeat().expect("spawned once"));
    spawner.spawn(classify().expect("spawned once"));
}

/// Stands for all else that a firmware does, and must go on while the network thinks.
#[embassy_executor::task]
async fn heartbeat() {
    loop {
        BEATS.fetch_add(1, Ordering::Relaxed);
        embassy_futures::yield_now().await;
    }
}

#[embassy_executor::task]
async fn classify() {
    // The network's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!(digits).expect("wired once");

    // `infer_async` lets the other tasks run between the tiles of each layer.
    let mut right = 0;
    let mut fewest_beats = u32::MAX;
    for row in IMAGES.chunks(60) {
        hprint!("read ");
        for [pixels @ .., label] in row {
            let input = to_input(pixels);
            let beats = BEATS.load(Ordering::Relaxed);
            let scores = model.infer_async(&input).await.expect("one core never fails");
            fewest_beats = fewest_beats.min(BEATS.load(Ordering::Relaxed) - beats);
            let digit = scores.argmax();
            right += u32::from(digit == usize::from(*label));
            hprint!("{}", digit);
        }
        hprint!("\ntrue ");
        for [.., label] in row {
            hprint!("{}", label);
        }
        hprintln!();
    }
    hprintln!("{} of {} right; at least {} heartbeats during each inference", right, IMAGES.len(), fewest_beats);

    // `infer` is for firmware that has nothing else to do: it returns when the answer is there.
    let beats = BEATS.load(Ordering::Relaxed);
    let right = IMAGES
        .iter()
        .filter(|[pixels @ .., label]| {
            model.infer(&to_input(pixels)).is_ok_and(|scores| scores.argmax() == usize::from(*label))
        })
        .count();
    let beats = BEATS.load(Ordering::Relaxed) - beats;
    hprintln!("{} of {} right without yielding; {} heartbeats", right, IMAGES.len(), beats);

    debug::exit(debug::EXIT_SUCCESS);
}

/// The pixels as the network takes them: ink from 0 to 1, quantised.
fn to_input(pixels: &[u8; 64]) -> digits::Input {
    digits::Input::from_scaled(pixels, 1.0 / 16.0)
}
