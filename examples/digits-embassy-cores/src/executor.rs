//! An Embassy executor for each hart: it sleeps when its tasks have nothing to do, and any hart can wake it.
//!
//! `platform-riscv32` of embassy-executor has one flag for the whole program, which is for one hart.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use embassy_executor::{Spawner, raw};

use crate::harts;

/// As many as `memory.x` has stacks for.
pub const HARTS: usize = 4;

/// Whether the executor of a hart has been woken, and how often it has slept.
static WOKEN: [AtomicBool; HARTS] = [const { AtomicBool::new(false) }; HARTS];
static SLEEPS: [AtomicU32; HARTS] = [const { AtomicU32::new(0) }; HARTS];

/// Called by wakers, on any hart: `context` is the hart of the executor.
#[unsafe(export_name = "__pender")]
fn pend(context: *mut ()) {
    let hart = context.addr();
    // Release pairs with Acquire in `run`: the executor sees what its task waits for.
    WOKEN[hart].store(true, Ordering::Release);
    if hart != harts::current() {
        harts::wake(hart);
    }
}

/// The executor of one hart, to be put into static memory.
pub struct Executor {
    raw: raw::Executor,
    hart: usize,
}

impl Executor {
    /// The executor of this hart.
    pub fn new() -> Self {
        let hart = harts::current();
        Self { raw: raw::Executor::new(core::ptr::without_provenance_mut(hart)), hart }
    }

    /// Spawns the first tasks, and runs them and what they spawn for ever.
    pub fn run(&'static mut self, init: impl FnOnce(Spawner)) -> ! {
        init(self.raw.spawner());
        loop {
            // SAFETY: on this hart only, and not from within a task.
            unsafe { self.raw.poll() };
            if !WOKEN[self.hart].swap(false, Ordering::Acquire) {
                SLEEPS[self.hart].fetch_add(1, Ordering::Relaxed);
                // A waker that comes between the look at the flag and this has raised the interrupt, so that it returns at once.
                harts::sleep();
            }
        }
    }
}

/// How often the executor of a hart has slept.
pub fn sleeps(hart: usize) -> u32 {
    SLEEPS[hart].load(Ordering::Relaxed)
}
