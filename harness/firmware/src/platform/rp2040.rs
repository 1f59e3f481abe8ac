//! The second core of the RP2040: its boot ROM starts it, it sleeps with WFE and is woken by SEV.
//!
//! The FIFO between the cores serves the boot ROM only: an application's is embassy-rp's, which pauses core 1 through it.

use super::entry::{busy, idle};
use super::stack::STACKS;
use ariel_ml_rs::sync::park::{ArmWfe, Park, Spot};
use core::arch::{asm, naked_asm};
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The single-cycle I/O block: the number of the running core; the FIFOs' status, what goes out, what comes in.
const CPUID: usize = 0xd000_0000;
const FIFO_ST: usize = 0xd000_0050;
const FIFO_WR: usize = 0xd000_0054;
const FIFO_RD: usize = 0xd000_0058;
/// Bits of `FIFO_ST`: something came in; there is room to go out.
const VALID: u32 = 1;
const READY: u32 = 2;
/// Where a core's vector table lies.
const VTOR: usize = 0xe000_ed08;

/// The `fn(u32) -> !` that the worker runs, as an address: written before core 1 is started.
static ENTRY: AtomicUsize = AtomicUsize::new(0);

/// Who was rung for.
static BELLS: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

/// The entry of core 1, which the boot ROM calls when memory is initialised.
#[unsafe(naked)]
unsafe extern "C" fn secondary() -> ! {
    naked_asm!("bl {work}", "udf #0", work = sym work)
}

/// The first Rust that core 1 runs.
extern "C" fn work() -> ! {
    let entry = ENTRY.load(Ordering::Acquire);
    // SAFETY: `start_workers` stored a `fn(u32) -> !` before it started this core.
    let entry = unsafe { transmute::<usize, fn(u32) -> !>(entry) };
    entry(1)
}

/// Has core 1 run `entry` with its number, where `count` is 2: the hand-shake with its boot ROM, RP2040 datasheet 2.8.2.
pub fn start_workers(entry: fn(u32) -> !, count: u32) {
    if count < 2 {
        return;
    }
    ENTRY.store(entry as usize, Ordering::Release);
    // SAFETY: one past the end of the one stack.
    let stack = unsafe { (&raw const STACKS).add(1) };
    let words = [0, 0, 1, read(VTOR), stack.expose_provenance() as u32, secondary as *const () as u32];
    let mut index = 0;
    while index < words.len() {
        if words[index] == 0 {
            while read(FIFO_ST) & VALID != 0 {
                read(FIFO_RD);
            }
            signal();
        }
        while read(FIFO_ST) & READY == 0 {}
        write(FIFO_WR, words[index]);
        signal();
        while read(FIFO_ST) & VALID == 0 {
            wait();
        }
        // Each word comes back; anything else means that the two are out of step.
        index = if read(FIFO_RD) == words[index] { index + 1 } else { 0 };
    }
}

/// Sleeps until `unpark(worker)` was called since the last `park`. Only core `worker` itself calls it.
pub fn park(worker: u32) {
    let bell = &BELLS[worker as usize];
    idle();
    while !bell.load(Ordering::Acquire) {
        wait();
    }
    bell.store(false, Ordering::Relaxed);
    busy();
}

/// Wakes `worker`, or has its next `park` return at once.
pub fn unpark(worker: u32) {
    BELLS[worker as usize].store(true, Ordering::Release);
    signal();
}

/// How the pool's workers sleep: WFE, and what they execute meanwhile does not count as work.
#[derive(Debug)]
pub struct Sleeper(ArmWfe);

pub static PARK: Sleeper = Sleeper(ArmWfe);

impl Park for Sleeper {
    fn core(&self) -> u32 {
        core_id()
    }

    fn park(&self, spot: &Spot) {
        idle();
        self.0.park(spot);
        busy();
    }

    fn unpark(&self, spot: &Spot) {
        self.0.unpark(spot);
    }
}

/// The core that runs this.
pub fn core_id() -> u32 {
    read(CPUID)
}

/// Sleeps until there was an event since the last sleep.
fn wait() {
    // SAFETY: a hint.
    unsafe { asm!("wfe", options(nostack, preserves_flags)) };
}

/// An event for both cores, behind what was written.
fn signal() {
    // SAFETY: a barrier and a hint.
    unsafe { asm!("dsb", "sev", options(nostack, preserves_flags)) };
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of the RP2040 that may be read at any time.
    unsafe { ptr::with_exposed_provenance::<u32>(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the RP2040; what it does is said above.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
