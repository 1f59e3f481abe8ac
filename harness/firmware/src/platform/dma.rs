//! The DMA of the test bed (`harness/rtl/memory.sv`), which fetches weights.

use ariel_ml_rs::fetch::{Fetch, hand_over};
use core::sync::atomic::{AtomicBool, Ordering, fence};

/// The registers: from, to, bytes. A store of the bytes begins; they read as those that are left.
const REGISTERS: *mut [u32; 3] = core::ptr::without_provenance_mut(super::number(env!("ARIEL_DMA")) as usize);

/// Whether somebody is about to begin a transfer.
struct Bed(AtomicBool);

// SAFETY: all words are copied when none is left, and there are no caches. One caller at a time writes the registers, and only where no
// word is left, so that transfers of others are refused.
unsafe impl Fetch for Bed {
    unsafe fn start(&self, from: *const u32, to: *mut u32, words: usize) -> bool {
        if self.0.swap(true, Ordering::Acquire) {
            return false;
        }
        let is_free = self.is_done();
        if is_free {
            // What the core has written, the DMA may read or write over.
            fence(Ordering::Release);
            // SAFETY: the registers of the bed's DMA, which nobody else writes meanwhile.
            unsafe {
                let first = REGISTERS.cast::<u32>();
                first.write_volatile(from as usize as u32);
                first.add(1).write_volatile(to as usize as u32);
                first.add(2).write_volatile((words * size_of::<u32>()) as u32);
            }
        }
        self.0.store(false, Ordering::Release);
        is_free
    }

    fn is_done(&self) -> bool {
        // SAFETY: a register of the bed's DMA.
        unsafe { REGISTERS.cast::<u32>().add(2).read_volatile() == 0 }
    }
}

/// Hands it over.
pub fn start_dma() {
    static BED: Bed = Bed(AtomicBool::new(false));
    static HANDED: &dyn Fetch = &BED;
    hand_over(&HANDED);
}
