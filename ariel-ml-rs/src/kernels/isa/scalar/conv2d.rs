//! 2-D convolution of int8: blocks of three or six pixels times four channels.
//!
//! The patches of a block are packed into scratch, three elements in two words (see [`super`]), and serve all output
//! channels. Sums that are too long for that are made of segments of the depth.

use super::ending::Outputs;
use super::finish::{Channel, Limits, opaque};
use super::patches::{Patches, RUNS};
use super::triples::{CHANNELS, PIXELS, STEPS, TRIPLE, TRIPLES, store, store6, sum3, sum6};
use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::kernels::window::{Window, pixel_range, work};
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::tile::{Axis, Tile};
use core::mem::MaybeUninit;
use core::ops::Range;

/// int8 convolution.
#[derive(Clone, Copy)]
pub struct Conv2d {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Filters in blocks of four channels, `[block][depth][4]`; zeros make the depth even and the last block whole.
    pub filter: &'static [i8],
    /// A [`Channel`] for each output channel: two words.
    pub channels: &'static [i32],
    /// What the channels share.
    pub limits: Limits,
    /// Elements of the depth, an even number, whose sums have no more bits than the compiler has proved.
    pub segment: u32,
    /// Bits of the longest sum, bias included.
    pub sum_bits: u8,
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: i8,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for packed patches, and for runs of them.
    pub scratch: Region,
}

/// Sums of a block, `[channel][pixel]`.
const SUMS: usize = CHANNELS * PIXELS;

instantiate!(without dsp: Conv2d);

impl Conv2d {
    /// Channels of a block of the filter.
    pub(super) const BLOCK: usize = CHANNELS;

    /// What it writes.
    pub(super) const fn written(&self) -> &Region {
        &self.output.region
    }

    /// Words of the filter of so many channels.
    pub(super) const fn piece_words(&self, channels: usize) -> usize {
        channels.next_multiple_of(CHANNELS).saturating_mul(self.depth()) / size_of::<u32>()
    }

    /// Where inputs are packed.
    pub(super) const fn packed(&self) -> Region {
        self.scratch
    }

    /// Output channels.
    pub(super) const fn count(&self) -> usize {
        self.output.channels as usize
    }

    /// Whether the taps of a row lie one behind the other.
    pub(super) const fn is_dense(&self) -> bool {
        self.window.dilation_w == 1 && self.input.pixel == self.input.channels
    }

    /// Elements of a run of taps.
    pub(super) const fn run_bytes(&self) -> usize {
        let taps = if self.is_dense() { self.window.width as usize } else { 1 };
        taps * self.input.channels as usize
    }

    /// Elements of a patch, rounded up to whole steps.
    pub(super) const fn depth(&self) -> usize {
        (self.window.taps() * self.input.channels as usize).next_multiple_of(STEPS)
    }

    /// Words of the packed patches of a block.
    pub(super) const fn words(&self) -> usize {
        2 * TRIPLES * self.depth()
    }

    /// Bytes of scratch: packed patches, and runs of taps where a patch is no pixel.
    pub(crate) const fn room(&self) -> usize {
        let runs = if self.window.is_pointwise() { 0 } else { self.run_bytes().saturating_mul(RUNS) };
        self.words().saturating_mul(4).saturating_add(runs)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i8>(arena_bytes);
        self.output.check_output::<i8>(arena_bytes);
        self.output.check_follows();
        let (window, channels) = (&self.window, self.output.channels as usize);
        window.check(&self.output, self.input.channels);
        assert!(Channel::are(self.channels, channels), "constants of other channels");
        let weights = self.depth().saturating_mul(channels.next_multiple_of(CHANNELS));
        assert!(self.filter.len() == weights, "filter of the wrong length");
        assert!(self.segment > 0 && (self.segment as usize).is_multiple_of(STEPS), "segments of whole steps");
        self.scratch.check_scratch::<i8>(arena_bytes, self.room());
        self.scratch.check::<i32>(arena_bytes, 0);
        if window.is_pointwise() {
            window.check_pointwise(&self.input, &self.output);
        }
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::CopiedWindow;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        work(self.axis, &self.output, CHANNELS).with_scratch(self.scratch)
    }

