//! Sums, differences and products of two tensors of one shape.

use super::clamp::Clip;
use super::mode::DefaultNan;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;
use core::arch::naked_asm;

/// Defines a kernel and its naked function.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $function:ident, $operation:literal) => {
        $(#[$doc])*
        ///
        /// Tiles are ranges of elements.
        #[derive(Clone, Copy)]
        pub struct $name {
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
        }

        impl $name {
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
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let _mode = DefaultNan::enter();
                let (start, count) = (tile.start(), tile.end() - tile.start());
                // SAFETY: the elements of the tile lie inside the operands (`check`) and are this call's own.
                unsafe {
                    let (left, right) = (memory.source(self.left).add(start), memory.source(self.right).add(start));
                    let output = memory.at::<f32>(self.output).add(start);
                    $function(left, right, output, count);
                    Clip { min: self.min, max: self.max }.apply_all(output, count);
                }
            }
        }

        /// 13 instructions for eight elements.
        ///
        /// # Safety
        /// All three have `count` elements; the output may be an operand, but overlaps it in no other way.
        #[unsafe(naked)]
        unsafe extern "C" fn $function(left: *const f32, right: *const f32, output: *mut f32, count: usize) {
            naked_asm!(
                fpu!(),
                "subs r3, r3, #8",
                "blt 3f",
                "2:",
                "vldm r0!, {{s0-s7}}",
                "vldm r1!, {{s8-s15}}",
                concat!($operation, " s0, s0, s8"),
                concat!($operation, " s1, s1, s9"),
                concat!($operation, " s2, s2, s10"),
                concat!($operation, " s3, s3, s11"),
                concat!($operation, " s4, s4, s12"),
                concat!($operation, " s5, s5, s13"),
                concat!($operation, " s6, s6, s14"),
                concat!($operation, " s7, s7, s15"),
                "vstm r2!, {{s0-s7}}",
                "subs r3, r3, #8",
                "bge 2b",
                "3:",
                "adds r3, r3, #8",
                "beq 5f",
                "4:",
                "vldm r0!, {{s0}}",
                "vldm r1!, {{s8}}",
                concat!($operation, " s0, s0, s8"),
                "vstm r2!, {{s0}}",
                "subs r3, r3, #1",
                "bne 4b",
                "5:",
                "bx lr",
            )
        }
    };
}

kernel!(
    /// `left + right` in float32, of operands that are not broadcast.
    Add, add, "vadd.f32"
);
kernel!(
    /// `left - right` in float32, of operands that are not broadcast.
    Sub, sub, "vsub.f32"
);
kernel!(
    /// `left * right` in float32, of operands that are not broadcast.
    Mul, mul, "vmul.f32"
);
