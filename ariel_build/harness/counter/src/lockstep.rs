//! Keeps the clocks of all cores together, so that a run on several cores takes the same course every time.
//!
//! ```text
//!              rung, or woken by anything else
//!   asleep ------------------------------------> waiting <---------------+
//!     ^                                             |                    |
//!     |                                             | its turn           | a block is due at or after `TURN_ENDS`
//!     |                                             v                    |
//!     +------------------------------------------ running ---------------+
//!              sleeps (WFI)
//! ```
//!
//! One core runs at a time: the one whose (time, index) is the least of those awake. It keeps its turn while it is at most
//! `quantum` instructions ahead of every other; with 0, cores alternate after every translation block. Who runs depends on
//! clocks only, never on the host: with the same input all counts are the same, to the instruction, for any quantum.
//!
//! A sleeper's time stands still; it goes on at the time of the store that woke it. That store (to a doorbell, an
//! inter-processor interrupt) returns when the sleeper is awake, since QEMU wakes it later at a moment of the host's choice.

use crate::core_clock::{CLOCKS, CORES, CoreClock};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No core.
const NOBODY: usize = usize::MAX;
/// How long a doorbell's ringing waits for the sleeper.
const PATIENCE: Duration = Duration::from_secs(10);

/// The core whose turn it is. Release when it is given, Acquire when a core finds itself there: what other cores did before is
/// visible to it.
static TURN: AtomicUsize = AtomicUsize::new(NOBODY);
/// A block that would start at this time or later is for another core to wait for.
static TURN_ENDS: AtomicU64 = AtomicU64::new(0);
static GATE: Mutex<Gate> = Mutex::new(Gate::new());
/// A core's turn has come.
static CALLED: [Condvar; CORES] = [const { Condvar::new() }; CORES];
/// A core has woken.
static WOKEN: Condvar = Condvar::new();

/// Who is awake.
struct Gate {
    quantum: u64,
    /// The cores below this one run from reset on.
    starters: usize,
    is_awake: [bool; CORES],
    /// When a sleeper's doorbell was rung.
    rung_at: [Option<u64>; CORES],
    /// Doorbells that were rung and woke nobody.
    unheard: u64,
}

impl Gate {
    const fn new() -> Self {
        Self { quantum: 0, starters: 0, is_awake: [false; CORES], rung_at: [None; CORES], unheard: 0 }
    }

    /// Gives the turn to the core with the least (time, index) of those awake, or to nobody where all sleep.
    fn pass_turn(&self) {
        let awake = || (0..CORES).filter(|&core| self.is_awake[core]).map(|core| (CLOCKS[core].time(), core));
        let Some((_, next)) = awake().min() else {
            TURN.store(NOBODY, Ordering::Release);
            return;
        };
        let ends = awake().filter(|&(_, other)| other != next).map(|(time, other)| self.turn_ends(next, time, other));
        TURN_ENDS.store(ends.min().unwrap_or(u64::MAX), Ordering::Relaxed);
        TURN.store(next, Ordering::Release);
        CALLED[next].notify_one();
    }

    /// The time from which on `core` waits for `other`, which is at `time`: a tie is for the lower index.
    fn turn_ends(&self, core: usize, time: u64, other: usize) -> u64 {
        time + self.quantum + u64::from(core < other)
    }

    /// Marks a core as awake: since its doorbell was rung, or since now where something else woke it.
    fn wake(&mut self, core: usize) {
        let now = || CLOCKS.iter().map(CoreClock::time).max().unwrap_or(0);
        CLOCKS[core].sleep_until(self.rung_at[core].take().unwrap_or_else(now));
        self.is_awake[core] = true;
        match TURN.load(Ordering::Relaxed) {
            NOBODY => self.pass_turn(),
            running => {
                TURN_ENDS.fetch_min(self.turn_ends(running, CLOCKS[core].time(), core), Ordering::Relaxed);
            }
        }
        WOKEN.notify_all();
    }
}

/// The gate. A poisoned lock means that a callback panicked, and a panic aborts.
fn gate() -> MutexGuard<'static, Gate> {
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins: the first `starters` cores run from reset on, the others sleep until they are woken.
pub fn begin(starters: usize, quantum: u64) {
    let mut gate = gate();
    (gate.starters, gate.quantum) = (starters, quantum);
    gate.is_awake[..starters].fill(true);
    gate.pass_turn();
}

/// A core is about to run a block of `length` instructions: returns when it is its turn.
pub fn enter_block(core: usize, length: u64) {
    let time = CLOCKS[core].enter(length);
    if TURN.load(Ordering::Acquire) == core && time < TURN_ENDS.load(Ordering::Relaxed) {
        return;
    }
    let mut gate = gate();
    if !gate.is_awake[core] {
        // QEMU did not say so.
        gate.wake(core);
    }
    if TURN.load(Ordering::Relaxed) == core {
        gate.pass_turn();
    }
    while TURN.load(Ordering::Relaxed) != core {
        gate = CALLED[core].wait(gate).unwrap_or_else(PoisonError::into_inner);
    }
}

/// A core sleeps: the others go on without it.
pub fn sleep(core: usize) {
    let mut gate = gate();
    // Before QEMU starts its cores it says of all that they sleep.
    if core < gate.starters && !CLOCKS[core].has_run() {
        return;
    }
    CLOCKS[core].enter(0);
    gate.is_awake[core] = false;
    if TURN.load(Ordering::Relaxed) == core {
        gate.pass_turn();
    }
}

/// A core no longer sleeps.
pub fn resume(core: usize) {
    let mut gate = gate();
    if !gate.is_awake[core] {
        gate.wake(core);
    }
}

/// `core`, with `ahead` instructions of its block done, has rung the doorbell of `sleeper`: returns when that is awake.
pub fn ring(core: usize, ahead: u64, sleeper: usize) {
    let mut gate = gate();
    if gate.is_awake[sleeper] {
        return;
    }
    gate.rung_at[sleeper] = Some(CLOCKS[core].read(ahead).time);
    let (mut gate, waited) = WOKEN
        .wait_timeout_while(gate, PATIENCE, |gate| !gate.is_awake[sleeper])
        .unwrap_or_else(PoisonError::into_inner);
    if waited.timed_out() {
        gate.rung_at[sleeper] = None;
        gate.unheard += 1;
    }
}

/// How many times a doorbell was rung that woke nobody: a sleeper did not listen, and what follows is not repeatable.
pub fn unheard() -> u64 {
    gate().unheard
}
