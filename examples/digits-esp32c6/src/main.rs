//! Reads handwritten digits on an ESP32-C6, while another task goes on.
//!
//! `cargo run --release` flashes it through espflash and shows what it prints.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use ariel_ml_rs::{Error, clock};
use embassy_executor::Spawner;
use embassy_time::{Duration, Instant, Timer};
use esp_backtrace as _;
use esp_hal::timer::timg::TimerGroup;
use esp_println::println;

// `mod digits`, which build.rs compiled from digits.tflite.
ariel_ml_rs::include_models!();

// What the boot loader wants to know of an application.
esp_bootloader_esp_idf::esp_app_desc!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let chip = esp_hal::init(esp_hal::Config::default());
    esp_rtos::start(TimerGroup::new(chip.TIMG0).timer0, chip.FROM_CPU_INTR0);
    spawner.spawn(heartbeat().expect("spawned once"));

    // An answer that takes longer than 50 ms is of no use, and not waited for.
    let model = ariel_ml_rs::wire!(digits).expect("wired once");
    let mut model = model.within::<clock::Embassy>(core::time::Duration::from_millis(50));
    loop {
        let (mut right, mut missed) = (0, 0);
        let start = Instant::now();
        for [pixels @ .., label] in IMAGES {
            let input = digits::Input::from_scaled(pixels, 1.0 / 16.0);
            match model.infer_async(&input).await {
                Ok(scores) => right += u32::from(scores.argmax() == usize::from(*label)),
                Err(Error::DeadlineMissed) => missed += 1,
                Err(error) => println!("{error}"),
            }
        }
        let each = start.elapsed().as_micros() / IMAGES.len() as u64;
        println!("{right} of {} right, {missed} too late; {each} us each", IMAGES.len());
        Timer::after(Duration::from_secs(5)).await;
    }
}

/// Goes on while the network thinks.
#[embassy_executor::task]
async fn heartbeat() {
    loop {
        Timer::after(Duration::from_secs(1)).await;
        println!("alive for {} s", Instant::now().as_secs());
    }
}
