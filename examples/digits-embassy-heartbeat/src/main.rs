//! A heartbeat keeps its period while a neural network runs, since `infer_async` yields between tiles.
//!
//! `cargo run --release` builds it and runs it on QEMU's Cortex-M7, where an instruction takes 32 ns.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod time_driver;

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering};

use ariel_ml_rs::{Error, clock};
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::{Metadata, Spawner};
use embassy_time::{Duration, Instant, Timer};
use panic_semihosting as _;

// `mod digits`, which build.rs compiled from digits.tflite.
ariel_ml_rs::include_models!();

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// The period of the task that must not wait for the network: a control loop, a radio, a watchdog.
const PERIOD: Duration = Duration::from_millis(2);

/// How often the heartbeat has come, and how much too late at most, in microseconds.
static BEATS: AtomicU32 = AtomicU32::new(0);
static LATEST: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let peripherals = cortex_m::Peripherals::take().expect("taken once");
    time_driver::start(peripherals.SYST);
    spawner.spawn(heartbeat().expect("spawned once"));
    spawner.spawn(classify().expect("spawned once"));
}

#[embassy_executor::task]
async fn heartbeat() {
    Metadata::for_current_task().await.set_priority(1);
    // At whole milliseconds, when this board's timer interrupts.
    let mut due = Instant::from_millis(Instant::now().as_millis() + 1);
    loop {
        due += PERIOD;
        Timer::at(due).await;
        LATEST.fetch_max(due.elapsed().as_micros() as u32, Ordering::Relaxed);
        BEATS.fetch_add(1, Ordering::Relaxed);
    }
}

#[embassy_executor::task]
async fn classify() {
    let mut model = ariel_ml_rs::wire!(digits).expect("wired once");
    let (mut right, mut longest_hold) = (0, 0);
    begin();
    for [pixels @ .., label] in IMAGES {
        let input = to_input(pixels);
        let scores = measured(model.infer_async(&input), &mut longest_hold).await.expect("no budget to exceed");
        right += u32::from(scores.argmax() == usize::from(*label));
    }
    report("infer_async", right);
    hprintln!("the network held the core for {} us at most", longest_hold);

    // For comparison: `infer` returns when the answer is there, and the heartbeat has to wait for it.
    right = 0;
    begin();
    for [pixels @ .., label] in &IMAGES[..20] {
        right += u32::from(model.infer(&to_input(pixels)).is_ok_and(|scores| scores.argmax() == usize::from(*label)));
        embassy_futures::yield_now().await;
    }
    report("infer", right);

    // An answer that comes too late is of no use: with a budget the inference is given up, and tells so.
    let mut model = model.within::<clock::Embassy>(core::time::Duration::from_millis(1));
    let (mut missed, mut longest) = (0, 0);
    for [pixels @ .., _] in &IMAGES[..20] {
        let start = Instant::now();
        match model.infer_async(&to_input(pixels)).await {
            Err(Error::DeadlineMissed) => missed += 1,
            answer => hprintln!("in time: {:?}", answer),
        }
        longest = longest.max(start.elapsed().as_micros());
    }
    hprintln!("budget of 1000 us: {} of 20 given up, after {} us at most", missed, longest);
    model.set_budget(1_000_000);
    let [pixels @ .., label] = &IMAGES[0];
    let answer = model.infer_async(&to_input(pixels)).await;
    hprintln!(
        "budget of a second: {}",
        if answer.map(digits::Output::argmax) == Ok(usize::from(*label)) { "right" } else { "wrong" }
    );

    debug::exit(debug::EXIT_SUCCESS);
}

/// Awaits a future, and notes the longest time for which it kept all other tasks waiting.
async fn measured<F: Future>(future: F, longest: &mut u64) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let start = Instant::now();
        let poll = future.as_mut().poll(context);
        *longest = start.elapsed().as_micros().max(*longest);
        poll
    })
    .await
}

/// Counts heartbeats from now on.
fn begin() {
    BEATS.store(0, Ordering::Relaxed);
    LATEST.store(0, Ordering::Relaxed);
}

/// Tells how the heartbeat did since `begin`.
fn report(what: &str, right: u32) {
    let (beats, latest) = (BEATS.load(Ordering::Relaxed), LATEST.load(Ordering::Relaxed));
    hprintln!("{}: {} right; {} heartbeats, {} us late at most", what, right, beats, latest);
}

/// The pixels as the network takes them: ink from 0 to 1, quantised.
fn to_input(pixels: &[u8; 64]) -> digits::Input {
    digits::Input::from_scaled(pixels, 1.0 / 16.0)
}
