//! A model as the pool sees it: its graph, its room, and how a unit is run.

use super::graph::{GATE, Graph};
use super::room::{Room, View};
use crate::sync::deque::Steal;
use crate::sync::primitive::{Ordering, fence, planted, spin_loop};
use core::ptr::NonNull;

/// Runs one unit: `(context, unit, worker)`. It is never called for a gate.
///
/// # Safety
/// For who calls it: `context` is what the job was begun with, `unit` is one of the graph's, all its predecessors are complete
/// and seen (happens-before), nobody else runs it, and no other unit runs as this `worker` at the same time.
pub type RunUnit = unsafe fn(context: NonNull<()>, unit: u16, worker: u32);

/// A model as the pool sees it: constant, made once per model, beside its [`Room`].
#[derive(Clone, Copy, Debug)]
pub struct Job {
    graph: Graph,
    pub(super) room: View,
    run: RunUnit,
}

/// What a completed unit made ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// The unit with which the same worker goes on: nobody else has to hear of it.
    pub(super) next: Option<u16>,
    /// How many more units wait now, in the worker's deque and in inboxes.
    pub(super) waiting: u32,
    /// The workers in whose inboxes some of them are.
    pub(super) homes: u32,
}

impl Job {
    /// The job of `graph` in `room`; `run` runs a unit.
    ///
    /// # Safety
    /// Nothing else uses the room. `run` is sound wherever its contract holds, from any core.
    ///
    /// # Panics
    /// Where the room is of another number of units: evaluated in a constant, as it should be, this is a compile error.
    #[must_use]
    pub const unsafe fn new<const UNITS: usize, const WORKERS: usize, const SLOTS: usize, const WORDS: usize>(
        graph: Graph,
        room: &'static Room<UNITS, WORKERS, SLOTS, WORDS>,
        run: RunUnit,
    ) -> Self {
        let room = room.view();
        assert!(graph.units() == room.units(), "the room is of another number of units than the graph");
        Self { graph, room, run }
    }

