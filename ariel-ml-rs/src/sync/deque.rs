//! The work-stealing deque: its owner pushes and pops units at the bottom, the other workers steal at the top.

use super::primitive::{AtomicU32, Ordering, PlainU16, PlainU32, const_fn, fence, planted};

/// What came of an attempt to steal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steal {
    /// There was nothing.
    Empty,
    /// This unit now belongs to the thief.
    Success(u16),
    /// Another worker won the unit: there may be more.
    Retry,
}

/// The two ends of a deque: they only count up (but for a pop that comes too late), and wrap.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ends {
    /// Where thieves steal; compare-and-swap decides who wins.
    top: AtomicU32,
    /// Where the owner pushes and pops; only the owner writes.
    bottom: PlainU32,
}

impl Ends {
    const_fn! {
        /// The ends of an empty deque.
        pub(crate) fn new() -> Self {
            Self { top: AtomicU32::new(0), bottom: PlainU32::new(0) }
        }
    }
}

/// The deque of one worker, after Chase and Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), with the orderings of Lê,
/// Pop, Cohen and Zappa Nardelli, "Correct and Efficient Work-Stealing for Weak Memory Models" (`PPoPP` 2013).
///
/// It does not grow: the compiler proves how many units can wait at the same time (those that wait are an antichain of the
/// graph), and a push that finds no room says so. Units are small integers in atomic slots, so that a thief that reads a slot
/// while the owner writes it has no data race: its compare-and-swap of `top` then fails.
///
/// The owner's push and pop need no read-modify-write, but for the last unit: that is what makes a deque cheaper than a
/// shared set on cores without compare-and-swap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deque<'a> {
    ends: &'a Ends,
    slots: &'a [PlainU16],
}

impl<'a> Deque<'a> {
    /// The deque over `slots`, whose number is a power of two.
    #[inline]
    pub(crate) const fn new(ends: &'a Ends, slots: &'a [PlainU16]) -> Self {
        Self { ends, slots }
    }

    /// The slot of position `index`.
    #[inline]
    fn slot(self, index: u32) -> &'a PlainU16 {
        // SAFETY: `x & (len - 1)` is below `len`, a power of two (`Room::new` checks it while compiling).
        unsafe { self.slots.get_unchecked(index as usize & (self.slots.len() - 1)) }
    }

    /// Adds `unit` at the bottom, or returns false where there is no room.
    ///
    /// # Safety
    /// The caller is the owner: one thread at a time, each after the other (happens-before).
    #[inline]
    pub(crate) unsafe fn push(self, unit: u16) -> bool {
        let bottom = self.ends.bottom.load(Ordering::Relaxed);
        // Pairs with the compare-and-swap in `steal`: the thief has read the slot that is written next.
        let top = self.ends.top.load(Ordering::Acquire);
        if bottom.wrapping_sub(top) as usize >= self.slots.len() {
            return false;
        }
        self.slot(bottom).store(unit, Ordering::Relaxed);
        // Pairs with the Acquire load of `bottom` in `steal`. A fence rather than a Release store: it also stands before the
        // Relaxed stores to `bottom` of later pops, which a thief may read instead.
        planted!(PushRelease, fence(Ordering::Release), ());
        self.ends.bottom.store(bottom.wrapping_add(1), Ordering::Relaxed);
        true
    }

    /// Takes the unit that was pushed last.
    ///
    /// # Safety
    /// As for [`Deque::push`].
    #[inline]
    pub(crate) unsafe fn pop(self) -> Option<u16> {
        let bottom = self.ends.bottom.load(Ordering::Relaxed);
        // `top` only grows and never passes `bottom`: what looks empty to the owner is empty, and costs no fence.
        if self.ends.top.load(Ordering::Relaxed) == bottom {
            return None;
        }
        let last = bottom.wrapping_sub(1);
        self.ends.bottom.store(last, Ordering::Relaxed);
        // Pairs with the fence in `steal`: either the thief sees `last`, or this sees the thief's `top`.
        planted!(PopFence, fence(Ordering::SeqCst), ());
        let top = self.ends.top.load(Ordering::Relaxed);
        let others = last.wrapping_sub(top).cast_signed();
        if others > 0 {
            return Some(self.slot(last).load(Ordering::Relaxed));
        }
        // The last unit, or none: thieves may be after it as well.
        let won = others == 0 && self.advance(top);
        self.ends.bottom.store(bottom, Ordering::Relaxed);
        won.then(|| self.slot(last).load(Ordering::Relaxed))
    }

    /// Takes the unit that has waited longest.
    #[inline]
    pub(crate) fn steal(self) -> Steal {
        // Pairs with the compare-and-swap of the thief before: `bottom` is not older than that `top`.
        let top = self.ends.top.load(Ordering::Acquire);
        // Pairs with the fence in `pop`.
        planted!(StealFence, fence(Ordering::SeqCst), ());
        // Pairs with the fence in `push`: the slot, and what the pusher did before, are seen.
        let bottom = self.ends.bottom.load(Ordering::Acquire);
        if bottom.wrapping_sub(top).cast_signed() <= 0 {
            return Steal::Empty;
        }
        let unit = self.slot(top).load(Ordering::Relaxed);
        if self.advance(top) { Steal::Success(unit) } else { Steal::Retry }
    }

    /// Claims the unit at `top`: true for one worker only.
    #[inline]
    fn advance(self, top: u32) -> bool {
        // Release pairs with the Acquire loads of `top` in `push` and `steal`.
        self.ends.top.compare_exchange(top, top.wrapping_add(1), Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Whether there seems to be something to steal.
    #[inline]
    pub(crate) fn seems_filled(self) -> bool {
        let top = self.ends.top.load(Ordering::Relaxed);
        self.ends.bottom.load(Ordering::Relaxed).wrapping_sub(top).cast_signed() > 0
    }

    /// Forgets all units.
    ///
    /// # Safety
    /// Nobody else uses the deque meanwhile.
    pub(crate) unsafe fn clear(self) {
        self.ends.bottom.store(self.ends.top.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
