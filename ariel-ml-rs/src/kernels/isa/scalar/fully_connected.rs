//! Dense layers of int8 over one row: eight channels at a time, two products of a multiplication.
//!
//! A word holds the weights of four channels as bytes w + 128. Its even bytes are two halfwords, and so are its odd ones once it
//! is shifted, but for the third byte between them. Sums of words times inputs are sums of numbers modulo 2^32, so what the 128s
//! and that byte add is taken away in the end, and two sums of 16 bits are left. The compiler has cut the depth of each eight
//! channels into segments in which sums have no more bits.

use super::finish::{Channel, Limits, opaque};
use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::kernels::rolled::rolled;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;
use core::mem::MaybeUninit;

/// int8 dense layer over one row; tiles are ranges of channels.
#[derive(Clone, Copy)]
pub struct FullyConnected {
    /// Input.
    pub input: Region,
    /// Output.
    pub output: Region,
    /// Elements of the input.
    pub depth: u32,
    /// Filters of blocks of eight channels: for each element of the depth a word of the first four and one of the others.
    pub filter: &'static [i32],
    /// Segments of each block, in pairs of elements; the last element of an odd number counts in the first one.
    pub segments: &'static [u8],
    /// How many segments a block has.
    pub pieces: u32,
    /// A [`Channel`] for each output channel: two words.
    pub channels: &'static [i32],
    /// What the channels share.
    pub limits: Limits,
}

/// Channels of a block.
const CHANNELS: usize = 8;
/// The even bytes of a word.
const EVEN: i32 = 0x00FF_00FF;
/// What keeps the lower of two sums from being negative.
const HALF: i32 = 1 << 15;

instantiate!(without dsp: FullyConnected);

impl FullyConnected {
    /// Channels of a block of the filter.
    pub(super) const BLOCK: usize = CHANNELS;

    /// Words of the filter of so many channels.
    pub(super) const fn piece_words(&self, channels: usize) -> usize {
        channels.div_ceil(CHANNELS).saturating_mul(2 * self.depth as usize)
    }

    /// Where inputs are packed: nowhere.
    #[expect(clippy::unused_self, reason = "as layers with scratch have it")]
    pub(super) const fn packed(&self) -> Region {
        Region::new(0, 0)
    }

    /// What it writes.
    pub(super) const fn written(&self) -> &Region {
        &self.output
    }

    /// Output channels.
    pub(super) const fn count(&self) -> usize {
        self.channels.len() / Channel::WORDS
    }

    /// Blocks of channels.
    const fn blocks(&self) -> usize {
        self.count().div_ceil(CHANNELS)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (depth, blocks) = (self.depth as usize, self.blocks());
        self.input.check::<i8>(arena_bytes, depth);
        self.output.check::<i8>(arena_bytes, self.count());
        assert!(Channel::are(self.channels, self.count()), "constants of other channels");
        assert!(self.filter.len() == depth.saturating_mul(2 * blocks), "filter of the wrong length");
        let pieces = self.pieces as usize;
        assert!(pieces > 0 && self.segments.len() == pieces.saturating_mul(blocks), "segments of the wrong length");
        let mut block = 0;
        while block < blocks {
            let (mut index, mut length) = (0, 0);
            while index < pieces {
                length += 2 * self.segments[block * pieces + index] as usize;
                index += 1;
            }
            assert!(length == depth / 2 * 2, "segments of another depth");
            block += 1;
        }
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.count()).in_granules(CHANNELS)
    }

    /// Computes one tile.
    ///
    /// # Safety
    /// As for `run`; the tile begins at a multiple of eight.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe { opaque(self).compute_tile(memory, tile) }
    }

    /// As `compute`.
    ///
    /// # Safety
    /// As for `compute`.
    #[inline(always)]
    unsafe fn compute_tile(&self, memory: Memory<'_>, tile: Tile) {
        let mut sums = MaybeUninit::<[i32; CHANNELS]>::uninit();
        let sums = sums.as_mut_ptr().cast::<i32>();
        let mut channel = tile.start();
        while channel < tile.end() {
            // SAFETY: the block's weights, segments and constants are there (`check`), and its outputs are this call's own.
            unsafe {
                let input = memory.at::<i8>(self.input).cast_const();
                let output = memory.at::<i8>(self.output).add(channel);
                let segments = self.segments.as_ptr().add(channel / CHANNELS * self.pieces as usize);
                let words = self.filter.as_ptr().add(channel / CHANNELS * 2 * self.depth as usize);
                sum8(input, words, segments, self.depth as usize, sums);
                let constants = self.channels.as_ptr().cast::<Channel>().add(channel);
                // A sum each: a call for it costs more than what it ends.
                for index in 0..CHANNELS.min(tile.end() - channel) {
                    rolled();
                    let own = (*constants.add(index)).constants(self.limits);
                    output.add(index).write(own.step.store((*sums.add(index)).wrapping_add(own.bias), self.limits));
                }
            }
            channel += CHANNELS;
        }
    }
}

