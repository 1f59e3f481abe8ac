//! The DMA of the test bed (`harness/rtl/memory.sv`), which fetches weights.

use ariel_ml_rs::fetch::Fetch;
use core::sync::atomic::{Ordering, fence};

/// The registers: from, to, bytes. A store of the bytes begins; they read as those that are left.
const REGISTERS: *mut [u32; 3] = core::ptr::without_provenance_mut(super::dma::ADDRESS);

/// The only channel.
pub struct Channel;

// SAFETY: all words are copied when none is left, and there are no caches. No interrupt is enabled here, and only the first core
// fetches, so that calls come one after the other.
unsafe impl Fetch for Channel {
    unsafe fn start(&self, from: *const u32, to: *mut u32, words: usize) -> bool {
        if !self.is_done() {
            return false;
        }
        // What the core has read and written, the DMA may write over.
        fence(Ordering::Release);
        // SAFETY: the registers of the bed's DMA, which nobody else writes.
        unsafe {
            let first = REGISTERS.cast::<u32>();
            first.write_volatile(from as usize as u32);
            first.add(1).write_volatile(to as usize as u32);
            first.add(2).write_volatile((words * size_of::<u32>()) as u32);
        }
        true
    }

    fn is_done(&self) -> bool {
        // SAFETY: a register of the bed's DMA.
        unsafe { REGISTERS.cast::<u32>().add(2).read_volatile() == 0 }
    }
}
