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
    halves: [*mut u32; 2],
    /// Which half the next words go to, and whether the DMA brings those that came last.
    next: usize,
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
        Self { dma, halves: [room, unsafe { room.add(words) }], next: 0, in_flight: false }
    }

    /// Begins to fetch words to the half whose words are no longer used: those that were taken before the last ones.
    ///
    /// # Safety
    /// `from` is valid for so many words, no more than half of the room, aligned, and nobody writes them.
    pub(crate) unsafe fn begin(&mut self, from: *const u32, words: usize) {
        let to = self.halves[self.next];
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
        self.next ^= 1;
        self.halves[self.next ^ 1]
    }
}
