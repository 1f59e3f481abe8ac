//! A sample's way to a stored integer, in integers alone: `clamp(round(sample * unit / scale) + zero_point)`, exactly.
//!
//! `unit / scale` is a fraction `numerator * 2^k / denominator` of odd numbers, below 2^24 and 2^32. Rounding
//! `sample * fraction` becomes one multiplication and one shift where `multiplier = ceil(fraction * 2^shift)` has so many
//! digits that its error cannot reach the next half: with `|sample| <= 2^bits`, halves lie on multiples of
//! `1 / (2 * denominator)`, and the error `|sample| * 2^-shift` stays below that for
//! `2^shift > 2^(bits + 1) * denominator`. A fraction that leaves no room for that in 64 bits is divided by.

/// The most that a sample is worth in stored steps: beyond 2^17 every type of up to 16 bits saturates.
const SATURATED: u64 = 1 << 17;

/// `unit / scale` in a form that integers can apply.
#[derive(Clone, Copy, Debug)]
pub struct Fold {
    way: Way,
    negative: bool,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// `(sample * multiplier + half) >> shift`.
    Multiply { multiplier: u64, shift: u32 },
    /// `(2 * sample * numerator + denominator) / (2 * denominator)`.
    Divide { numerator: u64, denominator: u64 },
}

/// A finite float32 that is not 0: `mantissa * 2^exponent`, the mantissa odd.
const fn parts(value: f32) -> (u64, i32) {
    let bits = value.to_bits();
    let (fraction, exponent) = ((bits & 0x7f_ffff) as u64, (bits >> 23 & 0xff) as i32);
    let (mantissa, exponent) = if exponent == 0 { (fraction, -149) } else { (fraction | 0x80_0000, exponent - 150) };
    let zeros = mantissa.trailing_zeros();
    (mantissa >> zeros, exponent + zeros as i32)
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a
}

