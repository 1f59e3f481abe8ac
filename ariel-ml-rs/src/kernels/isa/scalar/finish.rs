//! From the sum of an output channel to its stored int8.

use core::hint::black_box;

/// Keeps link-time optimisation from making a copy of a kernel's `run` for each of its calls, whose constants it knows.
#[inline(always)]
pub(super) fn opaque<K>(kernel: &K) -> &K {
    black_box(kernel)
}

/// What the compiler has found for an output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Channel {
    /// Bias, with the input's zero point folded in.
    pub bias: i32,
    /// Multiplier of four times the sum; the high word of the product counts.
    pub multiplier: i32,
    /// Added to the high word: the rounding, and the zero point of the output.
    pub rounding: i32,
    /// Bits by which the result is shifted right, less than 32.
    pub shift: u32,
}

/// What all channels share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Least stored value.
    pub min: i32,
    /// Greatest stored value.
    pub max: i32,
    /// Added to the high word where the sum is negative: -2 where halves go away from zero and both signs occur, else 0.
    pub below: i32,
}

impl Channel {
    /// Words that it takes in the weights.
    pub(super) const WORDS: usize = 4;

    /// Returns the stored value of a sum, bias included.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the high word is meant; the limits of an int8 output lie in i8"
    )]
    pub(super) fn store(self, sum: i32, limits: Limits) -> i8 {
        let high = ((i64::from(sum.wrapping_shl(2)) * i64::from(self.multiplier)) >> 32) as i32;
        let below = (sum >> 31) & limits.below;
        let value = high.wrapping_add(self.rounding).wrapping_add(below).wrapping_shr(self.shift);
        value.max(limits.min).min(limits.max) as i8
    }
}
