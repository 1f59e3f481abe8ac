//! int8 operators of two operands, one of which may be broadcast: what the portable kernels of `map2` compute.
//!
//! Runs follow one another along one axis ([`Broadcast`] whose last count alone is not 1); along a run the right operand moves
//! with the left one, or stays. Every constant is prepared so that what is left of the result is the upper half of a product:
//!
//! - [`LinearRuns`] and [`ProductRuns`] have factors with 28 fractional bits, so operands and offset are multiplied by 16;
//! - [`MulRuns`] and [`SquareRuns`] round twice, as TFLite does: `SMMLAR(2 * p, m, c)` is `((p * m + 2^30) >> 31) + c`,
//!   a rounding high multiplication with the constant that rounds the shift behind it and holds the zero point. That shift
//!   rounds halves away from zero: one is taken from what is negative.

use super::clamp_all;
use crate::kernels::access::Access;
use crate::kernels::broadcast::Broadcast;
use crate::kernels::map2::Scaled;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// Elements of a run: `count` outputs of as many left operands, and of as many right ones, or of one.
type Run = unsafe extern "C" fn(left: *const i8, right: *const i8, output: *mut i8, count: usize, terms: *const i32);

/// Words of constants that a run takes.
const WORDS: usize = 8;

/// Defines a kernel: its fields besides operands and bounds, what they must hold, the words that a run of it takes (for the first
/// of the right operands), and the functions that compute a run.
macro_rules! kernel {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
        |$kernel:ident, $right:ident| $words:expr; $moves:ident, $stays:ident
    ) => {
        $(#[$doc])*
        ///
        /// Tiles are ranges of elements.
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<i8>,
            /// Right operand.
            pub right: Source<i8>,
            /// Output; may be an operand that is not broadcast.
            pub output: Region,
            /// How the operands are spread over the output, along one axis of runs.
            pub broadcast: Broadcast,
            $($(#[$field_doc])* pub $field: $type,)*
            /// Bounds of the output; the zero point is in the constants.
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
                check_runs(&self.broadcast);
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
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let $kernel = self;
                let words = |$right: i8| -> [i32; WORDS] { $words };
                let run: Run = if self.broadcast.steps[1] == 0 { $stays } else { $moves };
                // SAFETY: forwarded to the caller.
                unsafe {
                    let operands = (memory.source(self.left), memory.source(self.right));
                    runs(&self.broadcast, operands, memory.at(self.output), tile, run, words);
                    if self.bounds.min > -128 || self.bounds.max < 127 {
                        bound(memory.at::<i8>(self.output).add(tile.start()), tile.end() - tile.start(), &self.bounds);
                    }
                }
            }
        }
    };
}

/// Whether the left operand moves along runs, and runs follow one another along one axis.
#[inline]
const fn check_runs(broadcast: &Broadcast) {
    let [a, b, c, d, _] = broadcast.counts;
    assert!(a == 1 && b == 1 && c == 1 && d == 1, "runs along more than one axis");
    assert!(broadcast.steps[0] == 1, "the left operand moves along a run");
}

/// Computes the elements of a tile, run by run.
///
/// # Safety
/// The operands reach to the last element of all runs, and the output to the tile's last; the tile is this call's own.
#[inline(always)]
unsafe fn runs(
    broadcast: &Broadcast,
    (left, right): (*const i8, *const i8),
    output: *mut i8,
    tile: Tile,
    run: Run,
    words: impl Fn(i8) -> [i32; WORDS],
) {
    let length = broadcast.run as usize;
    let (mut number, mut skip) = (0, tile.start());
    if skip >= length {
        // `check` proved that a run has elements, which the optimiser cannot know.
        number = skip.checked_div(length).unwrap_or(0);
        skip = skip.wrapping_sub(number.wrapping_mul(length));
    }
    let (mut at, end) = (tile.start(), tile.end());
    let [left_row, right_row] = [broadcast.left[4], broadcast.right[4]].map(|stride| stride as usize);
    let step = broadcast.steps[1] as usize;
    while at < end {
        let count = length.wrapping_sub(skip).min(end.wrapping_sub(at));
        // SAFETY: as the caller promises.
        unsafe {
            let left = left.add(number.wrapping_mul(left_row).wrapping_add(skip));
            let right = right.add(number.wrapping_mul(right_row).wrapping_add(skip.wrapping_mul(step)));
            let terms = words(if step == 0 { *right } else { 0 });
            run(left, right, output.add(at), count, terms.as_ptr());
        }
        (at, skip, number) = (at.wrapping_add(count), 0, number.wrapping_add(1));
    }
}

