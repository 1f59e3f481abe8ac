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
#[derive(Clone, Copy)]
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
    pub(super) fn store(self, sum: i32, limits: Limits) -> i8 {
        Step { multiplier: self.multiplier, rounding: self.rounding, shift: self.shift }.store(sum, limits)
    }
}

/// A [`Channel`] without its bias.
#[derive(Clone, Copy)]
#[repr(C)]
struct Step {
    multiplier: i32,
    rounding: i32,
    shift: u32,
}

impl Step {
    /// Returns the stored value of a sum, bias included.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the limits of an int8 output lie in i8")]
    fn store(self, sum: i32, limits: Limits) -> i8 {
        #[cfg(not(all(target_arch = "arm", not(thumb2))))]
        let high = high_word(sum.wrapping_shl(2), self.multiplier);
        #[cfg(all(target_arch = "arm", not(thumb2)))]
        let high = high_word_of_halves(sum.wrapping_shl(2), self.multiplier);
        let below = (sum >> 31) & limits.below;
        let value = high.wrapping_add(self.rounding).wrapping_add(below).wrapping_shr(self.shift);
        value.max(limits.min).min(limits.max) as i8
    }
}

/// A requantisation for kernels that are generic over it, which the compiler has proved to be the reference's.
#[derive(Clone, Copy)]
pub struct Stepped {
    /// Multiplier, rounding and shift of each output channel, as in [`Channel`].
    pub steps: &'static [i32],
    /// As in [`Limits`].
    pub below: i32,
}

impl Stepped {
    /// Whether there are constants for so many channels.
    pub(in crate::kernels) const fn is_for(&self, channels: usize) -> bool {
        self.steps.len() == 3 * channels
    }
}

impl Requantize for Stepped {
    type Element = i8;
    type Sum = i32;

    #[inline(always)]
    fn apply(&self, acc: i32, channel: usize, bounds: &Bounds) -> i8 {
        // SAFETY: `channel` is an output channel, and the kernel's `check` proved that there are constants for each.
        let step = unsafe { *self.steps.as_ptr().cast::<Step>().add(channel) };
        step.store(acc, Limits { min: bounds.min, max: bounds.max, below: self.below })
    }
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
