//! Hears keywords in what a microphone gives: one model takes its samples and tells the word.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m as _; // its critical section
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::Spawner;
use embassy_sync::{blocking_mutex::raw::ThreadModeRawMutex, channel::Channel};
use panic_semihosting as _;

use spotter::Class;

// `mod spotter`, which build.rs compiled from models/spotter.tflite.
ariel_ml_rs::include_models!();

/// What the microphone hears: 8,000 samples a second, i16. The voices in it are none of those of the training.
static SOUND: &[[u8; 2]] = include_bytes!("../models/test.raw").as_chunks().0;

/// Samples that a DMA hands over at once, which is what the model takes: 20 ms of sound.
const HOP: usize = spotter::Input::LEN;
static MICROPHONE: Channel<ThreadModeRawMutex, [i16; HOP], 2> = Channel::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    spawner.spawn(microphone().expect("spawned once"));
    spawner.spawn(listen().expect("spawned once"));
}

/// Stands for the interrupt of a microphone's DMA (SAI, I2S, PDM): one buffer is full, the other is being filled.
#[embassy_executor::task]
async fn microphone() {
    for hop in SOUND.as_chunks::<HOP>().0 {
        MICROPHONE.send(hop.map(i16::from_le_bytes)).await;
    }
}

#[embassy_executor::task]
async fn listen() {
    // The model's memory is static, and holds what it remembers of the last second; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!(spotter).expect("wired once");
    let mut ears = Ears::default();
    let mut digest = Digest::default();
    let (mut runs, mut words) = (0, 0);

    for _ in 0..SOUND.len() / HOP {
        // The samples as they are; frames, bands and network are the model's. The microphone's task runs between the
        // tiles of each layer.
        model.input_mut().0 = MICROPHONE.receive().await;
        let scores = model.run_async().await.expect("one core never fails");
        runs += 1;
        digest.add(scores);
        if let Some(word) = ears.hear(scores) {
            words += 1;
            let time = runs * HOP;
            hprintln!("{}.{:02} s: {}", time / 8000, time % 8000 / 80, word);
        }
    }
    hprintln!("{} words in {} runs, whose scores have the digest {:08x}", words, runs, digest.0);
    debug::exit(debug::EXIT_SUCCESS);
}

/// Tells each word once, though it stays in the model's memory for a second.
#[derive(Default)]
struct Ears {
    told: Option<Class>,
}

impl Ears {
    /// Returns a keyword of which the model is sure, unless it was told and is still heard.
    fn hear(&mut self, scores: &spotter::Output) -> Option<Class> {
        let scores = scores.to_f32();
        if self.told.is_some_and(|class| scores[class as usize] < 0.3) {
            self.told = None;
        }
        let words = [Class::Yes, Class::No, Class::Left, Class::Right];
        let word = words.into_iter().find(|&class| scores[class as usize] > 0.7 && self.told != Some(class))?;
        self.told = Some(word);
        Some(word)
    }
}

/// FNV-1a over all scores of all runs: what a test compares with TFLite-Micro's. A firmware of yours needs none.
struct Digest(u32);

impl Default for Digest {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Digest {
    fn add(&mut self, scores: &spotter::Output) {
        for score in scores.0 {
            self.0 = (self.0 ^ u32::from(score.cast_unsigned())).wrapping_mul(0x0100_0193);
        }
    }
}
