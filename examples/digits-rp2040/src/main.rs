//! Reads handwritten digits with both cores of an RP2040, an Embassy executor on each: the network's tiles are shared, and every
//! core has tasks of its own, too. While the network runs, core 0 keeps the score in flash and core 1 blinks.
//!
//! `cargo run --release` flashes it through a debug probe and shows what it prints.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use ariel_ml_rs::pool::Seat;
use ariel_ml_rs::sync::park::ArmWfe;
use embassy_executor::Executor;
use embassy_rp::Peri;
use embassy_rp::flash::{Blocking, ERASE_SIZE, Flash};
use embassy_rp::gpio::{Level, Output};
use embassy_rp::multicore::{Stack, spawn_core1};
use embassy_rp::peripherals::{FLASH, PIN_25};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Instant, Timer};
use panic_rtt_target as _;
use portable_atomic::{AtomicBool, AtomicU32, Ordering};
use rtt_target::{rprint, rprintln, rtt_init_print};
use static_cell::{ConstStaticCell, StaticCell};

// `mod digits`, which build.rs compiled from digits.tflite for the two cores of the board.
ariel_ml_rs::include_models!();

// Core 1 helps. It is woken by events (SEV), never through the FIFO between the cores: embassy-rp needs that to pause core 1 while
// flash is written.
ariel_ml_rs::pool!(static POOL: 1 helpers, park = &ArmWfe);

/// Images that the network was not trained on: 64 pixels, from 0 (paper) to 16 (ink), and the digit that was written.
static IMAGES: &[[u8; 65]] = include_bytes!("../../digits-mps2-an500/models/digits-test.bin").as_chunks().0;

/// How many images are shown in one line.
const ROW: usize = 20;

/// The flash, and its last sector, which `memory.x` leaves to us.
const FLASH_BYTES: usize = 2 * 1024 * 1024;
const SECTOR: u32 = (FLASH_BYTES - ERASE_SIZE) as u32;

/// How many digits were read right so far, for the task that keeps it.
static SCORE: Signal<CriticalSectionRawMutex, u32> = Signal::new();
/// Whether the network is at work; how often flash was written meanwhile; how often the light has changed.
static AT_WORK: AtomicBool = AtomicBool::new(false);
static WRITES: AtomicU32 = AtomicU32::new(0);
static BLINKS: AtomicU32 = AtomicU32::new(0);

#[cortex_m_rt::entry]
fn main() -> ! {
    static STACK: ConstStaticCell<Stack<8192>> = ConstStaticCell::new(Stack::new());
    static EXECUTORS: [StaticCell<Executor>; 2] = [const { StaticCell::new() }; 2];
    rtt_init_print!();
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let [first, second] = &EXECUTORS;
    spawn_core1(p.CORE1, STACK.take(), move || {
        let seat = POOL.seat(1).expect("core 1 takes its seat once");
        second.init(Executor::new()).run(|spawner| {
            spawner.spawn(help(seat).expect("spawned once"));
            spawner.spawn(blink(p.PIN_25).expect("spawned once"));
        })
    });
    first.init(Executor::new()).run(|spawner| {
        spawner.spawn(remember(p.FLASH).expect("spawned once"));
        spawner.spawn(classify().expect("spawned once"));
    })
}

/// Runs tiles of whatever model is at work, and yields to the core's other tasks between them.
#[embassy_executor::task]
async fn help(seat: Seat) {
    seat.assist().await;
}

/// Stands for what the second core is for: the light of the board.
#[embassy_executor::task]
async fn blink(pin: Peri<'static, PIN_25>) {
    let mut light = Output::new(pin, Level::Low);
    loop {
        light.toggle();
        BLINKS.fetch_add(1, Ordering::Relaxed);
        Timer::after_millis(10).await;
    }
}

/// Keeps the score in flash. Erasing and writing take 50 ms, in which neither core can do anything else: embassy-rp pauses core 1,
/// whatever tile it is at.
#[embassy_executor::task]
async fn remember(flash: Peri<'static, FLASH>) {
    let mut flash = Flash::<_, Blocking, FLASH_BYTES>::new_blocking(flash);
    loop {
        let score = SCORE.wait().await.to_le_bytes();
        let mut kept = [0; 4];
        flash.blocking_erase(SECTOR, SECTOR + ERASE_SIZE as u32).expect("a whole sector");
        flash.blocking_write(SECTOR, &score).expect("inside the sector");
        flash.blocking_read(SECTOR, &mut kept).expect("inside the sector");
        assert_eq!(kept, score, "flash does not keep what is written");
        WRITES.fetch_add(AT_WORK.load(Ordering::Relaxed).into(), Ordering::Relaxed);
    }
}

#[embassy_executor::task]
async fn classify() {
    // The network's memory is static; this handle is the only way to it.
    let mut model = ariel_ml_rs::wire!(digits, pool = POOL).expect("wired once");
    let (mut right, mut micros) = (0, 0);
    for row in IMAGES.chunks(ROW) {
        rprint!("read ");
        // The task that keeps it runs as soon as this one yields: while the network is at work on both cores.
        SCORE.signal(right);
        for [pixels @ .., label] in row {
            let input = digits::Input::from_scaled(pixels, 1.0 / 16.0);
            let begin = Instant::now();
            AT_WORK.store(true, Ordering::Relaxed);
            let scores = model.infer_async(&input).await.expect("no budget to exceed");
            AT_WORK.store(false, Ordering::Relaxed);
            micros = begin.elapsed().as_micros();
            let digit = scores.argmax();
            right += u32::from(digit == usize::from(*label));
            rprint!("{}", digit);
        }
        rprint!("\ntrue ");
        for [.., label] in row {
            rprint!("{}", label);
        }
        let [writes, blinks] = [&WRITES, &BLINKS].map(|count| count.load(Ordering::Relaxed));
        rprintln!("\n{} right, in {} us each; {} writes to flash meanwhile, {} blinks", right, micros, writes, blinks);
    }
    rprintln!("{} of {} right", right, IMAGES.len());
}
