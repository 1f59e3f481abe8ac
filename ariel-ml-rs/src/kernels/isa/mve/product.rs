//! MUL of int8, as TFLite or ONNX rounds it.
//!
//! [`Product`] is `(round(factor * (left - zero) * (right - zero) / 2^16) + offset) / 2^shift`, rounded down: what
//! [`crate::kernels::map2::Product`] computes with 64 bits, where the compiler finds constants that give the same for all products.
//! VQRDMLASH multiplies, rounds and adds the offset. [`ProductTwice`] rounds twice, as TFLite does where that makes a difference: a
//! rounding high multiplication is VQRDMULH; the shift behind it rounds halves away from zero: one is taken from what is negative, and
//! VRSHL rounds.

use super::clamp::clamp;
use crate::kernels::access::Access;
use crate::kernels::broadcast::Broadcast;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// Constants of [`Product`] and [`ProductTwice`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Centred {
    /// What is added to a left operand, and to a right one.
    pub left: i32,
    /// See `left`.
    pub right: i32,
    /// Factor of the product, with 16 fractional bits besides those of the shift: no result leaves int32. Where it rounds twice, with
    /// 31.
    pub factor: i32,
    /// Zero point of the output, and what rounds the shift. Where it rounds twice, the zero point.
    pub offset: i32,
    /// By how much results are shifted to the left: from -31 to 0. Where it rounds twice, from -30 to -1.
    pub shift: i32,
}

/// Defines a function that multiplies a run: `$first` and `$second` take eight right operands into q1 and q5, in 16 bits, with what is
/// added to them, `$four` four into q1, in 32 bits; `$sixteen` makes results of the products of the former in q2, q3, q6 and q7, `$some`
/// of those of the latter in q2.
///
/// 16 elements take 32 to 38 instructions: two times eight in turn, so that few wait for a result. Registers: r0 left, r1 right,
/// r2 output, r3 elements that are left, r4 and r5 what is added to operands, r6 factor, r7 offset, r8 shift. q0, q1, q4 and q5 are free for
/// results, and q3 has the factor where `$some` is.
macro_rules! product {
    ($(#[$doc:meta])* $name:ident, $begin:literal, $first:literal, $second:literal, $four:literal, $sixteen:ident, $some:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The core has Helium; there are `count` elements of the output, which are this call's own, and as many of the operands, or
        /// one where it says so; the output may be an operand that has as many, but overlaps none in another way.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(left: *const i8, right: *const i8, output: *mut i8, count: usize, centred: &Centred) {
            naked_asm!(
                cpu!(),
                "push {{r4-r8, lr}}",
                "vpush {{d8-d15}}",
                "ldr r12, [sp, #88]",
                "ldm r12, {{r4-r8}}",
                $begin,
                "lsr r12, r3, #4",
                "and r3, r3, #15",
                "wls lr, r12, 3f",
                "2:",
                "vldrb.s16 q0, [r0], #8",
                $first,
                "vldrb.s16 q4, [r0], #8",
                "vadd.i16 q0, q0, r4",
                $second,
                "vadd.i16 q4, q4, r4",
                "vmullb.s16 q2, q0, q1",
                "vmullt.s16 q3, q0, q1",
                $sixteen!(),
                "vstrb.16 q2, [r2], #8",
                "vqmovnb.s16 q6, q6",
                "vstrb.16 q6, [r2], #8",
                "le lr, 2b",
                "3:",
                "vdup.32 q3, r6",
                "wlstp.32 lr, r3, 5f",
                "4:",
                "vldrb.s32 q0, [r0], #4",
                $four,
                "vadd.i32 q0, q0, r4",
                "vmul.i32 q2, q0, q1",
                $some,
                "vqmovnb.s32 q2, q2",
                "vqmovnb.s16 q2, q2",
                "vstrb.32 q2, [r2], #4",
                "letp lr, 4b",
                "5:",
                "vpop {{d8-d15}}",
                "pop {{r4-r8, pc}}",
            )
        }
    };
}

