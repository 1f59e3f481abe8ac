//! Rows that move up in their buffer: 16 bytes in four cycles of a Cortex-M55.

use crate::kernels::isa::mve::copy;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::slide;
use crate::tile::Tile;

/// What [`slide::Slide`] does, for rows that move towards the beginning of the arena.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    /// Where they are.
    pub from: Region,
    /// Where they are to be: as many, and before.
    pub to: Region,
}

impl Slide {
    /// Checks the move against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where it reaches outside, or down.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        slide::Slide { from: self.from, to: self.to }.check(arena_bytes);
        assert!(self.to.offset <= self.from.offset, "rows that move down");
    }

    /// One unit: all of it.
    #[must_use]
    pub const fn work(&self) -> Work {
        Work::of(1)
    }

    /// Moves them.
    ///
    /// # Safety
    /// The move passed `check` against the arena of `memory`, no other tile in flight touches either region, and the core has
    /// Helium.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, _: Tile) {
        // SAFETY: both regions lie inside the arena and have as many bytes, the second no further on than the first (`check`).
        unsafe {
            let (from, to) = (memory.at::<i8>(self.from), memory.at::<i8>(self.to));
            copy(to, from.cast_const(), self.from.bytes as usize);
        }
    }
}
