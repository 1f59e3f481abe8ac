//! Multipliers of an int16 whose sign is known: one product, and one addition for both roundings.

use super::Multiplier;

/// What [`Multiplier::apply`] makes of an int16 that is negative, or of one that is not.
///
/// Both roundings are floors, one in the other, and thus one: `floor((x * m + r) / 2^(31 - shift))`, where `r` depends on the
/// sign of `x` alone. It is a multiple of 2^16, so that of the product only what lies above 16 bits counts.
#[derive(Clone, Copy)]
pub(crate) struct OneSign {
    multiplier: i32,
    /// `r / 2^16`.
    rounding: i32,
    /// Bits of the quotient that are left of `31 - shift`.
    right: u32,
}

impl Multiplier {
    /// Returns the multiplier of what is negative, or of what is not; `None` where the exponent lies outside -16 to 14.
    #[inline]
    pub(crate) const fn of(self, negative: bool) -> Option<OneSign> {
        let Multiplier { multiplier, shift } = self;
        let (rounding, right) = match shift {
            0..=14 => ((1 << 14) >> shift, 15 - shift),
            // Halves away from zero: the second rounding takes one from what is negative.
            -16..=-1 => ((1 << 14) + (((1 << (-1 - shift)) - negative as i32) << 15), 15 - shift),
            _ => return None,
        };
        Some(OneSign { multiplier, rounding, right: right.cast_unsigned() })
    }
}

impl OneSign {
    /// Returns the rounded product of an int16 of this sign.
    #[inline]
    pub(crate) fn apply(self, value: i32) -> i32 {
        // The product is at most 2^30, and so is the rounding but for 2^14.
        upper(value, self.multiplier).wrapping_add(self.rounding).wrapping_shr(self.right)
    }
}

/// `floor(value * multiplier / 2^16)` of an int16.
#[inline]
fn upper(value: i32, multiplier: i32) -> i32 {
    #[cfg(all(target_arch = "arm", not(thumb2)))]
    {
        super::halves::upper_in_halves(value, multiplier)
    }
    #[cfg(not(all(target_arch = "arm", not(thumb2))))]
    {
        ((i64::from(value.wrapping_shl(16)) * i64::from(multiplier)) >> 32) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::halves::upper_in_halves;

    #[test]
    fn both_roundings_are_one() {
        for shift in -18..=16 {
            for multiplier in [0, 1 << 30, (1 << 30) + 1, 0x4000_FFFF, 0x5555_8000, 0x6000_0000, 0x7FFF_0000, i32::MAX]
            {
                let by = Multiplier { multiplier, shift };
                let (Some(negative), Some(other)) = (by.of(true), by.of(false)) else {
                    assert!(!(-16..=14).contains(&shift), "{shift}");
                    continue;
                };
                for value in i32::from(i16::MIN)..=i32::from(i16::MAX) {
                    let one = if value < 0 { negative } else { other };
                    assert_eq!(one.apply(value), by.apply(value), "{value} * {multiplier} << {shift}");
                    assert_eq!(upper_in_halves(value, multiplier), upper(value, multiplier), "{value} * {multiplier}");
                }
            }
        }
    }
}
