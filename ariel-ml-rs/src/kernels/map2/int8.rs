//! Operators of int8 in integers, bit for bit as TFLite's reference kernels and onnxruntime compute them.
//!
//! [`Linear`] and [`Product`] stand for many formulas: the compiler looks for constants with which they give the results of the
//! reference for every pair of inputs that can occur, and proves it by trying all of them. Where there are none it takes
//! the reference's own formula.

use super::Broadcast;
use crate::kernels::gemmlowp::reciprocal;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier, high_mul, rounding_shift_right};
use crate::tile::Tile;
use core::hint::black_box;

/// Fractional bits of the factors of [`Linear`] and [`Product`].
///
/// Their factors go through `black_box`: where link-time optimisation sees them, the compiler takes a 64-bit multiplication by a
/// constant apart, into more instructions than the one that multiplies and accumulates.
const FRACTION: u32 = 28;

/// `(factors[0] * a + factors[1] * b + offset) / 2^28`, rounded down.
#[cfg(any(not(all(target_arch = "arm", not(thumb2))), test))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "the body of a loop")]
const fn linear(factors: [i32; 2], offset: i64, [a, b]: [i32; 2]) -> i32 {
    let (left, right) = ((a as i64).wrapping_mul(factors[0] as i64), (b as i64).wrapping_mul(factors[1] as i64));
    (offset.wrapping_add(left).wrapping_add(right) >> FRACTION) as i32
}

/// The same from halves of the factors, whose products with int8 have 24 bits: the core multiplies into 32 bits only.
#[cfg(any(all(target_arch = "arm", not(thumb2)), test))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "the body of a loop")]
const fn linear_in_halves(factors: [i32; 2], offset: i64, [a, b]: [i32; 2]) -> i32 {
    let [left, right] = factors;
    let low = (offset as i32 & 0xFFFF).wrapping_add(a.wrapping_mul(left & 0xFFFF));
    let low = low.wrapping_add(b.wrapping_mul(right & 0xFFFF));
    let high = ((offset >> 16) as i32).wrapping_add(a.wrapping_mul(left >> 16));
    high.wrapping_add(b.wrapping_mul(right >> 16)).wrapping_add(low >> 16) >> (FRACTION - 16)
}

macro_rules! stored {
    ($element:ty; $(
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident: $t:ty,)* }
        |$k:ident, $a:ident, $b:ident| [$($prepare:tt)*] $result:expr;
    )+) => { $(
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
            $($(#[$field_doc])* pub $field: $t,)*
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
                let $k = self;
                $($prepare)*
                // SAFETY: forwarded to the caller.
                unsafe {
                    $k.broadcast.map(memory, ($k.left, $k.right, $k.output), tile, |$a: $element, $b: $element| {
                        let ($a, $b) = (i32::from($a), i32::from($b));
                        $result
                    });
                }
            }
        }
    )+ };
}

pub(super) use stored;

/// Clamps a value that has its zero point already.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the bounds of an int8 output lie in i8")]
fn bounded(value: i32, bounds: &Bounds) -> i8 {
    value.max(bounds.min).min(bounds.max) as i8
}

/// A scaled operand: `multiplier * ((value - zero_point) << shift)`.
#[derive(Clone, Copy)]
pub struct Scaled {
    /// Zero point of the operand.
    pub zero_point: i32,
    /// Bits by which it is shifted left.
    pub shift: u32,
    /// Real factor.
    pub multiplier: Multiplier,
}

impl Scaled {
    #[inline]
    pub(in crate::kernels) fn apply(self, value: i32) -> i32 {
        self.multiplier.apply(value.wrapping_sub(self.zero_point).wrapping_shl(self.shift))
    }

    /// The same of an int16.
    #[inline]
    pub(super) fn apply_short(self, value: i32) -> i32 {
        if self.zero_point == 0 { self.multiplier.apply_short(value, self.shift) } else { self.apply(value) }
    }
}

/// Quotient of two integers times a real factor, as TFLite's DIV: reciprocal, two multiplications, one rounding shift.
#[inline]
pub(super) fn quotient(dividend: i32, divisor: i32, factor: Multiplier) -> i32 {
    let (dividend, divisor) =
        if divisor < 0 { (dividend.wrapping_neg(), divisor.wrapping_neg()) } else { (dividend, divisor) };
    let (inverse, bits) = reciprocal(divisor, 31);
    let sign_bits = if dividend < 0 { (!dividend).leading_zeros() } else { dividend.leading_zeros() };
    let headroom = sign_bits.wrapping_sub(1);
    let scaled = high_mul(dividend.wrapping_shl(headroom), inverse);
    let shift = headroom.cast_signed().wrapping_add(bits).wrapping_sub(factor.shift).cast_unsigned();
    let scaled = high_mul(scaled, factor.multiplier);
    if shift < 32 {
        rounding_shift_right(scaled, shift)
    } else {
        // The reference shifts by more than an integer has bits: its result, where it is built for x86-64.
        scaled.wrapping_shr(shift).wrapping_add(i32::from(scaled >= 0))
    }
}

