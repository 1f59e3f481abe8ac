//! TFLite's ADD, SUB, MUL and `LEAKY_RELU` of int16, four elements at a time.
//!
//! A rounding high multiplication is VQRDMULH; the shift behind it rounds halves away from zero: one is taken from what is negative,
//! and VRSHL rounds.

use super::clamp::clamp16;
use crate::kernels::access::Access;
use crate::kernels::broadcast::Broadcast;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// Constants of [`Sum16`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Terms16 {
    /// By how much a left operand is shifted to the left: 15, or 16 where `shift` is one more for it.
    pub before: i32,
    /// Its multiplier.
    pub multiplier: i32,
    /// By how much it is shifted to the left then: from -30 to -1.
    pub shift: i32,
    /// Factor of a right operand: 2^14, or that times -1.
    pub right: i32,
    /// Factor of the scaled left operand: 1 or -1.
    pub left: i32,
    /// Multiplier of the sum.
    pub sum_multiplier: i32,
    /// By how much the sum is shifted to the left then: from -30 to -1.
    pub sum_shift: i32,
}

/// Constants of [`Product16`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Factor16 {
    /// Multiplier of the product.
    pub multiplier: i32,
    /// By how much it is shifted to the left then: from -30 to -1.
    pub shift: i32,
}

/// Constants of [`LeakyRelu16`]: what becomes of inputs from 0 on, and of negative ones.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Sides16 {
    /// By how much inputs from 0 on are shifted to the left: up to 15.
    pub before: i32,
    /// Their multiplier.
    pub multiplier: i32,
    /// By how much they are shifted to the left then: from -30 to 0.
    pub shift: i32,
    /// By how much negative inputs are shifted to the left.
    pub negative_before: i32,
    /// Their multiplier.
    pub negative_multiplier: i32,
    /// What is added to them then: -1, or 0 where there is no shift.
    pub negative_less: i32,
    /// By how much they are shifted to the left then: from -30 to 0.
    pub negative_shift: i32,
}

