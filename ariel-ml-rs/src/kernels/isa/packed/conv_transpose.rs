//! Transposed 2-D convolution of int16: what [`crate::kernels::conv_transpose`] computes, as blocks of four pixels.
//!
//! The output falls apart into phases, each a convolution of stride 1 whose filter has every `stride`-th tap, backwards. The
//! pixels of a phase in an output row have the same input rows under their window: the loops leave out the weights of rows
//! that do not exist. Columns that do not exist are zeros of the patches.

use super::conv2d::Conv2d;
use super::cores::{Cores, for_cores};
use super::loops::{PIXELS, Partial};
use super::part::Part;
use super::patches::Patches;
use crate::kernels::access::Access;
use crate::kernels::conv_transpose::{Taps, divide};
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::mem::MaybeUninit;

/// Transposed convolution of int16; tiles are ranges of channels and begin at an even one.
#[derive(Clone, Copy)]
pub struct ConvTranspose<C: Cores> {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// The window that an input pixel writes to: without dilation, and no shorter than its strides.
    pub stamp: Window,
    /// For each phase of rows and columns, and each pair of channels, biases, weights and requantisation (see
    /// [`super::loops::Products::gemm4`]).
    pub stream: &'static [i32],
    /// Bounds of the output.
    pub bounds: Bounds,
    /// Room for four patches, and for a run of each.
    pub scratch: Region,
    /// The cores that run it.
    pub cores: C,
}

/// The phase of a row that is put down at `at`.
const fn phase_of(at: usize, stride: usize) -> usize {
    at - divide(at, stride) * stride
}

/// How many columns lie in front of an image whose window begins at `first`, or how many of it in front of the window.
const fn begins(first: isize) -> (usize, usize) {
    let before = first.wrapping_neg();
    if before > 0 { (before.cast_unsigned(), 0) } else { (0, first.cast_unsigned()) }
}

/// The pixels of a phase in a row, as pixels of a convolution of stride 1.
struct Row<'a, C: Cores, E> {
    patches: Patches<'a, C>,
    /// The first of them, how many there are, and elements of the output from one to the next.
    first: usize,
    count: usize,
    step: usize,
    /// Where the first one's channels are.
    output: *mut E,
    /// The first of the weights, int32 of a pair of channels, and bytes that are left out before and behind.
    stream: *const i32,
    pair: usize,
    skipped: (usize, usize),
}

impl<C: Cores> ConvTranspose<C> {
    /// Words of the taps of a row, of so many columns.
    const fn words(&self, columns: usize) -> usize {
        columns.saturating_mul(self.input.channels as usize).saturating_mul(size_of::<C::Element>()).div_ceil(4)
    }

