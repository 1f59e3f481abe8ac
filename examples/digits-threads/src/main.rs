//! Reads handwritten digits on a computer with four threads: the same model and the same pool as in firmware.
//!
//! `cargo run`
#![forbid(unsafe_code)]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ariel_ml_rs::pool::Priority;
use ariel_ml_rs::{Error, clock};

// `mod digits`, which build.rs compiled from digits.tflite.
ariel_ml_rs::include_models!();

// Three threads beside the one that runs an inference: the first `wire!` with this pool starts them.
ariel_ml_rs::pool!(static POOL: 3 threads);

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

fn main() -> Result<(), Error> {
    let mut model = ariel_ml_rs::wire!(digits, pool = POOL)?;
    let right = count(|input| model.infer(input).map(digits::Output::argmax));
    println!("{right} of {} right", IMAGES.len());
    for worker in 0..4 {
        let did = POOL.stats(worker);
        println!("worker {worker}: {} tiles and gates, {} of them stolen", did.units, did.steals);
    }

    // A second instance, more urgent than the first, in a thread of its own: the workers leave the first between two tiles.
    let mut urgent = ariel_ml_rs::wire!(digits, pool = POOL)?.with_priority(Priority::High);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(count(|input| urgent.infer(input).map(digits::Output::argmax))));
    let right = count(|input| model.infer(input).map(digits::Output::argmax));
    println!("{right} right beside {} of a more urgent model", receiver.recv().expect("it counts to the end"));

    // A time budget that nothing can meet: the answer is an error, and the model is as good as before.
    let mut model = model.within::<clock::Std>(Duration::ZERO);
    let input = to_input(&[0; 64]);
    println!("without time: {:?}", model.infer(&input).map(digits::Output::argmax));
    let mut model = model.within::<clock::Std>(Duration::from_secs(60));
    println!("with a minute: {} right", count(|input| model.infer(input).map(digits::Output::argmax)));
    Ok(())
}

/// How many images `infer` reads right.
fn count(mut infer: impl FnMut(&digits::Input) -> Result<usize, Error>) -> usize {
    IMAGES
        .iter()
        .filter(|[pixels @ .., label]| {
            let pixels: &[u8; 64] = pixels.try_into().expect("65 bytes less one");
            infer(&to_input(pixels)) == Ok(usize::from(*label))
        })
        .count()
}

/// The pixels as the network takes them: ink from 0 to 1, quantised.
fn to_input(pixels: &[u8; 64]) -> digits::Input {
    digits::Input::from_scaled(pixels, 1.0 / 16.0)
}
