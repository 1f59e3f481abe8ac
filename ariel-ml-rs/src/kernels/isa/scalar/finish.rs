//! From the sum of an output channel to its stored int8.

use crate::quant::{Bounds, Requantize};
use core::hint::black_box;

/// Keeps link-time optimisation from making a copy of a kernel's `run` for each of its calls, whose constants it knows.
#[inline(always)]
pub(super) fn opaque<K>(kernel: &K) -> &K {
    black_box(kernel)
}

/// What the compiler has found for an output channel.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Channel {
    /// Multiplier of four times the sum; the high word of the product counts.
    pub multiplier: i32,
    /// Bias, with the input's zero point folded in, shifted by 8; below it the bits by which the result is shifted right, from 1 to
    /// 22.
    pub word: i32,
}

/// The same in words of their own.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Constants {
    /// Bias.
    pub(super) bias: i32,
    /// What requantises sums.
    pub(super) step: Step,
}

/// What all channels share.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Limits {
    /// Least stored value.
    pub min: i32,
    /// Greatest stored value.
    pub max: i32,
    /// Added to the high word where the sum is negative: -2 where halves go away from zero and both signs occur, else 0.
    pub below: i32,
    /// Twice the output's zero point, and 1: shifted by a bit less than the result is, it rounds that.
    pub rounding: i32,
    /// Added to the high word besides: 1 where it is rounded first.
    pub extra: i32,
}

impl Channel {
    /// Words that it takes in the weights.
    pub(super) const WORDS: usize = 2;

    /// Whether there are constants for so many channels, all with a shift.
    pub(super) const fn are(words: &[i32], channels: usize) -> bool {
        let mut index = 1;
        while index < words.len() {
            if !matches!(words[index] & 0xFF, 1..=31) {
                return false;
            }
            index += Self::WORDS;
        }
        words.len() == channels.saturating_mul(Self::WORDS)
    }

    /// What sums begin with.
    #[inline(always)]
    pub(super) const fn bias(self) -> i32 {
        self.word >> 8
    }

    /// What requantises them.
    ///
    /// # Safety
    /// The channel is one of those that [`Channel::are`].
    #[inline(always)]
    pub(super) const unsafe fn step(self, limits: Limits) -> Step {
        let shift = self.word.cast_unsigned() & 0xFF;
        // SAFETY: as the caller promises. No core needs an instruction for what its shifts do.
        unsafe { core::hint::assert_unchecked(shift < 32) };
        let rounding = (limits.rounding.wrapping_shl(shift) >> 1).wrapping_add(limits.extra);
        Step { multiplier: self.multiplier, rounding, shift }
    }

    /// Bias, and what requantises sums.
    ///
    /// # Safety
    /// As for [`Channel::step`].
    #[inline(always)]
    pub(super) const unsafe fn constants(self, limits: Limits) -> Constants {
        // SAFETY: forwarded to the caller.
        Constants { bias: self.bias(), step: unsafe { self.step(limits) } }
    }
}

impl Constants {
    /// Words that they take.
    pub(super) const WORDS: usize = 4;
}

/// What requantises the sums of a channel.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Step {
    pub multiplier: i32,
    /// Added to the high word: the rounding, and the zero point of the output.
    pub rounding: i32,
    pub shift: u32,
}

impl Step {
    /// Returns the stored value of a sum, bias included.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the limits of an int8 output lie in i8")]
    pub(super) fn store(self, sum: i32, limits: Limits) -> i8 {
        let high = high(sum, self.multiplier);
        let below = (sum >> 31) & limits.below;
        let value = high.wrapping_add(self.rounding).wrapping_add(below).wrapping_shr(self.shift);
        value.max(limits.min).min(limits.max) as i8
    }
}

/// A requantisation for kernels that are generic over it, which the compiler has proved to be the reference's.
#[derive(Clone, Copy)]
pub struct Stepped {
    /// Multiplier of each output channel, as in [`Channel`].
    pub multipliers: &'static [i32],
    /// Its shift, less 1.
    pub shifts: &'static [i8],
    /// As in [`Limits`].
    pub below: i32,
    /// As in [`Limits`].
    pub extra: i32,
}

impl Stepped {
    /// Whether there are constants for so many channels.
    pub(in crate::kernels) const fn is_for(&self, channels: usize) -> bool {
        let mut index = 0;
        while index < self.shifts.len() {
            if !matches!(self.shifts[index], 0..32) {
                return false;
            }
            index += 1;
        }
        self.multipliers.len() == channels && self.shifts.len() == channels
    }
}

impl Requantize for Stepped {
    type Element = i8;
    type Sum = i32;

    #[inline(always)]
    fn apply(&self, acc: i32, channel: usize, bounds: &Bounds) -> i8 {
        // SAFETY: `channel` is an output channel, and the kernel's `check` proved that there are constants for each, no shift of 32
        // or more among them.
        let (multiplier, shift) = unsafe {
            let shift = u32::from(self.shifts.get_unchecked(channel).cast_unsigned());
            core::hint::assert_unchecked(shift < 32);
            (*self.multipliers.get_unchecked(channel), shift)
        };
        let high = high(acc, multiplier).wrapping_add((acc >> 31) & self.below).wrapping_add(self.extra);
        // The zero point and the rounding are added a bit before the end, where they are those of all channels.
        let twice = high.wrapping_shr(shift).wrapping_add(2 * bounds.zero_point + 1);
        #[expect(clippy::cast_possible_truncation, reason = "the bounds of an int8 output lie in i8")]
        {
            (twice >> 1).max(bounds.min).min(bounds.max) as i8
        }
    }
}

/// The high word of four times a sum and a multiplier.
#[inline(always)]
const fn high(sum: i32, multiplier: i32) -> i32 {
    #[cfg(not(all(target_arch = "arm", not(thumb2))))]
    let high = high_word(sum.wrapping_shl(2), multiplier);
    #[cfg(all(target_arch = "arm", not(thumb2)))]
    let high = high_word_of_halves(sum.wrapping_shl(2), multiplier);
    high
}

/// The high word of a product.
#[cfg(any(not(all(target_arch = "arm", not(thumb2))), test))]
#[inline(always)]
const fn high_word(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64) >> 32) as i32
}

/// The high word of a product, from those of halfwords: the core multiplies into 32 bits only.
#[cfg(any(all(target_arch = "arm", not(thumb2)), test))]
#[inline(always)]
const fn high_word_of_halves(a: i32, b: i32) -> i32 {
    let (a_low, a_high, b_low, b_high) = (a & 0xFFFF, a >> 16, b & 0xFFFF, b >> 16);
    let low = a_low.wrapping_mul(b_low).cast_unsigned() >> 16;
    let middle = a_high.wrapping_mul(b_low).wrapping_add(low.cast_signed());
    let other = a_low.wrapping_mul(b_high).wrapping_add(middle & 0xFFFF);
    a_high.wrapping_mul(b_high).wrapping_add(middle >> 16).wrapping_add(other >> 16)
}

#[cfg(test)]
mod tests {
    use super::{high_word, high_word_of_halves};

    #[test]
    fn halves_give_the_high_word() {
        let mut state = 1_u64;
        let mut values =
            vec![0, 1, -1, 65535, 65536, -65536, -65535, 32767, 32768, -32768, i32::MAX, i32::MIN, i32::MIN + 1];
        for _ in 0..500 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            values.push(((state >> 32) as u32).cast_signed());
        }
        for &a in &values {
            for &b in &values {
                assert_eq!(high_word_of_halves(a, b), high_word(a, b), "{a} * {b}");
            }
        }
    }
}