/// What is left of the sums of two channels when their parts are put together.
#[derive(Clone, Copy)]
struct Pair {
    /// The sums of words.
    words: i32,
    /// The sums of the second channel.
    second: i32,
}

impl Pair {
    /// Takes the sum of a segment, in which only the two channels are left, and returns that of its second one.
    #[inline(always)]
    fn take(&mut self, sum: i32) -> i32 {
        let second = sum >> 16;
        self.words = self.words.wrapping_add(sum);
        self.second = self.second.wrapping_add(second);
        second
    }

    /// The sums of both channels, after so many segments.
    #[inline(always)]
    const fn apart(self, segments: i32) -> [i32; 2] {
        [self.words.wrapping_sub(self.second << 16).wrapping_sub(segments.wrapping_mul(HALF)), self.second]
    }
}

/// Sums of products of `depth` inputs with eight channels.
///
/// # Safety
/// `input` has `depth` elements and `words` two words for each; the segments are of that length together; there is room for
/// eight sums.
#[inline(never)]
unsafe fn sum8(mut input: *const i8, mut words: *const i32, mut segments: *const u8, depth: usize, sums: *mut i32) {
    let mut pairs = [Pair { words: 0, second: 0 }; 4];
    let mut count = 0_i32;
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        let end = input.add(depth & !1);
        let [mut a, mut b, mut c, mut d, mut total] = [HALF, HALF, HALF, HALF, 0_i32];
        macro_rules! step {
            ($value:expr, $words:expr) => {
                let value = i32::from($value);
                let (first, second) = (*$words, *$words.add(1));
                a = a.wrapping_add(value.wrapping_mul(first & EVEN));
                b = b.wrapping_add(value.wrapping_mul((first.cast_unsigned() >> 8).cast_signed()));
                c = c.wrapping_add(value.wrapping_mul(second & EVEN));
                d = d.wrapping_add(value.wrapping_mul((second.cast_unsigned() >> 8).cast_signed()));
                total = total.wrapping_add(value);
            };
        }
        if depth & 1 == 1 {
            step!(*end, words.add(2 * (depth - 1)));
        }
        loop {
            let stop = input.add(2 * *segments as usize);
            while input != stop {
                step!(*input, words);
                step!(*input.add(1), words.add(2));
                input = input.add(2);
                words = words.add(4);
            }
            let shared = total << 7;
            let even = shared.wrapping_add(shared << 16);
            let odd = even.wrapping_add(shared << 8);
            let third = pairs[0].take(a.wrapping_sub(even));
            let _ = pairs[1].take(b.wrapping_sub(odd).wrapping_sub(third << 8));
            let third = pairs[2].take(c.wrapping_sub(even));
            let _ = pairs[3].take(d.wrapping_sub(odd).wrapping_sub(third << 8));
            count = count.wrapping_add(1);
            if input == end {
                break;
            }
            [a, b, c, d, total] = [HALF, HALF, HALF, HALF, 0];
            segments = segments.add(1);
        }
        let sums = sums.cast::<[i32; 4]>();
        for half in 0..2 {
            let [first, third] = pairs[2 * half].apart(count);
            let [second, fourth] = pairs[2 * half + 1].apart(count);
            sums.add(half).write([first, second, third, fourth]);
        }
    }
}
