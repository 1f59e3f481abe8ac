//! Helpers that are reset: their images begin anew, and with them all that they knew; the seat in shared memory tells what they
//! were at.
//!
//! ```text
//!             seat, resume            reset inside a job: resume
//!     FREE ------------------> TAKEN -----------------------------> LOST
//!      ^                         | ^                                 |
//!      +------- Seat::drop ------+ +- reset outside of jobs: resume  |
//!      +--------------------- the leader settled the job: readmit ---+
//! ```
//!
//! A helper says that it is inside a job before it takes the first unit, and that it is not after the last. So one that finds
//! itself outside after a reset held nothing, and goes on as if nothing had been. One that finds itself inside may have held a
//! unit, half of which is computed. That half cannot be computed again, for a unit may write over what it reads: the leader gives
//! the inference up ([`crate::Error::HelperLost`]), waits for the other helpers as after any inference that was given up, clears
//! the room, and only then is the seat free again. A helper that does not come back says nothing: that is what budgets are for.

use super::job::Job;
use super::seat::Seat;
use super::seats::{FREE, LOST, TAKEN};
use super::shared::Pool;
use crate::sync::primitive::{Ordering, fence, planted};

/// Whether a helper was reset inside `job` and has not been readmitted.
pub(super) fn is_bereft(pool: &Pool, job: &'static Job) -> bool {
    pool.is_of_images() && pool.places().iter().any(|place| place.is_lost_in(job.name()))
}

/// Frees the seats of helpers that were reset inside `job`, whose room is clear.
pub(super) fn readmit(pool: &Pool, job: &'static Job) {
    if pool.is_of_images() {
        for place in pool.places().iter().filter(|place| place.is_lost_in(job.name())) {
            place.inside.store(core::ptr::null_mut(), Ordering::Relaxed);
            // Release pairs with Acquire in `resume`: the helper finds a room that is clear.
            place.taken.store(FREE, Ordering::Release);
        }
    }
}

impl Pool {
    /// Takes the seat of helper `worker` after a reset of its core, or the first time; `None` as long as the leader has to settle
    /// what the life before left, and where there is no such seat. With `tells`, leaders that sleep are woken to hear of it.
    ///
    /// # Safety
    /// The caller is the one that is this helper, and nothing that was so before the reset runs any more. With `tells`, the rooms of
    /// all jobs are initialised.
    pub(super) unsafe fn resume(&'static self, worker: usize, tells: bool) -> Option<Seat> {
        let place = self.places().get(worker.checked_sub(1)?)?;
        // Acquire pairs with Release in `readmit`.
        let before = place.taken.load(Ordering::Acquire);
        let was_inside = !place.inside.load(Ordering::Relaxed).is_null();
        let seated = match before {
            FREE => {
                place.taken.store(TAKEN, Ordering::Relaxed);
                true
            }
            TAKEN if planted!(ResumeInside, was_inside, false) => {
                // Release pairs with Acquire in `is_lost_in`.
                place.taken.store(LOST, Ordering::Release);
                false
            }
            TAKEN => true,
            _ => return None,
        };
        if seated {
            place.bell.leave();
        }
        if tells && before == TAKEN {
            // The life before may have said that a leader is awake, and not woken it.
            fence(Ordering::SeqCst);
            for job in self.jobs() {
                planted!(ResumeRouse, job.room.desk.leader.rouse(self.park()), ());
            }
        }
        seated.then(|| Seat::new(self, worker, place))
    }

    /// The pool of the same seats with other jobs.
    #[cfg(all(test, loom))]
    pub(super) const fn renamed(self, jobs: &'static [Job]) -> Self {
        self.with_jobs(jobs)
    }

    /// What a leader does after a reset, or the first time: takes down what its life before posted, and tells whether no helper is
    /// at it any more. Then the rooms and what units reach are its own.
    pub(super) fn vacate(&self) -> bool {
        self.withdraw_all();
        // Pairs with the fence in `Seat::visit`, as that in `is_settled`.
        planted!(EnterFence, fence(Ordering::SeqCst), ());
        self.places().iter().all(|place| {
            // Acquire pairs with Release where a helper leaves, and in `resume`.
            place.inside.load(Ordering::Acquire).is_null() || place.taken.load(Ordering::Acquire) == LOST
        })
    }

    /// Frees the seats of helpers that were reset inside any job: once the pool is vacated, and all rooms are clear.
    pub(super) fn readmit_all(&self) {
        for place in self.places() {
            if place.taken.load(Ordering::Acquire) == LOST {
                place.inside.store(core::ptr::null_mut(), Ordering::Relaxed);
                // As in `readmit`.
                place.taken.store(FREE, Ordering::Release);
            }
        }
    }

    /// Has every helper look for work: one of them may sleep though its bell says that it was rung for, if the leader was reset
    /// before it woke it.
    pub(super) fn rouse_all(&self) {
        fence(Ordering::SeqCst);
        for place in self.places() {
            if place.taken.load(Ordering::Relaxed) == TAKEN {
                place.bell.rouse(self.park());
            }
        }
    }
}
