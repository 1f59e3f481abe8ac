//! Resets of the running core at moments that nobody chose, for the feature `resets`: a timer's interrupt has the core begin anew,
//! as a watchdog of that core alone would. QEMU resets the whole board only, and clears its memory.
//!
//! What the core knew is gone: it has its registers of the beginning, and `cortex-m-rt` initialises its RAM again, but for
//! `.uninit`, in which this file counts.

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, Ordering};

/// The timer of the core: control, reload and current value; 24 bits of the clock of 20 MHz.
const SYST_CSR: usize = 0xe000_e010;
const SYST_RVR: usize = 0xe000_e014;
const SYST_CVR: usize = 0xe000_e018;

/// Words that outlive a reset: what says so, resets so far, a random number, and what the program counts.
#[repr(C)]
pub struct Kept {
    mark: AtomicU32,
    resets: AtomicU32,
    random: AtomicU32,
    /// For the program.
    pub counts: [AtomicU32; 4],
}

/// Memory that is not initialised.
struct Room(UnsafeCell<MaybeUninit<Kept>>);

// SAFETY: atomics, any bytes of which are a value.
unsafe impl Sync for Room {}

#[unsafe(link_section = ".uninit.kept")]
static KEPT: Room = Room(UnsafeCell::new(MaybeUninit::uninit()));

const MARK: u32 = 0x5eed_1e55;

/// What was kept, cleared in the first life.
pub fn kept() -> &'static Kept {
    // SAFETY: atomics, any bytes of which are a value; nobody else has the room.
    let kept = unsafe { (*KEPT.0.get()).assume_init_ref() };
    if kept.mark.load(Ordering::Relaxed) != MARK {
        for word in [&kept.resets, &kept.counts[0], &kept.counts[1], &kept.counts[2], &kept.counts[3]] {
            word.store(0, Ordering::Relaxed);
        }
        kept.random.store(0x2545_f491, Ordering::Relaxed);
        kept.mark.store(MARK, Ordering::Relaxed);
    }
    kept
}

/// Resets so far.
#[allow(dead_code, reason = "for the image of core 0")]
pub fn resets() -> u32 {
    kept().resets.load(Ordering::Relaxed)
}

/// Resets this core within so many ticks, unless it was reset `most` times already.
pub fn within(ticks: u32, most: u32) {
    let kept = kept();
    if kept.resets.load(Ordering::Relaxed) >= most {
        return;
    }
    // xorshift (Marsaglia, "Xorshift RNGs", 2003).
    let mut random = kept.random.load(Ordering::Relaxed);
    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    kept.random.store(random, Ordering::Relaxed);
    write(SYST_RVR, 200 + random % ticks);
    write(SYST_CVR, 0);
    // On, with its interrupt, by the clock of the core.
    write(SYST_CSR, 7);
}

/// Runs `f`, before or behind which a reset may come.
#[allow(dead_code, reason = "for the image of core 0")]
pub fn held_off(f: impl FnOnce()) {
    // SAFETY: masks interrupts, which nobody else does here.
    unsafe { core::arch::asm!("cpsid i", options(nostack, preserves_flags)) };
    f();
    // SAFETY: they were not masked before.
    unsafe { core::arch::asm!("cpsie i", options(nostack, preserves_flags)) };
}

/// Counts the reset: all of it that is no assembly.
extern "C" fn count() {
    write(SYST_CSR, 0);
    kept().resets.fetch_add(1, Ordering::Relaxed);
}

/// The timer's handler, which returns to [`begin`] instead of where the core was.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn SysTick() {
    naked_asm!(
        "push {{r4, lr}}",
        "bl {count}",
        "pop {{r4, lr}}",
        // The frame of the exception: the program counter is at 24, the program status at 28, of which only Thumb is left.
        "ldr r0, ={begin}",
        "bic r0, r0, #1",
        "str r0, [sp, #24]",
        "mov r0, #0x01000000",
        "str r0, [sp, #28]",
        "bx lr",
        count = sym count,
        begin = sym begin,
    )
}

/// What a core does at reset: the stack and the entry are the first words of its vectors (VTOR).
#[unsafe(naked)]
unsafe extern "C" fn begin() -> ! {
    naked_asm!(
        "ldr r0, =0xe000ed08",
        "ldr r0, [r0]",
        "ldr r1, [r0]",
        "msr msp, r1",
        // Exceptions are as at reset; interrupts that a sleeper enabled are not.
        "mov r2, #0",
        "msr primask, r2",
        "ldr r3, =0xe000e180",
        "mvn r4, r2",
        "str r4, [r3]",
        "ldr r1, [r0, #4]",
        "clrex",
        "dsb",
        "isb",
        "bx r1",
    )
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of this core's timer.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}
