//! What leaders and helpers share: the posts with the jobs, and who sleeps.

use super::Priority;
use super::job::Job;
use super::seat::Seat;
use super::seats::{FREE, Place, Seats, TAKEN, View};
use super::stats::{Count, Stats};
use crate::Budget;
use crate::sync::park::Park;
use crate::sync::primitive::{Ordering, fence, is_abandoned, planted};
use core::mem::ManuallyDrop;

/// How often an idle worker looks for work before it goes to sleep: about 2,000 instructions, the time of a small tile.
#[cfg(not(all(test, loom)))]
pub const IDLE_ROUNDS: u32 = 32;
/// In a model, looking again is another interleaving of the same thing.
#[cfg(all(test, loom))]
pub const IDLE_ROUNDS: u32 = 1;

/// The unit in a worker's hand while it wakes others: what wakes them is not ours, and may panic. Then others find the unit.
struct Hand {
    job: &'static Job,
    worker: usize,
    unit: Option<u16>,
}

impl Hand {
    /// The unit, to go on with.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing is left of it where no panic can come")]
    fn open(self) -> Option<u16> {
        ManuallyDrop::new(self).unit
    }
}

impl Drop for Hand {
    #[cold]
    fn drop(&mut self) {
        if let Some(unit) = self.unit.filter(|_| !is_abandoned()) {
            // SAFETY: `worker` is below `workers`, and this thread is it (`Pool::work`).
            unsafe { self.job.keep(self.worker, unit) };
        }
    }
}

/// For how long a worker goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Units with work, at most; gates behind them are passed as well.
    pub(super) units: u32,
    /// Helpers stop when the job is taken down, or a more urgent one is posted.
    pub(super) priority: Priority,
    /// The leader stops when this is spent.
    pub(super) budget: Option<Budget>,
}

/// The workers of a chip: constant, made once, beside its [`Seats`].
///
/// Worker 0 is the leader, whoever that is at the time: the task or thread that runs an inference. Workers 1 and up, the
/// helpers, are the other cores, each for ever in [`Seat::work`] or, as a task of an executor of its own, in [`Seat::assist`].
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    seats: View,
    park: &'static dyn Park,
    start: Option<fn(Seat)>,
    /// The jobs by whose names images find their own; empty where there is one image.
    jobs: &'static [Job],
}

impl Pool {
    /// The pool of these seats, whose cores sleep as `park` says.
    ///
    /// # Safety
    /// No other pool has these seats.
    #[must_use]
    pub const unsafe fn new<const HELPERS: usize>(seats: &'static Seats<HELPERS>, park: &'static dyn Park) -> Self {
        Self { seats: seats.view(), park, start: None, jobs: &[] }
    }

    /// The same pool, whose helpers `start` starts: for each seat it has a core, or a thread, begin that then calls
    /// [`Seat::work`].
    #[must_use]
    pub const fn with_start(mut self, start: fn(Seat)) -> Self {
        self.start = Some(start);
        self
    }

    /// The same pool, whose posts hold names of `jobs`: other images have the same seats, and jobs of their own by the same
    /// names.
    #[must_use]
    pub(super) const fn with_jobs(mut self, jobs: &'static [Job]) -> Self {
        self.jobs = jobs;
        self
    }

    /// Whether the helpers are other images. Wakers are then not for them: a leader that is a task is polled again instead.
    pub(super) const fn is_of_images(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// The jobs of this image; none where there is one image.
    pub(super) const fn jobs(&self) -> &'static [Job] {
        self.jobs
    }

    /// Starts the helpers whose seats are not taken, where this pool knows how.
    pub fn start(&'static self) {
        let Some(start) = self.start else { return };
        for worker in 1..=self.seats.places.len() {
            if let Some(seat) = self.seat(worker) {
                start(seat);
            }
        }
    }

    /// Takes the seat of helper `worker`, 1 and up; `None` where there is none, or somebody has it.
    #[must_use]
    pub fn seat(&'static self, worker: usize) -> Option<Seat> {
        let place = self.seats.places.get(worker.checked_sub(1)?)?;
        // Acquire pairs with Release in `Seat::drop`: deques have one owner at a time, each after the other.
        place.taken.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).ok()?;
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

