//! Reads handwritten digits in a thread of Ariel OS, helped by a thread on the other core, while an async task goes on.
//!
//! `laze build -b rpi-pico2 run` builds it, flashes it through probe-rs, and shows what it logs.
#![no_main]
#![no_std]
#![forbid(unsafe_code)]

use core::time::Duration;

use ariel_ml_rs::{Error, clock};
use ariel_os::log::{error, info};
use ariel_os::thread::{CoreAffinity, CoreId};
use ariel_os::time::{Instant, Timer};

// `mod digits`, which build.rs compiled from digits.tflite for the cores of the board.
ariel_ml_rs::include_models!();

// A thread on core 1, which helps whatever model is at work, and sleeps else.
ariel_ml_rs::ariel_os_pool!(static POOL: cores [1], stacksize = 4096, priority = 1);

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// Stands for all else that a firmware does: tasks, and threads of higher priority, go on while the network thinks.
#[ariel_os::task(autostart)]
async fn heartbeat() {
    loop {
        Timer::after_millis(1000).await;
        info!("alive for {} s", Instant::now().as_secs());
    }
}

#[ariel_os::thread(autostart, stacksize = 8192, priority = 1, affinity = CoreAffinity::one(CoreId::new(0)))]
fn classify() {
    // An answer that takes longer than 50 ms is of no use, and not waited for.
    let model = ariel_ml_rs::wire!(digits, pool = POOL).expect("wired once");
    let mut model = model.within::<clock::Embassy>(Duration::from_millis(50));
    loop {
        let (mut right, mut missed) = (0, 0);
        let start = Instant::now();
        for [pixels @ .., label] in IMAGES {
            let input = digits::Input::from_scaled(pixels, 1.0 / 16.0);
            match model.infer(&input) {
                Ok(scores) => right += u32::from(scores.argmax() == usize::from(*label)),
                Err(Error::DeadlineMissed) => missed += 1,
                Err(_) => error!("no answer"),
            }
        }
        let each = start.elapsed().as_micros() / IMAGES.len() as u64;
        info!("{} of {} right, {} too late; {} us each", right, IMAGES.len(), missed, each);
        ariel_os::thread::sleep(ariel_os::time::Duration::from_secs(5));
    }
}
