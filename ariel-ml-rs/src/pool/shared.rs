//! What leaders and helpers share: the posts with the jobs, and who sleeps.

use super::Priority;
use super::job::{Job, Ready};
use super::seat::Seat;
use super::seats::{Place, Seats, View};
use super::stats::{Count, Stats};
use crate::sync::park::Park;
use crate::sync::primitive::{Ordering, fence, planted};

/// How often an idle worker looks for work before it goes to sleep: about 2,000 instructions, the time of a small tile.
#[cfg(not(all(test, loom)))]
pub const IDLE_ROUNDS: u32 = 32;
/// In a model, looking again is another interleaving of the same thing.
#[cfg(all(test, loom))]
pub const IDLE_ROUNDS: u32 = 1;

/// The workers of a chip: constant, made once, beside its [`Seats`].
///
/// Worker 0 is the leader, whoever that is at the time: the task or thread that runs an inference. Workers 1 and up, the
/// helpers, are the other cores, each for ever in [`Seat::work`] or, as a task of an executor of its own, in [`Seat::assist`].
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    seats: View,
    park: &'static dyn Park,
}

impl Pool {
    /// The pool of these seats, whose cores sleep as `park` says.
    ///
    /// # Safety
    /// No other pool has these seats.
    #[must_use]
    pub const unsafe fn new<const HELPERS: usize>(seats: &'static Seats<HELPERS>, park: &'static dyn Park) -> Self {
        Self { seats: seats.view(), park }
    }

    /// Takes the seat of helper `worker`, 1 and up; `None` where there is none, or somebody has it.
    #[must_use]
    pub fn seat(&'static self, worker: usize) -> Option<Seat> {
        let place = self.seats.places.get(worker.checked_sub(1)?)?;
        // Acquire pairs with Release in `Seat::drop`: deques have one owner at a time, each after the other.
        place.taken.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(Seat::new(self, worker, place))
    }

    /// What `worker` did since the start; all 0 without the feature `pool-stats`.
    #[must_use]
    pub fn stats(&self, worker: usize) -> Stats {
        self.seats.counts(worker).read()
    }

    /// Wakes every helper, for instance so that it looks at the condition of [`Seat::work_until`].
    pub fn wake_all(&self) {
        // As in `wake`: what the helpers shall see comes before.
        fence(Ordering::SeqCst);
        for place in self.seats.places {
            place.bell.ring(self.park);
        }
    }

    pub(super) const fn park(&self) -> &'static dyn Park {
        self.park
    }

    pub(super) const fn places(&self) -> &'static [Place] {
        self.seats.places
    }

    pub(super) fn count(&self, worker: usize, what: Count) {
        self.seats.counts(worker).add(what);
    }

    /// Posts `job` for the helpers; false where another job of this priority is posted that is not complete.
    pub(super) fn post(&self, priority: Priority, job: &'static Job) -> bool {
        let post = &self.seats.posts[priority as usize];
        // Acquire pairs with Release below: the job that is looked at.
        let posted = post.load(Ordering::Acquire);
        // SAFETY: what is posted is a `&'static Job`, or null. One that is complete was left by a leader that was forgotten; if
        // it is begun again at this moment it loses its helpers, but for its leader's patience nothing.
        if unsafe { posted.as_ref() }.is_some_and(|posted| !posted.is_done()) {
            return false;
        }
        // Release pairs with Acquire in `posted`.
        post.compare_exchange(posted, core::ptr::from_ref(job).cast_mut(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes `job` down, wherever it is posted.
    pub(super) fn withdraw(&self, job: &'static Job) {
        for post in self.seats.posts {
            let job = core::ptr::from_ref(job).cast_mut();
            // Release: the next leader here comes after this job.
            let _ = post.compare_exchange(job, core::ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// The job that is posted with this priority.
    #[inline]
    pub(super) fn posted(&self, priority: Priority) -> Option<&'static Job> {
        // Acquire pairs with Release in `post`.
        let posted = self.seats.posts[priority as usize].load(Ordering::Acquire);
        // SAFETY: what is posted is a `&'static Job`, or null.
        unsafe { posted.as_ref() }
    }

    /// Whether `job` is still posted.
    #[inline]
    pub(super) fn is_posted(&self, priority: Priority, job: &'static Job) -> bool {
        // Relaxed: a helper that sees the change late runs one unit more.
        self.seats.posts[priority as usize].load(Ordering::Relaxed).cast_const() == core::ptr::from_ref(job)
    }

    /// Whether a more urgent job is posted.
    #[inline]
    pub(super) fn is_outranked(&self, priority: Priority) -> bool {
        // Relaxed: as in `is_posted`.
        priority < Priority::High && !self.seats.posts[Priority::High as usize].load(Ordering::Relaxed).is_null()
    }

    /// Runs `unit`, wakes who can help with what that makes ready, and returns the unit to go on with.
    ///
    /// # Safety
    /// That of [`Job::complete`].
    #[inline]
    pub(super) unsafe fn run(&self, job: &'static Job, worker: usize, unit: u16) -> Option<u16> {
        // SAFETY: forwarded to the caller.
        let ready = unsafe { job.complete(worker, unit) };
        self.count(worker, Count::Units);
        if ready.done {
            // The leader may wait for this; where it completed the unit itself it is awake.
            fence(Ordering::SeqCst);
            job.room.desk.leader.ring(self.park);
        } else if ready.waiting > 0 {
            self.wake(job, worker, ready);
        }
        ready.next
    }

    /// Wakes as many sleepers as units wait, first those whose units they are.
    pub(super) fn wake(&self, job: &'static Job, worker: usize, ready: Ready) {
        // Pairs with the fences in `Bell::lie_down` and `Bell::register`: either the sleeper sees the units when it looks once
        // more, or this sees that it sleeps.
        planted!(WakeFence, fence(Ordering::SeqCst), ());
        let mut left = ready.waiting;
        if ready.homes != 0 {
            left = self.ring(job, worker, ready.homes, left);
        }
        self.ring(job, worker, !ready.homes, left);
    }

    /// Rings for up to `most` sleepers of the set `whom`, one bit each, and returns how many are left to ring for.
    fn ring(&self, job: &'static Job, worker: usize, whom: u32, most: u32) -> u32 {
        let leader = core::iter::once(&job.room.desk.leader);
        let bells = leader.chain(self.seats.places.iter().map(|place| &place.bell)).take(job.workers());
        let mut left = most;
        for (sleeper, bell) in bells.enumerate() {
            if left == 0 {
                break;
            }
            // Most often all are awake: a load each.
            if whom & (1 << sleeper) != 0 && sleeper != worker && !bell.is_awake() && bell.ring(self.park) {
                left -= 1;
            }
        }
        left
    }
}
