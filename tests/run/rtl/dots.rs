//! The workload that the beds are compared with: 64 dot products of 256 bytes, claimed row by row by all harts.
//!
//! `in.bin` has the number of harts, or 0 for a load from where there is nothing. `out.bin` gets, as u32: the 64 sums; then, counted by hart 0 between the markers, cycles
//! (mcycle) and instructions (minstret); then how many of the atomics came out wrong.
#![no_std]
#![no_main]

use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const ROWS: usize = 64;
const LENGTH: usize = 256;
/// Increments by each hart of the counters that all share.
const ROUNDS: u32 = 100;

struct Shared<T>(UnsafeCell<T>);

// SAFETY: hart 0 fills the inputs before it wakes the others, and each row is written by the hart that claimed it.
unsafe impl<T> Sync for Shared<T> {}

static MATRIX: Shared<[[i8; LENGTH]; ROWS]> = Shared(UnsafeCell::new([[0; LENGTH]; ROWS]));
static VECTOR: Shared<[i8; LENGTH]> = Shared(UnsafeCell::new([0; LENGTH]));
static SUMS: Shared<[i32; ROWS]> = Shared(UnsafeCell::new([0; ROWS]));
/// The next row that nobody has claimed.
static NEXT: AtomicU32 = AtomicU32::new(0);
/// Harts that found no row left.
static DONE: AtomicU32 = AtomicU32::new(0);
static ADDED: AtomicU32 = AtomicU32::new(0);
static EXCHANGED: AtomicU32 = AtomicU32::new(0);
static GREATEST: AtomicU32 = AtomicU32::new(0);

#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vectors")]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "csrr a0, mhartid",
        "la sp, __stacks",
        "slli t0, a0, 12",
        "sub sp, sp, t0",
        // Software interrupts wake from WFI, and are not taken.
        "csrwi mie, 8",
        // Counters run: QEMU's do so from reset on.
        "csrwi mcountinhibit, 0",
        "bnez a0, {worker}",
        "j {leader}",
        worker = sym worker,
        leader = sym leader,
    )
}

unsafe extern "C" fn leader() -> ! {
    let mut harts = [0; 4];
    let source = host(0x01, &[c"in.bin".as_ptr().addr(), 1, 6]);
    host(0x06, &[source, harts.as_mut_ptr().addr(), 4]);
    let harts = u32::from_le_bytes(harts);
    if harts == 0 {
        // SAFETY: none: the bed has to end this.
        unsafe { core::ptr::with_exposed_provenance::<u32>(0x4000_0000).read_volatile() };
    }
    // SAFETY: the others sleep.
    unsafe {
        let mut state = 1u32;
        for byte in (&mut *MATRIX.0.get()).as_flattened_mut().iter_mut().chain(&mut *VECTOR.0.get()) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as i8;
        }
    }
    let (cycles, instructions) = measure(harts);
    let failures = exercise(harts);
    let sink = host(0x01, &[c"out.bin".as_ptr().addr(), 5, 7]);
    host(0x05, &[sink, SUMS.0.get().addr(), 4 * ROWS]);
    host(0x05, &[sink, [cycles, instructions, failures].as_ptr().addr(), 12]);
    host(0x20, &[0x2_0026, 0]);
    loop {}
}

/// The dot products on all harts; cycles and instructions of hart 0.
#[inline(never)]
fn measure(harts: u32) -> (u32, u32) {
    let (cycles, instructions): (u32, u32);
    // SAFETY: a marker and reads of counters.
    unsafe { asm!("csrr {}, mcycle", "csrr {}, minstret", "slti x0, x0, 1", out(reg) cycles, out(reg) instructions) };
    wake(1..harts);
    work();
    while DONE.load(Acquire) != harts {
        spin_loop();
    }
    let (last_cycle, last_instruction): (u32, u32);
    // SAFETY: as above.
    unsafe {
        asm!("slti x0, x0, 2", "csrr {}, minstret", "csrr {}, mcycle", out(reg) last_instruction, out(reg) last_cycle)
    };
    (last_cycle.wrapping_sub(cycles), last_instruction.wrapping_sub(instructions))
}

extern "C" fn worker(hart: u32) -> ! {
    sleep(hart);
    work();
    sleep(hart);
    contend(hart);
    loop {
        sleep(hart);
    }
}

/// Computes rows until none is left.
#[inline(never)]
fn work() {
    loop {
        let row = NEXT.fetch_add(1, Relaxed) as usize;
        if row >= ROWS {
            break;
        }
        // SAFETY: the inputs are complete since before the wake-up; this row is ours.
        unsafe {
            let (row_of, vector) = (&(&(*MATRIX.0.get()))[row], &*VECTOR.0.get());
            let mut sum = 0i32;
            for (a, b) in row_of.iter().zip(vector) {
                sum += i32::from(*a) * i32::from(*b);
            }
            (&mut (*SUMS.0.get()))[row] = sum;
        }
    }
    DONE.fetch_add(1, Release);
}

/// How many of the atomics came out wrong after all harts contended for them.
fn exercise(harts: u32) -> u32 {
    DONE.store(0, Relaxed);
    wake(1..harts);
    contend(0);
    while DONE.load(Acquire) != harts {
        spin_loop();
    }
    let counts = harts * ROUNDS;
    u32::from(ADDED.load(Relaxed) != counts)
        + u32::from(EXCHANGED.load(Relaxed) != counts)
        + u32::from(GREATEST.load(Relaxed) != 1000 * (harts - 1) + ROUNDS)
}

/// AMOs and LR/SC on words that all harts want.
#[inline(never)]
fn contend(hart: u32) {
    for round in 1..=ROUNDS {
        ADDED.fetch_add(1, Relaxed);
        GREATEST.fetch_max(1000 * hart + round, Relaxed);
        while EXCHANGED.fetch_update(AcqRel, Acquire, |count| Some(count + 1)).is_err() {}
    }
    DONE.fetch_add(1, Release);
}

fn bell(hart: u32) -> *mut u32 {
    core::ptr::with_exposed_provenance_mut(0x0200_0000 + 4 * hart as usize)
}

fn wake(harts: core::ops::Range<u32>) {
    for hart in harts {
        // SAFETY: the CLINT's register.
        unsafe { bell(hart).write_volatile(1) };
    }
}

/// Sleeps until somebody rings.
fn sleep(hart: u32) {
    // SAFETY: the CLINT's register; WFI may return at any time, and returns at once while the interrupt is pending.
    unsafe {
        while bell(hart).read_volatile() == 0 {
            asm!("wfi");
        }
        bell(hart).write_volatile(0);
    }
}

/// A semihosting call with a block of parameters.
#[inline(never)]
fn host(operation: usize, parameters: &[usize]) -> usize {
    let result;
    // SAFETY: the block holds what the operation takes.
    unsafe {
        asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 0x7",
            ".option pop",
            inout("a0") operation => result,
            in("a1") parameters.as_ptr(),
        );
    }
    result
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
