//! Functions in 32-bit fixed point, bit for bit as gemmlowp defines them: the end of a softmax, and division.
//!
//! A number in `Qm.n` has m integer bits and n fractional ones, m + n = 31.

use super::rolled::rolled;
use crate::quant::high_mul;

/// `value * 2^shift`, saturated.
#[inline(never)]
fn shift_left(value: i32, shift: u32) -> i32 {
    let moved = value.wrapping_shl(shift);
    if moved.wrapping_shr(shift) == value { moved } else { (value >> 31) ^ i32::MAX }
}

/// `(a + b) / 2`, halves up, of numbers that are not negative.
#[inline]
fn half_sum(a: i32, b: i32) -> i32 {
    (a.cast_unsigned().wrapping_add(b.cast_unsigned()).wrapping_add(1) >> 1).cast_signed()
}

/// `1 / (1 + value)` for `value` in [0, 1), both in Q0.31: three Newton steps.
#[must_use]
pub fn one_over_one_plus(value: i32) -> i32 {
    /// 48 / 17 and -32 / 17 in Q2.29: the line that starts the iteration.
    const START: [i32; 2] = [1_515_870_810, -1_010_580_540];
    /// 1 in Q2.29.
    const ONE: i32 = 1 << 29;
    // The greatest Q0.31 stands for 1.
    let half = half_sum(value, i32::MAX);
    let mut x = START[0].wrapping_add(high_mul(half, START[1]));
    for _ in 0..3 {
        rolled();
        let rest = ONE.wrapping_sub(high_mul(half, x));
        x = x.wrapping_add(shift_left(high_mul(x, rest), 2));
    }
    shift_left(x, 1)
}

/// `1 / value` for `value > 0` with `digits` integer bits: the reciprocal of its mantissa in Q0.31, and the bits by which
/// the value exceeds 1.
#[must_use]
pub fn reciprocal(value: i32, digits: i32) -> (i32, i32) {
    let bits = value.cast_unsigned().leading_zeros();
    let mantissa = value.cast_unsigned().wrapping_shl(bits).wrapping_sub(1 << 31).cast_signed();
    (one_over_one_plus(mantissa), digits.wrapping_sub(bits.cast_signed()))
}

/// `1 / sqrt(value)` for `value >= 1`: (q, right), of which it is `q * 2^(-31 - right)`; five Newton steps from 1.
#[must_use]
pub fn inverse_sqrt(value: i32) -> (i32, i32) {
    /// 3 / 2 in Q3.28, and 2^-1/2 in Q0.31.
    const THREE_HALVES: i32 = (1 << 28) + (1 << 27);
    const ROOT: i32 = 1_518_500_250;
    if value <= 1 {
        return (i32::MAX, 0);
    }
    let (mut value, mut right) = (value, 11_i32);
    while value >= 1 << 29 {
        value >>= 2;
        right = right.wrapping_add(1);
    }
    // Shifted left by pairs of bits, into [2^27, 2^29).
    let pairs = (value.leading_zeros().wrapping_sub(1) >> 1).wrapping_sub(1);
    right = right.wrapping_sub(pairs.cast_signed());
    let number = value.wrapping_shl(pairs.wrapping_mul(2)) >> 1;
    let half = number.wrapping_add(1) >> 1;
    let mut x = 1 << 28;
    for _ in 0..5 {
        rolled();
        let cube = shift_left(high_mul(high_mul(x, x), x), 6);
        x = shift_left(high_mul(THREE_HALVES, x).wrapping_sub(high_mul(half, cube)), 3);
    }
    let root = high_mul(x, ROOT);
    if right < 0 { (root.wrapping_shl(right.unsigned_abs()), 0) } else { (root, right) }
}

