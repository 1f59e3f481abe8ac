//! A channel of Arm's PL080, or PL081, which QEMU's boards for the Cortex-M33 have (Arm DDI 0196).

use ariel_ml_rs::fetch::Fetch;
use core::sync::atomic::{Ordering, fence};

/// The first channel.
pub struct Channel;

/// Offsets of registers: which channels are enabled, the configuration of all, and those of channel 0.
const ENABLED: usize = 0x01C;
const CONFIGURATION: usize = 0x030;
const SOURCE: usize = 0x100;
const DESTINATION: usize = 0x104;
const NEXT: usize = 0x108;
const CONTROL: usize = 0x10C;
const CHANNEL: usize = 0x110;

/// Words from and to addresses that go up.
const WORDS: u32 = 2 << 18 | 2 << 21 | 1 << 26 | 1 << 27;
/// What a transfer has at most: twelve bits.
const MOST: usize = (1 << 12) - 1;

/// Where a register is.
const fn register(offset: usize) -> *mut u32 {
    core::ptr::without_provenance_mut(super::dma::ADDRESS + offset)
}

// SAFETY: all words are copied when the channel is no longer enabled, and there are no caches. No interrupt is enabled here, and only
// the first core fetches, so that calls come one after the other.
unsafe impl Fetch for Channel {
    unsafe fn start(&self, from: *const u32, to: *mut u32, words: usize) -> bool {
        if words > MOST || !self.is_done() {
            return false;
        }
        // What the core has read and written, the DMA may write over.
        fence(Ordering::Release);
        let writes = [
            (CONFIGURATION, 1),
            (SOURCE, from as usize as u32),
            (DESTINATION, to as usize as u32),
            (NEXT, 0),
            (CONTROL, WORDS | words as u32),
            // Enabled, from memory to memory.
            (CHANNEL, 1),
        ];
        for (offset, value) in writes {
            // SAFETY: registers of the DMA, which nobody else writes.
            unsafe { register(offset).write_volatile(value) };
        }
        true
    }

    fn is_done(&self) -> bool {
        // SAFETY: a register of the DMA.
        unsafe { register(ENABLED).read_volatile() & 1 == 0 }
    }
}
