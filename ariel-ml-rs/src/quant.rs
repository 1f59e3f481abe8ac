//! Requantisation: from an int32 accumulator to a stored int8, bit for bit as the model's origin does it.
//!
//! Two roundings exist, one per source format (`shared` oracle: TFLite-Micro's reference kernels, onnxruntime):
//! [`DoubleRounding`] for TFLite, [`NearestEven`] for ONNX. Kernels are generic over [`Requantize`] and instantiated here,
//! in the runtime crate, for both, so that a model links only the one that it uses.

use crate::memory::Element;

mod halves;
mod one_sign;

/// A fixed-point multiplier: real = multiplier * 2^(shift - 31), as TFLite quantises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Multiplier {
    /// Mantissa in Q0.31, in [2^30, 2^31) or 0.
    pub multiplier: i32,
    /// Exponent: positive shifts left before, negative shifts right after the multiplication.
    pub shift: i32,
}

// SAFETY: two i32 without padding.
unsafe impl Element for Multiplier {}

impl Multiplier {
    /// `RoundingDivideByPOT(SaturatingRoundingDoublingHighMul(value << max(shift, 0), multiplier), max(-shift, 0))`,
    /// gemmlowp's double rounding.
    #[inline]
    #[must_use]
    pub fn apply(self, value: i32) -> i32 {
        if self.shift >= 0 {
            return nudged_high(value.wrapping_shl(self.shift.cast_unsigned()), self.multiplier);
        }
        halved(nudged_high(value, self.multiplier), self.shift)
    }
}

/// `round(high * 2^shift)`, halves away from zero as in [`rounding_shift_right`], of a shift below 0.
#[inline]
const fn halved(high: i32, shift: i32) -> i32 {
    // Shifted by one bit less, after one is taken from what is negative, the last bit says whether to round up.
    // |high| < 2^31, for the multiplier is less than 1.
    let twice = high.wrapping_add(high >> 31).wrapping_shr((!shift).cast_unsigned());
    twice.wrapping_add(1) >> 1
}

impl Multiplier {
    /// The same as [`Multiplier::apply`] for `|value| < 2^30`: the high word of a product, which Arm's DSP extension rounds.
    #[inline]
    #[must_use]
    pub fn apply_small(self, value: i32) -> i32 {
        if self.shift >= 0 {
            return self.apply(value);
        }
        let right = self.shift.unsigned_abs();
        let product = i64::from(value.wrapping_shl(1)) * i64::from(self.multiplier);
        let high = (product.wrapping_add(1 << 31) >> 32) as i32;
        high.wrapping_add(high >> 31).wrapping_add(1_i32.wrapping_shl(right - 1)).wrapping_shr(right)
    }
}

/// [`high_mul`] where `b` is not negative: nothing saturates.
#[inline]
fn nudged_high(a: i32, b: i32) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "|a * b| <= 2^62, so the quotient fits 32 bits")]
    {
        ((i64::from(a) * i64::from(b) + (1 << 30)) >> 31) as i32
    }
}

/// `round(a * b / 2^31)`: adds 2^30, or 1 - 2^30 to a negative product, and truncates; saturates only for
/// `i32::MIN * i32::MIN`, as gemmlowp's `SaturatingRoundingDoublingHighMul`.
#[inline]
#[must_use]
pub fn high_mul(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = i64::from(a) * i64::from(b);
    // The definition nudges by 2^30, or by 1 - 2^30 where the product is negative, and truncates. Both are this floor:
    // ceil((p + 1 - 2^30) / 2^31) = floor((p + 2^30) / 2^31).
    #[expect(clippy::cast_possible_truncation, reason = "|a * b| <= 2^62, so the quotient fits 32 bits")]
    {
        ((product + (1 << 30)) >> 31) as i32
    }
}

/// `round(value / 2^shift)`, halves away from zero: gemmlowp's `RoundingDivideByPOT`. Shifts of more than 31 count as 31.
#[inline]
#[must_use]
pub fn rounding_shift_right(value: i32, shift: u32) -> i32 {
    let mask = 1_i32.wrapping_shl(shift).wrapping_sub(1);
    let remainder = value & mask;
    let threshold = (mask >> 1) + i32::from(value < 0);
    value.wrapping_shr(shift) + i32::from(remainder > threshold)
}

/// What holds a sum of products.
pub trait Sum: Element + core::fmt::Debug {
    /// No product yet.
    const NOTHING: Self;