/// `ln(value)` for `value >= 1` in Q12.19; the result is in Q5.26.
#[must_use]
pub fn ln_q12(value: i32) -> i32 {
    /// ln 2, 2^-1/4 and 2^-1/2 in Q0.31.
    const LN_2: i32 = 1_488_522_236;
    const FOURTH_ROOT: i32 = 1_805_811_301;
    const ROOT: i32 = 1_518_500_250;
    /// A quarter in Q6.25, the format in which the power of two is kept.
    const QUARTER: i32 = 1 << 23;
    /// Coefficients of the rational approximation, in Q0.31.
    const ALPHA_N: i32 = 117_049_297;
    const ALPHA_D: i32 = 127_690_142;
    const ALPHA_I: i32 = 1_057_819_769;
    const ALPHA_F: i32 = 638_450_708;
    const INTEGER_BITS: i32 = 12;
    // Two candidates for value = r * 2^power, one of them scaled by 2^-1/2; the smaller r is nearer to 1.
    let zeros_a = value.cast_unsigned().leading_zeros();
    let scaled = saturating_power(value, zeros_a.wrapping_sub(1));
    let r_a = saturating_power(high_mul(scaled, ROOT), 1);
    let power_a = saturating_power(INTEGER_BITS.wrapping_sub(zeros_a.cast_signed()), 25).saturating_add(QUARTER);
    let zeros_b = high_mul(value, ROOT).cast_unsigned().leading_zeros().wrapping_sub(1);
    let r_b = saturating_power(value, zeros_b);
    let power_b = saturating_power(INTEGER_BITS.wrapping_sub(zeros_b.cast_signed()), 25).saturating_sub(QUARTER);
    let r = r_a.min(r_b);
    let power = power_a.max(power_b);
    let p = half_sum(r, FOURTH_ROOT);
    let q = r.wrapping_sub(FOURTH_ROOT);
    let q = q.wrapping_add(q);
    let square = high_mul(q, q);
    let numerator = high_mul(q, r).wrapping_add(high_mul(high_mul(q, square), ALPHA_N));
    let inner = ALPHA_I.wrapping_add(q).wrapping_add(high_mul(ALPHA_D, square));
    let denominator = high_mul(p, inner).wrapping_add(high_mul(ALPHA_F, q));
    let numerator = crate::quant::rounding_shift_right(numerator, 6);
    let sum = high_mul(power, LN_2).wrapping_add(high_mul(numerator, one_over_one_plus(denominator)));
    shift_left(sum, 1)
}

/// `value * 2^shift`; values outside the open range of what fits become the extremes, as the reference's.
#[inline]
fn saturating_power(value: i32, shift: u32) -> i32 {
    if shift == 0 {
        return value;
    }
    let threshold = 1_i32.wrapping_shl(31_u32.wrapping_sub(shift)).wrapping_sub(1);
    if value > threshold {
        i32::MAX
    } else if value < threshold.wrapping_neg() {
        i32::MIN
    } else {
        value.wrapping_shl(shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocals_are_right_to_a_few_units() {
        for value in [1, 2, 3, 7, 255, 1 << 19, (1 << 19) + 1, 12_345_678, i32::MAX] {
            let (mantissa, bits) = reciprocal(value, 31);
            let got = f64::from(mantissa) / f64::from(1_u32 << 31) * 2.0_f64.powi(-bits);
            let want = 1.0 / f64::from(value);
            assert!((got / want - 1.0).abs() < 1e-7, "1 / {value}: {got}, not {want}");
        }
    }

    #[test]
    fn inverse_roots_are_right_to_a_few_units() {
        for value in [1, 2, 3, 4, 5, 1000, 65_535, 65_536, (1 << 29) - 1, 1 << 29, i32::MAX] {
            let (root, right) = inverse_sqrt(value);
            let got = f64::from(root) / 2_f64.powi(31 + right);
            let want = 1.0 / f64::from(value).sqrt();
            assert!((got / want - 1.0).abs() < 1e-3, "1 / sqrt {value}: {got}, not {want}");
        }
    }

    #[test]
    fn logarithms_are_right_to_a_few_units() {
        for value in [1 << 19, (1 << 19) + 1, 3 << 18, 1 << 20, 12_345_678, 1 << 30, i32::MAX] {
            let got = f64::from(ln_q12(value)) / f64::from(1 << 26);
            let want = (f64::from(value) / f64::from(1 << 19)).ln();
            assert!((got - want).abs() < 1e-6, "ln {value}: {got}, not {want}");
        }
    }
}
