//! Operators of int8 by onnxruntime's own steps, for where no integer formula gives its results.
//!
//! `rne(f32(sl * (left - zl)) op f32(sr * (right - zr)) / s) + z`: both operands become float32, and the result is rounded,
//! halves to even. IEEE arithmetic gives the same bits on every core, with an FPU or without.

/// Scale and zero point of a tensor.
#[derive(Clone, Copy)]
pub struct Affine {
    /// Real value of one step.
    pub scale: f32,
    /// Stored integer that means 0.
    pub zero_point: i32,
}

impl Affine {
    #[inline]
    pub(super) fn real(self, value: i8) -> f32 {
        i32::from(value).wrapping_sub(self.zero_point) as f32 * self.scale
    }
}

/// Defines kernels of int8, each with its function of float32.
macro_rules! dequantized {
    ($($(#[$doc:meta])* $name:ident => $f:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<i8>,
            /// Right operand.
            pub right: Source<i8>,
            /// Output; may be an operand that is not broadcast.
            pub output: Region,
            /// How the operands are spread over the output.
            pub broadcast: Broadcast,
            /// Quantisation of the left operand.
            pub left_affine: Affine,
            /// Quantisation of the right operand.
            pub right_affine: Affine,
            /// Real value of one step of the output.
            pub scale: f32,
            /// Zero point and bounds of the output.
            pub bounds: Bounds,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<i8, i8>(arena_bytes, &self.left, &self.right, &self.output);
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
                let Self { left, right, output, left_affine, right_affine, scale, bounds, .. } = *self;
                let f = quotient($f);
                // SAFETY: forwarded to the caller.
                unsafe {
                    self.broadcast.map(memory, (left, right, output), tile, |a, b| {
                        let quotient = f(left_affine.real(a), right_affine.real(b)) / scale;
                        // The bounds are integers and lie within +-512 of zero, so clamping before rounding changes nothing.
                        bounds.store(round_ties_even(saturated(quotient)))
                    });
                }
            }
        }
    )+ };
}

pub(super) use dequantized;

/// Gives a closure the types of its arguments.
#[inline]
pub(super) fn quotient<F: Fn(f32, f32) -> f32>(f: F) -> F {
    f
}