    /// `self + bias - excess`, wrapping.
    #[must_use]
    fn with(self, bias: Self, excess: Self) -> Self;

    /// `self * factor`, wrapping.
    #[must_use]
    fn times(self, factor: i32) -> Self;

    /// `self + a * b`, of numbers whose product fits 32 bits.
    #[must_use]
    fn plus(self, a: i32, b: i32) -> Self;
}

/// `a * b`, as the sum of 64 bits takes it that is cheapest.
#[inline]
fn wide_product(a: i32, b: i32) -> i64 {
    // Thumb-2 multiplies and adds 64 bits at once; others are better off with the product that fits 32.
    #[cfg(thumb2)]
    {
        i64::from(a) * i64::from(b)
    }
    #[cfg(not(thumb2))]
    i64::from(a.wrapping_mul(b))
}

macro_rules! sums {
    ($($sum:ident => $product:expr),+) => { $(
        impl Sum for $sum {
            const NOTHING: $sum = 0;

            #[inline]
            fn with(self, bias: $sum, excess: $sum) -> $sum {
                self.wrapping_add(bias).wrapping_sub(excess)
            }

            #[inline]
            fn times(self, factor: i32) -> $sum {
                self.wrapping_mul($sum::from(factor))
            }

            #[inline]
            fn plus(self, a: i32, b: i32) -> $sum {
                let product: fn(i32, i32) -> $sum = $product;
                self.wrapping_add(product(a, b))
            }
        }
    )+ };
}
sums!(i32 => i32::wrapping_mul, i64 => wide_product);

impl Sum for f32 {
    const NOTHING: f32 = 0.0;

    #[inline]
    fn with(self, bias: f32, excess: f32) -> f32 {
        self + bias - excess
    }

    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "factors are small")]
    fn times(self, factor: i32) -> f32 {
        self * factor as f32
    }

    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "factors are small")]
    fn plus(self, a: i32, b: i32) -> f32 {
        self + a as f32 * b as f32
    }
}

/// How a kernel turns the sum of an output channel into a stored integer; it tells what is summed, and in what.
pub trait Requantize: Copy + 'static {
    /// Elements of input and output.
    type Element: Element + core::fmt::Debug;
    /// What their products with the weights are summed in.
    type Sum: Sum;

    /// Returns the requantised sum of `channel`, with the zero point, clamped to the stage's bounds.
    fn apply(&self, sum: Self::Sum, channel: usize, bounds: &Bounds) -> Self::Element;
}

/// The end of an integer kernel: output zero point and the bounds of the fused activation, in stored units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Zero point of the output.
    pub zero_point: i32,
    /// Least stored value.
    pub min: i32,
    /// Greatest stored value.
    pub max: i32,
}

impl Bounds {
    /// Adds the zero point and clamps.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the bounds of an int8 output lie in i8")]
    pub fn store(&self, value: i32) -> i8 {
        self.clamped(value) as i8
    }

    /// The same, for an output of int16.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the bounds of an int16 output lie in i16")]
    pub fn store16(&self, value: i32) -> i16 {
        self.clamped(value) as i16
    }

    /// The same, for an output of any type in which the bounds lie.
    #[inline]
    #[must_use]
    pub(crate) fn clamped(&self, value: i32) -> i32 {
        // Not `clamp`: it panics where min > max.
        value.wrapping_add(self.zero_point).max(self.min).min(self.max)
    }
}

/// TFLite's rounding: gemmlowp double rounding with a [`Multiplier`] per channel, or one for all.
///
/// Its parts are apart, so that a channel takes 5 bytes of flash and not 8.
#[derive(Clone, Copy, Debug)]
pub struct DoubleRounding {
    /// One mantissa, or one per output channel.
    pub multipliers: &'static [i32],
    /// As many exponents.
    pub shifts: &'static [i8],
}

/// Defines whether a rounding has constants for all of so many channels, or for each.
macro_rules! is_for {
    ($($rounding:ident: $scales:ident $(, $more:ident)?;)+) => { $(
        impl $rounding {
            /// Whether there are constants for so many channels: one for all, or one for each.
            pub(crate) const fn is_for(&self, channels: usize) -> bool {
                let count = self.$scales.len();
                (count == 1 || count == channels) $(&& self.$more.len() == count)?
            }
        }
    )+ };
}
is_for! {
    DoubleRounding: multipliers, shifts;
    DoubleRounding16: multipliers;
    Narrow: multipliers;
    NearestEven: scales;
    Reduced: multipliers;
}