/// Defines a function of elements: `$eight` computes two times four, `$four` the last ones, up to four at a time. Constants are in
/// r4 to r10.
macro_rules! elements {
    ($(#[$doc:meta])* $name:ident($left:ident, $right:ident), $constants:ident in $registers:literal, [$($eight:literal),+], [$($four:literal),+]) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The core has Helium; all have `count` elements; the output is this call's own, and may be an operand, but overlaps it in no
        /// other way.
        #[unsafe(naked)]
        unsafe extern "C" fn $name($left: *const i16, $right: *const i16, output: *mut i16, count: usize, terms: &$constants) {
            naked_asm!(
                cpu!(),
                "push {{r4-r10, lr}}",
                "vpush {{d8-d15}}",
                "ldr r12, [sp, #96]",
                concat!("ldm r12, {{", $registers, "}}"),
                "lsr r12, r3, #3",
                "and r3, r3, #7",
                "wls lr, r12, 3f",
                "2:",
                $($eight,)+
                "le lr, 2b",
                "3:",
                "wlstp.32 lr, r3, 5f",
                "4:",
                $($four,)+
                "letp lr, 4b",
                "5:",
                "vpop {{d8-d15}}",
                "pop {{r4-r10, pc}}",
            )
        }
    };
}

elements! {
    /// Adds: 15 instructions for four elements.
    sum(left, right), Terms16 in "r4-r10",
    [
        "vldrh.s32 q0, [r0], #8",
        "vshl.s32 q0, r4",
        "vldrh.s32 q3, [r0], #8",
        "vqrdmulh.s32 q0, q0, r5",
        "vshl.s32 q3, r4",
        "vldrh.s32 q1, [r1], #8",
        "vqrdmulh.s32 q3, q3, r5",
        "vshr.s32 q2, q0, #31",
        "vmul.i32 q1, q1, r7",
        "vadd.i32 q0, q0, q2",
        "vldrh.s32 q4, [r1], #8",
        "vshr.s32 q5, q3, #31",
        "vmul.i32 q4, q4, r7",
        "vadd.i32 q3, q3, q5",
        "vrshl.s32 q0, r6",
        "vrshl.s32 q3, r6",
        "vmla.i32 q1, q0, r8",
        "vmla.i32 q4, q3, r8",
        "vqrdmulh.s32 q1, q1, r9",
        "vqrdmulh.s32 q4, q4, r9",
        "vshr.s32 q2, q1, #31",
        "vadd.i32 q1, q1, q2",
        "vshr.s32 q5, q4, #31",
        "vrshl.s32 q1, r10",
        "vadd.i32 q4, q4, q5",
        "vqmovnb.s32 q1, q1",
        "vrshl.s32 q4, r10",
        "vstrh.32 q1, [r2], #8",
        "vqmovnb.s32 q4, q4",
        "vstrh.32 q4, [r2], #8"
    ],
    [
        "vldrh.s32 q0, [r0], #8",
        "vldrh.s32 q1, [r1], #8",
        "vshl.s32 q0, r4",
        "vmul.i32 q1, q1, r7",
        "vqrdmulh.s32 q0, q0, r5",
        "vshr.s32 q2, q0, #31",
        "vadd.i32 q0, q0, q2",
        "vrshl.s32 q0, r6",
        "vmla.i32 q1, q0, r8",
        "vqrdmulh.s32 q1, q1, r9",
        "vshr.s32 q2, q1, #31",
        "vadd.i32 q1, q1, q2",
        "vrshl.s32 q1, r10",
        "vqmovnb.s32 q1, q1",
        "vstrh.32 q1, [r2], #8"
    ]
}
elements! {
    /// Multiplies: 9 instructions for four elements.
    product(left, right), Factor16 in "r4-r5",
    [
        "vldrh.s32 q0, [r0], #8",
        "vldrh.s32 q1, [r1], #8",
        "vldrh.s32 q3, [r0], #8",
        "vmul.i32 q0, q0, q1",
        "vldrh.s32 q4, [r1], #8",
        "vqrdmulh.s32 q0, q0, r4",
        "vmul.i32 q3, q3, q4",
        "vshr.s32 q1, q0, #31",
        "vqrdmulh.s32 q3, q3, r4",
        "vadd.i32 q0, q0, q1",
        "vshr.s32 q4, q3, #31",
        "vrshl.s32 q0, r5",
        "vadd.i32 q3, q3, q4",
        "vqmovnb.s32 q0, q0",
        "vrshl.s32 q3, r5",
        "vstrh.32 q0, [r2], #8",
        "vqmovnb.s32 q3, q3",
        "vstrh.32 q3, [r2], #8"
    ],
    [
        "vldrh.s32 q0, [r0], #8",
        "vldrh.s32 q1, [r1], #8",
        "vmul.i32 q0, q0, q1",
        "vqrdmulh.s32 q0, q0, r4",
        "vshr.s32 q1, q0, #31",
        "vadd.i32 q0, q0, q1",
        "vrshl.s32 q0, r5",
        "vqmovnb.s32 q0, q0",
        "vstrh.32 q0, [r2], #8"
    ]
}
elements! {
    /// Scales by sign: 14 instructions for four elements.
    leaky(input, _input), Sides16 in "r4-r10",
    [
        "vldrh.s32 q0, [r0], #8",
        "vmov q1, q0",
        "vldrh.s32 q3, [r0], #8",
        "vmov q2, q0",
        "vshl.s32 q1, r4",
        "vmov q4, q3",
        "vqrdmulh.s32 q1, q1, r5",
        "vshl.s32 q2, r7",
        "vmov q5, q3",
        "vqrdmulh.s32 q2, q2, r8",
        "vshl.s32 q4, r4",
        "vrshl.s32 q1, r6",
        "vqrdmulh.s32 q4, q4, r5",
        "vshl.s32 q5, r7",
        "vadd.i32 q2, q2, r9",
        "vqrdmulh.s32 q5, q5, r8",
        "vrshl.s32 q2, r10",
        "vcmp.s32 ge, q0, zr",
        "vrshl.s32 q4, r6",
        "vpsel q1, q1, q2",
        "vadd.i32 q5, q5, r9",
        "vqmovnb.s32 q1, q1",
        "vrshl.s32 q5, r10",
        "vstrh.32 q1, [r2], #8",
        "vcmp.s32 ge, q3, zr",
        "vpsel q4, q4, q5",
        "vqmovnb.s32 q4, q4",
        "vstrh.32 q4, [r2], #8"
    ],
    [
        "vldrh.s32 q0, [r0], #8",
        "vmov q1, q0",
        "vmov q2, q0",
        "vshl.s32 q1, r4",
        "vshl.s32 q2, r7",
        "vqrdmulh.s32 q1, q1, r5",
        "vqrdmulh.s32 q2, q2, r8",
        "vadd.i32 q2, q2, r9",
        "vrshl.s32 q1, r6",
        "vrshl.s32 q2, r10",
        "vcmp.s32 ge, q0, zr",
        "vpsel q1, q1, q2",
        "vqmovnb.s32 q1, q1",
        "vstrh.32 q1, [r2], #8"
    ]
}

/// Defines what kernels of elements have besides their fields and `check`: `$run` computes a tile of so many elements, with bounds.
macro_rules! kernel {
    ($name:ident, |$kernel:ident, $memory:ident, $tile:ident, $output:ident| $run:expr) => {
        impl $name {
            /// What tiles read.
            pub const ACCESS: Access = Access::Elements;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.elements() as usize)
            }

            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and the
            /// core has Helium.
            #[inline(never)]
            pub unsafe fn run(&self, $memory: Memory<'_>, $tile: Tile) {
                let $kernel = self;
                // SAFETY: the elements of the tile lie inside operands and output (`check`) and are this call's own.
                unsafe {
                    let $output = $memory.at::<i16>(self.output).add($tile.start());
                    $run;
                    clamp16($output, $tile.end() - $tile.start(), &self.bounds);
                }
            }
        }
    };
}

