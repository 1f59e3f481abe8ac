//! Scatters: the output is the data, with blocks of updates where indices lead, written or combined in their order.
//!
//! Later updates come over earlier ones, as in the reference kernels; so a tile is a range of the output, and looks at all updates.

use super::{Blocks, copy};
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// The data with updates in some places.
#[derive(Clone, Copy)]
pub struct Scatter {
    /// What the output is where nothing is written; it may be its region.
    pub data: Source<u8>,
    /// The indices.
    pub indices: Source<u8>,
    /// The updates, block after block.
    pub updates: Source<u8>,
    /// Output.
    pub output: Region,
    /// Bytes of an element.
    pub element: u32,
    /// Elements of data and output.
    pub size: u32,
    /// The blocks of the updates, each somewhere in the output.
    pub blocks: Blocks,
}

impl Scatter {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and blocks do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let bytes = (self.size as usize).saturating_mul(self.element as usize);
        self.data.check(arena_bytes, bytes);
        self.output.check::<u8>(arena_bytes, bytes);
        self.blocks.check_walk(arena_bytes, bytes, &self.indices);
        self.updates.check(arena_bytes, self.blocks.count().saturating_mul(self.blocks.block as usize));
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;
    /// What is written in one tile may lie over the data, which nothing else reads.
    pub const OVER_WHOLE: &'static [(&'static str, &'static str)] = &[("data", "output")];

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.size as usize)
    }

    /// Computes one tile of the output: a range of elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (element, bytes) = (self.element as usize, self.blocks.block as usize);
        let (start, end) = (tile.start().wrapping_mul(element), tile.end().wrapping_mul(element));
        // SAFETY: `check` proved that the tile lies inside data and output, that blocks do, and that each has indices and updates.
        unsafe {
            let (data, output) = (memory.source(self.data), memory.at::<u8>(self.output));
            if !core::ptr::eq(data, output) {
                core::ptr::copy(data.add(start), output.add(start), end.wrapping_sub(start));
            }
            let (indices, mut from) = (memory.source(self.indices), memory.source(self.updates));
            let mut walk = self.blocks.walk(0);
            for _ in 0..self.blocks.count() {
                let place = walk.next(indices);
                let (first, last) = (place.max(start), place.wrapping_add(bytes).min(end));
                if first < last {
                    copy(from.add(first.wrapping_sub(place)), output.add(first), last.wrapping_sub(first));
                }
                from = from.wrapping_add(bytes);
            }
        }
    }
}

/// What becomes of an element and its update.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Combined {
    /// Their sum; integers wrap.
    Add,
    /// Their product; integers wrap.
    Mul,
    /// The greater one; what is not a number stays.
    Max,
    /// The lesser one; what is not a number stays.
    Min,
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: $element:ty, |$a:ident, $b:ident| $add:expr, $mul:expr, $max:expr, $min:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// What the output is where nothing is combined; it may be its region.
            pub data: Source<$element>,
            /// The indices.
            pub indices: Source<u8>,
            /// The updates, block after block.
            pub updates: Source<$element>,
            /// Output.
            pub output: Region,
            /// Elements of data and output.
            pub size: u32,
            /// The blocks of the updates, each somewhere in the output.
            pub blocks: Blocks,
            /// What becomes of both.
            pub combined: Combined,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and blocks do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let (size, width) = (self.size as usize, size_of::<$element>());
                self.data.check(arena_bytes, size);
                self.output.check::<$element>(arena_bytes, size);
                self.blocks.check_walk(arena_bytes, size.saturating_mul(width), &self.indices);
                self.blocks.check_whole(width as u32);
                let bytes = self.blocks.count().saturating_mul(self.blocks.block as usize);
                self.updates.check(arena_bytes, bytes.div_ceil(width));
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;
            /// What is written in one tile may lie over the data, which nothing else reads.
            pub const OVER_WHOLE: &'static [(&'static str, &'static str)] = &[("data", "output")];

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.size as usize)
            }

            /// Computes one tile of the output: a range of elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                // `check` proved that blocks begin and end with elements.
                let width = size_of::<$element>();
                let count = self.blocks.block as usize / width;
                // SAFETY: `check` proved that the tile lies inside data and output, that blocks do, and that each has indices and
                // updates.
                unsafe {
                    let (data, output) = (memory.source(self.data), memory.at::<$element>(self.output));
                    if !core::ptr::eq(data, output) {
                        core::ptr::copy(data.add(tile.start()), output.add(tile.start()), tile.end().wrapping_sub(tile.start()));
                    }
                    let (indices, mut from) = (memory.source(self.indices), memory.source(self.updates));
                    let mut walk = self.blocks.walk(0);
                    for _ in 0..self.blocks.count() {
                        let place = walk.next(indices) / width;
                        let (first, last) = (place.max(tile.start()), place.wrapping_add(count).min(tile.end()));
                        for at in first..last {
                            let ($a, $b) = (output.add(at).read(), from.add(at.wrapping_sub(place)).read());
                            output.add(at).write(match self.combined {
                                Combined::Add => $add,
                                Combined::Mul => $mul,
                                Combined::Max => $max,
                                Combined::Min => $min,
                            });
                        }
                        from = from.wrapping_add(count);
                    }
                }
            }
        }
    )+ };
}

kernels! {
    /// The data with float32 updates combined into it.
    CombineF32: f32, |a, b| a + b, a * b, if b > a || b.is_nan() { b } else { a }, if b < a || b.is_nan() { b } else { a };
    /// The data with int8 updates combined into it.
    CombineI8: i8, |a, b| a.wrapping_add(b), a.wrapping_mul(b), a.max(b), a.min(b);
    /// The data with int32 updates combined into it.
    CombineI32: i32, |a, b| a.wrapping_add(b), a.wrapping_mul(b), a.max(b), a.min(b);
    /// The data with int64 updates combined into it.
    CombineI64: i64, |a, b| a.wrapping_add(b), a.wrapping_mul(b), a.max(b), a.min(b);
}
