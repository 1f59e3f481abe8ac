//! The depth of the stack during an inference: paint what lies below the stack pointer, run, and look how far the paint is gone.
//!
//! ```text
//! __stack_limit .. [ untouched paint ] [ depth ] <- stack pointer at the time of painting
//! ```

use core::ptr;

/// A value that no stack is likely to hold at its deepest word.
const PAINT: usize = 0xa51e_1bed;

/// Paint this many bytes at most: far more than an inference needs, far less than the megabytes that some boards have.
const WINDOW: usize = if cfg!(feature = "deep-stack") { 8 << 20 } else { 64 * 1024 };

/// A stack that comes as close to its end as this has left it: frames have gaps that nothing is written to.
const MARGIN: usize = 64;

unsafe extern "C" {
    /// The lowest address of the stack, from `link.x`.
    static __stack_limit: usize;
}

/// Whether the stack pointer lies below the stack of the running core.
pub fn overflowed() -> bool {
    #[cfg(feature = "multicore")]
    let limit = workers::limit(super::workers::core_id());
    #[cfg(not(feature = "multicore"))]
    let limit = (&raw const __stack_limit).addr();
    super::entry::stack_pointer() < limit
}

#[cfg(feature = "multicore")]
mod workers;
#[cfg(all(feature = "multicore", target_arch = "riscv32"))]
pub use workers::STACK_BYTES;
#[cfg(feature = "multicore")]
pub use workers::{STACKS, paint_workers, worker_depth};

/// A painted stretch of stack: `from` is its lowest word, `to` the stack pointer above it.
pub struct Painted {
    from: usize,
    to: usize,
}

/// Paints the stack below the caller's stack pointer.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a frame of its own would hide as much of the depth")]
pub fn paint() -> Painted {
    let limit = (&raw const __stack_limit).addr();
    let to = super::entry::stack_pointer();
    let painted = Painted { from: limit.max(to.saturating_sub(WINDOW)), to };
    // SAFETY: free stack: above its limit, below the stack pointer, and what is called is inlined.
    unsafe { cover(painted.from, to) };
    painted
}

/// Paints the words from one address to another.
///
/// # Safety
/// Nobody uses this memory.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as `paint`")]
unsafe fn cover(from: usize, to: usize) {
    for address in (from..to).step_by(size_of::<usize>()) {
        // SAFETY: free memory, as the caller promises.
        unsafe { ptr::with_exposed_provenance_mut::<usize>(address).write_volatile(PAINT) };
    }
}

/// The lowest address without paint.
///
/// # Safety
/// This memory may be read.
unsafe fn first_used(from: usize, to: usize) -> usize {
    let mut address = from;
    // SAFETY: as the caller promises.
    while address < to && unsafe { ptr::with_exposed_provenance::<usize>(address).read_volatile() } == PAINT {
        address += size_of::<usize>();
    }
    address
}

impl Painted {
    /// Bytes of stack used since, `u32::MAX` where they exceed what was painted, or nothing where the stack overflowed.
    #[inline(never)]
    pub fn depth(self) -> Option<u32> {
        // SAFETY: stack memory that was written in `paint`.
        let address = unsafe { first_used(self.from, self.to) };
        if address >= self.from + MARGIN {
            return Some((self.to - address) as u32);
        }
        // The paint is gone down to its end.
        if self.from == (&raw const __stack_limit).addr() { None } else { Some(u32::MAX) }
    }
}
