//! The second core of Arm's SSE-200: how it is started, put to sleep and woken. The one file with `unsafe`.

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{Ordering, fence};

use ariel_ml_rs::pool::Seat;
use ariel_ml_rs::sync::park::ArmWfi;

/// The number of the running core, from Arm's block `CPU_IDENTITY`.
const CPUID: usize = 0x5001_f000;
/// Where core 1 finds its vectors, and the bits that keep cores from running.
const INITSVTOR1: usize = 0x5002_1114;
const CPUWAIT: usize = 0x5002_1118;
/// Message handling unit 0: for each core the registers status, set, clear, 16 bytes apart.
const MHU0: usize = 0x5000_3000;
const SET: usize = 4;
const CLEAR: usize = 8;

/// How a worker without work sleeps: WFI, until the other core sends it the interrupt of MHU0.
pub static PARK: ArmWfi = ArmWfi::new(
    || read(CPUID),
    |core| write(MHU0 + 16 * core as usize + SET, 1),
    || write(MHU0 + 16 * read(CPUID) as usize + CLEAR, 1),
    6,
);

/// The stack of core 1.
#[repr(align(32))]
struct Stack(UnsafeCell<[u8; 16 * 1024]>);

// SAFETY: only core 1 touches it, as its stack.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; 16 * 1024]));

/// What core 1 reads when it starts.
#[expect(dead_code, reason = "the core reads them")]
#[repr(C, align(512))]
struct Vectors {
    stack: *const Stack,
    entry: unsafe extern "C" fn() -> !,
    exceptions: [unsafe extern "C" fn() -> !; 14],
}

// SAFETY: constant.
unsafe impl Sync for Vectors {}

static VECTORS: Vectors = Vectors {
    // SAFETY: one past the end of the one stack.
    stack: unsafe { (&raw const STACK).add(1) },
    entry: begin,
    exceptions: [fail; 14],
};

/// The seat that core 1 takes.
struct Handover(UnsafeCell<Option<Seat>>);

// SAFETY: core 0 writes before it starts core 1, which reads.
unsafe impl Sync for Handover {}

static HANDOVER: Handover = Handover(UnsafeCell::new(None));

/// Starts core 1, which helps for ever: `wire!` calls it with the pool's one seat.
pub fn start(seat: Seat) {
    // SAFETY: core 1 does not run yet, and there is one seat, so that this is called once.
    unsafe { *HANDOVER.0.get() = Some(seat) };
    write(INITSVTOR1, (&raw const VECTORS).expose_provenance() as u32);
    fence(Ordering::SeqCst);
    // Bit 1 holds core 1.
    write(CPUWAIT, read(CPUWAIT) & !2);
}

/// The entry of core 1: its floating-point unit, which core 0 does not have, is switched on.
#[unsafe(naked)]
unsafe extern "C" fn begin() -> ! {
    naked_asm!(
        "ldr r0, =0xe000ed88",
        "ldr r1, [r0]",
        "orr r1, r1, #(0xf << 20)",
        "str r1, [r0]",
        "dsb",
        "isb",
        "bl {help}",
        "udf #0",
        help = sym help,
    )
}

/// All that core 1 does.
extern "C" fn help() {
    // SAFETY: core 0 wrote it before it started this core, and does not look at it again.
    if let Some(seat) = unsafe { (*HANDOVER.0.get()).take() } {
        seat.work();
    }
}

/// A fault of core 1.
unsafe extern "C" fn fail() -> ! {
    panic!("core 1 met a fault")
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of the SSE-200 that may be read at any time.
    unsafe { core::ptr::with_exposed_provenance::<u32>(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the SSE-200; what it does is said above.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
