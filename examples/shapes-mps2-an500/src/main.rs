//! Tells which sign a camera sees, with the network's weights in external memory.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use cortex_m as _; // its critical section
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::Spawner;
use panic_semihosting as _;

// `mod shapes`, which build.rs compiled from models/shapes.onnx.
ariel_ml_rs::include_models!();

/// Pictures that the network was not trained on, as a camera gives them: grey, a byte for each pixel, rows from the top.
static PICTURES: &[[u8; shapes::Input::LEN]] = include_bytes!("../models/test.bin").as_chunks().0;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    // The network's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!(shapes).expect("wired once");
    for (number, picture) in PICTURES.iter().enumerate() {
        // The network takes pixels as they are, where it reads them: a camera's DMA would write here.
        model.input_mut().copy_from_slice(picture);
        let (shape, probability) = model.run_async().await.expect("one core never fails").top();
        hprintln!("{}: {} ({:.0} %)", number, shape, 100.0 * probability);
    }
    debug::exit(debug::EXIT_SUCCESS);
}