/// The multiplier of `channel`.
///
/// # Safety
/// There is one for it, or one for all.
#[inline]
unsafe fn multiplier_of(multipliers: &'static [Multiplier], channel: usize) -> Multiplier {
    let index = if multipliers.len() == 1 { 0 } else { channel };
    // SAFETY: as the caller promises.
    unsafe { *multipliers.get_unchecked(index) }
}

impl Requantize for DoubleRounding {
    type Element = i8;
    type Sum = i32;

    #[inline]
    fn apply(&self, sum: i32, channel: usize, bounds: &Bounds) -> i8 {
        let index = if self.multipliers.len() == 1 { 0 } else { channel };
        // SAFETY: `channel` is an output channel, and the kernel's `check` proved that there is one multiplier or one per channel,
        // and as many shifts.
        let (multiplier, shift) =
            unsafe { (*self.multipliers.get_unchecked(index), *self.shifts.get_unchecked(index)) };
        bounds.store(Multiplier { multiplier, shift: i32::from(shift) }.apply(sum))
    }
}

/// TFLite's rounding of int16 summed in 32 bits, which it does where the bias has 32: that of [`DoubleRounding`].
#[derive(Clone, Copy, Debug)]
pub struct DoubleRounding16 {
    /// One multiplier, or one per output channel.
    pub multipliers: &'static [Multiplier],
}

impl Requantize for DoubleRounding16 {
    type Element = i16;
    type Sum = i32;

    #[inline]
    fn apply(&self, sum: i32, channel: usize, bounds: &Bounds) -> i16 {
        // SAFETY: `channel` is an output channel, and the kernel's `check` proved that there is one multiplier or one per channel.
        bounds.store16(unsafe { multiplier_of(self.multipliers, channel) }.apply(sum))
    }
}

/// TFLite's rounding of int16 summed in 64 bits: one multiplication by a multiplier of 16 bits, per channel or for all.
///
/// `round(sum * multiplier / 2^(15 - shift))`, halves up; real = multiplier * 2^(shift - 15).
#[derive(Clone, Copy, Debug)]
pub struct Reduced {
    /// One multiplier, or one per output channel, its mantissa in Q0.15 and its shift below 15.
    pub multipliers: &'static [Multiplier],
}

impl Requantize for Reduced {
    type Element = i16;
    type Sum = i64;

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "TFLite too keeps the low 32 bits")]
    fn apply(&self, sum: i64, channel: usize, bounds: &Bounds) -> i16 {
        // SAFETY: as in `DoubleRounding16`.
        let Multiplier { multiplier, shift } = unsafe { multiplier_of(self.multipliers, channel) };
        let by = 15_i32.wrapping_sub(shift).cast_unsigned();
        let half = 1_i64.wrapping_shl(by.wrapping_sub(1));
        let product = sum.wrapping_mul(i64::from(multiplier));
        bounds.store16(product.wrapping_add(half).wrapping_shr(by) as i32)
    }
}

/// The same of sums that the compiler has proved to fit 32 bits, whatever the input: most cores sum these faster.
#[derive(Clone, Copy, Debug)]
pub struct Narrow {
    /// As in [`Reduced`].
    pub multipliers: &'static [Multiplier],
}

impl Requantize for Narrow {
    type Element = i16;
    type Sum = i32;

    #[inline]
    fn apply(&self, sum: i32, channel: usize, bounds: &Bounds) -> i16 {
        Reduced { multipliers: self.multipliers }.apply(i64::from(sum), channel, bounds)
    }
}

/// onnxruntime's rounding: `rne(f32(acc) * scale) + zero_point`, rne rounds halves to even.
#[derive(Clone, Copy, Debug)]
pub struct NearestEven {
    /// `f32(sx * sw) / sy`, one for all or one per output channel.
    pub scales: &'static [f32],
}

/// 1.5 * 2^23: adding it to |x| < 2^22 leaves x rounded to nearest, halves to even, in the low bits of the mantissa.
const MAGIC: f32 = 12_582_912.0;

/// Rounds |value| < 2^22 to the nearest integer, halves to even, on any core: IEEE addition does the rounding.
#[inline]
#[must_use]
pub fn round_ties_even(value: f32) -> i32 {
    (value + MAGIC).to_bits().cast_signed().wrapping_sub(MAGIC.to_bits().cast_signed())
}

