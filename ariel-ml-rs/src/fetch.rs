//! Weights in slow memory, fetched ahead: while a kernel computes some channels, a DMA brings the weights of the next to RAM.
//!
//! The compiler chooses such kernels where the board file says that weights are in slow memory, and it expects them to be faster
//! (`docs/slow-memory.md`). Whose DMA it is only the application knows: it implements [`Fetch`] and hands it over once, before the
//! first inference. Without one, results are the same.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering, fence};

/// A channel of a DMA, or of whatever else copies while the core computes.
///
/// # Safety
/// Where [`Fetch::start`] returns true, all words are copied, and nothing else is written, by the time that [`Fetch::is_done`] returns
/// true, or [`Fetch::wait`] returns; whatever caches there are show the core what was written, and the DMA what is read. Calls may come
/// from several places at once: from an interrupt amid a call from below it, from another core. Then all transfers but one are refused.
pub unsafe trait Fetch: Sync {
    /// Begins to copy `words` words; false, and nothing is done, where another transfer is in flight: then the core copies.
    ///
    /// # Safety
    /// Both are valid for so many words and aligned to four bytes. Until the transfer is done nobody writes `from`, and nobody reads or
    /// writes `to`.
    unsafe fn start(&self, from: *const u32, to: *mut u32, words: usize) -> bool;

    /// Whether every transfer that was started is done.
    fn is_done(&self) -> bool;

    /// Returns once every transfer that was started is done.
    fn wait(&self) {
        while !self.is_done() {
            core::hint::spin_loop();
        }
    }
}

/// What was handed over; null before.
static HANDED: AtomicPtr<&'static dyn Fetch> = AtomicPtr::new(ptr::null_mut());

/// Hands over what copies weights for all models of this program; another one later takes its place for tiles that begin then.
///
/// ```
/// # struct Dma;
/// # unsafe impl ariel_ml_rs::fetch::Fetch for Dma {
/// #     unsafe fn start(&self, _: *const u32, _: *mut u32, _: usize) -> bool { false }
/// #     fn is_done(&self) -> bool { true }
/// # }
/// static DMA: &dyn ariel_ml_rs::fetch::Fetch = &Dma;
/// ariel_ml_rs::fetch::hand_over(&DMA);
/// ```
pub fn hand_over(dma: &'static &'static dyn Fetch) {
    HANDED.store(ptr::from_ref(dma).cast_mut(), Ordering::Release);
}

/// What was handed over.
pub(crate) fn handed() -> Option<&'static dyn Fetch> {
    // SAFETY: null, or made of a reference that lives for ever.
    unsafe { HANDED.load(Ordering::Acquire).as_ref() }.copied()
}

/// Two halves of scratch: the words in one are computed on, while those of the other come.
pub(crate) struct Ahead {
    dma: Option<&'static dyn Fetch>,
    /// The half that the next words go to, and the one that is computed on.
    next: *mut u32,
    taken: *mut u32,
    /// Whether the DMA brings those that came last.
    in_flight: bool,
}

impl Ahead {
    /// Two halves of so many words; without a DMA the core copies.
    ///
    /// # Safety
    /// `room` is valid for twice as many words, nobody else uses it as long as this lives, and [`Ahead::take`] follows every
    /// [`Ahead::begin`].
    pub(crate) unsafe fn new(dma: Option<&'static dyn Fetch>, room: *mut u32, words: usize) -> Self {
        // SAFETY: inside the room.
        Self { dma, next: room, taken: unsafe { room.add(words) }, in_flight: false }
    }

    /// Begins to fetch words to the half whose words are no longer used: those that were taken before the last ones.
    ///
    /// # Safety
    /// `from` is valid for so many words, no more than half of the room, aligned, and nobody writes them.
    pub(crate) unsafe fn begin(&mut self, from: *const u32, words: usize) {
        let to = self.next;
        // SAFETY: as the caller promises; nobody looks at this half until `take`.
        unsafe {
            self.in_flight = self.dma.is_some_and(|dma| dma.start(from, to, words));
            if !self.in_flight {
                ptr::copy_nonoverlapping(from, to, words);
            }
        }
    }

    /// The words that were begun last, once they are there.
    pub(crate) fn take(&mut self) -> *const u32 {
        if let Some(dma) = self.dma.filter(|_| self.in_flight) {
            dma.wait();
            // What the DMA has written is read behind this.
            fence(Ordering::Acquire);
        }
        core::mem::swap(&mut self.next, &mut self.taken);
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Copies when it is asked for the third time whether it is done; refuses every fourth transfer.
    struct Late(Mutex<State>);

    struct State {
        /// Addresses, words, and how often it was asked.
        pending: Option<(usize, usize, usize, u32)>,
        starts: u32,
    }

    // SAFETY: what is pending is copied before it is said to be done, and one transfer at a time is.
    unsafe impl Fetch for Late {
        unsafe fn start(&self, from: *const u32, to: *mut u32, words: usize) -> bool {
            let mut state = self.0.lock().unwrap();
            state.starts += 1;
            if state.pending.is_some() || state.starts.is_multiple_of(4) {
                return false;
            }
            state.pending = Some((from.expose_provenance(), to.expose_provenance(), words, 0));
            true
        }

        fn is_done(&self) -> bool {
            let mut state = self.0.lock().unwrap();
            if let Some((from, to, words, asked)) = state.pending {
                state.pending = Some((from, to, words, asked + 1));
                if asked == 2 {
                    let (from, to) = (ptr::with_exposed_provenance(from), ptr::with_exposed_provenance_mut(to));
                    // SAFETY: as promised to `start`.
                    unsafe { ptr::copy_nonoverlapping::<u32>(from, to, words) };
                    state.pending = None;
                }
            }
            state.pending.is_none()
        }
    }

    #[test]
    fn words_are_there_when_they_are_taken_while_others_come() {
        static LATE: Late = Late(Mutex::new(State { pending: None, starts: 0 }));
        let words: [u32; 60] = core::array::from_fn(|index| index as u32 * 3);
        for dma in [None, Some(&LATE as &'static dyn Fetch)] {
            let mut room = [0; 20];
            // SAFETY: the room has two halves of ten words, of which each is read before the second `begin` behind its `take`.
            unsafe {
                let mut ahead = Ahead::new(dma, room.as_mut_ptr(), 10);
                ahead.begin(words.as_ptr(), 10);
                for piece in 1..=6 {
                    let here = ahead.take();
                    if piece < 6 {
                        ahead.begin(words.as_ptr().add(10 * piece), 10);
                    }
                    for index in 0..10 {
                        assert_eq!(*here.add(index), words[10 * (piece - 1) + index]);
                    }
                }
            }
        }
        assert!(LATE.0.lock().unwrap().starts == 6);
    }

    #[test]
    fn what_is_handed_over_is_there() {
        static LATE: Late = Late(Mutex::new(State { pending: None, starts: 0 }));
        static HANDLE: &dyn Fetch = &LATE;
        hand_over(&HANDLE);
        assert!(handed().is_some_and(Fetch::is_done));
    }
}
