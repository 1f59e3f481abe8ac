//! Tells which sign a camera sees, on an STM32H743 with the network's weights in the serial flash beside it.
//!
//! `cargo run --release` flashes it through probe-rs and shows what it prints.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod flash;

use ariel_ml_rs::{Error, clock};
use defmt::{error, info};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_stm32::qspi::Qspi;
use embassy_time::{Duration, Instant, Timer};
use panic_probe as _;

// `mod shapes`, which build.rs compiled from shapes.onnx.
ariel_ml_rs::include_models!();

/// Pictures that the network was not trained on, as a camera gives them: grey, a byte for each pixel, rows from the top.
static PICTURES: &[[u8; shapes::Input::LEN]] = include_bytes!("../../shapes-mps2-an500/models/test.bin").as_chunks().0;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let chip = embassy_stm32::init(embassy_stm32::Config::default());
    // The pins of the MiniSTM32H7 board. Weights can be read once the flash is mapped.
    let mut external = Qspi::new_blocking_bank1(
        chip.QUADSPI,
        chip.PD11,
        chip.PD12,
        chip.PE2,
        chip.PD13,
        chip.PB2,
        chip.PB6,
        flash::config(),
    );
    flash::memory_mapped(&mut external);

    // The instruction cache serves the code, the data cache the weights; not before, since caches read ahead.
    let mut core = cortex_m::Peripherals::take().expect("taken once");
    core.SCB.enable_icache();
    core.SCB.enable_dcache(&mut core.CPUID);

    // An answer that takes longer than 100 ms is of no use, and not waited for.
    let model = ariel_ml_rs::wire!(shapes).expect("wired once");
    let mut model = model.within::<clock::Embassy>(core::time::Duration::from_millis(100));
    loop {
        for picture in PICTURES {
            // The network takes pixels as they are, where it reads them. A DMA of the camera's (DCMI) writes past the
            // cache: let it fill a buffer that the cache leaves alone, and copy that, as this line does.
            model.input_mut().copy_from_slice(picture);
            let start = Instant::now();
            match model.run_async().await {
                Ok(scores) => {
                    let (shape, probability) = scores.top();
                    info!("{} ({} %), {} us", shape, 100.0 * probability, start.elapsed().as_micros());
                }
                Err(Error::DeadlineMissed) => error!("too late"),
                Err(other) => error!("{}", other),
            }
        }
        Timer::after(Duration::from_secs(5)).await;
    }
}
