//! 2-D convolution of int16: blocks of four pixels times four channels, in sums of 32 bits.
//!
//! The patches of a block are widened into scratch, element by element, and serve all output channels.

use super::ending::{Elements, Ending, Int16};
use super::finish::{Limits, opaque};
use super::triples::{CHANNELS, STEPS};
use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::kernels::rolled::rolled;
use crate::kernels::window::{Window, pixel_range, work};
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::tile::{Axis, Tile};
use core::mem::MaybeUninit;
use core::ops::Range;

/// int16 convolution.
#[derive(Clone, Copy)]
pub struct Conv2d16 {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Filters in blocks of four channels, `[block][depth][4]`; zeros make the depth even and the last block whole.
    pub filter: &'static [i8],
    /// Bias, multiplier, rounding and shift of each output channel, the multiplier as [`Int16`] says.
    pub channels: &'static [i32],
    /// What the channels share.
    pub limits: Limits,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for the words of four patches, and for one as it lies in the image.
    pub scratch: Region,
}

/// Pixels of a block.
const PIXELS: usize = 4;

instantiate!(without dsp: Conv2d16);

impl Conv2d16 {
    /// Elements of a patch.
    const fn terms(&self) -> usize {
        self.window.taps() * self.input.channels as usize
    }

    /// The same, rounded up to whole steps.
    const fn depth(&self) -> usize {
        self.terms().next_multiple_of(STEPS)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i16>(arena_bytes);
        self.output.check_output::<i16>(arena_bytes);
        self.output.check_follows();
        let (window, channels) = (&self.window, self.output.channels as usize);
        window.check(&self.output, self.input.channels);
        assert!(self.channels.len() == channels.saturating_mul(Int16::WORDS), "constants of the wrong length");
        let weights = self.depth().saturating_mul(channels.next_multiple_of(CHANNELS));
        assert!(self.filter.len() == weights, "filter of the wrong length");
        let patch = if window.is_pointwise() { 0 } else { self.terms().saturating_mul(2) };
        self.scratch.check_room::<i8>(arena_bytes, self.depth().saturating_mul(4 * PIXELS).saturating_add(patch));
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
        let row = pixel.checked_div(width).unwrap_or(0);
        let mut at = (row, pixel - row * width);
        let behind = |(y, x): (usize, usize)| if x + 1 < width { (y, x + 1) } else { (y + 1, 0) };
        // SAFETY: the tile's pixels and channels lie inside the output and are this call's own; the scratch is this worker's.
        unsafe {
            let words = memory.scratch::<i32>(self.scratch);
            let stride = self.output.pixel as usize;
            let output = self.output.view::<i16>(memory).pixel(0, 0);
            while pixel < end {
                let count = PIXELS.min(end - pixel);
                for index in 0..PIXELS {
                    // Those behind the last pixel repeat it.
                    self.widen(memory, at, words, index);
                    if index + 1 < count {
                        at = behind(at);
                    }
                }
                at = behind(at);
                self.multiply(words, count, output.add(pixel * stride), (channels.start, channels.end));
                pixel += count;
            }
        }
    }

    /// Widens the patch of pixel (y, x): it is the one of `index` in the words of a block.
    ///
    /// # Safety
    /// The pixel lies inside the output, and there is room.
    unsafe fn widen(&self, memory: Memory<'_>, (y, x): (usize, usize), words: *mut i32, index: usize) {
        let (window, terms, channels) = (&self.window, self.terms(), self.input.channels as usize);
        // SAFETY: `check` found room for the words and a patch, and every pixel of a pointwise window in the image.
        unsafe {
            let view = self.input.view::<i16>(memory);
            let patch = if window.is_pointwise() {
                view.pixel(y * window.stride_h as usize, x * window.stride_w as usize).cast_const()
            } else {
                let patch = words.add(PIXELS * self.depth()).cast::<i16>();
                window.gather(&self.input, view, (y, x), 0..channels, 0, patch);
                patch.cast_const()
            };
            spread(patch, terms, words.add(index));
            if terms < self.depth() {
                words.add(PIXELS * terms + index).write(0);
            }
        }
    }

    /// Computes channels `first..last` of a block of `count` pixels, the first of which is at `output`.
    ///
    /// # Safety
    /// `words` are the patches of the block; the pixels and channels are this call's own; `first` begins a block.
    unsafe fn multiply(&self, words: *const i32, count: usize, output: *mut i16, (first, last): (usize, usize)) {
        let depth = self.depth();
        let mut sums = MaybeUninit::<[i32; CHANNELS * PIXELS]>::uninit();
        let sums = sums.as_mut_ptr().cast::<i32>();
        let mut block = first;
        while block < last {
            // SAFETY: `check` proved the lengths of filter and constants.
            unsafe {
                sum4(words, self.filter.as_ptr().add(block * depth), depth / STEPS, sums);
                for channel in 0..CHANNELS.min(last - block) {
                    let own = sums.add(PIXELS * channel).cast_const();
                    let constants = self.channels.as_ptr().add(Int16::WORDS * (block + channel));
                    let ending = Ending {
                        sums: own,
                        end: own.add(count),
                        place: output.add(block + channel).cast::<u8>(),
                        step: 2 * self.output.pixel as usize,
                        channel: Int16::constants(constants, self.limits),
                        limits: self.limits,
                        words: constants,
                    };
                    Int16::store(&ending, 32);
                }
            }
            block += CHANNELS;
        }
    }
}

/// Writes `count` elements to every fourth word.
///
/// # Safety
/// The elements are there, and there is room.
#[inline(never)]
unsafe fn spread(mut from: *const i16, count: usize, mut to: *mut i32) {
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        let end = from.add(count & !1);
        while from != end {
            rolled();
            to.write(i32::from(*from));
            to.wrapping_add(PIXELS).write(i32::from(*from.add(1)));
            from = from.add(2);
            to = to.wrapping_add(2 * PIXELS);
        }
        if count & 1 == 1 {
            to.write(i32::from(*from));
        }
    }
}

/// Sums over `steps` steps of two for four pixels and four channels: `sums[channel][pixel]`.
///
/// # Safety
/// There are four words and four weights for each element, and room for the sums.
#[cfg(not(any(all(target_arch = "arm", not(thumb2)), all(target_arch = "riscv32", target_feature = "m"))))]
#[inline(never)]
unsafe fn sum4(words: *const i32, weights: *const i8, steps: usize, sums: *mut i32) {
    for channel in 0..CHANNELS {
        let [mut a, mut b, mut c, mut d] = [0_i32; PIXELS];
        for index in 0..STEPS * steps {
            // SAFETY: in bounds, as the caller promises.
            unsafe {
                let weight = i32::from(*weights.add(CHANNELS * index + channel));
                let [p, q, r, s] = *words.add(PIXELS * index).cast::<[i32; PIXELS]>();
                a = a.wrapping_add(p.wrapping_mul(weight));
                b = b.wrapping_add(q.wrapping_mul(weight));
                c = c.wrapping_add(r.wrapping_mul(weight));
                d = d.wrapping_add(s.wrapping_mul(weight));
            }
        }
        // SAFETY: there is room.
        unsafe { sums.add(PIXELS * channel).cast::<[i32; PIXELS]>().write([a, b, c, d]) };
    }
}

#[cfg(all(target_arch = "arm", not(thumb2)))]
use super::arm::sum4;
#[cfg(all(target_arch = "riscv32", target_feature = "m"))]
use super::riscv::sum4;