/// Makes 16 results, rounded once, of the products in q2 and q3, and of those of q4 and q5.
macro_rules! once {
    () => {
        "vmullb.s16 q6, q4, q5
        vshl.i32 q2, q2, #15
        vmullt.s16 q7, q4, q5
        vshl.i32 q3, q3, #15
        vdup.32 q0, r6
        vshl.i32 q6, q6, #15
        vqrdmlash.s32 q2, q0, r7
        vshl.i32 q7, q7, #15
        vqrdmlash.s32 q3, q0, r7
        vshl.s32 q2, r8
        vqrdmlash.s32 q6, q0, r7
        vshl.s32 q3, r8
        vqmovnb.s32 q2, q2
        vqrdmlash.s32 q7, q0, r7
        vshl.s32 q6, r8
        vqmovnt.s32 q2, q3
        vshl.s32 q7, r8
        vqmovnb.s32 q6, q6
        vqmovnb.s16 q2, q2
        vqmovnt.s32 q6, q7"
    };
}

/// The same, rounded twice.
macro_rules! twice {
    () => {
        "vmullb.s16 q6, q4, q5
        vqrdmulh.s32 q2, q2, r6
        vmullt.s16 q7, q4, q5
        vqrdmulh.s32 q3, q3, r6
        vshr.s32 q0, q2, #31
        vqrdmulh.s32 q6, q6, r6
        vadd.i32 q2, q2, q0
        vshr.s32 q1, q3, #31
        vqrdmulh.s32 q7, q7, r6
        vadd.i32 q3, q3, q1
        vrshl.s32 q2, r8
        vshr.s32 q4, q6, #31
        vrshl.s32 q3, r8
        vadd.i32 q6, q6, q4
        vshr.s32 q5, q7, #31
        vqmovnb.s32 q2, q2
        vadd.i32 q7, q7, q5
        vrshl.s32 q6, r8
        vqmovnt.s32 q2, q3
        vrshl.s32 q7, r8
        vqadd.s16 q2, q2, r7
        vqmovnb.s32 q6, q6
        vqmovnb.s16 q2, q2
        vqmovnt.s32 q6, q7
        vqadd.s16 q6, q6, r7"
    };
}

/// Defines both functions of a kernel, whose results `$sixteen` and `$some` make, and the kernel.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $each:ident, $by_one:ident, $sixteen:ident, $some:literal) => {
        product! {
            /// Multiplies elements with elements.
            $each, "", "vldrb.s16 q1, [r1], #8\nvadd.i16 q1, q1, r5", "vldrb.s16 q5, [r1], #8\nvadd.i16 q5, q5, r5",
            "vldrb.s32 q1, [r1], #4\nvadd.i32 q1, q1, r5", $sixteen, $some
        }
        product! {
            /// Multiplies elements with one.
            $by_one, "ldrsb r12, [r1]\nadd r5, r5, r12", "vdup.16 q1, r5", "vdup.16 q5, r5", "vdup.32 q1, r5", $sixteen, $some
        }

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
            /// Zero points and the factor.
            pub centred: Centred,
            /// Bounds of the output.
            pub bounds: Bounds,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and shapes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<i8, i8>(arena_bytes, &self.left, &self.right, &self.output);
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

            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
            /// in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and the core has
            /// Helium.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let centred = &self.centred;
                let swapped = Centred { left: centred.right, right: centred.left, ..*centred };
                // SAFETY: the runs' elements lie inside operands and output (`check`); those of the tile are this call's own.
                unsafe {
                    self.broadcast.in_runs(memory, (self.left, self.right, self.output), tile, |left, right, output, count| {
                        match self.broadcast.steps {
                            [1, 1] => $each(left, right, output, count, centred),
                            [1, _] => $by_one(left, right, output, count, centred),
                            // Where neither moves, a run is one element.
                            _ => $by_one(right, left, output, count, &swapped),
                        }
                    });
                    let output = memory.at::<i8>(self.output).add(tile.start());
                    clamp(output, tile.end() - tile.start(), &self.bounds);
                }
            }
        }
    };
}

kernel! {
    /// int8 product of two tensors, of which any may be broadcast; tiles are ranges of elements.
    Product, each, by_one, once, "vshl.i32 q2, q2, #15\nvqrdmlash.s32 q2, q3, r7\nvshl.s32 q2, r8"
}
kernel! {
    /// The same, rounded twice.
    ProductTwice, each_twice, by_one_twice, twice,
    "vqrdmulh.s32 q2, q2, r6\nvshr.s32 q4, q2, #31\nvadd.i32 q2, q2, q4\nvrshl.s32 q2, r8\nvqadd.s32 q2, q2, r7"
}
