//! Multipliers where cores multiply into 32 bits only: the same results from the halves of the mantissa.

use super::Multiplier;
#[cfg(all(target_arch = "arm", not(thumb2)))]
use super::halved;

impl Multiplier {
    /// [`Multiplier::apply`].
    #[inline]
    pub(crate) fn apply_in_halves(self, value: i32) -> i32 {
        #[cfg(not(all(target_arch = "arm", not(thumb2))))]
        return self.apply(value);
        #[cfg(all(target_arch = "arm", not(thumb2)))]
        if self.shift >= 0 {
            nudged_high_in_halves(value.wrapping_shl(self.shift.cast_unsigned()), self.multiplier)
        } else {
            halved(nudged_high_in_halves(value, self.multiplier), self.shift)
        }
    }

    /// [`Multiplier::apply`] of an int16 times `2^left`.
    #[inline]
    pub(crate) fn apply_short(self, value: i32, left: u32) -> i32 {
        #[cfg(all(target_arch = "arm", not(thumb2)))]
        {
            let up = left.wrapping_add(self.shift.max(0).cast_unsigned());
            if up <= 15 {
                let high = short_high(value, self.multiplier, up);
                return if self.shift >= 0 { high } else { halved(high, self.shift) };
            }
        }
        self.apply(value.wrapping_shl(left))
    }
}

/// [`nudged_high`] from products of halves, each of which fits 32 bits.
#[cfg(any(all(target_arch = "arm", not(thumb2)), test))]
#[inline]
const fn nudged_high_in_halves(a: i32, b: i32) -> i32 {
    let (low, high) = (a & 0xFFFF, a >> 16);
    let (factor_low, factor_high) = (b & 0xFFFF, b >> 16);
    let carried = low.wrapping_mul(factor_low).cast_unsigned() >> 16;
    let first = high.wrapping_mul(factor_low).wrapping_add(carried.cast_signed());
    let second = low.wrapping_mul(factor_high).wrapping_add(first & 0xFFFF);
    // The product is 2^32 * top + 2^16 * (second & 0xFFFF) + less than 2^16; the second one has no sign.
    let top = high.wrapping_mul(factor_high).wrapping_add(first >> 16);
    let top = top.wrapping_add((second.cast_unsigned() >> 16).cast_signed());
    top.wrapping_shl(1).wrapping_add((second & 0xFFFF).wrapping_add(1 << 14) >> 15)
}

/// `floor(value * multiplier / 2^16)` of an int16 and a multiplier that is not negative.
#[cfg(any(all(target_arch = "arm", not(thumb2)), test))]
#[inline]
pub(super) const fn upper_in_halves(value: i32, multiplier: i32) -> i32 {
    value.wrapping_mul(multiplier >> 16).wrapping_add(value.wrapping_mul(multiplier & 0xFFFF) >> 16)
}

/// [`nudged_high`] of an int16 times `2^up`, up to 15 bits.
#[cfg(any(all(target_arch = "arm", not(thumb2)), test))]
#[inline]
const fn short_high(value: i32, multiplier: i32, up: u32) -> i32 {
    if up == 15 {
        let low = value.wrapping_mul(multiplier & 0xFFFF);
        return value.wrapping_mul(multiplier >> 16).wrapping_add(low.wrapping_add(1 << 15) >> 16);
    }
    let bits = 15_u32.wrapping_sub(up);
    let half = 1_i32.wrapping_shl(bits) >> 1;
    upper_in_halves(value, multiplier).wrapping_add(half).wrapping_shr(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::nudged_high;

    #[test]
    fn halves_give_what_the_whole_gives() {
        let edges = [0, 1, -1, 0x7FFF, 0x8000, -0x8000, 0xFFFF, 0x1_0000, -0x1_0000, i32::MAX, i32::MIN, 0x1234_8000];
        let factors = [0, 1 << 30, (1 << 30) + 1, 0x4000_FFFF, 0x5555_8000, 0x7FFF_0000, i32::MAX];
        let agree = |a: i32, b: i32| {
            assert_eq!(nudged_high_in_halves(a, b), nudged_high(a, b), "{a} * {b}");
            let short = a >> 16;
            for up in 0..16 {
                assert_eq!(short_high(short, b, up), nudged_high(short << up, b), "{short} << {up} * {b}");
            }
        };
        for a in edges {
            for b in factors {
                agree(a, b);
            }
        }
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            agree((state >> 32) as u32 as i32, ((state >> 5) as u32 >> 1) as i32);
        }
    }
}
