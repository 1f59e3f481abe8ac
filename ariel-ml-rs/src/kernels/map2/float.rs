//! Operators on real numbers and plain integers: what the kernels of `rows.rs` have in common.

use crate::quant::clamp;

/// Defines kernels of `f32` or `i32`, each with its function.
macro_rules! real {
    ($element:ty; $($(#[$doc:meta])* $name:ident => $f:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<$element>,
            /// Right operand.
            pub right: Source<$element>,
            /// Output; may be an operand that is not broadcast.
            pub output: Region,
            /// How the operands are spread over the output.
            pub broadcast: Broadcast,
            /// Least output: a fused activation.
            pub min: $element,
            /// Greatest output.
            pub max: $element,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<$element, $element>(arena_bytes, &self.left, &self.right, &self.output);
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
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let f = operation::<$element, _>($f);
                let Self { left, right, output, min, max, .. } = *self;
                // SAFETY: forwarded to the caller.
                unsafe {
                    self.broadcast.map(memory, (left, right, output), tile, |a, b| f(a, b).bounded(min, max));
                }
            }
        }
    )+ };
}

pub(super) use real;

/// Numbers that a fused activation bounds.
pub(super) trait Bounded: Copy {
    /// Clamps; not `clamp`, which panics where `min > max`.
    fn bounded(self, min: Self, max: Self) -> Self;
}

impl Bounded for f32 {
    #[inline]
    fn bounded(self, min: Self, max: Self) -> Self {
        clamp(self, min, max)
    }
}

impl Bounded for i32 {
    #[inline]
    fn bounded(self, min: Self, max: Self) -> Self {
        self.max(min).min(max)
    }
}

/// Gives a closure the types of its arguments.
#[inline]
pub(super) fn operation<T, F: Fn(T, T) -> T>(f: F) -> F {
    f
}
