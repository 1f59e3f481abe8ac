//! Rows that move up in their buffer, where a value is never there in whole.
//!
//! Between layers that run in pieces, only the rows under the windows of those that come are there. Before more are made, those that
//! are still to be read move to the beginning of the buffer: so most pieces of a layer find their rows in the same place.

use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

#[cfg(armv8_m)]
pub mod helium;

/// Moves bytes within the arena; where they overlap, as if they were kept aside in between.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    /// Where they are.
    pub from: Region,
    /// Where they are to be: as many.
    pub to: Region,
}

impl Slide {
    /// Checks the move against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where it reaches outside.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.from.check::<u8>(arena_bytes, self.to.bytes as usize);
        self.to.check::<u8>(arena_bytes, self.from.bytes as usize);
    }

    /// One unit: all of it.
    #[must_use]
    pub const fn work(&self) -> Work {
        Work::of(1)
    }

    /// Moves them.
    ///
    /// # Safety
    /// The move passed `check` against the arena of `memory`, and no other tile in flight touches either region.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, _: Tile) {
        // SAFETY: both regions lie inside the arena and have as many bytes (`check`); `copy` allows them to overlap.
        unsafe {
            let (from, to) = (memory.at::<u8>(self.from), memory.at::<u8>(self.to));
            core::ptr::copy(from.cast_const(), to, self.from.bytes as usize);
        }
    }
}

/// A step of a model at a time: operands that move lie so many bytes further on each time, where there are any.
#[doc(hidden)]
#[macro_export]
macro_rules! later {
    (check $step:ident, $arena:expr, $fast:expr, $extent:expr, $latest:expr;) => {};
    (check $step:ident, $arena:expr, $fast:expr, $extent:expr, $latest:expr; $($($moving:ident).+ every $stride:literal),+) => {
        let mut time = 0;
        while time <= $latest {
            let mut step = $step;
            $(step.$($moving).+.offset = step.$($moving).+.offset.saturating_add($stride * time);)+
            step.check($arena);
            $crate::plan::check_later(step.work(), $extent, $fast);
            time += 1;
        }
    };
    (work $step:ident, $time:expr;) => {
        $step.work()
    };
    (work $step:ident, $time:expr; $($($moving:ident).+ every $stride:literal),+) => {{
        let mut step = $step;
        $(step.$($moving).+.offset = step.$($moving).+.offset.saturating_add($stride * $time);)+
        step.work()
    }};
    (run $step:ident, $memory:expr, $tile:expr, $time:expr;) => {
        $step.run($memory, $tile)
    };
    (run $step:ident, $memory:expr, $tile:expr, $time:expr; $($($moving:ident).+ every $stride:literal),+) => {{
        let mut step = $step;
        $(step.$($moving).+.offset = step.$($moving).+.offset.wrapping_add($time.wrapping_mul($stride));)+
        step.run($memory, $tile)
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Arena;
    use core::mem::MaybeUninit;

    #[test]
    fn rows_move_over_each_other() {
        let mut arena = Arena::<16>::new();
        arena.write(Region::new(0, 16), &core::array::from_fn::<_, 16, _>(|k| MaybeUninit::new(k as u8)));
        let slide = Slide { from: Region::new(3, 6), to: Region::new(1, 6) };
        slide.check(16);
        // SAFETY: checked against the arena, and nothing else runs.
        unsafe { slide.run(arena.memory(), Tile::new(0, 1)) };
        let mut held = [MaybeUninit::uninit(); 16];
        arena.read(Region::new(0, 16), &mut held);
        // SAFETY: every byte was written above.
        let held = held.map(|byte| unsafe { byte.assume_init() });
        assert_eq!(held, [0, 3, 4, 5, 6, 7, 8, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    }

    #[test]
    #[should_panic = "region outside the arena"]
    fn a_move_from_outside_is_refused() {
        Slide { from: Region::new(12, 8), to: Region::new(0, 8) }.check(16);
    }
}
