//! Reads a touch pad.
#![no_std]
#![no_main]
#![deny(clippy::mem_forget)]

mod pad;

use esp_backtrace as _;
use esp_hal::{delay::Delay, main};
use esp_println::println;

esp_bootloader_esp_idf::esp_app_desc!();

#[main]
fn main() -> ! {
    let _chip = esp_hal::init(esp_hal::Config::default());
    loop {
        for strokes in 0.. {
            let Some(pixels) = pad::read(strokes) else { break };
            println!("a stroke of {} pixels", pixels.iter().filter(|ink| **ink > 0.0).count());
        }
        Delay::new().delay_millis(500);
    }
}
