//! Comparisons and logic: the output is a boolean, a byte of 0 or 1.
//!
//! Relations and functions are rows of `ariel_build/ops/compare_rows.py`; what they share is here.

use super::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

pub use super::broadcast::Broadcast;
pub use super::map2::Scaled;

macro_rules! kernels {
    ($element:ty; $($(#[$doc:meta])* $name:ident => $f:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<$element>,
            /// Right operand.
            pub right: Source<$element>,
            /// Output.
            pub output: Region,
            /// How the operands are spread over the output.
            pub broadcast: Broadcast,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<$element, u8>(arena_bytes, &self.left, &self.right, &self.output);
            }

            /// What tiles read.
            pub const ACCESS: $crate::kernels::access::Access = $crate::kernels::access::Access::Elements;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                self.broadcast.work()
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            #[allow(clippy::allow_attributes, clippy::float_cmp, reason = "the operator compares exactly")]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let f = predicate::<$element, _>($f);
                // SAFETY: forwarded to the caller.
                unsafe {
                    self.broadcast.map(memory, (self.left, self.right, self.output), tile, |a, b| u8::from(f(a, b)));
                }
            }
        }
    )+ };
}

/// Gives a closure the types of its arguments.
#[inline]
fn predicate<T, F: Fn(T, T) -> bool>(f: F) -> F {
    f
}

mod plain;
mod rows;

pub use plain::*;
pub use rows::*;

macro_rules! scaled {
    ($($(#[$doc:meta])* $name:ident<$element:ty>;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<$element>,
            /// Right operand.
            pub right: Source<$element>,
            /// Output.
            pub output: Region,
            /// How the operands are spread over the output.
            pub broadcast: Broadcast,
            /// Scaling of the left operand.
            pub scale_left: Scaled,
            /// Scaling of the right operand.
            pub scale_right: Scaled,
            /// What is asked.
            pub relation: Relation,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<$element, u8>(arena_bytes, &self.left, &self.right, &self.output);
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
                self.broadcast.work()
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
            /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let Self { left, right, output, scale_left, scale_right, relation, .. } = *self;
                // SAFETY: forwarded to the caller.
                unsafe {
                    self.broadcast.map(memory, (left, right, output), tile, |a: $element, b: $element| {
                        let (a, b) = (scale_left.apply(i32::from(a)), scale_right.apply(i32::from(b)));
                        u8::from(relation.holds(a, b))
                    });
                }
            }
        }
    )+ };
}

scaled! {
    /// TFLite's comparison of int8: both operands are scaled to a common scale.
    Quantized<i8>;
    /// The same of int16; where TFLite compares it as it is, the scales are 1.
    QuantizedInt16<i16>;
}
