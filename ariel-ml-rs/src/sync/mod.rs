//! What several cores share: the parts that the [`mod@crate::pool`] is made of, each proved alone under loom.
//!
//! - `primitive`: the atomics: the core's own, loom's in its tests, or ones that take a critical section for writes on
//!   cores without compare-and-swap (`locked`);
//! - `deque`: the work-stealing deque of one worker;
//! - `inbox`: the units that are meant for one worker, whoever made them ready;
//! - `bell`: how a worker goes to sleep, as a core or as a task of an executor, without losing a wake-up;
//! - [`park`]: how a core sleeps, one file per way.
//!
//! Nothing here blocks but [`park::Park::park`], and nothing spins: every loop ends as soon as some other worker has not just
//! succeeded at the same place.

pub(crate) mod bell;
pub(crate) mod deque;
pub(crate) mod inbox;
#[cfg(any(all(test, not(loom)), feature = "locked", not(target_has_atomic = "32")))]
mod locked;
pub mod park;
pub(crate) mod primitive;

#[cfg(all(test, loom))]
pub(crate) mod loom;
#[cfg(all(test, loom))]
pub(crate) mod planted;
