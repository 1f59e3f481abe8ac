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

use features::{BANDS, FRAME, Features, HOP};
use keywords::Class;

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
            // Quantised where the network reads it; the microphone's task runs between the tiles of each layer.
            model.input_mut().fill_from(heard.as_flattened()).expect("a second is what the network takes");
            let scores = model.run_async().await.expect("one core never fails");
            if let Some(word) = ears.hear(scores) {
                // The last frame ends 12 ms behind its hop.
                let time = (frames - 1) * HOP + FRAME;
                hprintln!("{}.{:02} s: {}", time / 8000, time % 8000 / 80, word);
            }
        }
    }
    hprintln!("{} words in {} answers", ears.words, ears.answers);
    debug::exit(debug::EXIT_SUCCESS);
}

/// Makes one word of the many answers that the network gives while it is in the window.
#[derive(Default)]
struct Ears {
    /// The last answers, the newest at the end: the probability of each class.
    last: [[f32; keywords::Output::LEN]; 3],
    /// The word that was told and is still in the window.
    told: Option<Class>,
    answers: u32,
    words: u32,
}

impl Ears {
    /// Returns a keyword, once, when the last answers are sure of it in the mean.
    fn hear(&mut self, scores: &keywords::Output) -> Option<Class> {
        self.answers += 1;
        self.last.rotate_left(1);
        self.last[2] = scores.to_f32();
        let mean = |class: Class| self.last.iter().map(|scores| scores[class as usize]).sum::<f32>() / 3.0;

        if self.told.is_some_and(|class| mean(class) < 0.3) {
            self.told = None;
        }
        let words = [Class::Yes, Class::No, Class::Left, Class::Right];
        let word = words.into_iter().find(|&class| mean(class) > 0.6 && self.told != Some(class))?;
        self.told = Some(word);
        self.words += 1;
        Some(word)
    }
}
