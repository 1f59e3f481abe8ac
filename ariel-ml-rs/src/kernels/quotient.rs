//! Quotients of floats, rounded to integers, on cores without an FPU: of the bits, in integers, exactly as floats give them.
//!
//! A float `x` is `m * 2^e` with `m` of 24 bits; so is the scale. What is wanted is `x / scale` rounded to a float, and that to
//! an integer. With `d` the difference of the exponents, twice the quotient is `(m << (d + 1)) / scale`, and its floor `twice` is
//! below 2^10 where the answer is not beyond what is stored. The upper halves of `m` and of the scale's reciprocal give
//! `twice` or one less: each is short by less than 2^-15 of itself. The remainder, which modulo 2^32 is exact, tells which.
//!
//! A float is as good as the quotient itself, but next to a half: floats there are `2^(b - 23)` apart, where `twice` has `b + 1` bits.
//! A half has few bits, so that a quotient in the middle between it and its neighbour becomes the half. So a quotient less than
//! `scale >> (24 - b)` units of the remainder away from a half is the half.

use crate::quant::Bounds;

/// What a quotient must be below, to be taken in integers.
const MOST: i32 = 256;
/// Bits of a float's mantissa, of which the first is hidden.
const BITS: u32 = 24;

/// How halves are rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Halves {
    /// Away from zero.
    Away,
    /// To even.
    Even,
}

/// A scale to divide by.
#[derive(Clone, Copy)]
pub(super) struct Divisor {
    /// Its mantissa, of 24 bits.
    mantissa: u32,
    /// Its exponent, as floats store it.
    exponent: u32,
    /// The first 16 bits of the reciprocal of its mantissa.
    reciprocal: u32,
}

impl Divisor {
    /// The scale; none where it, or what is stored, is outside what is taken in integers.
    pub(super) fn new(scale: f32, bounds: Bounds) -> Option<Self> {
        let bits = scale.to_bits();
        let (mantissa, exponent) = (bits & 0x7F_FFFF | 1 << (BITS - 1), bits >> (BITS - 1));
        let inside = |stored: i32| stored.checked_sub(bounds.zero_point).is_some_and(|k| (-MOST..=MOST).contains(&k));
        // So that what is divided is a normal number, unless the quotient is 0 or beyond.
        let usual = (4..=240).contains(&exponent) && inside(bounds.min) && inside(bounds.max);
        // Less than 2^39 / 2^23: it has 16 bits.
        let reciprocal = (0x7F_FFFF_FFFF_u64 / u64::from(mantissa)) as u32;
        usual.then_some(Self { mantissa, exponent, reciprocal })
    }

    /// The number with these bits divided by the scale and rounded, or +-256 where it is beyond; none where it is no number.
    #[inline(always)]
    pub(super) fn rounded(self, bits: u32, halves: Halves) -> Option<i32> {
        let exponent = bits << 1 >> BITS;
        let difference = exponent.wrapping_sub(self.exponent).cast_signed();
        let size = if difference < -1 {
            0
        } else if difference <= 8 {
            self.size(bits & 0x7F_FFFF | 1 << (BITS - 1), difference, halves)
        } else if exponent == 255 {
            return None;
        } else {
            MOST
        };
        Some(if bits.cast_signed() < 0 { -size } else { size })
    }

    /// The rounded quotient of two mantissas times `2^difference`, which is -1 to 8.
    #[inline(always)]
    fn size(self, mantissa: u32, difference: i32, halves: Halves) -> i32 {
        let shift = difference.cast_unsigned();
        let mut twice = ((mantissa >> 8) * self.reciprocal) >> 30_u32.wrapping_sub(shift);
        let mut rest = (mantissa << shift.wrapping_add(1)).wrapping_sub(twice.wrapping_mul(self.mantissa));
        if rest >= self.mantissa {
            rest -= self.mantissa;
            twice += 1;
        }
        let odd = twice & 1 == 1;
        // To the half: the one above, or that which `twice` is.
        let away = if odd { rest } else { self.mantissa - rest };
        if away < 1 << 10 && (halves == Halves::Even || !odd) && self.is_half(twice | 1, away, odd) {
            let below = (twice >> 1).cast_signed();
            return if halves == Halves::Even && below & 1 == 0 { below } else { below + 1 };
        }
        ((twice + 1) >> 1).cast_signed()
    }

