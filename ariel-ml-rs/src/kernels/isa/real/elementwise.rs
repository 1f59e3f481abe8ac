//! Sums, differences and products of two tensors of one shape.

use super::clip::Clip;
use super::cores::{Loops, for_fpus};
use super::mode::DefaultNan;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// Defines a kernel.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $function:ident) => {
        $(#[$doc])*
        ///
        /// Tiles are ranges of elements.
        #[derive(Clone, Copy)]
        pub struct $name<C> {
            /// Left operand.
            pub left: Source<f32>,
            /// Right operand.
            pub right: Source<f32>,
            /// Output; may be an operand.
            pub output: Region,
            /// Least output: a fused activation.
            pub min: f32,
            /// Greatest output.
            pub max: f32,
            /// Elements of each.
            pub elements: u32,
            /// The cores that run it.
            pub cores: C,
        }

        impl<C> $name<C> {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, constants and the number of elements do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let elements = self.elements as usize;
                self.left.check(arena_bytes, elements);
                self.right.check(arena_bytes, elements);
                self.output.check::<f32>(arena_bytes, elements);
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

            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(always)]
            unsafe fn compute(&self, memory: Memory<'_>, tile: Tile)
            where
                C: Loops,
            {
                let _mode = DefaultNan::enter();
                let (start, count) = (tile.start(), tile.end() - tile.start());
                // SAFETY: the elements of the tile lie inside the operands (`check`) and are this call's own.
                unsafe {
                    let (left, right) = (memory.source(self.left).add(start), memory.source(self.right).add(start));
                    let output = memory.at::<f32>(self.output).add(start);
                    (C::$function)(left, right, output, count);
                    Clip { min: self.min, max: self.max }.apply_all::<C>(output, count);
                }
            }
        }

        for_fpus!($name);
    };
}

kernel!(
    /// `left + right` in float32, of operands that are not broadcast.
    Add, ADD
);
kernel!(
    /// `left - right` in float32, of operands that are not broadcast.
    Sub, SUB
);
kernel!(
    /// `left * right` in float32, of operands that are not broadcast.
    Mul, MUL
);
