//! Embassy's time from SysTick, in microseconds: what the HAL of a real chip brings along.

use core::cell::RefCell;
use core::task::Waker;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use cortex_m_rt::exception;
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// The clock of the board's core.
const HERTZ: u32 = 25_000_000;
/// How often SysTick interrupts: sleepers wake at whole milliseconds.
const INTERRUPTS_PER_SECOND: u32 = 1000;
const RELOAD: u32 = HERTZ / INTERRUPTS_PER_SECOND - 1;
const MICROS: u64 = 1_000_000 / INTERRUPTS_PER_SECOND as u64;

struct SysTickDriver {
    interrupts: Mutex<RefCell<u64>>,
    sleepers: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static DRIVER: SysTickDriver = SysTickDriver {
    interrupts: Mutex::new(RefCell::new(0)),
    sleepers: Mutex::new(RefCell::new(Queue::new())),
});

impl SysTickDriver {
    fn read(&self, section: CriticalSection<'_>) -> u64 {
        let mut passed = *self.interrupts.borrow_ref(section);
        let mut left = SYST::get_current();
        if SCB::is_pendst_pending() {
            // It has wrapped, and the interrupt waits for the end of this critical section.
            passed += 1;
            left = SYST::get_current();
        }
        passed * MICROS + u64::from((RELOAD - left) / (HERTZ / 1_000_000))
    }
}

impl Driver for SysTickDriver {
    fn now(&self) -> u64 {
        critical_section::with(|section| self.read(section))
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| {
            if at <= self.read(section) {
                waker.wake_by_ref();
            } else {
                self.sleepers.borrow_ref_mut(section).schedule_wake(at, waker);
            }
        });
    }
}

#[exception]
fn SysTick() {
    critical_section::with(|section| {
        *DRIVER.interrupts.borrow_ref_mut(section) += 1;
        let now = DRIVER.read(section);
        // When the next one is due does not matter: this interrupt comes anyway.
        DRIVER.sleepers.borrow_ref_mut(section).next_expiration(now);
    });
}

/// Starts the clock.
pub fn start(mut systick: SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(RELOAD);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}