    /// Takes down whatever is posted.
    pub(super) fn withdraw_all(&self) {
        for post in self.seats.posts {
            let posted = post.load(Ordering::Relaxed);
            // Only leaders post, and this is the one image that has any.
            let _ = post.compare_exchange(posted, core::ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
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
        // One that is complete was left by a leader that was forgotten; if it is begun again at this moment it loses its helpers,
        // but for its leader's patience nothing.
        if self.find(posted).is_some_and(|posted| !posted.is_done()) {
            return false;
        }
        // Release pairs with Acquire in `posted`.
        post.compare_exchange(posted, job.name(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes `job` down, wherever it is posted.
    #[inline(never)]
    pub(super) fn withdraw(&self, job: &'static Job) {
        for post in self.seats.posts {
            // Release: the next leader here comes after this job.
            let _ = post.compare_exchange(job.name(), core::ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// The job that is posted with this priority.
    #[inline]
    pub(super) fn posted(&self, priority: Priority) -> Option<&'static Job> {
        // Acquire pairs with Release in `post`.
        self.find(self.seats.posts[priority as usize].load(Ordering::Acquire))
    }

    /// The job of a name that is posted; `None` for null, and for a name that no job of this image has.
    #[inline]
    fn find(&self, name: *mut Job) -> Option<&'static Job> {
        if self.is_of_images() {
            return self.jobs.iter().find(|job| job.name() == name);
        }
        // SAFETY: with one image, what is posted is the address of a `&'static Job`, or null.
        unsafe { name.as_ref() }
    }

    /// Whether `job` is still posted.
    #[inline]
    pub(super) fn is_posted(&self, priority: Priority, job: &'static Job) -> bool {
        // Relaxed: a helper that sees the change late runs one unit more.
        self.seats.posts[priority as usize].load(Ordering::Relaxed) == job.name()
    }

    /// Whether a more urgent job is posted.
    #[inline]
    pub(super) fn is_outranked(&self, priority: Priority) -> bool {
        // Relaxed: as in `is_posted`.
        priority < Priority::High && !self.seats.posts[Priority::High as usize].load(Ordering::Relaxed).is_null()
    }

    /// Runs units of `job` as `worker`: `next`, what each makes ready, and what else is to be found. Returns the unit in hand
    /// where `turn` ended, and what is left of the turn.
    ///
    /// The hot loop of leaders and helpers: about 50 instructions of a Cortex-M4 per unit besides the unit itself.
    ///
    /// # Safety
    /// `next` is unit 0 of an inference that this leader has begun, or was returned by the turn before, or taken from the
    /// queues of this job. `worker` is below `workers`, and one thread at a time is this worker.
    #[inline(never)]
    pub(super) unsafe fn work(
        &self,
        job: &'static Job,
        worker: usize,
        mut next: Option<u16>,
        turn: &Turn,
    ) -> (Option<u16>, u32) {
        let mut left = turn.units;
        loop {
            let unit = match next.take() {
                Some(unit) => unit,
                // SAFETY: the worker is this thread, as the caller promises.
                None => match unsafe { job.take(worker) }.or_else(|| self.steal(job, worker)) {
                    Some(unit) => unit,
                    None => break,
                },
            };
            // SAFETY: a unit of this job, which this worker has.
            let ready = unsafe {
                if !job.is_gate(unit) {
                    job.run(worker, unit);
                    left -= 1;
                }
                job.complete(worker, unit)
            };
            self.count(worker, Count::Units);
            if ready.is_last {
                self.finish(job);
                break;
            }
            let hand = Hand { job, worker, unit: ready.next };
            if ready.waiting > 0 {
                self.wake(job, worker, ready.waiting, ready.homes);
            }
            next = hand.open();
            // SAFETY: a unit of this job.
            if left == 0 && !next.is_some_and(|unit| unsafe { job.is_gate(unit) }) {
                break;
            }
            if worker == 0 {
                if turn.budget.is_some_and(Budget::is_spent) {
                    break;
                }
            } else if !self.is_posted(turn.priority, job) || self.is_outranked(turn.priority) {
                break;
            }
        }
        (next, left)
    }

    /// Takes a unit of another worker.
    fn steal(&self, job: &'static Job, worker: usize) -> Option<u16> {
        let unit = job.steal(worker)?;
        self.count(worker, Count::Steals);
        Some(unit)
    }

    /// All units of a block are complete: the leader may wait for that, unless it completed the last one itself.
    #[inline(never)]
    fn finish(&self, job: &'static Job) {
        job.finish();
        // As in `wake`.
        fence(Ordering::SeqCst);
        job.room.desk.leader.ring(self.park);
    }

    /// Wakes as many sleepers as units wait, first those whose units they are.
    #[inline(never)]
    pub(super) fn wake(&self, job: &'static Job, worker: usize, waiting: u32, homes: u32) {
        if job.workers() == 1 {
            return;
        }
        // Pairs with the fences in `Bell::lie_down` and `Bell::register`: either the sleeper sees the units when it looks once
        // more, or this sees that it sleeps.
        planted!(WakeFence, fence(Ordering::SeqCst), ());
        let mut left = waiting;
        if homes != 0 {
            left = self.ring(job, worker, homes, left);
        }
        self.ring(job, worker, !homes, left);
    }

    /// Rings for up to `most` sleepers of the set `whom`, one bit each, and returns how many are left to ring for.
    #[inline(never)]
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
