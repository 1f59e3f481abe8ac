//! A camera of 96 rows of 96 grey pixels, whose DMA fills two row buffers in turn.
//!
//! Of a real one, a row is what DCMI, CSI or PIO hands over when a transfer is complete. Here SysTick plays it: at each interrupt
//! one more row of the pictures in flash has come.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::zerocopy_channel::{Channel, Receiver, Sender};

/// Pixels of a row, and rows of a picture.
pub const WIDTH: usize = 96;
pub const HEIGHT: usize = 96;
/// What the camera sees: pictures that the network was not trained on, a byte for each pixel, rows from the top.
pub static PICTURES: &[[u8; WIDTH * HEIGHT]] = include_bytes!("../models/test.bin").as_chunks().0;

/// The clock of the board's core.
const HERTZ: u32 = 25_000_000;
/// The time of a row. One that is longer than what a row costs the network in the mean leaves time for those that cost more.
const ROW_MICROS: u32 = 2_000;
const RELOAD: u32 = HERTZ / 1_000_000 * ROW_MICROS - 1;
/// Times of a row between two pictures, in which the network computes what is behind its last row.
const BLANK: usize = 144;

/// A row, and which one of its picture it is.
pub struct Row {
    pub number: usize,
    pub pixels: [u8; WIDTH],
}

impl Row {
    pub const EMPTY: Self = Self { number: 0, pixels: [0; WIDTH] };
}

/// Rows between the DMA and the network, of which one is filled while the network computes on the other.
pub type Rows = Channel<'static, CriticalSectionRawMutex, Row>;
pub type Camera = Receiver<'static, CriticalSectionRawMutex, Row>;

/// What fills rows: where in the pictures it is, and the buffers.
struct Dma {
    sender: Sender<'static, CriticalSectionRawMutex, Row>,
    picture: usize,
    row: usize,
}

static DMA: Mutex<RefCell<Option<Dma>>> = Mutex::new(RefCell::new(None));
static LOST: AtomicU32 = AtomicU32::new(0);
static TIME: AtomicU32 = AtomicU32::new(0);

/// Starts the camera, and returns where its rows come.
pub fn start(mut systick: SYST, rows: &'static mut Rows) -> Camera {
    let (sender, receiver) = rows.split();
    critical_section::with(|section| DMA.replace(section, Some(Dma { sender, picture: 0, row: 0 })));
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(RELOAD);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
    receiver
}

/// Rows that came while both buffers were full.
pub fn lost() -> u32 {
    LOST.load(Ordering::Relaxed)
}

/// Microseconds since the start.
pub fn micros() -> u32 {
    critical_section::with(|_| {
        let (mut rows, mut left) = (TIME.load(Ordering::Relaxed), SYST::get_current());
        if cortex_m::peripheral::SCB::is_pendst_pending() {
            // It has wrapped, and the interrupt waits for the end of this critical section.
            (rows, left) = (rows + 1, SYST::get_current());
        }
        rows * ROW_MICROS + (RELOAD - left) / (HERTZ / 1_000_000)
    })
}

#[exception]
fn SysTick() {
    TIME.fetch_add(1, Ordering::Relaxed);
    critical_section::with(|section| {
        if let Some(dma) = DMA.borrow_ref_mut(section).as_mut() {
            dma.next();
        }
    });
}

impl Dma {
    /// The time of one row is over.
    fn next(&mut self) {
        if let Some(row) = PICTURES.get(self.picture).and_then(|picture| picture.as_chunks::<WIDTH>().0.get(self.row)) {
            match self.sender.try_send() {
                Some(buffer) => {
                    *buffer = Row { number: self.row, pixels: *row };
                    self.sender.send_done();
                }
                None => _ = LOST.fetch_add(1, Ordering::Relaxed),
            }
        }
        self.row += 1;
        if self.row == HEIGHT + BLANK {
            (self.picture, self.row) = (self.picture + 1, 0);
        }
    }
}
