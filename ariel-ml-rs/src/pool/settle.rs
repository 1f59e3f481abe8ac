//! Waiting for what is left of an inference that was dropped or forgotten.

use super::job::Job;
use super::lost;
use super::shared::{IDLE_ROUNDS, Pool};
use crate::sync::primitive::{Ordering, fence, planted, spin_loop};

/// Waits for units in flight of an inference that was dropped or forgotten: to be called before anybody else uses the memory
/// that they reach. Costs one load where there are none, and else at most the time of one tile.
///
/// # Safety
/// No [`super::Run`] of this job is used at the same time; the job is used with this pool.
pub unsafe fn settle(pool: &'static Pool, job: &'static Job) {
    let (bell, park) = (&job.room.desk.leader, pool.park());
    bell.attend();
    let mut idle = 0;
    while !is_settled(pool, job) {
        idle += 1;
        if idle < IDLE_ROUNDS {
            spin_loop();
            continue;
        }
        idle = 0;
        if bell.lie_down(park) {
            if !is_settled(pool, job) {
                bell.sleep(park);
            }
            bell.rise();
        }
    }
}

/// Takes down an inference that was dropped or forgotten, and tells whether no helper is inside any more; what their units
/// wrote is then seen, and the queues are empty.
#[inline(never)]
pub(super) fn is_settled(pool: &'static Pool, job: &'static Job) -> bool {
    if !job.room.desk.open.load(Ordering::Relaxed) && !lost::is_bereft(pool, job) {
        return true;
    }
    pool.withdraw(job);
    // Pairs with the fence in `Seat::visit`: a helper that is not seen inside here sees that the job is taken down.
    planted!(EnterFence, fence(Ordering::SeqCst), ());
    // Acquire pairs with Release in `Seat::visit`.
    let inside = pool
        .places()
        .iter()
        .any(|place| place.inside.load(Ordering::Acquire) == job.name() && !place.is_lost_in(job.name()));
    if planted!(SettleWait, inside, false) {
        return false;
    }
    // SAFETY: nobody is inside, and nobody gets in while the job is not posted.
    unsafe { job.room.clear() };
    lost::readmit(pool, job);
    job.room.desk.open.store(false, Ordering::Relaxed);
    true
}
