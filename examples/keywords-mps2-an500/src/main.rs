//! Hears keywords in what a microphone gives, in one Embassy task, while another stands for the microphone's DMA.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod features;

use cortex_m as _; // its critical section
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::Spawner;
use embassy_sync::{blocking_mutex::raw::ThreadModeRawMutex, channel::Channel};
use panic_semihosting as _;

use features::{BANDS, Features, HOP};

// `mod keywords`, which build.rs compiled from models/keywords.onnx.
ariel_ml_rs::include_models!();

/// What the microphone hears: 8,000 samples a second, i16. The voices in it are none of those of the training.
static SOUND: &[[u8; 2]] = include_bytes!("../models/test.raw").as_chunks().0;

/// Samples that a DMA hands over at once: 16 ms of sound.
const CHUNK: usize = 128;
static MICROPHONE: Channel<ThreadModeRawMutex, [i16; CHUNK], 2> = Channel::new();

/// Frames that the network hears at once: a second of sound.
const FRAMES: usize = keywords::Input::LEN / BANDS;
/// Frames from one question to the network to the next: 100 ms.
const FRAMES_PER_ANSWER: usize = 5;

const NAMES: [&str; 6] = ["silence", "other", "yes", "no", "left", "right"];
/// The first of NAMES that is a keyword.
const FIRST_KEYWORD: usize = 2;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    spawner.spawn(microphone().expect("spawned once"));
    spawner.spawn(listen().expect("spawned once"));
}

/// Stands for the interrupt of a microphone's DMA (SAI, I2S, PDM): one buffer is full, the other is being filled.
#[embassy_executor::task]
async fn microphone() {
    for chunk in SOUND.as_chunks::<CHUNK>().0 {
        MICROPHONE.send(chunk.map(i16::from_le_bytes)).await;
    }
}

#[embassy_executor::task]
async fn listen() {
    // The network's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!(keywords).expect("wired once");
    let mut features = Features::new();
    // The last second, the newest frame at the end.
    let mut heard = [[0.0; BANDS]; FRAMES];
    let mut frames = 0;
    let mut ears = Ears::default();

    for _ in 0..SOUND.len() / CHUNK {
        for sample in MICROPHONE.receive().await {
            let Some(frame) = features.push(sample) else { continue };
            heard.copy_within(1.., 0);
            heard[FRAMES - 1] = frame;
            frames += 1;
            // Every 100 ms, once there is a second of sound.
            if frames < FRAMES || (frames - FRAMES) % FRAMES_PER_ANSWER != 0 {
                continue;
            }
            let input = keywords::Input::from_f32(heard.as_flattened().try_into().expect("as many as the input has"));
            // Lets the microphone's task run between tiles.
            let scores = model.infer_async(&input).await.expect("one core never fails");
            if let Some(word) = ears.hear(&scores.to_f32()) {
                let time = frames * HOP;
                hprintln!("{}.{:02} s: {}", time / 8000, time % 8000 / 80, NAMES[word]);
            }
        }
    }
    hprintln!("{} answers, of them {} by two in a row", ears.answers, ears.words);
    debug::exit(debug::EXIT_SUCCESS);
}

/// Makes one word of the many answers that the network gives while it is in the window.
#[derive(Default)]
struct Ears {
    /// What the last answer was.
    before: usize,
    /// What was told last, until it is out of the window.
    told: usize,
    answers: usize,
    words: usize,
}

impl Ears {
    /// Returns a keyword when two answers in a row are sure of it, once.
    fn hear(&mut self, scores: &[f32; NAMES.len()]) -> Option<usize> {
        self.answers += 1;
        let best = (0..NAMES.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))?;
        let sure = if scores[best] > 0.8 { best } else { 0 };
        let twice = sure >= FIRST_KEYWORD && sure == self.before;
        self.before = sure;
        if twice && sure != self.told {
            self.told = sure;
            self.words += 1;
            return Some(sure);
        }
        if sure < FIRST_KEYWORD {
            self.told = 0;
        }
        None
    }
}
