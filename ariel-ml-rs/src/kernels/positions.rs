//! Where integers stand in a table: at which place, or behind its end if they do not.

use super::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

macro_rules! positions {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// int32 places.
            pub output: Region,
            /// Elements.
            pub elements: u32,
            /// The table, each number greater than the one before.
            pub table: &'static [$element],
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions do not agree, or the table is too long.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$element>(arena_bytes, self.elements as usize);
                self.output.check::<i32>(arena_bytes, self.elements as usize);
                assert!(self.table.len() < i32::MAX as usize, "a table too long");
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.elements as usize)
            }

            /// Computes one tile of the output: a range of elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                for index in tile.start()..tile.end() {
                    // SAFETY: `check` proved both regions; places between `low` and `high` are places of the table.
                    unsafe {
                        let value = *memory.at::<$element>(self.input).add(index);
                        let (mut low, mut high) = (0, self.table.len());
                        while low < high {
                            let middle = low + (high - low) / 2;
                            if *self.table.as_ptr().add(middle) < value {
                                low = middle + 1;
                            } else {
                                high = middle;
                            }
                        }
                        let is_there = low < self.table.len() && *self.table.as_ptr().add(low) == value;
                        let place = if is_there { low } else { self.table.len() };
                        memory.at::<i32>(self.output).add(index).write(place as i32);
                    }
                }
            }
        }
    )+ };
}

positions! {
    /// Places of int32.
    PositionsI32: i32;
    /// Places of int64.
    PositionsI64: i64;
}
