//! The clock of each core, in instructions.
//!
//! ```text
//! executed   instructions of the blocks that the core has left, and of the part of its block that lies behind it
//! idle       those of them between the markers IDLE and BUSY: waiting that the program does by itself
//! time       executed + what the core slept through: the common time of all cores
//! ```

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// More cores than any board that we emulate.
pub const CORES: usize = 16;

/// What one core has done. Written by the core's own thread while it runs, and by others only while it sleeps or waits for its
/// turn (`lockstep`), whose lock orders all accesses: relaxed ones suffice.
#[repr(align(64))]
pub struct CoreClock {
    executed: AtomicU64,
    /// Instructions of the block that the core is in.
    block: AtomicU64,
    slept: AtomicU64,
    idle: AtomicU64,
    idle_since: AtomicU64,
    is_idle: AtomicBool,
}

/// A clock at one moment.
#[derive(Clone, Copy, Default)]
pub struct Reading {
    pub executed: u64,
    pub idle: u64,
    pub time: u64,
}

/// One clock per core.
pub static CLOCKS: [CoreClock; CORES] = [const { CoreClock::new() }; CORES];

impl CoreClock {
    const fn new() -> Self {
        Self {
            executed: AtomicU64::new(0),
            block: AtomicU64::new(0),
            slept: AtomicU64::new(0),
            idle: AtomicU64::new(0),
            idle_since: AtomicU64::new(0),
            is_idle: AtomicBool::new(false),
        }
    }

    /// Leaves the block that the core was in for one of `length` instructions; returns the time at which it starts.
    pub fn enter(&self, length: u64) -> u64 {
        let executed = self.executed.load(Relaxed) + self.block.load(Relaxed);
        self.executed.store(executed, Relaxed);
        self.block.store(length, Relaxed);
        executed + self.slept.load(Relaxed)
    }

    /// Whether the core has run since reset.
    pub fn has_run(&self) -> bool {
        self.executed.load(Relaxed) + self.block.load(Relaxed) > 0
    }

    /// The time at which the core's block began.
    pub fn time(&self) -> u64 {
        self.executed.load(Relaxed) + self.slept.load(Relaxed)
    }

    /// Wakes the core at `time`, or at its own where that is later.
    pub fn sleep_until(&self, time: u64) {
        self.slept.fetch_add(time.saturating_sub(self.time()), Relaxed);
    }

    /// The clock with `ahead` instructions of the core's block done.
    pub fn read(&self, ahead: u64) -> Reading {
        let executed = self.executed.load(Relaxed) + ahead;
        let waits = if self.is_idle.load(Relaxed) { executed.saturating_sub(self.idle_since.load(Relaxed)) } else { 0 };
        Reading { executed, idle: self.idle.load(Relaxed) + waits, time: executed + self.slept.load(Relaxed) }
    }

    /// From here on, `ahead` instructions into its block, the core only waits.
    pub fn begin_idle(&self, ahead: u64) {
        if !self.is_idle.swap(true, Relaxed) {
            self.idle_since.store(self.executed.load(Relaxed) + ahead, Relaxed);
        }
    }

    /// The waiting ends here.
    pub fn end_idle(&self, ahead: u64) {
        self.idle.store(self.read(ahead).idle, Relaxed);
        self.is_idle.store(false, Relaxed);
    }
}
