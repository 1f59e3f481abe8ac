//! The harts behind the first, on RISC-V machines with a CLINT at QEMU's address: how they start, sleep and are woken.
//!
//! A hart's doorbell is its software interrupt: a word of the CLINT, 1 where it was rung. `mie.MSIE` is set and
//! `mstatus.MIE` is not, so that the interrupt ends WFI and is never taken.

use super::CORES;
use super::entry::{busy, idle, set_trap_vector};
use super::stack::{STACK_BYTES, STACKS};
use ariel_ml_rs::sync::park::{Park, RiscvWfi, Spot};
use core::arch::{asm, naked_asm};
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The software interrupt of hart 0; those of the others follow.
const MSIP: usize = 0x0200_0000;
/// The bit of machine software interrupts in `mie` and `mip`.
const MSIE: usize = 1 << 3;

/// The `fn(u32) -> !` that the workers run, as an address: written before any of them is woken.
static ENTRY: AtomicUsize = AtomicUsize::new(0);

/// Where `_start` sends the harts behind the first, their number in t0: they sleep until their doorbell rings.
#[unsafe(naked)]
pub unsafe extern "C" fn secondary() -> ! {
    naked_asm!(
        "mv a0, t0",
        "li t1, {cores}",
        "bgeu a0, t1, 3f",
        "csrsi mie, {msie}",
        "0:",
        "csrr t1, mip",
        "andi t1, t1, {msie}",
        "bnez t1, 1f",
        "wfi",
        "j 0b",
        "1:",
        // The end of STACKS[hart - 1].
        "la sp, {stacks}",
        "li t1, {stack_bytes}",
        "mul t1, t1, a0",
        "add sp, sp, t1",
        "call {work}",
        "3:",
        "wfi",
        "j 3b",
        cores = const CORES,
        msie = const MSIE,
        stacks = sym STACKS,
        stack_bytes = const STACK_BYTES,
        work = sym work,
    )
}

/// The first Rust that a worker runs.
extern "C" fn work(worker: u32) -> ! {
    set_trap_vector();
    park(worker);
    let entry = ENTRY.load(Ordering::Relaxed);
    // SAFETY: `start_workers` stored a `fn(u32) -> !`, and rang the doorbell behind a fence; `park` has the other fence.
    let entry = unsafe { transmute::<usize, fn(u32) -> !>(entry) };
    entry(worker)
}

/// Has the cores `1..count` run `entry`, each with its number.
pub fn start_workers(entry: fn(u32) -> !, count: u32) {
    ENTRY.store(entry as usize, Ordering::Relaxed);
    // SAFETY: the interrupt is never taken, since `mstatus.MIE` is 0 from reset on: it only ends WFI.
    unsafe { asm!("csrs mie, {}", in(reg) MSIE, options(nomem, nostack)) };
    for worker in 1..count {
        unpark(worker);
    }
}

/// Sleeps until `unpark(worker)` was called since the last `park`. Only core `worker` itself calls it.
pub fn park(worker: u32) {
    let bell = bell(worker);
    idle();
    // SAFETY: a register of the CLINT.
    while unsafe { bell.read_volatile() } == 0 {
        // SAFETY: the core waits for its software interrupt.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
    // SAFETY: as above.
    unsafe { bell.write_volatile(0) };
    // What the ringer wrote before it rang is read behind this.
    // SAFETY: an instruction that orders accesses.
    unsafe { asm!("fence iorw, iorw", options(nostack)) };
    busy();
}

/// Wakes `worker`, or has its next `park` return at once.
pub fn unpark(worker: u32) {
    // What was written so far is seen by who hears the bell.
    // SAFETY: an instruction that orders accesses.
    unsafe { asm!("fence rw, ow", options(nostack)) };
    // SAFETY: a register of the CLINT.
    unsafe { bell(worker).write_volatile(1) };
}

/// How the pool's workers sleep: as on any CLINT, and what they execute meanwhile does not count as work.
#[derive(Debug)]
pub struct Sleeper(RiscvWfi);

// SAFETY: the CLINT of the machines that this file is for; `park` below has other users at other times.
pub static PARK: Sleeper = Sleeper(unsafe { RiscvWfi::new(MSIP) });

impl Park for Sleeper {
    fn core(&self) -> u32 {
        self.0.core()
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

/// The doorbell of a core.
fn bell(worker: u32) -> *mut u32 {
    ptr::with_exposed_provenance_mut(MSIP + 4 * worker as usize)
}

/// The core that runs this.
pub fn core_id() -> u32 {
    let hart;
    // SAFETY: reads a register.
    unsafe { asm!("csrr {}, mhartid", out(reg) hart, options(nomem, nostack, preserves_flags)) };
    hart
}
