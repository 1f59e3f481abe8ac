//! The second core of Arm's SSE-200 (QEMU's mps2-an521): how it starts, sleeps and is woken.
//!
//! A core's doorbell is its interrupt in the message handling unit MHU0. PRIMASK is set on both cores, so that the interrupt
//! ends WFI and is never taken.

use super::entry::{Vectors, busy, enable_interrupt, enable_unit, exception, idle, mask_interrupts, unpend, wait};
use super::stack::STACKS;
use ariel_ml_rs::sync::park::{ArmWfi, Park, Spot};
use core::arch::naked_asm;
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The number of the running core, from Arm's block `CPU_IDENTITY`.
const CPUID: usize = 0x5001_f000;
/// Where core 1 finds its vectors, and the bits that keep cores from running, both of the system control block.
const INITSVTOR1: usize = 0x5002_1114;
const CPUWAIT: usize = 0x5002_1118;
/// MHU0: for each core the registers status, set, clear, 16 bytes apart.
const MHU0: usize = 0x5000_3000;
const SET: usize = 4;
const CLEAR: usize = 8;
/// The interrupt of MHU0 on both cores.
const MHU0_IRQ: u16 = 6;

/// The `fn(u32) -> !` that the worker runs, as an address: written before core 1 is started.
static ENTRY: AtomicUsize = AtomicUsize::new(0);

/// What core 1 reads when it starts.
#[repr(C, align(512))]
struct Table(Vectors);

static VECTORS: Table = Table(Vectors {
    // SAFETY: one past the end of the one stack.
    stack: unsafe { (&raw const STACKS).add(1).cast() },
    entry: secondary,
    exceptions: [exception; 14],
});

/// The entry of core 1, which starts when memory is initialised.
#[unsafe(naked)]
unsafe extern "C" fn secondary() -> ! {
    naked_asm!(
        "cpsid i",
        "bl {enable_unit}",
        "bl {work}",
        "udf #0",
        enable_unit = sym enable_unit,
        work = sym work,
    )
}

/// The first Rust that core 1 runs.
extern "C" fn work() -> ! {
    enable_interrupt(MHU0_IRQ);
    let entry = ENTRY.load(Ordering::Relaxed);
    // SAFETY: `start_workers` stored a `fn(u32) -> !` before it started this core.
    let entry = unsafe { transmute::<usize, fn(u32) -> !>(entry) };
    entry(1)
}

/// Has core 1 run `entry` with its number, where `count` is 2.
pub fn start_workers(entry: fn(u32) -> !, count: u32) {
    prepare();
    if count < 2 {
        return;
    }
    ENTRY.store(entry as usize, Ordering::Relaxed);
    begin((&raw const VECTORS).expose_provenance() as u32);
}

/// Has doorbells end the sleep of this core.
pub fn prepare() {
    mask_interrupts();
    enable_interrupt(MHU0_IRQ);
}

/// Has core 1 run its own image.
#[cfg(feature = "images")]
pub fn start_image() {
    begin(super::HELPER);
}

/// Has core 1 begin with these vectors.
fn begin(vectors: u32) {
    write(INITSVTOR1, vectors);
    barrier();
    // Bit 1 holds core 1.
    write(CPUWAIT, read(CPUWAIT) & !2);
}

/// Sleeps until `unpark(worker)` was called since the last `park`. Only core `worker` itself calls it.
pub fn park(worker: u32) {
    let status = mhu(worker);
    idle();
    loop {
        // First this, then the look at the status: a bell that rings in between is pending again, and WFI does not wait.
        unpend(MHU0_IRQ);
        if read(status) != 0 {
            break;
        }
        wait();
    }
    write(status + CLEAR, 1);
    // What the ringer wrote before it rang is read behind this.
    barrier();
    busy();
}

/// Wakes `worker`, or has its next `park` return at once.
pub fn unpark(worker: u32) {
    // What was written so far is seen by who hears the bell.
    barrier();
    write(mhu(worker) + SET, 1);
}

/// How the pool's workers sleep: WFI until MHU0 interrupts, and what they execute meanwhile does not count as work.
#[derive(Debug)]
pub struct Sleeper(ArmWfi);

pub static PARK: Sleeper =
    Sleeper(ArmWfi::new(core_id, |core| write(mhu(core) + SET, 1), || write(mhu(core_id()) + CLEAR, 1), MHU0_IRQ));

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

/// The registers of a core's interrupt in MHU0.
fn mhu(core: u32) -> usize {
    MHU0 + 16 * core as usize
}

/// The core that runs this.
pub fn core_id() -> u32 {
    read(CPUID)
}

/// All accesses before are done before those behind.
fn barrier() {
    super::entry::synchronise();
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of the SSE-200 that may be read at any time.
    unsafe { ptr::with_exposed_provenance::<u32>(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the SSE-200; what it does is said above.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
