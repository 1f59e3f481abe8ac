//! A critical section that holds across harts: interrupts are off already, so that a lock is all it takes.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harts;

struct AcrossHarts;

critical_section::set_impl!(AcrossHarts);

static LOCKED: AtomicBool = AtomicBool::new(false);
/// The hart that is inside, plus 1.
static OWNER: AtomicUsize = AtomicUsize::new(0);

// SAFETY: one hart at a time is inside; Acquire and Release order what it does there. No interrupt is ever taken.
unsafe impl critical_section::Impl for AcrossHarts {
    /// Returns whether this hart is inside already.
    unsafe fn acquire() -> bool {
        let me = harts::current() + 1;
        // Only this hart writes its own number.
        if OWNER.load(Ordering::Relaxed) == me {
            return true;
        }
        while LOCKED.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        OWNER.store(me, Ordering::Relaxed);
        false
    }

    unsafe fn release(nested: bool) {
        if !nested {
            OWNER.store(0, Ordering::Relaxed);
            LOCKED.store(false, Ordering::Release);
        }
    }
}