    /// Computes one tile.
    ///
    /// # Safety
    /// As for `run`; the tile begins at a multiple of four where it is a range of channels.
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
        let width = self.output.width as usize;
        let (Range { start: mut pixel, end }, channels) = pixel_range(self.axis, tile, &self.output);
        // An image has columns (`Image::check`), which the optimiser cannot know.
        let mut y = pixel.checked_div(width).unwrap_or(0);
        let mut x = pixel - y * width;
        // SAFETY: the tile's pixels and channels lie inside the output and are this call's own; the scratch is this worker's.
        unsafe {
            let patches = Patches::new(self, memory);
            let stride = self.output.pixel as usize;
            let output = self.output.view::<i8>(memory).pixel(0, 0);
            while pixel < end {
                let count = PIXELS.min(end - pixel);
                let words = patches.pack((y, x), count);
                self.multiply(words, count, output.add(pixel * stride), (channels.start, channels.end));
                pixel += count;
                x += count;
                while x >= width {
                    (y, x) = (y + 1, x - width);
                }
            }
        }
    }

    /// Computes channels `first..last` of a block of `count` pixels, the first of which is at `output`.
    ///
    /// # Safety
    /// `words` are the packed patches of the block; the pixels and channels are this call's own; `first` begins a block.
    unsafe fn multiply(&self, words: *const i32, count: usize, output: *mut i8, (first, last): (usize, usize)) {
        let depth = self.depth();
        let stride = self.output.pixel as usize;
        let is_small = count <= TRIPLE;
        let (pixels, is_whole) = (if is_small { TRIPLE } else { PIXELS }, self.segment as usize >= depth);
        let mut block = first;
        while block < last {
            // SAFETY: `check` proved the lengths of filter and constants.
            unsafe {
                let weights = self.filter.as_ptr().add(block * depth);
                let outputs = Outputs {
                    constants: self.channels.as_ptr().cast::<Channel>().add(block),
                    place: output.add(block),
                    channels: CHANNELS.min(last - block),
                    strides: [stride, if count > 4 { stride } else { 0 }, if count > 5 { stride } else { 0 }],
                    limits: self.limits,
                    sum_bits: self.sum_bits,
                };
                if is_whole && !is_small {
                    store6(words, weights, depth / STEPS, &outputs);
                } else {
                    let mut sums = MaybeUninit::<[i32; SUMS]>::uninit();
                    let sums = sums.as_mut_ptr().cast::<i32>();
                    self.sum(words, weights, is_small, sums);
                    store(&outputs, sums, pixels, count);
                }
            }
            block += CHANNELS;
        }
    }

    /// Sums of one block of pixels and channels.
    ///
    /// # Safety
    /// The words are those of a block, the weights those of four channels, and there is room for the sums.
    #[inline(always)]
    unsafe fn sum(&self, words: *const i32, weights: *const i8, is_small: bool, sums: *mut i32) {
        let (depth, segment) = (self.depth(), self.segment as usize);
        let each = if is_small { 2 } else { 2 * TRIPLES };
        // SAFETY: forwarded to the caller.
        unsafe {
            let part = |first: usize, sums: *mut i32| {
                let steps = segment.min(depth - first) / STEPS;
                let (words, weights) = (words.add(each * first), weights.add(CHANNELS * first));
                if is_small {
                    sum3(words, weights, steps, sums);
                } else {
                    sum6(words, weights, steps, sums);
                }
            };
            part(0, sums);
            let mut first = segment;
            while first < depth {
                let mut more = MaybeUninit::<[i32; SUMS]>::uninit();
                let more = more.as_mut_ptr().cast::<i32>();
                part(first, more);
                for index in 0..CHANNELS * TRIPLE * (each / 2) {
                    let sum = sums.add(index);
                    sum.write((*sum).wrapping_add(*more.add(index)));
                }
                first += segment;
            }
        }
    }
}
