//! Sums of products of three or six pixels with four channels, two multiplications for three products.

#[cfg(target_arch = "arm")]
pub(super) use super::arm::sum6;
#[cfg(all(target_arch = "riscv32", target_feature = "m"))]
pub(super) use super::riscv::{store6, sum6};

use super::ending::{Elements, Ending, Int8};
use super::finish::{Channel, Limits};

/// Pixels of a triple.
pub(super) const TRIPLE: usize = 3;
/// Channels of a block.
pub(super) const CHANNELS: usize = 4;
/// Steps of the depth that are taken at once.
pub(super) const STEPS: usize = 2;
/// Triples of a block.
pub(super) const TRIPLES: usize = 2;
/// Pixels of a block.
pub(super) const PIXELS: usize = TRIPLE * TRIPLES;
/// Where the third pixel lies in the first word and in the second, and bits above the first.
const FIRST: u32 = 21;
const SECOND: u32 = 10;
const ABOVE: u32 = 32 - FIRST;

/// Packs `count` elements of each pixel of `T` triples: for each element two words of each triple. Returns the place behind.
///
/// # Safety
/// `pixels` are the places of `3 * T` pixels with `count` elements; there is room for `2 * T * count` words.
#[inline(always)]
unsafe fn pack_triples<const T: usize>(pixels: &[*const i8], count: usize, mut words: *mut i32) -> *mut i32 {
    for index in 0..count {
        for triple in 0..T {
            // SAFETY: in bounds, as the caller promises.
            unsafe {
                let [a, b, c] = [0, 1, 2].map(|i| i32::from(*(*pixels.as_ptr().add(TRIPLE * triple + i)).add(index)));
                words.write((c << FIRST).wrapping_add(a));
                words.add(1).write((c << SECOND).wrapping_add(b));
                words = words.add(2);
            }
        }
    }
    words
}

/// Packs `count` elements of three pixels.
///
/// # Safety
/// As for `pack_triples`, with one triple.
#[inline(never)]
pub(super) unsafe fn pack3(pixels: &[*const i8; TRIPLE], count: usize, words: *mut i32) -> *mut i32 {
    // SAFETY: forwarded to the caller.
    unsafe { pack_triples::<1>(pixels, count, words) }
}

/// Packs `count` elements of six pixels.
///
/// # Safety
/// As for `pack_triples`, with two triples.
#[inline(never)]
pub(super) unsafe fn pack6(pixels: &[*const i8; 2 * TRIPLE], count: usize, words: *mut i32) -> *mut i32 {
    // SAFETY: forwarded to the caller.
    unsafe { pack_triples::<2>(pixels, count, words) }
}

/// The three sums that two words hold.
#[inline(always)]
const fn apart(first: i32, second: i32) -> [i32; TRIPLE] {
    let a = (first << ABOVE) >> ABOVE;
    // The low 11 bits of c, where they lie in the second word.
    let low = first.wrapping_sub(a) >> (FIRST - SECOND);
    let rest = second.wrapping_sub(low);
    let b = (rest << ABOVE) >> ABOVE;
    let high = rest.wrapping_sub(b) >> SECOND;
    [a, b, (low >> SECOND).wrapping_add(high)]
}

/// Multiplies the words of a step with the weight of one channel.
macro_rules! multiply {
    ($weight:expr, [$($word:ident => $sum:ident),+]) => {{
        let weight = i32::from($weight);
        $($sum = $sum.wrapping_add($word.wrapping_mul(weight));)+
    }};
}

/// Sums over `steps` steps of two for three pixels and four channels: `sums[channel][pixel]`.
///
/// # Safety
/// `words` has 2 words for each element, `weights` has `[element][4]`, both for `2 * steps` elements; there is room for the
/// sums, which are in the range that `apart` asks for.
#[inline(never)]
pub(super) unsafe fn sum3(mut words: *const i32, mut weights: *const i8, steps: usize, sums: *mut i32) {
    let [mut a0, mut a1, mut b0, mut b1, mut c0, mut c1, mut d0, mut d1] = [0_i32; 8];
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        let end = weights.add(steps * STEPS * CHANNELS);
        while weights != end {
            macro_rules! step {
                ($index:literal) => {
                    let (p, q) = (*words.add(2 * $index), *words.add(2 * $index + 1));
                    multiply!(*weights.add(4 * $index), [p => a0, q => a1]);
                    multiply!(*weights.add(4 * $index + 1), [p => b0, q => b1]);
                    multiply!(*weights.add(4 * $index + 2), [p => c0, q => c1]);
                    multiply!(*weights.add(4 * $index + 3), [p => d0, q => d1]);
                };
            }
            step!(0);
            step!(1);
            words = words.add(2 * STEPS);
            weights = weights.add(CHANNELS * STEPS);
        }
        let sums = sums.cast::<[i32; TRIPLE]>();
        sums.write(apart(a0, a1));
        sums.add(1).write(apart(b0, b1));
        sums.add(2).write(apart(c0, c1));
        sums.add(3).write(apart(d0, d1));
    }
}

