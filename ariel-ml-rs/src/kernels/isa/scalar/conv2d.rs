//! 2-D convolution of int8: blocks of three or six pixels times four channels.
//!
//! The patches of a block are packed into scratch, three elements in two words (see [`super`]), and serve all output
//! channels. Sums that are too long for that are made of segments of the depth. Where scratch is dear, as it is on several
//! cores that have one each, a part of the taps is packed at a time, and the sums wait in scratch for the next part.

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
    /// Taps that are packed at once: all, or so many of a row, which they divide.
    pub taps: u32,
    /// Elements of the depth, an even number, whose sums have no more bits than the compiler has proved; of what is packed at
    /// once, if that is less.
    pub segment: u32,
    /// Bits of the longest sum, bias included.
    pub sum_bits: u8,
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: i8,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for packed patches, for sums where they are packed in parts, and for runs.
    pub scratch: Region,
}

/// What of the patches of a block has been packed.
struct Part {
    words: *mut i32,
    /// The first element of the depth.
    first: usize,
    is_last: bool,
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

    /// Whether all taps are packed at once.
    pub(super) const fn is_at_once(&self) -> bool {
        self.taps as usize == self.window.taps()
    }

    /// Taps of a run.
    pub(super) const fn run_taps(&self) -> usize {
        match (self.is_at_once(), self.is_dense()) {
            (true, true) => self.window.width as usize,
            (true, false) => 1,
            (false, _) => self.taps as usize,
        }
    }

    /// Elements of a run of taps.
    pub(super) const fn run_bytes(&self) -> usize {
        self.run_taps().saturating_mul(self.input.channels as usize)
    }

    /// Elements of a patch, rounded up to whole steps.
    pub(super) const fn depth(&self) -> usize {
        (self.window.taps() * self.input.channels as usize).next_multiple_of(STEPS)
    }

    /// Elements that are packed at once.
    const fn part(&self) -> usize {
        if self.is_at_once() { self.depth() } else { self.run_bytes() }
    }

    /// Words of the packed patches of a block, or of a part of them, and of the sums that wait for the next part.
    pub(super) const fn words(&self) -> usize {
        let sums = if self.is_at_once() { 0 } else { self.output.channels as usize };
        (2 * TRIPLES * self.part()).saturating_add(PIXELS.saturating_mul(sums.next_multiple_of(CHANNELS)))
    }

    /// Bytes of scratch: packed patches and sums, and runs of taps where a patch is no pixel.
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
        assert!(self.taps > 0 && (window.width as usize).is_multiple_of(self.run_taps()), "runs of a row of taps");
        assert!(self.is_dense() || self.run_taps() == 1, "a run of taps that lie apart");
        assert!(self.part().is_multiple_of(STEPS), "parts of whole steps");
        self.scratch.check_scratch::<i8>(arena_bytes, self.room());
        self.scratch.check_room::<i32>(arena_bytes, 0);
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
                let place = output.add(pixel * stride);
                let mut first = 0;
                while first < patches.runs() {
                    let last = if self.is_at_once() { patches.runs() } else { first + 1 };
                    let words = patches.pack((y, x), count, first..last);
                    let part = Part { words, first: first * self.run_bytes(), is_last: last == patches.runs() };
                    self.multiply(&part, count, place, (channels.start, channels.end));
                    first = last;
                }
                pixel += count;
                x += count;
                while x >= width {
                    (y, x) = (y + 1, x - width);
                }
            }
        }
    }

    /// Computes channels `first..last` of a block of `count` pixels, the first of which is at `output`; or sums a part of them.
    ///
    /// # Safety
    /// The part is one of the block, and those before it have been summed; the pixels and channels are this call's own; `first`
    /// begins a block.
    unsafe fn multiply(&self, part: &Part, count: usize, output: *mut i8, (first, last): (usize, usize)) {
        let depth = self.depth();
        let stride = self.output.pixel as usize;
        let is_small = count <= TRIPLE;
        let (pixels, is_whole) =
            (if is_small { TRIPLE } else { PIXELS }, self.is_at_once() && self.segment as usize >= depth);
        let mut block = first;
        while block < last {
            // SAFETY: `check` proved the lengths of filter, constants and scratch.
            unsafe {
                let weights = self.filter.as_ptr().add(block * depth + CHANNELS * part.first);
                let outputs = Outputs {
                    constants: self.channels.as_ptr().cast::<Channel>().add(block),
                    place: output.add(block),
                    channels: CHANNELS.min(last - block),
                    strides: [stride, if count > 4 { stride } else { 0 }, if count > 5 { stride } else { 0 }],
                    limits: self.limits,
                    sum_bits: self.sum_bits,
                };
                if is_whole && !is_small {
                    store6(part.words, weights, depth / STEPS, &outputs);
                } else {
                    let mut here = MaybeUninit::<[i32; SUMS]>::uninit();
                    let sums = if self.is_at_once() {
                        here.as_mut_ptr().cast::<i32>()
                    } else {
                        part.words.add(2 * TRIPLES * self.part() + PIXELS * block)
                    };
                    self.sum(part, weights, is_small, sums);
                    if part.is_last {
                        store(&outputs, sums, pixels, count);
                    }
                }
            }
            block += CHANNELS;
        }
    }

    /// Sums of a part of one block of pixels and channels; those of a later part are added to those before.
    ///
    /// # Safety
    /// The words are those of the part, the weights those of four channels, and there is room for the sums.
    #[inline(always)]
    unsafe fn sum(&self, part: &Part, weights: *const i8, is_small: bool, sums: *mut i32) {
        let (depth, segment) = (self.part(), self.segment as usize);
        let each = if is_small { 2 } else { 2 * TRIPLES };
        // SAFETY: forwarded to the caller.
        unsafe {
            let segment_from = |first: usize, sums: *mut i32| {
                let steps = segment.min(depth - first) / STEPS;
                let (words, weights) = (part.words.add(each * first), weights.add(CHANNELS * first));
                if is_small {
                    sum3(words, weights, steps, sums);
                } else {
                    sum6(words, weights, steps, sums);
                }
            };
            let mut first = 0;
            if part.first == 0 {
                segment_from(0, sums);
                first = segment;
            }
            while first < depth {
                let mut more = MaybeUninit::<[i32; SUMS]>::uninit();
                let more = more.as_mut_ptr().cast::<i32>();
                segment_from(first, more);
                for index in 0..CHANNELS * TRIPLE * (each / 2) {
                    let sum = sums.add(index);
                    sum.write((*sum).wrapping_add(*more.add(index)));
                }
                first += segment;
            }
        }
    }
}
