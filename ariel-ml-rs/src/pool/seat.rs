//! A helper: the worker that another core is.

use super::Priority;
use super::job::Job;
use super::seats::{FREE, Place};
use super::shared::{IDLE_ROUNDS, Pool, Turn};
use super::stats::Count;
use crate::sync::primitive::{Ordering, fence, is_abandoned, planted, spin_loop};
use core::convert::Infallible;
use core::future::poll_fn;
use core::task::{Context, Poll};

/// The right to be one of a pool's helpers: there is one per helper, from [`Pool::seat`].
#[derive(Debug)]
pub struct Seat {
    pool: &'static Pool,
    worker: usize,
    place: &'static Place,
}

impl Seat {
    /// The number of this helper, 1 and up: the core that it is meant for.
    #[must_use]
    pub const fn worker(&self) -> usize {
        self.worker
    }

    pub(super) const fn new(pool: &'static Pool, worker: usize, place: &'static Place) -> Self {
        Self { pool, worker, place }
    }

    /// Helps for ever: what the other cores' `main` ends with.
    pub fn work(mut self) -> ! {
        loop {
            self.work_until(|| false);
        }
    }

    /// Helps until `stop` is true, which is looked at before the core goes to sleep, and when it wakes.
    pub fn work_until(&mut self, stop: impl Fn() -> bool) {
        let mut idle = 0;
        loop {
            if self.help() {
                idle = 0;
                continue;
            }
            if stop() {
                return;
            }
            idle += 1;
            if idle < IDLE_ROUNDS {
                spin_loop();
                continue;
            }
            idle = 0;
            self.rest(&stop);
        }
    }

    /// Helps as a task of this core's own executor, and yields to its other tasks after every unit.
    pub async fn assist(mut self) -> Infallible {
        poll_fn(|context| self.poll(context)).await
    }

    /// One poll of [`Seat::assist`]: at most one unit.
    fn poll(&mut self, context: &Context<'_>) -> Poll<Infallible> {
        let bell = &self.place.bell;
        bell.attend();
        if self.help_with(1) || !bell.register(context.waker()) {
            context.waker().wake_by_ref();
        } else if self.seems_wanted() {
            bell.attend();
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Sleeps, unless there is something to do or `stop`.
    fn rest(&self, stop: &dyn Fn() -> bool) {
        let (bell, park) = (&self.place.bell, self.pool.park());
        if !bell.lie_down(park) {
            return;
        }
        if !self.seems_wanted() && !stop() {
            self.pool.count(self.worker, Count::Sleeps);
            bell.sleep(park);
        }
        bell.rise();
    }

    /// Whether some job seems to have a unit for this helper.
    fn seems_wanted(&self) -> bool {
        Priority::ALL.into_iter().any(|priority| {
            self.pool.posted(priority).is_some_and(|job| self.worker < job.workers() && job.seems_ready())
        })
    }

    /// Runs units until none is found; tells whether there was one.
    pub fn help(&mut self) -> bool {
        self.help_with(u32::MAX)
    }

    /// Runs up to `most` units of the most urgent job that has any.
    fn help_with(&mut self, most: u32) -> bool {
        Priority::ALL
            .into_iter()
            .any(|priority| self.pool.posted(priority).is_some_and(|job| self.visit(priority, job, most)))
    }

    /// Enters the job of normal priority that is posted, takes a unit if there is one, and is reset: nothing is put in order.
    #[cfg(all(test, loom))]
    pub(super) fn dies_inside(self) {
        let this = core::mem::ManuallyDrop::new(self);
        let Some(job) = this.pool.posted(Priority::Normal) else { return };
        this.place.inside.store(job.name(), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if this.pool.is_posted(Priority::Normal, job) {
            // SAFETY: this is the worker.
            let _ = unsafe { job.take(this.worker) }.or_else(|| job.steal(this.worker));
        }
    }

    /// Enters `job`, runs up to `most` of its units, and leaves it: at once where it is taken down, and after a unit where a
    /// more urgent one is posted (which may have none for this helper, so that one unit is run in any case).
    fn visit(&mut self, priority: Priority, job: &'static Job, most: u32) -> bool {
        if self.worker >= job.workers() {
            return false;
        }
        self.place.inside.store(job.name(), Ordering::Relaxed);
        let _leaves = Leaves { pool: self.pool, place: self.place, priority, job };
        // Pairs with the fence in `is_settled`: either the leader sees that this helper is inside, or the helper sees that
        // the job is not posted any more.
        planted!(EnterFence, fence(Ordering::SeqCst), ());
        let mut left = most;
        if self.pool.is_posted(priority, job) {
            // SAFETY: below `workers`, and `&mut self` is this worker: there is one seat, taken by one at a time.
            let (next, rest) =
                unsafe { self.pool.work(job, self.worker, None, &Turn { units: most, priority, budget: None }) };
            left = rest;
            if let Some(unit) = next {
                // SAFETY: as above. The unit is for anybody, and the leader may sleep.
                unsafe { job.keep(self.worker, unit) };
                self.pool.wake(job, self.worker, 1, 0);
            }
        }
        left < most
    }
}

/// A helper inside a job, which it leaves when this is dropped: also where a waker or a way to sleep panics, for the next inference
/// waits until nobody is inside.
struct Leaves<'a> {
    pool: &'static Pool,
    place: &'a Place,
    priority: Priority,
    job: &'static Job,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        if is_abandoned() {
            return;
        }
        // Release pairs with Acquire in `is_settled`: the leader sees what the units wrote.
        self.place.inside.store(core::ptr::null_mut(), Ordering::Release);
        // Pairs with the fence in `Bell::lie_down`: a leader that waits for this is seen, or sees this.
        fence(Ordering::SeqCst);
        if planted!(LeaveRing, !self.pool.is_posted(self.priority, self.job), false) {
            self.job.room.desk.leader.ring(self.pool.park());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !is_abandoned() {
            self.place.bell.leave();
            // Release pairs with Acquire in `Pool::seat`.
            self.place.taken.store(FREE, Ordering::Release);
        }
    }
}
