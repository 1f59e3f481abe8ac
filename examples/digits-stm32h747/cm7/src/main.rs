//! Reads handwritten digits with both cores of an STM32H747: the program of the M7, which leads.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "registers are below what Rust knows")]
#[path = "../../stm32h747.rs"]
mod stm32h747;

use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m_rt::entry;
use panic_halt as _;
use stm32h747::{CM7, Lock, PARK, open, start};

critical_section::set_impl!(Lock<CM7>);

// `mod digits`, which build.rs compiled from digits.tflite for the M7 of the board.
ariel_ml_rs::include_models!();

ariel_ml_rs::images! {
    /// What both images have: the same words stand in the other.
    struct Models { digits: digits }
    helpers 1, park &PARK
}

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// How many are read right: for a debugger, as the board has nothing else to show it with.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "a name that a debugger finds")]
static RIGHT: AtomicU32 = AtomicU32::new(0);

#[entry]
fn main() -> ! {
    open::<CM7>();
    let Models { mut digits } = Models::lead(start).expect("called once, and there is room");
    for [pixels @ .., label] in IMAGES {
        *digits.input_mut() = digits::Input::from_scaled(pixels, 1.0 / 16.0);
        // An error: the M4 was reset in the middle of it.
        let digit = digits.run().map(|scores| scores.argmax());
        RIGHT.fetch_add(u32::from(digit == Ok(usize::from(*label))), Ordering::Relaxed);
    }
    loop {
        core::hint::spin_loop();
    }
}
