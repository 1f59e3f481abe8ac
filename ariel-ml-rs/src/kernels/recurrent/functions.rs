//! `e^x`, `1 / (1 + e^-x)` and `tanh(x)` in float32, rounded as the C library rounds them that models are trained and judged by.
//!
//! What goes into a state comes back at every step, and some networks make much of a last bit: the same rounding is worth more
//! here than in a function whose result is used once. `exp` is right to 0.51 units in the last place, so that it is the
//! nearest float32 but for one argument in some hundreds; `tanh` does the arithmetic of Sun's fdlibm, step by step.

use crate::quant::{clamp, round_ties_even};

/// ln 2 in two parts, the first with so few bits that its product with an exponent is exact; and 1 / ln 2.
const LN2: (f32, f32) = (0.693_145_75, 1.428_606_8e-6);
const PER_LN2: f32 = core::f32::consts::LOG2_E;

/// `2^k`, for `-126 <= k <= 127`.
#[inline(always)]
fn power(k: i32) -> f32 {
    f32::from_bits(((k + 127) << 23).cast_unsigned())
}

/// `e^x`; less than e^-86 is e^-86, more than e^88.7 is e^88.7.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "|k| < 129")]
pub(super) fn exp(x: f32) -> f32 {
    let x = clamp(x, -86.0, 88.7);
    let k = round_ties_even(x * PER_LN2);
    let (whole, rest) = (x - k as f32 * LN2.0, k as f32 * LN2.1);
    // r + low is x - k ln 2.
    let r = whole - rest;
    let low = (whole - r) - rest;
    // square + square_low is r * r / 2: half of r's bits squared are exact.
    let high = f32::from_bits(r.to_bits() & 0xffff_f000);
    let tail = r - high;
    let square = 0.5 * high * high;
    let square_low = high * tail + 0.5 * tail * tail;
    let mut more = 1.0 / 362_880.0;
    for term in [40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0_f32] {
        more = 1.0 / term + r * more;
    }
    let more = r * r * r * more;
    // 1 + r + square, and what both additions lose.
    let sum = r + square;
    let all = 1.0 + sum;
    let lost = (sum - (all - 1.0)) + (((low + square_low) + low * r) + (more + (square - (sum - r))));
    (all + lost) * 2.0 * power(k - 1)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `tanh(x)`: `1 - 2 / (e^(2 |x|) + 1)` from 1 on, below by `e^(-2 |x|) - 1`.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let distance = if x < 0.0 { -x } else { x };
    let value = if distance >= 10.0 {
        1.0
    } else if distance >= 1.0 {
        1.0 - 2.0 / (less_one(2.0 * distance) + 2.0)
    } else {
        let less = less_one(-2.0 * distance);
        -less / (less + 2.0)
    };
    if x < 0.0 { -value } else { value }
}

/// `e^x - 1` for x from -2 to 0 and from 2 to 20, as fdlibm's `expm1f`.
#[inline(always)]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "|k| < 30")]
fn less_one(x: f32) -> f32 {
    const LN2: (f32, f32) = (0.693_138_1, 9.058_001e-6);
    let distance = if x < 0.0 { -x } else { x };
    let k = if distance <= 0.346_573_6 {
        0
    } else if distance < 1.039_720_8 {
        // Of the arguments here only negative ones are so small.
        -1
    } else {
        (PER_LN2 * x + if x < 0.0 { -0.5 } else { 0.5 }) as i32
    };
    let (whole, rest) = (x - k as f32 * LN2.0, k as f32 * LN2.1);
    let r = whole - rest;
    let low = (whole - r) - rest;
    let (half, square) = (0.5 * r, r * (0.5 * r));
    let mut series = -2.010_992_2e-7;
    for coefficient in [4.008_217_7e-6, -7.936_507_6e-5, 1.587_301_6e-3, -3.333_333_5e-2, 1.0_f32] {
        series = coefficient + square * series;
    }
    let t = 3.0 - series * half;
    let e = square * ((series - t) / (6.0 - r * t));
    if k == 0 {
        return r - (r * e - square);
    }
    let e = (r * (e - low) - low) - square;
    match k {
        -1 => 0.5 * (r - e) - 0.5,
        ..=-2 => (1.0 - (e - r)) * power(k) - 1.0,
        0..23 => ((1.0 - power(-k)) - (e - r)) * power(k),
        _ => ((r - (e + power(-k))) + 1.0) * power(k),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounded from double: nearly always the same, and never further off than the neighbour.
    #[test]
    fn functions_are_rounded_from_double() {
        let mut different = 0;
        let arguments = || (-40_000..=40_000).map(|k| k as f32 * 0.000_371);
        for x in arguments() {
            let real = f64::from(x);
            let (got, want) = (exp(x), real.exp() as f32);
            different += got.to_bits().abs_diff(want.to_bits());
            assert!(got.to_bits().abs_diff(want.to_bits()) <= 1, "e^{x} = {got}, not {want}");
            let (got, want) = (f64::from(sigmoid(x)), 1.0 / (1.0 + (-real).exp()));
            assert!((got - want).abs() <= 1.5e-7 * want, "sigmoid({x}) = {got}, not {want}");
            let (got, want) = (f64::from(tanh(x)), real.tanh());
            assert!((got - want).abs() <= 2e-7 * want.abs(), "tanh({x}) = {got}, not {want}");
        }
        assert!(different < 80_000 / 200, "{different} of 80,000 exponentials are not the nearest");
    }

    #[test]
    fn extremes_saturate_and_what_is_no_number_stays_so() {
        for (x, least) in [(1e30, 1.0), (f32::INFINITY, 1.0), (-1e30, 0.0), (f32::NEG_INFINITY, 0.0)] {
            assert!((sigmoid(x) - least).abs() < 1e-37, "{x}");
            assert!((tanh(x) - x.signum()).abs() < 1e-37, "{x}");
        }
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}
