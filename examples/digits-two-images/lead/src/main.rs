//! Reads handwritten digits with two cores, each with a program of its own: that of core 0, which leads.
//!
//! `cargo run --release` here runs both images on QEMU's two Cortex-M33, once that of core 1 is built: see the README.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "how the second core starts and is woken is below what Rust knows")]
#[path = "../../sse200.rs"]
mod sse200;

#[cfg(feature = "resets")]
#[expect(unsafe_code, reason = "a reset is below what Rust knows")]
#[path = "../../reset.rs"]
mod reset;

use cortex_m_rt::entry;
use semihosting::{println, process};

// `mod digits`, which build.rs compiled from digits.tflite for core 0 of the board.
ariel_ml_rs::include_models!();

ariel_ml_rs::images! {
    /// What both images have: the same words stand in the other.
    struct Models { digits: digits }
    helpers 1, park &sse200::PARK
}

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// FNV-1a of what the network answered, from image to image (RFC 9923).
fn fold(sum: u32, scores: &digits::Output) -> u32 {
    scores.0.iter().fold(sum, |sum, &score| (sum ^ u32::from(score.cast_unsigned())).wrapping_mul(0x0100_0193))
}

/// So often this core is reset at most, and so long after it began: 100 ms of its 20 MHz.
#[cfg(feature = "resets")]
const RESETS: u32 = 60;
#[cfg(feature = "resets")]
const MOST_TICKS: u32 = 2_000_000;

#[entry]
fn main() -> ! {
    let Models { mut digits } = Models::lead(sse200::start).expect("called once, and there is room");

    let Progress { mut image, mut right, mut lost, mut sum } = Progress::resume();
    while let Some([pixels @ .., label]) = IMAGES.get(image) {
        *digits.input_mut() = digits::Input::from_scaled(pixels, 1.0 / 16.0);
        // Returns when all tiles are done, by whichever core.
        match digits.run() {
            Ok(scores) => {
                right += u32::from(scores.argmax() == usize::from(*label));
                sum = fold(sum, scores);
                image += 1;
            }
            // Core 1 was reset with a tile in hand, and is back by now. The input is consumed: the same image again.
            Err(ariel_ml_rs::Error::HelperLost) => lost += 1,
            Err(error) => panic!("{error}"),
        }
        Progress { image, right, lost, sum }.keep();
    }
    println!("{right} of {} right, answers {sum:08x}", IMAGES.len());
    for core in 0..2 {
        let did = Models::stats(core);
        println!(
            "core {core}: {} tiles and gates, {} of them stolen, slept {} times",
            did.units, did.steals, did.sleeps
        );
    }
    #[cfg(feature = "resets")]
    println!("core 0 was reset {} times; {lost} inferences were given up", reset::resets());
    process::exit(0)
}

/// How far the program is.
struct Progress {
    image: usize,
    right: u32,
    lost: u32,
    sum: u32,
}

impl Progress {
    /// From the beginning.
    #[cfg(not(feature = "resets"))]
    const fn resume() -> Self {
        Self { image: 0, right: 0, lost: 0, sum: 0x811c_9dc5 }
    }

    /// Nothing to keep.
    #[cfg(not(feature = "resets"))]
    #[expect(clippy::unused_self, reason = "as with resets")]
    const fn keep(self) {}

    /// From where the life before the reset was.
    #[cfg(feature = "resets")]
    fn resume() -> Self {
        use core::sync::atomic::Ordering::Relaxed;
        let [image, right, lost, sum] = reset::kept().counts.each_ref().map(|count| count.load(Relaxed));
        reset::within(MOST_TICKS, RESETS);
        Self { image: image as usize, right, lost, sum: if image == 0 { 0x811c_9dc5 } else { sum } }
    }

    /// In memory that a reset leaves alone, before the next image; a reset comes before or behind.
    #[cfg(feature = "resets")]
    fn keep(self) {
        use core::sync::atomic::Ordering::Relaxed;
        reset::held_off(|| {
            let words = [self.image as u32, self.right, self.lost, self.sum];
            for (place, word) in reset::kept().counts.iter().zip(words) {
                place.store(word, Relaxed);
            }
        });
    }
}
