//! Operators on real numbers and plain integers.

use super::Broadcast;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::clamp;
use crate::tile::Tile;

macro_rules! kernels {
    ($element:ty; $($(#[$doc:meta])* $name:ident => $f:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
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
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<$element, $element>(arena_bytes, &self.left, &self.right, &self.output);
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Elements;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            pub const fn work(&self) -> Work {
                self.broadcast.work()
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
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

/// Numbers that a fused activation bounds.
trait Bounded: Copy {
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
fn operation<T, F: Fn(T, T) -> T>(f: F) -> F {
    f
}

kernels! { f32;
    /// `left + right` in float32.
    AddF32 => |a, b| a + b;
    /// `left - right` in float32.
    SubF32 => |a, b| a - b;
    /// `left * right` in float32.
    MulF32 => |a, b| a * b;
    /// `left / right` in float32.
    DivF32 => |a, b| a / b;
    /// `max(left, right)` in float32, not a number where one of them is none.
    MaximumF32 => |a, b| if a > b || a.is_nan() { a } else { b };
    /// `min(left, right)` in float32, not a number where one of them is none.
    MinimumF32 => |a, b| if a < b || a.is_nan() { a } else { b };
    /// `left` where it is greater, else `right` (also where one of them is not a number), in float32: TFLite's maximum.
    GreaterF32 => |a, b| if a > b { a } else { b };
    /// `left` where it is less, else `right` (also where one of them is not a number), in float32: TFLite's minimum.
    LesserF32 => |a, b| if a < b { a } else { b };
    /// `(left - right)^2` in float32.
    SquaredDifferenceF32 => |a, b| (a - b) * (a - b);
    /// `left ^ right` in float32.
    PowF32 => libm::powf;
    /// `left` where it is positive, else `left * right`, in float32.
    PreluF32 => |a, b| if a < 0.0 { a * b } else { a };
}

kernels! { i32;
    /// `left + right` in wrapping int32.
    AddI32 => i32::wrapping_add;
    /// `left - right` in wrapping int32.
    SubI32 => i32::wrapping_sub;
    /// `left * right` in wrapping int32.
    MulI32 => i32::wrapping_mul;
    /// `left / right` in int32, rounded towards zero; division by 0 gives 0.
    DivI32 => |a, b| if b == 0 { 0 } else { a.wrapping_div(b) };
    /// `max(left, right)` in int32.
    MaximumI32 => i32::max;
    /// `min(left, right)` in int32.
    MinimumI32 => i32::min;
}