/// Applies bounds that are tighter than those of int8, which saturation has applied.
///
/// # Safety
/// `values` points to `count` values that are this call's own.
#[inline(never)]
unsafe fn bound(values: *mut i8, count: usize, bounds: &Bounds) {
    let spread = |bound: i32| u32::from(bound as u8).wrapping_mul(0x0101_0101);
    // SAFETY: forwarded to the caller.
    unsafe { clamp_all(values, count, spread(bounds.min), spread(bounds.max)) };
}

/// Both words of an int64.
const fn halves(value: i64) -> [i32; 2] {
    [value as i32, (value >> 32) as i32]
}

/// Defines a function that computes the elements of a run, two at a time: those that are odd in number, first one alone.
///
/// Registers: r0 left, r1 right (or data, where that stays), r2 output, r3 elements that are left, r4-r11 constants, r12 and lr data.
macro_rules! run {
    ($(#[$doc:meta])* $name:ident, $constants:literal, $element:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As for [`Run`]: `count` is not 0, and the terms are `WORDS` words; outputs may be the left operands, or right ones that
        /// move.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(left: *const i8, right: *const i8, output: *mut i8, count: usize, terms: *const i32) {
            naked_asm!(
                cpu!(),
                "push {{r4-r12, lr}}",
                "ldr r12, [sp, #40]",
                concat!("ldm r12, {{", $constants, "}}"),
                "tst r3, #1",
                "beq 2f",
                $element,
                "subs r3, r3, #1",
                "beq 3f",
                "2:",
                $element,
                $element,
                "subs r3, r3, #2",
                "bne 2b",
                "3:",
                "pop {{r4-r12, pc}}",
            )
        }
    };
}

kernel! {
    /// `(left_factor * left + right_factor * right + offset) / 2^28`, rounded down: ADD and SUB with proven constants.
    LinearRuns {
        /// Factor of the left operand, with 28 fractional bits.
        left_factor: i32,
        /// Factor of the right operand, with 28 fractional bits.
        right_factor: i32,
        /// Zero points of the operands and the rounding, with 28 fractional bits; its magnitude is below 2^58.
        offset: i64,
    }
    |kernel, right| {
        let own = i64::from(kernel.right_factor).wrapping_mul(i64::from(right));
        let [low, high] = halves(kernel.offset.wrapping_add(own).wrapping_shl(4));
        [low, high, kernel.left_factor, kernel.right_factor, 0, 0, 0, 0]
    };
    linear, linear_of_one
}
run! {
    /// 10 instructions an element.
    linear, "r4-r7",
    "ldrsb r8, [r0], #1\nldrsb r9, [r1], #1\nmov r12, r4\nlsl r8, r8, #4\nmov lr, r5\nlsl r9, r9, #4\nsmlal r12, lr, r8, r6\n\
     smlal r12, lr, r9, r7\nssat lr, #8, lr\nstrb lr, [r2], #1"
}
run! {
    /// 7 instructions an element.
    linear_of_one, "r4-r6",
    "ldrsb r8, [r0], #1\nmov r12, r4\nlsl r8, r8, #4\nmov lr, r5\nsmlal r12, lr, r8, r6\nssat lr, #8, lr\nstrb lr, [r2], #1"
}

