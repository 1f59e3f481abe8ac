//! Frames summed where they overlap.

use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: $element:ty => |$left:ident, $right:ident| $add:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// `rows * frames` frames of `size` numbers.
            pub input: Region,
            /// The sum that is left of the frames before, `size - step` numbers of each row.
            pub rest: Region,
            /// `rows * frames * step` numbers.
            pub output: Region,
            /// The sum that is left then; may be `rest`.
            pub left: Region,
            /// Rows.
            pub rows: u32,
            /// Frames of a row.
            pub frames: u32,
            /// Numbers of a frame.
            pub size: u32,
            /// Numbers from a frame to the next.
            pub step: u32,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and sizes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                assert!(self.step > 0 && self.step < self.size && self.frames > 0, "frames that do not overlap");
                let frames = (self.rows as usize).saturating_mul(self.frames as usize);
                let kept = (self.rows as usize).saturating_mul((self.size - self.step) as usize);
                self.input.check::<$element>(arena_bytes, frames.saturating_mul(self.size as usize));
                self.output.check::<$element>(arena_bytes, frames.saturating_mul(self.step as usize));
                self.rest.check::<$element>(arena_bytes, kept);
                self.left.check::<$element>(arena_bytes, kept);
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Units;
            /// The same, where the output is one tile.
            pub const OVER_WHOLE: &[(&str, &str)] = &[("rest", "left")];

            /// How many units the output has, and how they may be cut into tiles: rows.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.rows as usize)
            }

            /// Computes one tile of the output, a range of its rows.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let [frames, size, step] = [self.frames, self.size, self.step].map(|n| n as usize);
                let kept = size - step;
                for row in tile.start()..tile.end() {
                    // SAFETY: the row is one of the tile's, and all of it lies inside the regions (`check`).
                    unsafe {
                        let left = memory.at::<$element>(self.left).add(row * kept);
                        let mut before = memory.at::<$element>(self.rest).add(row * kept).cast_const();
                        let mut input = memory.at::<$element>(self.input).add(row * frames * size).cast_const();
                        let mut output = memory.at::<$element>(self.output).add(row * frames * step);
                        for _ in 0..frames {
                            // Where the sums are one region, each is read before the one `step` behind it takes its place.
                            for index in 0..size {
                                let $left = if index < kept { *before.add(index) } else { <$element>::default() };
                                let $right = *input.add(index);
                                let sum = $add;
                                if index < step {
                                    output.add(index).write(sum);
                                } else {
                                    left.add(index - step).write(sum);
                                }
                            }
                            before = left.cast_const();
                            input = input.add(size);
                            output = output.add(step);
                        }
                    }
                }
            }
        }
    )+ };
}

kernels! {
    /// In int16, saturated.
    OverlapAddInt16: i16 => |a, b| a.saturating_add(b);
    /// In float32.
    OverlapAddF32: f32 => |a, b| a + b;
}
