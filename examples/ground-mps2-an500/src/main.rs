//! Tells what a camera sees, row by row as its DMA gives them: there is no buffer for a picture.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7, where an instruction takes 32 ns.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod camera;

use core::fmt;

use ariel_ml_rs::Error;
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::Spawner;
use panic_semihosting as _;
use static_cell::StaticCell;

use camera::{Camera, HEIGHT, PICTURES, Row, Rows};

// `mod ground`, which build.rs compiled from models/ground.onnx.
ariel_ml_rs::include_models!();

/// What the DMA fills in turn.
static BUFFERS: StaticCell<[Row; 2]> = StaticCell::new();
static ROWS: StaticCell<Rows> = StaticCell::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let peripherals = cortex_m::Peripherals::take().expect("taken once");
    let rows = ROWS.init(Rows::new(BUFFERS.init([Row::EMPTY; 2])));
    spawner.spawn(look(camera::start(peripherals.SYST, rows)).expect("spawned once"));
}

#[embassy_executor::task]
async fn look(mut camera: Camera) {
    // The network's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!(ground).expect("wired once");
    hprintln!("{} bytes of arena for pictures of {} bytes", ground::ARENA_BYTES, ground::Input::LEN);
    let mut answers = [None; PICTURES.len()];
    for (number, answer) in answers.iter_mut().enumerate() {
        let mut times = Times::default();
        match see(&mut model, &mut camera, &mut times).await {
            Ok(scores) => {
                let (what, probability) = scores.top();
                hprintln!("{}: {} ({:.0} %), {}", number, what, 100.0 * probability, times);
                *answer = Some(scores.0);
            }
            Err(error) => hprintln!("{}: {}", number, error),
        }
    }
    hprintln!("{} rows came too early", camera::lost());

    // For comparison: the pictures in whole, as they lie in flash.
    let mut alike = 0;
    for (picture, answer) in PICTURES.iter().zip(answers) {
        let scores = model.infer(&ground::Input::from_u8(picture)).expect("one core never fails");
        alike += u32::from(answer == Some(scores.0));
    }
    hprintln!("{} of {} answers are those of `infer`", alike, PICTURES.len());
    debug::exit(debug::EXIT_SUCCESS);
}

/// Gives the network the rows of the next picture as they come, and returns its scores.
///
/// Where a row was lost the answer is `TooFewRows`: the picture is given up, and what is left of it passed over.
async fn see<'m>(
    model: &'m mut ground::Model,
    camera: &mut Camera,
    times: &mut Times,
) -> Result<&'m ground::Output, Error> {
    let mut stream = model.stream();
    while stream.rows_left() > 0 {
        let wanted = HEIGHT - stream.rows_left();
        let row = camera.receive().await;
        let (number, pixels) = (row.number, ground::Row::from_u8(&row.pixels));
        // From here on the DMA may fill the buffer anew, while the network computes; other tasks run between its tiles.
        camera.receive_done();
        match number {
            _ if number == wanted => times.measured(stream.push_async(&pixels)).await?,
            _ if wanted == 0 => {}
            _ => break,
        }
    }
    stream.finish()
}

/// How long the network took for rows, in microseconds: for the last one, and at most for one before.
#[derive(Default)]
struct Times {
    last: u32,
    longest: u32,
}

impl Times {
    /// Awaits what is done for one more row.
    async fn measured<T>(&mut self, work: impl Future<Output = T>) -> T {
        let start = camera::micros();
        let done = work.await;
        self.longest = self.longest.max(self.last);
        self.last = camera::micros() - start;
        done
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} us behind its last row, at most {} us for another", self.last, self.longest)
    }
}
