//! The end of many sums of one channel: bias, requantisation and limits, with the constants in registers.

use super::finish::{Channel, Constants, Limits};
#[cfg(all(target_arch = "arm", not(thumb2)))]
use super::triples::Outputs;
use crate::kernels::rolled::rolled;
use crate::memory::Element;

/// Elements of activations, whose products with int8 are summed in 32 bits.
pub trait Elements: Copy + 'static {
    /// Elements of input and output.
    type Element: Element + Into<i32>;

    /// Words that the constants of a channel take in the weights.
    #[doc(hidden)]
    const WORDS: usize;

    /// Reads the constants of a channel.
    ///
    /// # Safety
    /// There are so many words, for int8 those of a [`Channel`] with a shift.
    #[doc(hidden)]
    unsafe fn constants(words: *const i32, limits: Limits) -> Constants;

    /// Adds the bias to sums, requantises and stores them.
    ///
    /// # Safety
    /// As `Ending` says; with the bias, sums of int8 have at most `bits`.
    #[doc(hidden)]
    unsafe fn store(ending: &Ending, bits: u8);
}

/// int8.
#[derive(Clone, Copy)]
pub struct Int8;

/// int16: multipliers have 16 bits, the upper half of the word, and the high word of the product with the sum itself counts.
#[derive(Clone, Copy)]
pub struct Int16;

/// Sums of a channel, and where they are stored.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Ending {
    /// The first sum.
    pub sums: *const i32,
    /// Behind the last one; there is one at least.
    pub end: *const i32,
    /// Where the first one is stored, the caller's own as all places are.
    pub place: *mut u8,
    /// Bytes from there to where the next one is stored.
    pub step: usize,
    /// Constants of the channel.
    pub channel: Constants,
    /// What channels share.
    pub limits: Limits,
    /// What the constants were read from.
    pub words: *const i32,
}

impl Elements for Int8 {
    type Element = i8;

    const WORDS: usize = Channel::WORDS;

    #[inline(always)]
    unsafe fn constants(words: *const i32, limits: Limits) -> Constants {
        // SAFETY: forwarded to the caller.
        unsafe { (*words.cast::<Channel>()).constants(limits) }
    }

    #[inline(always)]
    unsafe fn store(ending: &Ending, bits: u8) {
        // SAFETY: forwarded to the caller.
        unsafe {
            #[cfg(all(target_arch = "arm", not(thumb2)))]
            if let Some(end) = super::arm_ending::channels(bits, ending.channel.step.multiplier, ending.limits) {
                let outputs = Outputs {
                    constants: ending.words.cast::<Channel>(),
                    place: ending.place.cast::<i8>(),
                    channels: 1,
                    strides: [ending.step, 0, 0],
                    limits: ending.limits,
                    sum_bits: bits,
                };
                let count = ending.end.offset_from_unsigned(ending.sums);
                end(&outputs, ending.sums, count, count);
                return;
            }
            let _ = bits;
            store8(ending);
        }
    }
}

impl Elements for Int16 {
    type Element = i16;

    const WORDS: usize = Constants::WORDS;

    #[inline(always)]
    unsafe fn constants(words: *const i32, _: Limits) -> Constants {
        // SAFETY: forwarded to the caller.
        unsafe { *words.cast::<Constants>() }
    }

    #[inline(always)]
    unsafe fn store(ending: &Ending, _: u8) {
        #[cfg(all(target_arch = "arm", not(thumb2)))]
        // SAFETY: forwarded to the caller.
        unsafe {
            super::arm_ending::wide(ending);
        }
        #[cfg(not(all(target_arch = "arm", not(thumb2))))]
        // SAFETY: forwarded to the caller.
        unsafe {
            store16(ending);
        }
    }
}

/// Stores sums of int8.
///
/// # Safety
/// As [`Ending`] says.
#[inline(never)]
unsafe fn store8(ending: &Ending) {
    let Ending { mut sums, end, mut place, step, channel, limits, .. } = *ending;
    while sums != end {
        rolled();
        // SAFETY: as the caller promises.
        unsafe {
            place.cast::<i8>().write(channel.step.store((*sums).wrapping_add(channel.bias), limits));
            sums = sums.add(1);
        }
        place = place.wrapping_add(step);
    }
}

/// Stores sums of int16.
///
/// # Safety
/// As [`Ending`] says.
#[cfg(any(not(all(target_arch = "arm", not(thumb2))), test))]
#[inline(never)]
#[expect(clippy::cast_possible_truncation, reason = "the limits of an int16 output lie in i16; a high word is a word")]
#[expect(clippy::cast_ptr_alignment, reason = "places of int16 are those of its elements")]
unsafe fn store16(ending: &Ending) {
    let Ending { mut sums, end, mut place, step, channel, limits, .. } = *ending;
    while sums != end {
        rolled();
        // SAFETY: as the caller promises.
        unsafe {
            let sum = (*sums).wrapping_add(channel.bias);
            let high = ((i64::from(sum) * i64::from(channel.step.multiplier)) >> 32) as i32;
            let value = high.wrapping_add(channel.step.rounding).wrapping_shr(channel.step.shift);
            place.cast::<i16>().write(value.max(limits.min).min(limits.max) as i16);
            sums = sums.add(1);
        }
        place = place.wrapping_add(step);
    }
}