kernel! {
    /// `(factor * (left - zero) * (right - zero) + offset) / 2^28`, rounded down: MUL with proven constants.
    ProductRuns {
        /// Zero points of the operands, which lie in int8.
        zero_points: [i32; 2],
        /// Factor, with 28 fractional bits.
        factor: i32,
        /// The rounding, with 28 fractional bits; its magnitude is below 2^58.
        offset: i64,
    }
    |kernel, right| {
        let [low, high] = halves(kernel.offset.wrapping_shl(4));
        let [left_zero, right_zero] = kernel.zero_points.map(i32::wrapping_neg);
        let own = i32::from(right).wrapping_add(right_zero);
        [low, high, left_zero.wrapping_shl(4), kernel.factor, right_zero, own, 0, 0]
    };
    product, product_of_one
}
run! {
    /// 10 instructions an element.
    product, "r4-r8",
    "ldrsb r9, [r0], #1\nldrsb r10, [r1], #1\nadd r9, r6, r9, lsl #4\nadd r10, r10, r8\nmov r12, r4\nmul r9, r9, r10\nmov lr, r5\n\
     smlal r12, lr, r9, r7\nssat lr, #8, lr\nstrb lr, [r2], #1"
}
run! {
    /// 8 instructions an element.
    product_of_one, "r4-r9",
    "ldrsb r10, [r0], #1\nmov r12, r4\nadd r10, r6, r10, lsl #4\nmov lr, r5\nmul r10, r10, r9\nsmlal r12, lr, r10, r7\nssat lr, #8, lr\n\
     strb lr, [r2], #1"
}

/// A multiplication that rounds twice, with its zero point.
#[derive(Clone, Copy)]
pub struct Twice {
    /// Multiplier.
    pub multiplier: i32,
    /// What rounds the shift, and the zero point to the left of it.
    pub rounding: i32,
    /// Shift to the right, below 32.
    pub shift: u32,
}

kernel! {
    /// TFLite's MUL: the product of the centred operands, times a real factor.
    MulRuns {
        /// Zero points of the operands, which lie in int8.
        zero_points: [i32; 2],
        /// Real factor, whose shift is not 0.
        scale: Twice,
    }
    |kernel, right| {
        let [left_zero, right_zero] = kernel.zero_points.map(i32::wrapping_neg);
        let Twice { multiplier, rounding, shift } = kernel.scale;
        let own = i32::from(right).wrapping_add(right_zero);
        [left_zero.wrapping_shl(1), multiplier, rounding, shift.cast_signed(), right_zero, own, 0, 0]
    };
    multiply, multiply_by_one
}
run! {
    /// 10 instructions an element.
    multiply, "r4-r8",
    "ldrsb r9, [r0], #1\nldrsb r10, [r1], #1\nadd r9, r4, r9, lsl #1\nadd r10, r10, r8\nmul r9, r9, r10\nsmmlar r12, r9, r5, r6\n\
     add r12, r12, r9, asr #31\nasr r12, r12, r7\nssat r12, #8, r12\nstrb r12, [r2], #1"
}
run! {
    /// 8 instructions an element.
    multiply_by_one, "r4-r9",
    "ldrsb r10, [r0], #1\nadd r10, r4, r10, lsl #1\nmul r10, r10, r9\nsmmlar r12, r10, r5, r6\nadd r12, r12, r10, asr #31\n\
     asr r12, r12, r7\nssat r12, #8, r12\nstrb r12, [r2], #1"
}

kernel! {
    /// TFLite's `SQUARED_DIFFERENCE` of an operand and one that stays along runs.
    SquareRuns {
        /// Zero point of the left operand, and what it is multiplied by before it is scaled: 2^8, or 2^9 where the scale is one half.
        before: [i32; 2],
        /// Scale of the left operand, without a zero point; its shift is not 0.
        scale_left: Twice,
        /// Scaling of the right operand.
        scale_right: Scaled,
        /// Real factor of the square.
        scale: Twice,
    }
    |kernel, right| {
        let [zero_point, factor] = kernel.before;
        let Twice { multiplier, rounding, shift } = kernel.scale_left;
        let own = kernel.scale_right.apply(i32::from(right)).wrapping_shl(shift);
        let last = kernel.scale;
        let start = zero_point.wrapping_mul(factor).wrapping_neg();
        [
            factor,
            start,
            multiplier,
            rounding.wrapping_sub(own),
            shift.cast_signed(),
            last.multiplier,
            last.rounding,
            last.shift.cast_signed(),
        ]
    };
    square, square
}
run! {
    /// 11 instructions an element.
    square, "r4-r11",
    "ldrsb r1, [r0], #1\nmla r1, r1, r4, r5\nsmmlar r12, r1, r6, r7\nadd r12, r12, r1, asr #31\nasr r12, r12, r8\nmul r12, r12, r12\n\
     lsl r12, r12, #1\nsmmlar r12, r12, r9, r10\nasr r12, r12, r11\nssat r12, #8, r12\nstrb r12, [r2], #1"
}
