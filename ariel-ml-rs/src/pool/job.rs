//! A model as the pool sees it: its graph, its room, and how a unit is run.

use super::graph::{GATE, Graph};
use super::room::{Room, View};
use crate::sync::deque::Steal;
use crate::sync::primitive::{Ordering, fence, planted, spin_loop};
use crate::tile::Cursor;
use core::ptr::NonNull;

/// Runs one unit: `(context, unit, worker)`. It is never called for a gate.
///
/// # Safety
/// For who calls it: `context` is what the job was begun with, `unit` is one of the graph's, all its predecessors are complete
/// and seen (happens-before), nobody else runs it, and no other unit runs as this `worker` at the same time.
pub type RunUnit = unsafe fn(context: NonNull<()>, unit: u16, worker: u32);

/// Tells the first unit of the block with which a run goes on, and notes in the cursor where it is; `None` at the end.
///
/// # Safety
/// For who calls it: `context` is what the job was begun with, and no unit is being run; the cursor is new, or was last given to
/// this, in this run.
pub type Follow = unsafe fn(context: NonNull<()>, at: &mut Cursor) -> Option<u16>;

/// A model as the pool sees it: constant, made once per model, beside its [`Room`].
#[derive(Clone, Copy, Debug)]
pub struct Job {
    graph: Graph,
    pub(super) room: View,
    run: RunUnit,
    follow: Option<Follow>,
    /// What images call it; 0 where there is one.
    name: usize,
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
    /// Whether none waits for the unit: all of its block are complete.
    pub(super) is_last: bool,
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
        Self { graph, room, run, follow: None, name: 0 }
    }

    /// The same job, of whose blocks those run that `follow` says, in that order; all units without.
    ///
    /// # Safety
    /// `follow` gives first units of blocks of the job's graph, and is sound wherever its contract holds.
    #[must_use]
    pub const unsafe fn following(mut self, follow: Option<Follow>) -> Self {
        self.follow = follow;
        self
    }

    /// The same job under a name that each image has for a job of its own: addresses mean nothing to the other.
    #[must_use]
    pub(super) const fn named(mut self, name: usize) -> Self {
        self.name = name;
        self
    }

    /// What stands in posts and seats for this job: its name among images, else its address.
    #[inline]
    pub(super) fn name(&'static self) -> *mut Self {
        if self.name == 0 { core::ptr::from_ref(self).cast_mut() } else { core::ptr::without_provenance_mut(self.name) }
    }

    /// The first unit with which a run goes on, from its beginning or behind a block; `None` at the end.
    ///
    /// # Safety
    /// That of [`Follow`].
    pub(super) unsafe fn next_block(&self, context: NonNull<()>, at: &mut Option<Cursor>) -> Option<u16> {
        let begins = at.is_none();
        let cursor = at.get_or_insert_default();
        match self.follow {
            // SAFETY: forwarded to the caller.
            Some(follow) => unsafe { follow(context, cursor) },
            None => begins.then_some(0),
        }
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
        let mut at = None;
        // SAFETY: nothing else is run.
        while let Some(mut unit) = unsafe { self.next_block(context, &mut at) } {
            // SAFETY: ids are a topological order (`Graph::new`), so that all predecessors are complete, on this core.
            while unsafe { self.run_in_order(context, unit) } {
                unit += 1;
            }
        }
    }

    /// Runs `unit` on the calling core, as worker 0, unless it is a gate; tells whether another one of its block follows.
    ///
    /// # Safety
    /// That of [`RunUnit`].
    pub(super) unsafe fn run_in_order(&self, context: NonNull<()>, unit: u16) -> bool {
        // SAFETY: forwarded to the caller.
        unsafe {
            if !self.is_gate(unit) {
                (self.run)(context, unit, 0);
            }
            !self.graph.successors(unit).is_empty()
        }
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
        // SAFETY: one of this job's units.
        let successors = unsafe { self.graph.successors(unit) };
        let mut ready = Ready { next: None, waiting: 0, homes: 0, is_last: successors.is_empty() };
        // From the last to the first, so that this worker goes on with the first, and pops the others in order; thieves take
        // the last.
        for &successor in successors.iter().rev() {
            // SAFETY: successors are units of the job, too (`Graph::new`).
            if unsafe { self.arrive(successor) } {
                // SAFETY: as above, and this thread is the worker, as the caller promises.
                unsafe { self.place(worker, successor, &mut ready) };
            }
        }
        ready
    }

    /// Says that the last unit of a block is complete.
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
