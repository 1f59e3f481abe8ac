//! What each worker did, where the feature `pool-stats` asks for it.

use crate::sync::primitive::const_fn;
#[cfg(feature = "pool-stats")]
use crate::sync::primitive::{Ordering, PlainU32};

/// What one worker did since the start. Counters wrap; without the feature `pool-stats` they stay 0.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Units that it completed, gates included.
    pub units: u32,
    /// Those of them that it took from another worker's deque or inbox.
    pub steals: u32,
    /// How often its core went to sleep for want of work.
    pub sleeps: u32,
}

/// The counters of one worker, written by it alone: no read-modify-write. Leaders of two models that run at the same time share
/// those of worker 0, and may lose counts.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Counts {
    #[cfg(feature = "pool-stats")]
    counters: [PlainU32; 3],
}

/// Which counter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Units,
    Steals,
    Sleeps,
}

impl Counts {
    const_fn! {
        pub(super) fn new() -> Self {
            Self {
                #[cfg(feature = "pool-stats")]
                counters: crate::sync::primitive::array!(PlainU32::new(0)),
            }
        }
    }

    /// Counts one more.
    #[cfg(feature = "pool-stats")]
    pub(super) fn add(&self, count: Count) {
        let counter = &self.counters[count as usize];
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// What was counted.
    #[cfg(feature = "pool-stats")]
    pub(super) fn read(&self) -> Stats {
        let [units, steals, sleeps] = self.counters.each_ref().map(|counter| counter.load(Ordering::Relaxed));
        Stats { units, steals, sleeps }
    }
}

#[cfg(not(feature = "pool-stats"))]
#[expect(clippy::unused_self, reason = "there is nothing to count with")]
impl Counts {
    #[inline]
    pub(super) fn add(&self, _count: Count) {}

    pub(super) fn read(&self) -> Stats {
        Stats::default()
    }
}
