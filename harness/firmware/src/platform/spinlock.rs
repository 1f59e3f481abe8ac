//! The critical section of cores without compare-and-swap: spinlock 31 of the RP2040, the one that embassy-rp and rp2040-hal take,
//! so that what is measured here is what an application has.
//!
//! Interrupts are masked, too: an application's handlers would wait for their own core for ever.

use super::workers::core_id;
use core::arch::asm;
use core::ptr;
use core::sync::atomic::{AtomicU8, Ordering, compiler_fence};
use critical_section::{Impl, RawRestoreState, set_impl};

/// Read: not 0 if the lock was free, and is taken now. Written: free.
const SPINLOCK31: usize = 0xd000_017c;
/// Who has the lock: 0 for nobody, else the core's number and 1.
static OWNER: AtomicU8 = AtomicU8::new(0);
/// What `release` gets where this core had the lock before.
const NESTED: u8 = 2;

struct Spinlock;
set_impl!(Spinlock);

// SAFETY: the hardware gives the lock to one core, which cannot be interrupted while it has it.
unsafe impl Impl for Spinlock {
    unsafe fn acquire() -> RawRestoreState {
        let me = core_id() as u8 + 1;
        let primask: u32;
        // SAFETY: reads whether interrupts are masked.
        unsafe { asm!("mrs {}, PRIMASK", out(reg) primask, options(nomem, nostack, preserves_flags)) };
        // Only this core writes its own number.
        if OWNER.load(Ordering::Relaxed) == me {
            return NESTED;
        }
        loop {
            // SAFETY: masks interrupts.
            unsafe { asm!("cpsid i", options(nostack, preserves_flags)) };
            // SAFETY: a register, which is the lock.
            if unsafe { ptr::with_exposed_provenance::<u32>(SPINLOCK31).read_volatile() } != 0 {
                break;
            }
            unmask(primask);
        }
        OWNER.store(me, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        u8::from(primask & 1 == 0)
    }

    unsafe fn release(token: RawRestoreState) {
        if token == NESTED {
            return;
        }
        compiler_fence(Ordering::SeqCst);
        OWNER.store(0, Ordering::Relaxed);
        // SAFETY: a register, which is the lock, and this core has it.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(SPINLOCK31).write_volatile(1) };
        unmask(u32::from(token == 0));
    }
}

/// Lets interrupts through, unless they were masked before.
fn unmask(primask: u32) {
    if primask & 1 == 0 {
        // SAFETY: they were not masked before.
        unsafe { asm!("cpsie i", options(nostack, preserves_flags)) };
    }
}
