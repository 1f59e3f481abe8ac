//! The memory in which one model's units wait: static, all bytes zero at first.

use crate::sync::bell::Bell;
use crate::sync::deque::{Deque, Ends};
use crate::sync::inbox::Inbox;
use crate::sync::primitive::{AtomicU8, AtomicU32, PlainBool, PlainPtr, PlainU16, array, const_fn};

/// Slots of a deque in which at most `waiting` units wait at the same time: the next power of two.
#[must_use]
pub const fn slots(waiting: usize) -> usize {
    waiting.next_power_of_two()
}

/// Words of an inbox for any of `units` units.
#[must_use]
pub const fn words(units: usize) -> usize {
    units.div_ceil(32)
}

/// What workers share about one inference.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Desk {
    /// What the units work on: written by the leader before it posts the job.
    pub(crate) context: PlainPtr<()>,
    /// Whether the last unit is complete.
    pub(crate) done: PlainBool,
    /// Whether an inference was begun with the pool and not ended: only the leader asks.
    pub(crate) open: PlainBool,
    /// Where the leader sleeps.
    pub(crate) leader: Bell,
}

/// The memory of one model's job, for `WORKERS` workers.
///
/// `SLOTS` is [`slots`] of the greatest number of units that can be ready and not yet begun: the widest antichain of the graph,
/// which the compiler knows. `WORDS` is [`words`] of `UNITS`, or 0 where no unit has a home. A room with 0 words has a slot
/// for every unit; one with words puts what finds no slot into the inbox: no capacity can be too small.
#[derive(Debug)]
#[repr(C)]
pub struct Room<const UNITS: usize, const WORKERS: usize, const SLOTS: usize, const WORDS: usize> {
    desk: Desk,
    arrivals: [AtomicU8; UNITS],
    ends: [Ends; WORKERS],
    slots: [[PlainU16; SLOTS]; WORKERS],
    words: [[AtomicU32; WORDS]; WORKERS],
}

impl<const UNITS: usize, const WORKERS: usize, const SLOTS: usize, const WORDS: usize>
    Room<UNITS, WORKERS, SLOTS, WORDS>
{
    const_fn! {
        /// An empty room: as a `static` it lands in `.bss`.
        #[must_use]
        pub fn new() -> Self {
            const {
                assert!(WORKERS >= 1 && WORKERS <= 32, "1 to 32 workers");
                assert!(SLOTS.is_power_of_two(), "SLOTS must be a power of two");
                assert!(WORDS == 0 || WORDS == words(UNITS), "WORDS must be 0 or reach every unit");
                assert!(WORDS > 0 || SLOTS >= UNITS, "without inboxes a deque must hold all units");
            }
            Self {
                desk: Desk {
                    context: PlainPtr::new(core::ptr::null_mut()),
                    done: PlainBool::new(false),
                    open: PlainBool::new(false),
                    leader: Bell::new(),
                },
                arrivals: array!(AtomicU8::new(0)),
                ends: array!(Ends::new()),
                slots: array!(array!(PlainU16::new(0))),
                words: array!(array!(AtomicU32::new(0))),
            }
        }
    }

    /// The room without its sizes.
    pub(super) const fn view(&'static self) -> View {
        View {
            desk: &self.desk,
            arrivals: &self.arrivals,
            ends: &self.ends,
            slots: self.slots.as_flattened(),
            words: self.words.as_flattened(),
            slots_each: SLOTS,
            words_each: WORDS,
        }
    }
}

impl<const UNITS: usize, const WORKERS: usize, const SLOTS: usize, const WORDS: usize> Default
    for Room<UNITS, WORKERS, SLOTS, WORDS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// A room of any size.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) desk: &'static Desk,
    arrivals: &'static [AtomicU8],
    ends: &'static [Ends],
    slots: &'static [PlainU16],
    words: &'static [AtomicU32],
    slots_each: usize,
    words_each: usize,
}

impl View {
    /// How many units there is room for.
    pub(super) const fn units(&self) -> usize {
        self.arrivals.len()
    }

    /// How many workers may take part.
    #[inline]
    pub(super) const fn workers(&self) -> usize {
        self.ends.len()
    }

    /// How many predecessors of `unit` are complete.
    ///
    /// # Safety
    /// `unit` is below `units`.
    #[inline]
    pub(super) unsafe fn arrivals(&self, unit: u16) -> &'static AtomicU8 {
        // SAFETY: as the caller promises.
        unsafe { self.arrivals.get_unchecked(usize::from(unit)) }
    }

    /// The deque of `worker`.
    ///
    /// # Safety
    /// `worker` is below `workers`.
    #[inline]
    pub(super) unsafe fn deque(&self, worker: usize) -> Deque<'static> {
        let start = worker * self.slots_each;
        // SAFETY: as the caller promises; `slots` has `slots_each` for each worker.
        unsafe { Deque::new(self.ends.get_unchecked(worker), self.slots.get_unchecked(start..start + self.slots_each)) }
    }

    /// The inbox of `worker`.
    ///
    /// # Safety
    /// `worker` is below `workers`.
    #[inline]
    pub(super) unsafe fn inbox(&self, worker: usize) -> Inbox<'static> {
        let start = worker * self.words_each;
        // SAFETY: as the caller promises; `words` has `words_each` for each worker.
        Inbox::new(unsafe { self.words.get_unchecked(start..start + self.words_each) })
    }

    /// Forgets what waits, and how far each unit is.
    ///
    /// # Safety
    /// Nobody else is inside the job.
    pub(super) unsafe fn clear(&self) {
        for worker in 0..self.workers() {
            // SAFETY: such a worker, and nobody else uses the deque, as the caller promises.
            unsafe {
                self.deque(worker).clear();
                self.inbox(worker).clear();
            }
        }
        for unit in self.arrivals {
            unit.store(0, crate::sync::primitive::Ordering::Relaxed);
        }
    }
}