/// `a / b`. No divisor here is 0, which the optimiser cannot know: it would keep a panic.
const fn divided(a: u64, b: u64) -> u64 {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// The place of the highest bit; as `ilog2`, which panics for 0.
const fn log2(number: u64) -> u32 {
    63_u32.saturating_sub(number.leading_zeros())
}

impl Fold {
    /// The fraction `unit / (over * scale)` for samples up to `2^bits`, 15 at most, with `over` a whole number up to 2^15. What
    /// is not a number counts as 0, and infinity saturates.
    #[must_use]
    pub const fn new(unit: f32, over: u16, scale: f32, bits: u32) -> Self {
        let negative = unit.is_sign_negative() != scale.is_sign_negative();
        let nothing = Self { way: Way::Divide { numerator: 0, denominator: 1 }, negative: false };
        let saturates = Self { way: Way::Divide { numerator: SATURATED, denominator: 1 }, negative };
        if unit.is_nan() || scale.is_nan() || unit == 0.0 || (scale.is_infinite() && unit.is_finite()) {
            return nothing;
        }
        if unit.is_infinite() || scale == 0.0 || over == 0 {
            return if scale.is_infinite() { nothing } else { saturates };
        }
        let ((numerator, up), (denominator, down), (whole, more)) = (parts(unit), parts(scale), parts(over as f32));
        let (denominator, down) = (denominator * whole, down + more);
        let common = greatest_common_divisor(numerator, denominator);
        let (numerator, mut denominator, shift) = (divided(numerator, common), divided(denominator, common), up - down);
        // Fractions below 2^-17 and above 2^17 round to 0, and saturate, for every sample but 0.
        if shift + log2(numerator) as i32 - log2(denominator) as i32 >= 18 {
            return saturates;
        }
        if shift + log2(numerator) as i32 - (log2(denominator) as i32) < -18 {
            return nothing;
        }
        let mut numerator = numerator;
        if shift >= 0 {
            numerator <<= shift;
        } else {
            denominator <<= -shift;
        }
        let shift = bits + 2 + log2(denominator) + 1;
        let digits = log2(numerator) + 1 + shift - log2(denominator);
        let way = if digits + bits < 63 {
            Way::Multiply { multiplier: quotient(numerator, denominator, shift), shift }
        } else {
            Way::Divide { numerator, denominator }
        };
        Self { way, negative }
    }

    /// `round(steps * unit / scale)`, halves away from zero, for `|steps| <= 2^bits`.
    #[inline]
    #[must_use]
    pub const fn apply(&self, steps: i32) -> i32 {
        let amount = steps.unsigned_abs() as u64;
        let rounded = match self.way {
            Way::Multiply { multiplier, shift } => {
                amount.wrapping_mul(multiplier).wrapping_add(1 << (shift - 1)) >> shift
            }
            Way::Divide { numerator, denominator } => {
                divided((2 * amount).wrapping_mul(numerator).wrapping_add(denominator), 2 * denominator)
            }
        };
        let rounded = if rounded > SATURATED { SATURATED as i32 } else { rounded as i32 };
        if (steps < 0) == self.negative { rounded } else { -rounded }
    }
}

/// `ceil(numerator * 2^shift / denominator)`, which fits: digit by digit, as 64 bits do not hold the dividend.
const fn quotient(numerator: u64, denominator: u64, shift: u32) -> u64 {
    let whole = divided(numerator, denominator);
    let (mut result, mut rest, mut digit) = (whole, numerator - whole * denominator, 0);
    while digit < shift {
        rest *= 2;
        result *= 2;
        if rest >= denominator {
            rest -= denominator;
            result += 1;
        }
        digit += 1;
    }
    if rest > 0 { result + 1 } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula in double precision and, where that is close to a half, in whole numbers of 128 bits.
    fn plain(steps: i32, unit: f32, scale: f32) -> i32 {
        let real = f64::from(steps) * f64::from(unit) / f64::from(scale);
        if real.is_nan() {
            return 0;
        }
        if (real.abs().fract() - 0.5).abs() > 1e-6 || real.abs() > 1e6 {
            return real.round().clamp(-131_072.0, 131_072.0) as i32;
        }
        let ((a, up), (b, down)) = (parts(unit), parts(scale));
        let (mut top, mut bottom) = (u128::from(steps.unsigned_abs()) * u128::from(a), u128::from(b));
        if up >= down {
            top <<= up - down;
        } else {
            bottom <<= down - up;
        }
        let whole = ((2 * top + bottom) / (2 * bottom)).min(1 << 20) as i32;
        (if real < 0.0 { -whole } else { whole }).clamp(-131_072, 131_072)
    }

    /// Numbers that look random, the same each time.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn every_sample_of_audio_and_of_a_picture_is_exact() {
        let mut state = 1;
        let mut scales =
            vec![1.0, 1.0 / 128.0, 1.0 / 255.0, 2.0 / 255.0, 1.0 / 32768.0, 0.003_921_569, f32::MIN_POSITIVE];
        scales.extend((0..60).map(|_| f32::from_bits((random(&mut state) as u32 & 0x07ff_ffff) + 0x3800_0000)));
        for scale in scales {
            for unit in [1.0 / 32768.0, 1.0 / 255.0, 1.0, scale, -1.0 / 128.0, 0.017_352_3, scale * 0.5, 3.0 * scale] {
                let fold = Fold::new(unit, 1, scale, 15);
                for steps in (-32768..=32767).step_by(13).chain(-300..=300).chain([32767]) {
                    assert_eq!(
                        fold.apply(steps),
                        plain(steps, unit, scale),
                        "{steps} * {unit:e} / {scale:e}: {fold:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_pixel_is_divided_by_255() {
        let mut state = 3;
        for round in 0..3000 {
            let scale = [1.0 / 255.0, 2.0 / 255.0, 1.0].get(round).copied();
            let scale =
                scale.unwrap_or_else(|| f32::from_bits((random(&mut state) as u32 & 0x0fff_ffff) + 0x3400_0000));
            let fold = Fold::new(1.0, 255, scale, 8);
            let ((one, up), (mantissa, down)) = (parts(1.0), parts(scale));
            for pixel in 0..=255_u8 {
                let (mut top, mut bottom) = (u128::from(pixel) * u128::from(one), u128::from(mantissa) * 255);
                if up >= down {
                    top <<= up - down;
                } else {
                    bottom <<= down - up;
                }
                let want = ((2 * top + bottom) / (2 * bottom)).min(1 << 17);
                assert_eq!(fold.apply(pixel.into()) as u128, want, "{pixel} / 255 / {scale:e}: {fold:?}");
            }
        }
    }

    #[test]
    fn any_two_numbers_make_a_fraction() {
        let mut state = 7;
        let mut extremes =
            vec![0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, 1e-45, 1.0];
        extremes.extend((0..300).map(|_| f32::from_bits(random(&mut state) as u32)));
        for &unit in &extremes {
            for &scale in &extremes {
                let fold = Fold::new(unit, 1, scale, 15);
                for steps in [0, 1, -1, 2, 127, 255, -32768, 32767] {
                    assert_eq!(
                        fold.apply(steps),
                        plain(steps, unit, scale),
                        "{steps} * {unit:e} / {scale:e}: {fold:?}"
                    );
                }
            }
        }
    }
}