    /// How many workers may take part, the leader included.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.room.workers()
    }

    /// Runs all units in order on the calling core, as worker 0: where there is no pool.
    ///
    /// # Safety
    /// `context` is what `run` of [`Job::new`] expects, and the caller's alone; no inference of this job is under way.
    pub unsafe fn run_alone(&self, context: NonNull<()>) {
        for unit in 0..self.graph.units() as u16 {
            // SAFETY: ids are a topological order (`Graph::new`), so that all predecessors are complete, on this core.
            unsafe { self.run_in_order(context, unit) };
        }
    }

    /// Runs `unit` on the calling core, as worker 0, unless it is a gate.
    ///
    /// # Safety
    /// That of [`RunUnit`].
    pub(super) unsafe fn run_in_order(&self, context: NonNull<()>, unit: u16) {
        // SAFETY: forwarded to the caller.
        unsafe {
            if !self.is_gate(unit) {
                (self.run)(context, unit, 0);
            }
        }
    }

    /// Whether all are complete when `unit` is.
    #[inline]
    pub(super) const fn is_last(&self, unit: u16) -> bool {
        self.graph.is_last(unit)
    }

    /// Whether `unit` is without work.
    ///
    /// # Safety
    /// `unit` is one of this job's.
    #[inline]
    pub(super) unsafe fn is_gate(&self, unit: u16) -> bool {
        // SAFETY: forwarded to the caller.
        unsafe { self.graph.home(unit) == GATE }
    }

    /// Runs `unit`.
    ///
    /// # Safety
    /// `worker` took `unit` from the queues of this job or was handed it by `complete`, `unit` is no gate, and one thread at a
    /// time is this worker.
    #[inline]
    pub(super) unsafe fn run(&self, worker: usize, unit: u16) {
        // SAFETY: written before the job's first unit became ready, and so before this one did.
        let context = unsafe { NonNull::new_unchecked(self.room.desk.context.load(Ordering::Relaxed)) };
        // SAFETY: each unit becomes ready once per inference, when its last predecessor is complete, and a queue gives it to
        // one worker; what the predecessors wrote is seen by way of `arrivals` and of the queues.
        unsafe { (self.run)(context, unit, worker as u32) };
    }

    /// Tells what becomes ready as `unit` is complete, and puts it where it will be found.
    ///
    /// # Safety
    /// As for [`Job::run`], and `unit` has just been run, or is a gate; `worker` is below `workers`.
    #[inline]
    pub(super) unsafe fn complete(&self, worker: usize, unit: u16) -> Ready {
        let mut ready = Ready { next: None, waiting: 0, homes: 0 };
        // From the last to the first, so that this worker goes on with the first, and pops the others in order; thieves take
        // the last.
        // SAFETY: one of this job's units, and so are its successors (`Graph::new`).
        for &successor in unsafe { self.graph.successors(unit) }.iter().rev() {
            // SAFETY: as above.
            if unsafe { self.arrive(successor) } {
                // SAFETY: as above, and this thread is the worker, as the caller promises.
                unsafe { self.place(worker, successor, &mut ready) };
            }
        }
        ready
    }

    /// Says that the last unit is complete.
    pub(super) fn finish(&self) {
        // Release pairs with Acquire in `is_done`.
        self.room.desk.done.store(true, planted!(DoneRelease, Ordering::Release, Ordering::Relaxed));
    }

    /// Counts one more complete predecessor of `unit`, and tells whether it was the last.
    ///
    /// # Safety
    /// `unit` is one of this job's.
    #[inline]
    unsafe fn arrive(&self, unit: u16) -> bool {
        // SAFETY: as the caller promises.
        let (needs, arrivals) = unsafe { (self.graph.needs(unit), self.room.arrivals(unit)) };
        if needs == 1 {
            return true;
        }
        // Release pairs with the fence below, of the predecessor that comes last, through the others' modifications.
        let order = planted!(ArriveRelease, Ordering::Release, Ordering::Relaxed);
        if arrivals.fetch_add(1, order).wrapping_add(1) != needs {
            return false;
        }
        fence(Ordering::Acquire);
        // For the next inference, which is after this one by way of `done`.
        arrivals.store(0, Ordering::Relaxed);
        true
    }

    /// Puts `unit`, which is ready, where it will be found.
    ///
    /// # Safety
    /// `unit` is one of this job's; the caller is the owner of `worker`'s deque, which is below `workers`.
    #[inline]
    unsafe fn place(&self, worker: usize, unit: u16, ready: &mut Ready) {
        // SAFETY: as the caller promises.
        let home = usize::from(unsafe { self.graph.home(unit) });
        if home != worker && home < self.workers() {
            // SAFETY: below `workers`.
            if unsafe { self.room.inbox(home) }.insert(unit) {
                ready.waiting += 1;
                ready.homes |= 1 << home;
                return;
            }
        }
        if let Some(earlier) = ready.next.replace(unit) {
            // SAFETY: as the caller promises.
            unsafe { self.keep(worker, earlier) };
            ready.waiting += 1;
        }
    }

    /// Puts `unit`, which is ready, into the deque of the worker that calls; into its inbox where there is no room.
    ///
    /// # Safety
    /// As for `place`.
    #[inline]
    pub(super) unsafe fn keep(&self, worker: usize, unit: u16) {
        // SAFETY: as the caller promises. One of the two has room: `Room::new` checks it while compiling.
        unsafe {
            if !self.room.deque(worker).push(unit) {
                let _ = self.room.inbox(worker).insert(unit);
            }
        }
    }

    /// Takes a unit of `worker`'s own, from its deque or its inbox.
    ///
    /// # Safety
    /// `worker` is below `workers`, and one thread at a time is this worker.
    #[inline]
    pub(super) unsafe fn take(&self, worker: usize) -> Option<u16> {
        // SAFETY: this thread owns the deque, as the caller promises; below `workers`.
        unsafe { self.room.deque(worker).pop().or_else(|| self.room.inbox(worker).take()) }
    }

    /// Takes a unit that waits at another worker, the next one first, so that thieves spread.
    #[inline(never)]
    pub(super) fn steal(&self, worker: usize) -> Option<u16> {
        let mut victim = worker;
        loop {
            victim += 1;
            if victim >= self.workers() {
                victim = 0;
            }
            if victim == worker {
                return None;
            }
            // SAFETY: below `workers`.
            let (deque, inbox) = unsafe { (self.room.deque(victim), self.room.inbox(victim)) };
            // Most attempts find nothing, and need no fence: a thief that misses a unit here looks again before it sleeps.
            while deque.seems_filled() {
                match deque.steal() {
                    Steal::Success(unit) => return Some(unit),
                    Steal::Empty => break,
                    // Another worker has won a unit, so that this ends.
                    Steal::Retry => spin_loop(),
                }
            }
            if let Some(unit) = inbox.take() {
                return Some(unit);
            }
        }
    }

    /// Whether something seems to wait.
    pub(super) fn seems_ready(&self) -> bool {
        (0..self.workers()).any(|worker| {
            // SAFETY: below `workers`.
            unsafe { self.room.deque(worker).seems_filled() || self.room.inbox(worker).seems_filled() }
        })
    }

    /// Whether all units are complete; what they wrote is then seen.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        // Pairs with Release in `complete`.
        self.room.desk.done.load(Ordering::Acquire)
    }
}