    /// Whether a quotient that is so far from `half / 2`, above or below it, is the half as a float.
    #[inline(never)]
    fn is_half(self, half: u32, away: u32, above: bool) -> bool {
        // 24 bits less those behind the first one of `half`.
        let shift = half.leading_zeros().wrapping_sub(u32::BITS - 1 - BITS);
        // Below 1/2 floats are nearer than above, and nothing but 1/2 itself becomes it.
        away <= if half == 1 && !above { 0 } else { self.mantissa >> shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT8: Bounds = Bounds { zero_point: -1, min: -128, max: 127 };

    /// Quotients as floats, rounded as the kernels of cores with an FPU do.
    fn wanted(value: f32, scale: f32, halves: Halves) -> i32 {
        let quotient = value / scale;
        let rounded = if halves == Halves::Away { quotient.round() } else { quotient.round_ties_even() };
        (rounded as i32).clamp(-MOST, MOST)
    }

    fn compare(bits: u32, scale: f32, divisor: Divisor) {
        for halves in [Halves::Away, Halves::Even] {
            for bits in [bits, bits | 1 << 31] {
                let value = f32::from_bits(bits);
                let found = divisor.rounded(bits, halves);
                if value.is_finite() {
                    assert_eq!(
                        found.map(|k| k.clamp(-MOST, MOST)),
                        Some(wanted(value, scale, halves)),
                        "{value:e} / {scale:e}"
                    );
                } else {
                    assert_eq!(found, None);
                }
            }
        }
    }

    /// Scales of all mantissas that could be special, and others, with small and large exponents.
    fn scales() -> impl Iterator<Item = f32> {
        let mut state = 1_u32;
        let special = [0, 1, 2, 3, 0x7F_FFFF, 0x7F_FFFE, 0x40_0000, 0x3F_FFFF, 0x55_5555, 0x2A_AAAB, 0x00_8081];
        let random = core::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 9
        });
        let mantissas = special.into_iter().chain(random.take(200));
        mantissas.zip([4_u32, 120, 127, 240].into_iter().cycle()).map(|(m, e)| f32::from_bits(e << 23 | m))
    }

    #[test]
    fn integers_give_what_floats_give_around_every_half() {
        for scale in scales() {
            let divisor = Divisor::new(scale, INT8).unwrap();
            // Halves, and what is below and above: the neighbours of a product, more than rounding moves it.
            for twice in 0..1030_u32 {
                let near = (twice as f32 / 2.0 * scale).to_bits();
                for bits in near.saturating_sub(4)..near.saturating_add(5).min(0x7F80_0001) {
                    compare(bits, scale, divisor);
                }
            }
            for bits in (0..0x7FFF_FFFF).step_by(0xA_0003) {
                compare(bits, scale, divisor);
            }
        }
    }

    /// All of them, for scales in the name of which a loop of minutes is run by hand: `cargo test --release -- --ignored`.
    #[test]
    #[ignore = "four thousand million floats: minutes, with --release"]
    fn integers_give_what_floats_give_for_all_floats() {
        for scale in [2.0 / 255.0, 0.007_843_137, 1.0 / 3.0, 1.0, 0.123_456_79] {
            let divisor = Divisor::new(scale, INT8).unwrap();
            (0..0x8000_0000).for_each(|bits| compare(bits, scale, divisor));
        }
    }

    #[test]
    fn what_is_beyond_is_left_to_floats() {
        assert!(Divisor::new(1e-38, INT8).is_none());
        assert!(Divisor::new(f32::INFINITY, INT8).is_none());
        assert!(Divisor::new(-1.0, INT8).is_none());
        assert!(Divisor::new(0.0, INT8).is_none());
        for (zero_point, min, max) in [(0, -32768, 32767), (-129, -128, 128), (i32::MIN, -128, 127)] {
            assert!(Divisor::new(1.0, Bounds { zero_point, min, max }).is_none());
        }
        assert!(Divisor::new(1.0, Bounds { zero_point: 255, min: 0, max: 255 }).is_some());
    }
}