/// `min(max(value, low), high)` by comparisons, which every core does without a library call; NaN stays NaN.
#[inline]
#[must_use]
pub fn clamp(value: f32, low: f32, high: f32) -> f32 {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// A quotient within +-1024, which bounds every stored integer; what is not a number counts as the least.
#[inline]
#[must_use]
pub(crate) fn saturated(quotient: f32) -> f32 {
    // Not `clamp`: its comparisons keep what is not a number.
    if quotient > -1024.0 { if quotient < 1024.0 { quotient } else { 1024.0 } } else { -1024.0 }
}

impl Requantize for NearestEven {
    type Element = i8;
    type Sum = i32;

    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "onnxruntime converts the accumulator to float32 too")]
    fn apply(&self, acc: i32, channel: usize, bounds: &Bounds) -> i8 {
        let index = if self.scales.len() == 1 { 0 } else { channel };
        // SAFETY: `channel` is an output channel, and the kernel's `check` proved that there is one scale or one per channel.
        let scale = unsafe { *self.scales.get_unchecked(index) };
        // The bounds are integers and lie within +-512 of zero, so clamping before rounding changes nothing and keeps the
        // value in the range of `round_ties_even`.
        let real = clamp(acc as f32 * scale, -1024.0, 1024.0);
        bounds.store(round_ties_even(real))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gemmlowp's definition, word for word of the formula: nudge by sign, then truncate.
    fn high_mul_by_definition(a: i32, b: i32) -> i32 {
        let product = i64::from(a) * i64::from(b);
        let nudge = if product >= 0 { 1_i64 << 30 } else { 1 - (1_i64 << 30) };
        i32::try_from((product + nudge) / (1_i64 << 31)).unwrap_or(i32::MAX)
    }

    #[test]
    fn high_mul_equals_its_definition() {
        let edges =
            [0, 1, -1, 2, -2, 3, 1 << 30, -(1 << 30), i32::MAX, i32::MIN, i32::MIN + 1, 0x4000_0001, 12345, -98765];
        for a in edges {
            for b in edges {
                assert_eq!(high_mul(a, b), high_mul_by_definition(a, b), "{a} * {b}");
            }
        }
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (a, b) = ((state >> 32) as u32 as i32, (state >> 5) as u32 as i32);
            assert_eq!(high_mul(a, b), high_mul_by_definition(a, b), "{a} * {b}");
        }
        // Exact halves: products that are odd multiples of 2^30.
        for odd in (-2001_i32..2001).step_by(2) {
            assert_eq!(high_mul(odd, 1 << 30), high_mul_by_definition(odd, 1 << 30), "{odd}");
        }
    }

    #[test]
    fn multipliers_round_twice() {
        let edges = [0, 1, -1, 2, -2, 3, -3, 1 << 30, -(1 << 30), i32::MAX, i32::MIN, i32::MIN + 1, 12345, -98765];
        let multipliers = [0, 1 << 30, (1 << 30) + 1, i32::MAX, 0x5555_5555, 0x6000_0000];
        let mut state = 1_u64;
        let mut values = edges.to_vec();
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            values.push(((state >> 32) as u32).cast_signed() >> ((state & 31) as u32));
        }
        for shift in -31..=30_i32 {
            for multiplier in multipliers {
                for &value in &values {
                    let shifted = value.wrapping_shl(shift.max(0).cast_unsigned());
                    let want = rounding_shift_right(high_mul(shifted, multiplier), shift.min(0).unsigned_abs());
                    let by = Multiplier { multiplier, shift };
                    assert_eq!(by.apply(value), want, "{value} * {multiplier} << {shift}");
                    if value.unsigned_abs() < 1 << 30 {
                        assert_eq!(by.apply_small(value), want, "small {value} * {multiplier} << {shift}");
                    }
                }
            }
        }
    }

    #[test]
    fn shifts_round_halves_away_from_zero() {
        for (value, shift, want) in
            [(5, 1, 3), (-5, 1, -3), (4, 1, 2), (6, 2, 2), (-6, 2, -2), (-7, 2, -2), (7, 0, 7), (-1, 31, 0)]
        {
            assert_eq!(rounding_shift_right(value, shift), want, "{value} >> {shift}");
        }
    }

    #[test]
    fn ties_go_to_even() {
        for (value, want) in
            [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2), (1.49, 1), (1023.5, 1024)]
        {
            assert_eq!(round_ties_even(value), want, "{value}");
        }
    }
}
