//! The bell at a worker's bed: how it goes to sleep, as a core or as a task, without losing a wake-up.
//!
//! ```text
//!            lie_down                        register
//!   PARKED <---------- AWAKE (the owner's) ----------> TASK
//!      |  rise ----------^  ^  ^---------- attend        |
//!      |                 |  |                            | ring
//!      +-- ring: unpark -+  +---- ring: wake <-------- RINGING
//! ```
//!
//! Lost wake-ups are ruled out as Dekker's algorithm does it: the sleeper writes that it sleeps, fences, and looks once more for
//! work; who makes work writes it, fences (`Pool::wake`), and looks for sleepers. The fences are totally ordered, so that at
//! least one of them sees the other's write.

use super::park::{Park, Spot};
use super::primitive::{AtomicU8, Ordering, UnsafeCell, const_fn, fence, planted};
use core::task::Waker;

/// The owner works, or is about to look for work.
const AWAKE: u8 = 0;
/// The owner's core sleeps, or is about to.
const PARKED: u8 = 1;
/// The owner is a task that has returned to its executor: the waker is for who rings.
const TASK: u8 = 2;
/// Somebody is taking the waker.
const RINGING: u8 = 3;

/// Where one worker, or the leader of one job, sleeps. One thread at a time is its owner; any may ring.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Bell {
    state: AtomicU8,
    spot: Spot,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the waker is reached by the owner while AWAKE, and by the one that brought TASK to RINGING; the rest is atomic.
unsafe impl Sync for Bell {}

impl Bell {
    const_fn! {
        /// The bell of somebody who is awake.
        pub(crate) fn new() -> Self {
            Self { state: AtomicU8::new(AWAKE), spot: Spot::new(), waker: UnsafeCell::new(None) }
        }
    }

    /// The owner says that its core is about to sleep. It looks for work once more, then calls [`Bell::sleep`] if there is none,
    /// then [`Bell::rise`]. False while somebody still rings for last time: the owner has to look again later.
    #[inline(never)]
    pub(crate) fn lie_down(&self, park: &dyn Park) -> bool {
        // Else who rings would make it AWAKE after it is PARKED, and it would not be rung for.
        if planted!(RingOver, self.state.load(Ordering::Relaxed) != AWAKE, false) {
            return false;
        }
        self.spot.enter(park.core());
        // Release: who rings sees the spot's core.
        self.state.store(PARKED, Ordering::Release);
        // Pairs with the fence in `Pool::wake`.
        planted!(LieDownFence, fence(Ordering::SeqCst), ());
        true
    }

    /// Sleeps until somebody rings; may return earlier.
    pub(crate) fn sleep(&self, park: &dyn Park) {
        park.park(&self.spot);
    }

    /// The owner is up again, and looks for work.
    pub(crate) fn rise(&self) {
        // Relaxed: what was rung for is found in the queues, which have orderings of their own.
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// The owner, a task, is about to return to its executor: `waker` is for who rings. It looks for work once more, and calls
    /// [`Bell::attend`] if there is some. False while somebody still rings for last time: the task has to look again later.
    pub(crate) fn register(&self, waker: &Waker) -> bool {
        // Acquire pairs with the Release in `ring`: the waker is nobody else's any more.
        if planted!(RingTask, self.state.load(Ordering::Acquire) != AWAKE, false) {
            return false;
        }
        // SAFETY: the owner, while AWAKE.
        self.waker.with_mut(|content| unsafe { *content = Some(waker.clone()) });
        // Release: who rings sees the waker.
        self.state.store(TASK, Ordering::Release);
        // Pairs with the fence in `Pool::wake`.
        planted!(LieDownFence, fence(Ordering::SeqCst), ());
        true
    }

    /// The owner, a task, runs again, for whatever reason: takes its waker back unless somebody is ringing with it.
    #[inline(never)]
    pub(crate) fn attend(&self) {
        if self.state.load(Ordering::Relaxed) == TASK
            && self.state.compare_exchange(TASK, AWAKE, Ordering::Acquire, Ordering::Relaxed).is_ok()
        {
            // SAFETY: the owner, while AWAKE.
            let waker = self.waker.with_mut(|content| unsafe { (*content).take() });
            drop(waker);
        }
    }

    /// The owner goes for good, a panic in its sleep or between its polls included: the next one finds it awake.
    pub(crate) fn leave(&self) {
        self.attend();
        if self.state.load(Ordering::Relaxed) == PARKED {
            // Where somebody rings at the same time it is AWAKE already.
            let _ = self.state.compare_exchange(PARKED, AWAKE, Ordering::Acquire, Ordering::Relaxed);
        }
    }

    /// Ends, or prevents, a sleep of the owner, whatever its bell says: who rang for it may have been reset half-way.
    pub(crate) fn rouse(&self, park: &dyn Park) {
        park.unpark(&self.spot);
    }

    /// Whether the owner seems to be awake: cheap, for who has to decide whom to ring.
    #[inline]
    pub(crate) fn is_awake(&self) -> bool {
        self.state.load(Ordering::Relaxed) == AWAKE
    }

    /// Wakes the owner if it sleeps, and tells whether this call did.
    #[inline(never)]
    pub(crate) fn ring(&self, park: &dyn Park) -> bool {
        loop {
            match self.state.load(Ordering::Relaxed) {
                PARKED => {
                    // Acquire pairs with Release in `lie_down`.
                    if self.state.compare_exchange(PARKED, AWAKE, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                        park.unpark(&self.spot);
                        return true;
                    }
                }
                TASK => {
                    // Acquire pairs with Release in `register`.
                    if self.state.compare_exchange(TASK, RINGING, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                        // SAFETY: only who brought TASK to RINGING gets here, and the owner leaves the waker alone until AWAKE.
                        let waker = self.waker.with_mut(|content| unsafe { (*content).take() });
                        // Release pairs with Acquire in `register`.
                        self.state.store(AWAKE, Ordering::Release);
                        if let Some(waker) = waker {
                            waker.wake();
                        }
                        park.nudge(&self.spot);
                        return true;
                    }
                }
                // Awake; or another is at it, and the owner looks for work, behind a fence, before it sleeps again.
                _ => return false,
            }
        }
    }
}