/// Sums over `steps` steps of two for six pixels and four channels: `sums[channel][pixel]`.
///
/// # Safety
/// As for [`sum3`], with 4 words for each element.
#[cfg(not(any(target_arch = "arm", all(target_arch = "riscv32", target_feature = "m"))))]
#[inline(never)]
pub(super) unsafe fn sum6(mut words: *const i32, mut weights: *const i8, steps: usize, sums: *mut i32) {
    let [mut a0, mut a1, mut a2, mut a3, mut b0, mut b1, mut b2, mut b3] = [0_i32; 8];
    let [mut c0, mut c1, mut c2, mut c3, mut d0, mut d1, mut d2, mut d3] = [0_i32; 8];
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        let end = weights.add(steps * STEPS * CHANNELS);
        while weights != end {
            macro_rules! step {
                ($index:literal) => {
                    let (p, q) = (*words.add(4 * $index), *words.add(4 * $index + 1));
                    let (r, s) = (*words.add(4 * $index + 2), *words.add(4 * $index + 3));
                    multiply!(*weights.add(4 * $index), [p => a0, q => a1, r => a2, s => a3]);
                    multiply!(*weights.add(4 * $index + 1), [p => b0, q => b1, r => b2, s => b3]);
                    multiply!(*weights.add(4 * $index + 2), [p => c0, q => c1, r => c2, s => c3]);
                    multiply!(*weights.add(4 * $index + 3), [p => d0, q => d1, r => d2, s => d3]);
                };
            }
            step!(0);
            step!(1);
            words = words.add(4 * STEPS);
            weights = weights.add(CHANNELS * STEPS);
        }
        let sums = sums.cast::<[i32; TRIPLE]>();
        sums.write(apart(a0, a1));
        sums.add(1).write(apart(a2, a3));
        sums.add(2).write(apart(b0, b1));
        sums.add(3).write(apart(b2, b3));
        sums.add(4).write(apart(c0, c1));
        sums.add(5).write(apart(c2, c3));
        sums.add(6).write(apart(d0, d1));
        sums.add(7).write(apart(d2, d3));
    }
}

/// Where the channels of a block are stored.
#[repr(C)]
pub(super) struct Outputs {
    /// Constants of the first channel.
    pub constants: *const Channel,
    /// The first channel of the first pixel.
    pub place: *mut i8,
    /// Channels, 1 to 4.
    pub channels: usize,
    /// Bytes from a pixel to the next, from the fourth to the fifth, and from that to the sixth: 0 where it is none.
    pub strides: [usize; 3],
    /// What the channels share.
    pub limits: Limits,
    /// Bits of the longest sum, bias included.
    pub sum_bits: u8,
}

/// Stores the channels of `count` pixels whose sums are `[channel][pixel]`, `pixels` apart.
///
/// # Safety
/// There are constants for the channels, and `count` sums for each; the outputs are the caller's own.
#[inline(never)]
pub(super) unsafe fn store(outputs: &Outputs, mut sums: *const i32, pixels: usize, count: usize) {
    #[cfg(all(target_arch = "arm", not(thumb2)))]
    {
        // SAFETY: there are constants for the channels, as the caller promises.
        let of = unsafe { core::slice::from_raw_parts(outputs.constants, outputs.channels) };
        let any = of.iter().fold(0, |any, channel| any | channel.multiplier);
        if let Some(end) = super::arm_ending::channels(outputs.sum_bits, any, outputs.limits) {
            // SAFETY: forwarded to the caller; sums and multipliers are of the kind that it is for.
            unsafe { end(outputs, sums, pixels, count) };
            return;
        }
    }
    for channel in 0..outputs.channels {
        // SAFETY: as the caller promises.
        unsafe {
            let ending = Ending {
                sums,
                end: sums.add(count),
                place: outputs.place.add(channel).cast::<u8>(),
                step: outputs.strides[0],
                channel: (*outputs.constants.add(channel)).constants(outputs.limits),
                limits: outputs.limits,
                words: outputs.constants.add(channel).cast::<i32>(),
            };
            Int8::store(&ending, outputs.sum_bits);
            sums = sums.add(pixels);
        }
    }
}

/// Sums as [`sum6`] and stores the channels of six pixels.
///
/// # Safety
/// As for both.
#[cfg(not(all(target_arch = "riscv32", target_feature = "m")))]
pub(super) unsafe fn store6(words: *const i32, weights: *const i8, steps: usize, outputs: &Outputs) {
    let mut sums = [0_i32; 2 * TRIPLE * CHANNELS];
    let count = TRIPLE + 1 + outputs.strides[1..].iter().filter(|stride| **stride > 0).count();
    // SAFETY: forwarded to the caller.
    unsafe {
        sum6(words, weights, steps, sums.as_mut_ptr());
        store(outputs, sums.as_ptr(), 2 * TRIPLE, count);
    }
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn three_sums_come_apart() {
        let mut state = 1_u64;
        let edges = [-(1 << 20), 1 - (1 << 20), -1, 0, 1, (1 << 20) - 1];
        let mut values = edges.to_vec();
        for _ in 0..60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            values.push(((state >> 40) as i32 & 0x1F_FFFF) - (1 << 20));
        }
        for &a in &values {
            for &b in &values {
                for &c in &values {
                    let (first, second) = ((c << 21).wrapping_add(a), (c << 10).wrapping_add(b));
                    assert_eq!(apart(first, second), [a, b, c]);
                }
            }
        }
    }
}