    /// Words of the taps of a row, of all phases of columns.
    const fn all_words(&self) -> usize {
        let (stamp, mut words, mut phase) = (&self.stamp, 0_usize, 0);
        while phase < stamp.stride_w as usize {
            let taps = Taps::of(phase, stamp.width as usize, stamp.stride_w as usize, 0);
            words = words.saturating_add(self.words(taps.count));
            phase += 1;
        }
        words
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (input, output, stamp) = (&self.input, &self.output, &self.stamp);
        self.input.check::<C::Element>(arena_bytes);
        self.output.check_output::<C::Element>(arena_bytes);
        output.check_follows();
        assert!(stamp.stride_h > 0 && stamp.stride_w > 0, "pixels in the place of each other");
        assert!(stamp.height >= stamp.stride_h && stamp.width >= stamp.stride_w, "a phase without taps");
        assert!(stamp.dilation_h == 1 && stamp.dilation_w == 1, "a dilated filter");
        stamp.check(output, input.channels);
        stamp.check(input, input.channels);
        let phases = stamp.stride_h as usize * stamp.stride_w as usize;
        let pair = (stamp.height as usize).saturating_mul(self.all_words()).saturating_add(C::EXTRA * phases);
        let pairs = (output.channels as usize).div_ceil(2);
        assert!(self.stream.len() == pair.saturating_mul(pairs), "stream of the wrong length");
        let rows = stamp.height.div_ceil(stamp.stride_h) as usize;
        let words = self.words(stamp.width.div_ceil(stamp.stride_w) as usize);
        self.scratch.check_scratch::<i32>(arena_bytes, words.saturating_mul(PIXELS * (C::WIDE * rows + 1)));
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
        Work::of(self.output.channels as usize).in_granules(2).with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    unsafe fn compute<L: Partial<Element = C::Element>>(&self, memory: Memory<'_>, tile: Tile) {
        let (stamp, input, image) = (&self.stamp, &self.input, &self.output);
        let part = Part::new(image, tile, true);
        let (width, pairs) = (image.width as usize, (image.channels as usize).div_ceil(2));
        let (stride, left) = (stamp.stride_w as usize, stamp.pad_left as usize);
        let all = self.all_words();
        // SAFETY: all indices lie inside the shapes that `check` proved, as does the stream; the tile's channels are this call's
        // own, and the scratch is this worker's.
        unsafe {
            let output = image.view::<L::Element>(memory);
            let inputs = memory.scratch::<i16>(self.scratch);
            for y in 0..image.height as usize {
                let down = Taps::of(y, stamp.height as usize, stamp.stride_h as usize, stamp.pad_top as usize);
                let (start, end) = down.inside(input.height as usize);
                // A row that no input row meets has one of zeros, behind the image.
                let is_met = start < end;
                let (row, start, end) = if is_met {
                    (down.first.wrapping_add(start.cast_signed()).cast_unsigned(), start, end)
                } else {
                    (input.height as usize, 0, 1)
                };
                let mut stream = self.stream.as_ptr().add(
                    pairs
                        * (down.before * all
                            + C::EXTRA * stride * phase_of(y + stamp.pad_top as usize, stamp.stride_h as usize)),
                );
                for phase in 0..stride {
                    // The first column of the phase.
                    let x = divide(left + stride - 1 - phase, stride) * stride + phase - left;
                    let across = Taps::of(x, stamp.width as usize, stride, left);
                    let words = self.words(across.count);
                    let pair = C::WIDE * down.count * words + C::EXTRA;
                    let count = divide(width.saturating_sub(x) + stride - 1, stride);
                    let (before, column) = begins(across.first);
                    let convolution = Conv2d {
                        input: *input,
                        // No row is counted: what lies behind the image is never read as if it followed.
                        output: Image { height: 0, width: (column + count) as u32, ..*image },
                        window: Window {
                            height: (end - start) as u16,
                            width: across.count as u16,
                            stride_h: 1,
                            stride_w: 1,
                            dilation_h: 1,
                            dilation_w: 1,
                            pad_top: 0,
                            pad_left: before as u16,
                        },
                        stream: self.stream,
                        input_zero_point: 0,
                        bounds: self.bounds,
                        by_channels: true,
                        scratch: self.scratch,
                        cores: self.cores,
                    };
                    let row = Row {
                        patches: Patches::new::<L>(&convolution, memory, 1),
                        first: row * (column + count) + column,
                        count,
                        step: stride * image.pixel as usize,
                        output: output.pixel(y, 0).add(x * image.pixel as usize + part.channel),
                        stream: stream.add(part.channel / 2 * pair),
                        pair,
                        skipped: (4 * C::WIDE * start * words, 4 * C::WIDE * (down.count - end) * words),
                    };
                    row.compute::<L>(inputs, part.channels);
                    stream = stream.add(pairs * pair);
                }
            }
            part.clamp::<L>(output.pixel(0, 0), image, &self.bounds);
        }
    }
}

impl<C: Cores> Row<'_, C, C::Element> {
    /// Computes so many channels of all pixels.
    ///
    /// # Safety
    /// As for the kernel's `run`.
    #[inline(never)]
    unsafe fn compute<L: Partial<Element = C::Element>>(&self, inputs: *mut i16, channels: usize) {
        let mut pixel = 0;
        while pixel < self.count {
            let is_block = self.count - pixel >= PIXELS;
            let step = if is_block { PIXELS } else { 1 };
            // SAFETY: forwarded to the caller.
            unsafe {
                let at = self.first + pixel;
                let widen = if is_block { Patches::widen::<L> } else { Patches::widen_one::<L> };
                let bytes = widen(&self.patches, at, inputs).byte_offset_from(inputs).cast_unsigned();
                self.multiply::<L>(inputs, bytes, pixel, channels, step);
            }
            pixel += step;
        }
    }

    /// Computes the channels of a block, or of one pixel.
    ///
    /// # Safety
    /// As for the kernel's `run`; `inputs` are the patches.
    #[inline(always)]
    unsafe fn multiply<L: Partial<Element = C::Element>>(
        &self,
        inputs: *const i16,
        bytes: usize,
        pixel: usize,
        channels: usize,
        pixels: usize,
    ) {
        let (before, behind) = self.skipped;
        let last = self.stream.wrapping_add(channels / 2 * self.pair);
        let run = |stream: *const i32, output: *mut L::Element, step: usize, end: *const i32| {
            let stride = step * size_of::<L::Element>();
            // SAFETY: forwarded to the caller.
            unsafe {
                if pixels == PIXELS {
                    L::gemm4_part(inputs, stream, output, stride, bytes, end, before, behind);
                } else {
                    L::gemv_part(inputs, stream, output, bytes, end, before, behind);
                }
            }
        };
        let output = self.output.wrapping_add(pixel * self.step);
        if channels > 1 {
            run(self.stream, output, self.step, last);
        }
        if !channels.is_multiple_of(2) {
            // The second channel of the last pair is none.
            let mut pairs = MaybeUninit::<[L::Element; 2 * PIXELS]>::uninit();
            let pairs = pairs.as_mut_ptr().cast::<L::Element>();
            run(last, pairs, 2, last.wrapping_add(self.pair));
            for p in 0..pixels {
                // SAFETY: the pixels and the channel are this call's own.
                unsafe { output.add(p * self.step + channels - 1).write(*pairs.add(2 * p)) };
            }
        }
    }
}

for_cores!(ConvTranspose, only int16);
