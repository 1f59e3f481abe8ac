//! The units that are meant for one worker, sent by whoever made them ready.

use super::primitive::{AtomicU32, Ordering, planted};

/// A set of ready units, one bit each: any worker may insert and take, the lowest unit first.
///
/// Only its owner may push to a deque, so that a unit whose tile is warm in another core's memory cannot be put there. It goes
/// into that core's inbox instead: the first placement of "The Data Locality of Work Stealing" (Acar, Blelloch, Blumofe,
/// SPAA 2000). The owner empties its inbox before it steals, and an idle worker steals from inboxes too, so that a worker
/// that is busy, or was never started, holds nothing up. A bit per unit cannot overflow, which is why a full deque may spill
/// its units here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inbox<'a> {
    words: &'a [AtomicU32],
}

impl<'a> Inbox<'a> {
    /// The inbox over `words`, 32 units each.
    #[inline]
    pub(crate) const fn new(words: &'a [AtomicU32]) -> Self {
        Self { words }
    }

    /// Adds `unit`; false where the words do not reach so far.
    #[inline]
    pub(crate) fn insert(self, unit: u16) -> bool {
        let Some(word) = self.words.get(usize::from(unit >> 5)) else { return false };
        // Release pairs with the Acquire in `take`, through the modifications by others between them.
        word.fetch_or(1 << (unit & 31), planted!(InboxRelease, Ordering::Release, Ordering::Relaxed));
        true
    }

    /// Takes the lowest unit.
    #[inline(never)]
    pub(crate) fn take(self) -> Option<u16> {
        for (index, word) in self.words.iter().enumerate() {
            loop {
                let units = word.load(Ordering::Relaxed);
                if units == 0 {
                    break;
                }
                let lowest = units & units.wrapping_neg();
                // Pairs with Release in `insert`. Where the bit is gone, another worker has just taken it: look again.
                if word.fetch_and(!lowest, Ordering::Acquire) & lowest != 0 {
                    return Some((index << 5) as u16 | lowest.trailing_zeros() as u16);
                }
            }
        }
        None
    }

    /// Whether there seems to be something to take.
    pub(crate) fn seems_filled(self) -> bool {
        self.words.iter().any(|word| word.load(Ordering::Relaxed) != 0)
    }

    /// Forgets all units.
    pub(crate) fn clear(self) {
        for word in self.words {
            word.store(0, Ordering::Relaxed);
        }
    }
}
