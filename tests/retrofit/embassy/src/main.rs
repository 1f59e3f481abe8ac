//! Reads a touch pad in one task and tells of it in another.
#![no_std]
#![no_main]

mod pad;

use cortex_m as _;
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::Spawner;
use embassy_sync::{blocking_mutex::raw::ThreadModeRawMutex, channel::Channel};
use panic_semihosting as _;

static STROKES: Channel<ThreadModeRawMutex, Option<[f32; 64]>, 1> = Channel::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    spawner.spawn(read().unwrap());
    while let Some(pixels) = STROKES.receive().await {
        hprintln!("a stroke of {} pixels", pixels.iter().filter(|ink| **ink > 0.0).count());
    }
    debug::exit(debug::EXIT_SUCCESS);
}

#[embassy_executor::task]
async fn read() {
    for strokes in 0.. {
        STROKES.send(pad::read(strokes)).await;
    }
}
