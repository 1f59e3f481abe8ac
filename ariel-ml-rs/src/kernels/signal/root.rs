//! Square roots of integers, by halves: the root of the upper half and one division give that of the whole.

use core::num::NonZeroU32;

/// `floor(sqrt(number))` of a number that is not 0.
#[inline]
fn floor(number: u64) -> u32 {
    // The highest two bits of `number * 4^up` are not both 0.
    let up = number.leading_zeros() / 2;
    let whole = number.wrapping_shl(2 * up);
    let (high, low) = ((whole >> 32) as u32, whole as u32);
    let (root, rest) = half(high);
    // rest <= 2 * root < 2^17: half of what is divided has 32 bits.
    let next = low >> 16;
    let quotient = ((rest << 15) | (next >> 1)) / root;
    let remainder = (rest << 16).wrapping_add(next).wrapping_sub(quotient.wrapping_mul(2 * root.get()));
    let left = i64::from(remainder) << 16 | i64::from(low & 0xffff);
    let square = i64::from(quotient) * i64::from(quotient);
    let found = (u64::from(root.get()) << 16) + u64::from(quotient) - u64::from(left < square);
    (found >> up) as u32
}

/// The root and the remainder of 32 bits of which the highest two are not both 0.
#[inline]
fn half(number: u32) -> (NonZeroU32, u32) {
    let high = number >> 16;
    let mut root = 0x80_u32;
    for bit in [0x40, 0x20, 0x10, 8, 4, 2, 1] {
        let tried = root | bit;
        if tried * tried <= high {
            root = tried;
        }
    }
    let dividend = (high - root * root) << 8 | number >> 8 & 0xff;
    let divisor = NonZeroU32::new(2 * root).unwrap_or(NonZeroU32::MIN);
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    let left = (remainder << 8 | number & 0xff).cast_signed() - (quotient * quotient).cast_signed();
    let found = (root << 8) + quotient;
    let (found, left) = if left < 0 {
        (found - 1, left.cast_unsigned().wrapping_add(2 * found - 1))
    } else {
        (found, left.cast_unsigned())
    };
    (NonZeroU32::new(found).unwrap_or(NonZeroU32::MIN), left)
}

/// The rounded root; that of a number of 32 bits has 16, that of a number of 64 bits 32.
#[inline]
#[must_use]
pub(super) fn rounded(number: u64) -> u32 {
    if number == 0 {
        return 0;
    }
    let root = floor(number);
    let most = if number >> 32 == 0 { 0xffff } else { u32::MAX };
    let rest = number.wrapping_sub(u64::from(root) * u64::from(root));
    root + u32::from(rest > u64::from(root) && root != most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the source says it: bit by bit.
    fn by_bits(number: u64) -> u32 {
        let (mut root, mut left) = (0_u64, number);
        let mut bit = 1_u64 << 62;
        while bit != 0 {
            if left >= root + bit {
                left -= root + bit;
                root = (root >> 1) + bit;
            } else {
                root >>= 1;
            }
            bit >>= 2;
        }
        let most = if number >> 32 == 0 { 0xffff } else { 0xffff_ffff };
        (root + u64::from(left > root && root != most)) as u32
    }

    #[test]
    fn roots_are_those_of_the_source() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut numbers = vec![0, 1, 2, 3, u64::from(u32::MAX), 1 << 32, u64::MAX];
        for _ in 0..200_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let number = state >> (state & 63);
            let root = by_bits(number);
            let square = u64::from(root) * u64::from(root);
            numbers.extend([number, square, square.wrapping_sub(1), square.wrapping_add(u64::from(root))]);
        }
        for number in numbers {
            assert_eq!(rounded(number), by_bits(number), "{number}");
        }
    }
}