stored! { i8;
    /// `(left_factor * left + right_factor * right + offset) / 2^28`, rounded down: ADD and SUB with proven constants.
    /// The offset has the zero point of the output, too.
    Linear {
        /// Factor of the left operand, with 28 fractional bits.
        left_factor: i32,
        /// Factor of the right operand, with 28 fractional bits.
        right_factor: i32,
        /// Zero points of the operands and the rounding, with 28 fractional bits.
        offset: i64,
    }
    |k, a, b| [let factors = black_box([k.left_factor, k.right_factor]); let offset = black_box(k.offset);] {
        #[cfg(not(all(target_arch = "arm", not(thumb2))))]
        let sum = linear(factors, offset, [a, b]);
        #[cfg(all(target_arch = "arm", not(thumb2)))]
        let sum = linear_in_halves(factors, offset, [a, b]);
        bounded(sum, &k.bounds)
    };

    /// `(factor * (left - zero) * (right - zero) + offset) / 2^28`, rounded down: MUL with proven constants.
    /// The offset has the zero point of the output, too.
    Product {
        /// Zero points of the operands.
        zero_points: [i32; 2],
        /// Factor, with 28 fractional bits.
        factor: i32,
        /// The rounding, with 28 fractional bits.
        offset: i64,
    }
    |k, a, b| [let factor = black_box(k.factor); let offset = black_box(k.offset);] {
        let product = a.wrapping_sub(k.zero_points[0]).wrapping_mul(b.wrapping_sub(k.zero_points[1]));
        let sum = offset.wrapping_add(i64::from(product).wrapping_mul(i64::from(factor)));
        bounded((sum >> FRACTION) as i32, &k.bounds)
    };

    /// TFLite's ADD by its definition: three double-rounding multiplications.
    AddInt8 {
        /// Scaling of the left operand.
        scale_left: Scaled,
        /// Scaling of the right operand.
        scale_right: Scaled,
        /// Factor of the sum.
        multiplier: Multiplier,
    }
    |k, a, b| [] k.bounds.store(k.multiplier.apply(k.scale_left.apply(a).wrapping_add(k.scale_right.apply(b))));

    /// TFLite's SUB by its definition: three double-rounding multiplications.
    SubInt8 {
        /// Scaling of the left operand.
        scale_left: Scaled,
        /// Scaling of the right operand.
        scale_right: Scaled,
        /// Factor of the difference.
        multiplier: Multiplier,
    }
    |k, a, b| [] k.bounds.store(k.multiplier.apply(k.scale_left.apply(a).wrapping_sub(k.scale_right.apply(b))));

    /// TFLite's `SQUARED_DIFFERENCE`.
    SquaredDifferenceInt8 {
        /// Scaling of the left operand.
        scale_left: Scaled,
        /// Scaling of the right operand.
        scale_right: Scaled,
        /// Factor of the square.
        multiplier: Multiplier,
    }
    |k, a, b| [] {
        let difference = k.scale_left.apply(a).wrapping_sub(k.scale_right.apply(b));
        k.bounds.store(k.multiplier.apply(difference.wrapping_mul(difference)))
    };

    /// TFLite's MUL: the product of the centred operands, times a real factor.
    MulInt8 {
        /// Zero points of the operands.
        zero_points: [i32; 2],
        /// Real factor.
        multiplier: Multiplier,
    }
    |k, a, b| [] {
        let [left, right] = k.zero_points;
        k.bounds.store(k.multiplier.apply(a.wrapping_sub(left).wrapping_mul(b.wrapping_sub(right))))
    };

    /// TFLite's DIV.
    DivInt8 {
        /// Zero points of the operands.
        zero_points: [i32; 2],
        /// Real factor.
        multiplier: Multiplier,
    }
    |k, a, b| [] {
        let [left, right] = k.zero_points;
        k.bounds.store(quotient(a.wrapping_sub(left), b.wrapping_sub(right), k.multiplier))
    };

    /// `max(left, right)` of stored integers, all of one scale.
    MaximumInt8 {}
    |k, a, b| [] bounded(a.max(b), &k.bounds);

    /// `min(left, right)` of stored integers, all of one scale.
    MinimumInt8 {}
    |k, a, b| [] bounded(a.min(b), &k.bounds);

    /// TFLite's PRELU: one factor for positive inputs, the slope for negative ones.
    PreluInt8 {
        /// Zero points of the operands.
        zero_points: [i32; 2],
        /// Real factor of positive inputs.
        positive: Multiplier,
        /// Real factor of the product of a negative input and its slope.
        negative: Multiplier,
    }
    |k, a, b| [] {
        let [left, right] = k.zero_points;
        let value = a.wrapping_sub(left);
        let product = value.wrapping_mul(b.wrapping_sub(right));
        k.bounds.store(if value >= 0 { k.positive.apply(value) } else { k.negative.apply(product) })
    };
}

#[cfg(test)]
mod tests {
    use super::{linear, linear_in_halves};

    #[test]
    fn halves_of_factors_give_the_sum() {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as i32
        };
        for _ in 0..20_000 {
            let (factors, offset) = ([next(), next() >> 3], (i64::from(next()) << 8) + i64::from(next()));
            let numbers = [next() >> 24, next() >> 24];
            assert_eq!(linear_in_halves(factors, offset, numbers), linear(factors, offset, numbers), "{numbers:?}");
        }
        for a in [-128, 127] {
            for factor in [i32::MIN, -65536, -1, 65535, i32::MAX] {
                assert_eq!(linear_in_halves([factor; 2], -1, [a; 2]), linear([factor; 2], -1, [a; 2]));
            }
        }
    }
}
