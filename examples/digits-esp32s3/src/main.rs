//! Reads handwritten digits with the two cores of an ESP32-S3, an Embassy executor on each.
//!
//! `cargo run --release` flashes it through espflash and shows what it prints.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use ariel_ml_rs::pool::Seat;
use ariel_ml_rs::sync::park::Spin;
use ariel_ml_rs::{Error, clock};
use embassy_executor::Spawner;
use embassy_time::{Duration, Instant, Timer};
use esp_backtrace as _;
use esp_hal::system::Stack;
use esp_hal::timer::timg::TimerGroup;
use esp_println::println;
use esp_rtos::embassy::Executor;
use static_cell::{ConstStaticCell, StaticCell};

// `mod digits`, which build.rs compiled from digits.tflite for the cores of the board.
ariel_ml_rs::include_models!();

// The second core is a helper. All who wait are tasks, whose executors put the cores to sleep.
ariel_ml_rs::pool!(static POOL: 1 helpers, park = &Spin);

// What the boot loader wants to know of an application.
esp_bootloader_esp_idf::esp_app_desc!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

#[esp_rtos::main]
async fn main(_spawner: Spawner) {
    static STACK: ConstStaticCell<Stack<8192>> = ConstStaticCell::new(Stack::new());
    let chip = esp_hal::init(esp_hal::Config::default());
    esp_rtos::start(TimerGroup::new(chip.TIMG0).timer0, chip.FROM_CPU_INTR0);
    esp_rtos::start_second_core(chip.CPU_CTRL, chip.FROM_CPU_INTR1, STACK.take(), second_core);

    // An answer that takes longer than 50 ms is of no use, and not waited for.
    let model = ariel_ml_rs::wire!(digits, pool = POOL).expect("wired once");
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

/// All that the second core does.
fn second_core() {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    EXECUTOR.init(Executor::new()).run(|spawner| {
        let seat = POOL.seat(1).expect("nobody else takes it");
        spawner.spawn(help(seat).expect("spawned once"));
        spawner.spawn(heartbeat().expect("spawned once"));
    });
}

/// Runs tiles of whatever model is at work, and yields to the core's other tasks between them.
#[embassy_executor::task]
async fn help(seat: Seat) {
    seat.assist().await;
}

/// Goes on while the network thinks.
#[embassy_executor::task]
async fn heartbeat() {
    loop {
        Timer::after(Duration::from_secs(1)).await;
        println!("alive for {} s", Instant::now().as_secs());
    }
}
