//! Keeps the clocks of all cores together, so that a run on several cores takes the same course every time.
//!
//! ```text
//!            QEMU wakes it            the runner rang, or leaves its block
//!   asleep -----------------> rising --------------------------------------> waiting <----+
//!     ^                                                                        |          |
//!     |                                                               its turn |          | a block is due at or
//!     |                                                                        v          | after `TURN_ENDS`
//!     +-------------------------------------------------------------------- running ------+
//!            sleeps (WFI)
//! ```
//!
//! One core runs at a time: the one whose (time, index) is the least of those awake. It keeps its turn while it is at most
//! `quantum` instructions ahead of every other; with 0, cores alternate after every translation block. Who runs depends on
//! clocks only, never on the host: with the same input all counts are the same, to the instruction, for any quantum.
//!
//! A sleeper's time stands still; it goes on at the time of the store that woke it, to a doorbell (an inter-processor
//! interrupt). QEMU wakes the sleeper at a moment of the host's choice. If that comes first, the sleeper waits to be told the
//! time; if the runner comes first, behind its store, it waits for the sleeper.

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
/// A block that is due at this time or later has to wait: for other cores, or for those that rise.
static TURN_ENDS: AtomicU64 = AtomicU64::new(0);
static GATE: Mutex<Gate> = Mutex::new(Gate::new());
/// A core's turn has come.
static CALLED: [Condvar; CORES] = [const { Condvar::new() }; CORES];
/// QEMU has woken a core.
static RISEN: Condvar = Condvar::new();

/// Whether a core takes turns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asleep,
    /// QEMU has woken it: since when is not known yet.
    Rising,
    /// It waits for its turn, or has it.
    Awake,
}

/// Who is awake.
struct Gate {
    quantum: u64,
    /// The cores below this one run from reset on.
    starters: usize,
    states: [State; CORES],
    /// Doorbells that were rung and woke nobody.
    unheard: u64,
}

impl Gate {
    const fn new() -> Self {
        Self { quantum: 0, starters: 0, states: [State::Asleep; CORES], unheard: 0 }
    }

    /// Gives the turn to the core with the least (time, index) of those awake, or to nobody where all sleep.
    fn pass_turn(&self) {
        let awake =
            || (0..CORES).filter(|&core| self.states[core] == State::Awake).map(|core| (CLOCKS[core].time(), core));
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

    /// QEMU has woken a core: the runner is to tell since when, or where all sleep, since the latest that anyone ran.
    fn rise(&mut self, core: usize) {
        self.states[core] = State::Rising;
        if TURN.load(Ordering::Relaxed) == NOBODY {
            self.settle(CLOCKS.iter().map(CoreClock::time).max().unwrap_or(0));
            self.pass_turn();
        } else {
            TURN_ENDS.store(0, Ordering::Relaxed);
            RISEN.notify_all();
        }
    }

    /// Those that QEMU has woken go on at `time`.
    fn settle(&mut self, time: u64) {
        for (state, clock) in self.states.iter_mut().zip(&CLOCKS) {
            if *state == State::Rising {
                clock.sleep_until(time);
                *state = State::Awake;
            }
        }
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
    gate.states[..starters].fill(State::Awake);
    gate.pass_turn();
}

/// A core is about to run a block of `length` instructions: returns when it is its turn.
pub fn enter_block(core: usize, length: u64) {
    let time = CLOCKS[core].enter(length);
    if TURN.load(Ordering::Acquire) == core && time < TURN_ENDS.load(Ordering::Relaxed) {
        return;
    }
    let mut gate = gate();
    if TURN.load(Ordering::Relaxed) == core {
        gate.settle(time);
        gate.pass_turn();
    } else if gate.states[core] == State::Asleep {
        // QEMU did not say that it woke.
        gate.rise(core);
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
    let time = CLOCKS[core].enter(0);
    gate.states[core] = State::Asleep;
    if TURN.load(Ordering::Relaxed) == core {
        gate.settle(time);
        gate.pass_turn();
    }
}

/// QEMU has woken a core.
pub fn resume(core: usize) {
    let mut gate = gate();
    if gate.states[core] == State::Asleep {
        gate.rise(core);
    }
}

/// `core`, with `ahead` instructions of its block done, has rung the doorbell of `sleeper`: returns when that is awake.
pub fn ring(core: usize, ahead: u64, sleeper: usize) {
    let gate = gate();
    if gate.states[sleeper] == State::Awake {
        return;
    }
    let (mut gate, waited) = RISEN
        .wait_timeout_while(gate, PATIENCE, |gate| gate.states[sleeper] == State::Asleep)
        .unwrap_or_else(PoisonError::into_inner);
    gate.unheard += u64::from(waited.timed_out());
    gate.settle(CLOCKS[core].read(ahead).time);
}

/// How many times a doorbell was rung that woke nobody: a sleeper did not listen, and what follows is not repeatable.
pub fn unheard() -> u64 {
    gate().unheard
}
