//! The depth of the stack during an inference: paint what lies below the stack pointer, run, and look how far the paint is gone.
//!
//! ```text
//! __stack_limit .. [ untouched paint ] [ depth ] <- stack pointer at the time of painting
//! ```

use core::ptr;

/// A value that no stack is likely to hold at its deepest word.
const PAINT: usize = 0xa51e_1bed;

/// Paint this many bytes at most: far more than an inference needs, far less than the megabytes that some boards have.
const WINDOW: usize = 64 * 1024;

unsafe extern "C" {
    /// The lowest address of the stack, from `link.x`.
    static __stack_limit: usize;
}

/// Whether the stack pointer lies below the stack.
pub fn overflowed() -> bool {
    super::entry::stack_pointer() < (&raw const __stack_limit).addr()
}

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
    for address in (painted.from..to).step_by(size_of::<usize>()) {
        // SAFETY: free stack: above its limit, below the stack pointer, and nothing is called meanwhile.
        unsafe { ptr::with_exposed_provenance_mut::<usize>(address).write_volatile(PAINT) };
    }
    painted
}

impl Painted {
    /// Bytes of stack used since, `u32::MAX` where they exceed what was painted, or nothing where the stack overflowed.
    #[inline(never)]
    pub fn depth(self) -> Option<u32> {
        let mut address = self.from;
        // SAFETY: as in `paint`: reading stack memory that was written there.
        while address < self.to && unsafe { ptr::with_exposed_provenance::<usize>(address).read_volatile() } == PAINT {
            address += size_of::<usize>();
        }
        if address > self.from {
            return Some((self.to - address) as u32);
        }
        // The lowest painted word is gone.
        if self.from == (&raw const __stack_limit).addr() { None } else { Some(u32::MAX) }
    }
}
