//! Conversions between element types. Booleans are bytes of 0 or 1.
//!
//! Which there are follows from `ariel_build/ops/cast_rows.py`; what they share is here.

macro_rules! kernels {
    ($($name:ident: $from:ty, $to:ty => |$value:ident| $convert:expr;)+) => { $(
        #[doc = concat!("From ", stringify!($from), " to ", stringify!($to), ".")]
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output; may be the input where the sizes are equal.
            pub output: Region,
            /// Elements.
            pub elements: u32,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$from>(arena_bytes, self.elements as usize);
                self.output.check::<$to>(arena_bytes, self.elements as usize);
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Elements;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.elements as usize)
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            #[allow(
                clippy::allow_attributes,
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                clippy::cast_lossless,
                reason = "conversions do what `as` does: integers wrap, floats round and saturate"
            )]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<$from>(self.input), memory.at::<$to>(self.output));
                    for index in tile.start()..tile.end() {
                        let $value = *input.add(index);
                        output.add(index).write($convert);
                    }
                }
            }
        }
    )+ };
}

/// What a float becomes as a 64-bit integer without a sign: negative ones wrap, as those of other types do.
macro_rules! unsigned {
    ($x:expr) => {
        if $x < 0.0 { $x as i64 as u64 } else { $x as u64 }
    };
}

mod rows;

pub use rows::*;
