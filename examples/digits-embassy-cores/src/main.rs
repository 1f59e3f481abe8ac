//! Reads handwritten digits with four cores, an Embassy executor on each: the network's tiles are shared, and every core has
//! tasks of its own, too.
//!
//! `cargo run --release` builds it and runs it on four of QEMU's RISC-V harts.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "the lock of all harts")]
mod critical;
#[expect(unsafe_code, reason = "how wakers reach the executor of another hart")]
mod executor;
#[expect(unsafe_code, reason = "how harts start and are woken is below what Rust knows")]
mod harts;

use ariel_ml_rs::pool::Seat;
use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use executor::{Executor, HARTS};
use riscv_rt::entry;
use semihosting::{println, process};
use static_cell::StaticCell;

// `mod digits`, which build.rs compiled from digits.tflite for the cores of the board.
ariel_ml_rs::include_models!();

// The cores beside the first, and how they sleep where they wait without an executor.
ariel_ml_rs::pool!(static POOL: 3 helpers, park = &harts::PARK);

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// What the first core reads, for a task on the second: the digit, and whether it is the one that was written.
static READ: Channel<CriticalSectionRawMutex, (usize, bool), 4> = Channel::new();

#[entry]
fn main(hart: usize) -> ! {
    static EXECUTORS: [StaticCell<Executor>; HARTS] = [const { StaticCell::new() }; HARTS];
    if hart == 0 {
        harts::release(HARTS - 1);
    }
    EXECUTORS[hart].init(Executor::new()).run(|spawner| spawn(hart, spawner))
}

/// The first tasks of each core.
fn spawn(hart: usize, spawner: Spawner) {
    if hart == 0 {
        spawner.spawn(classify().expect("spawned once"));
        return;
    }
    let seat = POOL.seat(hart).expect("each hart takes its own seat");
    spawner.spawn(help(seat).expect("one for each seat"));
    if hart == 1 {
        spawner.spawn(display().expect("spawned once"));
    }
}

/// Runs tiles of whatever model is at work, and yields to the core's other tasks between them.
#[embassy_executor::task(pool_size = HARTS - 1)]
async fn help(seat: Seat) {
    seat.assist().await;
}

#[embassy_executor::task]
async fn classify() {
    let mut model = ariel_ml_rs::wire!(digits, pool = POOL).expect("wired once");
    for [pixels @ .., label] in IMAGES {
        let input = digits::Input::from_scaled(pixels, 1.0 / 16.0);
        let scores = model.infer_async(&input).await.expect("no budget to exceed");
        let digit = scores.argmax();
        READ.send((digit, digit == usize::from(*label))).await;
    }
}

/// Stands for what the second core is for.
#[embassy_executor::task]
async fn display() {
    let mut right = 0;
    for _ in IMAGES {
        let (_digit, is_right) = READ.receive().await;
        right += u32::from(is_right);
    }
    println!("{right} of {} right", IMAGES.len());
    for hart in 0..HARTS {
        println!("hart {hart}: {} tiles and gates, slept {} times", POOL.stats(hart).units, executor::sleeps(hart));
    }
    process::exit(0)
}