/// Defines a kernel of two operands: the function, and its constants.
macro_rules! of_two {
    ($(#[$doc:meta])* $name:ident, $function:ident, $constants:ident) => {
        $(#[$doc])*
        ///
        /// Both operands move along runs. Tiles are ranges of elements.
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<i16>,
            /// Right operand.
            pub right: Source<i16>,
            /// Output; may be an operand that is not broadcast.
            pub output: Region,
            /// How the operands are spread over the output.
            pub broadcast: Broadcast,
            /// Multipliers and shifts.
            pub terms: $constants,
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
                self.broadcast.check::<i16, i16>(arena_bytes, &self.left, &self.right, &self.output);
                let [left, right] = self.broadcast.steps;
                assert!(left == 1 && right == 1, "an operand that does not move along a run");
            }

            const fn elements(&self) -> u32 {
                self.broadcast.elements
            }
        }
        kernel!($name, |kernel, memory, tile, output| kernel.broadcast.in_runs(
            memory,
            (kernel.left, kernel.right, kernel.output),
            tile,
            |left, right, output, count| $function(left, right, output, count, &kernel.terms)
        ));
    };
}

of_two! {
    /// int16 sum or difference: TFLite's ADD and SUB, where the right operand has the greater scale, so that its factor is 1 / 2.
    Sum16, sum, Terms16
}
of_two! {
    /// int16 product: TFLite's MUL.
    Product16, product, Factor16
}

/// int16 `LEAKY_RELU`, symmetric, with a slope that is not negative; tiles are ranges of elements.
#[derive(Clone, Copy)]
pub struct LeakyRelu16 {
    /// Input.
    pub input: Region,
    /// Output; may be the input.
    pub output: Region,
    /// Elements.
    pub elements: u32,
    /// Multipliers and shifts.
    pub terms: Sides16,
    /// Bounds of the output.
    pub bounds: Bounds,
}

impl LeakyRelu16 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i16>(arena_bytes, self.elements as usize);
        self.output.check::<i16>(arena_bytes, self.elements as usize);
    }

    const fn elements(&self) -> u32 {
        self.elements
    }
}
kernel!(LeakyRelu16, |kernel, memory, tile, output| {
    let input = memory.at::<i16>(kernel.input).cast_const().add(tile.start());
    leaky(input, input, output, tile.end() - tile.start(), &kernel.terms);
});
