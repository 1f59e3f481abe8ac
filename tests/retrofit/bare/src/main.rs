//! Reads a touch pad in a loop.
#![no_std]
#![no_main]
#![deny(warnings)]

use cortex_m as _;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_halt as _;

mod pad;

#[entry]
fn main() -> ! {
    let mut strokes = 0;
    while let Some(pixels) = pad::read(strokes) {
        strokes += 1;
        hprintln!("stroke {} of {} pixels", strokes, pixels.iter().filter(|ink| **ink > 0.0).count());
    }
    debug::exit(debug::EXIT_SUCCESS);
    loop {}
}
