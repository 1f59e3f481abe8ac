//! Depthwise convolution: every channel of the input meets `m` filters of its own.
//!
//! `output[y, x, c] = finish(bias[c] + sum over taps t of input[t, c / m] * filter[t, c])`
//!
//! The filter is laid out `[tap][channel]`; the compiler has folded the input's zero point into the bias, so padding reads as
//! the zero point. The scratch holds where each tap of a pixel reads, and a pixel of padding for those outside the image; then
//! the channels go by in blocks of four.

use super::access::Access;
use super::dynamic_quantize::Rescale;
use super::isa::scalar::Stepped;
use super::multiply::{Factor, Finish, Real, SUMS, Stored, Sums, finish_all};
use super::window::{Window, pixels, work};
use super::{instantiate, quantized};
use crate::memory::{Element, Image, Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Requantize, Sum};
use crate::tile::{Axis, Tile};
use core::ops::Range;

/// Depthwise convolution of integers with int8 weights; `R` tells the elements, and what is summed.
#[derive(Clone, Copy)]
pub struct Quantized<R: Requantize> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Filters, `[taps][output channels]`.
    pub filter: &'static [i8],
    /// Bias of each output channel, with the input's zero point folded in.
    pub bias: &'static [R::Sum],
    /// Zero point of the filter; 0 but for asymmetric weights.
    pub filter_zero_point: i32,
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: R::Element,
    /// Multipliers of the output channels.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for a place of 4 bytes for each tap, and for a pixel of padding.
    pub scratch: Region,
}

/// Depthwise convolution with int8 weights and float32 activations, which [`super::dynamic_quantize`] has made int8.
#[derive(Clone, Copy)]
pub struct Hybrid {
    /// int8 input image.
    pub input: Image,
    /// float32 output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Filters, `[taps][output channels]`.
    pub filter: &'static [i8],
    /// Back to float32.
    pub rescale: Rescale,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for a place of 4 bytes for each tap, and for a pixel of padding.
    pub scratch: Region,
}

/// float32 depthwise convolution.
#[derive(Clone, Copy)]
pub struct F32 {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Filters, `[taps][output channels]`.
    pub filter: &'static [f32],
    /// Bias of each output channel.
    pub bias: &'static [f32],
    /// Bounds of the fused activation.
    pub min: f32,
    /// Bounds of the fused activation.
    pub max: f32,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for a place of 4 bytes for each tap, and for a pixel of padding.
    pub scratch: Region,
}

/// What the element types share.
struct Shape<'a> {
    input: &'a Image,
    output: &'a Image,
    window: &'a Window,
    axis: Axis,
    scratch: Region,
}

/// The [`Shape`] of a kernel.
macro_rules! shape {
    ($kernel:expr) => {
        Shape {
            input: &$kernel.input,
            output: &$kernel.output,
            window: &$kernel.window,
            axis: $kernel.axis,
            scratch: $kernel.scratch,
        }
    };
}

/// `a / b`; `check` proved that b is not 0, which the optimiser cannot know.
const fn divide(a: usize, b: usize) -> usize {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// Where the taps of one pixel read: elements from the image's first to channel 0 under each tap.
struct Taps<A> {
    image: *const A,
    places: *mut i32,
    count: usize,
}

impl<A: Element> Taps<A> {
    /// Sums over all taps for `blocks` blocks of four channels: of the input channels `input + STEP * 0..4` times four
    /// channels of the filter, then the next ones.
    ///
    /// # Safety
    /// All places were written; `filter` points to the first of the channels in a filter `[taps][channels]`; the input
    /// channels exist, and there is room for the sums.
    #[inline(never)]
    unsafe fn blocks<const STEP: usize, W: Element, S: Sum>(
        &self,
        mut input: usize,
        mut filter: *const W,
        channels: usize,
        blocks: usize,
        mut sums: *mut S,
    ) where
        A: Factor<W, S>,
    {
        for _ in 0..blocks {
            let [mut a, mut b, mut c, mut d] = [S::NOTHING; 4];
            let (mut place, mut weights) = (self.places.cast_const(), filter);
            // SAFETY: places lie inside the arena; in bounds, as the caller promises.
            unsafe {
                let end = place.add(self.count);
                let image = self.image.add(input);
                while place != end {
                    let pixel = image.offset(*place as isize);
                    a = A::add_product(a, *pixel, *weights);
                    b = A::add_product(b, *pixel.add(STEP), *weights.add(1));
                    c = A::add_product(c, *pixel.add(2 * STEP), *weights.add(2));
                    d = A::add_product(d, *pixel.add(3 * STEP), *weights.add(3));
                    weights = weights.wrapping_add(channels);
                    place = place.add(1);
                }
                sums.write(a);
                sums.add(1).write(b);
                sums.add(2).write(c);
                sums.add(3).write(d);
                sums = sums.add(4);
            }
            input += 4 * STEP;
            filter = filter.wrapping_add(4);
        }
    }

    /// Sum over all taps of `input` times one channel of the filter.
    ///
    /// # Safety
    /// As for `blocks`.
    #[inline(never)]
    unsafe fn one<W: Element, S: Sum>(&self, input: usize, mut filter: *const W, channels: usize) -> S
    where
        A: Factor<W, S>,
    {
        let mut sum = S::NOTHING;
        for tap in 0..self.count {
            // SAFETY: in bounds, as the caller promises.
            unsafe {
                sum = A::add_product(sum, *self.image.offset(*self.places.add(tap) as isize).add(input), *filter);
            }
            filter = filter.wrapping_add(channels);
        }
        sum
    }

    /// Sum over all taps of `input` alone.
    ///
    /// # Safety
    /// As for `blocks`.
    #[cold]
    unsafe fn input_sum<S: Sum>(&self, input: usize) -> S
    where
        A: Factor<i8, S>,
    {
        let mut sum = S::NOTHING;
        for tap in 0..self.count {
            // SAFETY: in bounds, as the caller promises.
            let value = unsafe { *self.image.offset(*self.places.add(tap) as isize).add(input) };
            sum = A::add_product(sum, value, 1);
        }
        sum
    }
}

impl Shape<'_> {
    /// Filters of each input channel.
    const fn multiplier(&self) -> usize {
        divide(self.output.channels as usize, self.input.channels as usize)
    }

    /// Checks shapes, and the lengths of the constants; returns the bytes of scratch.
    #[inline]
    const fn check(&self, filter: usize, bias: usize, element: usize) -> usize {
        let channels = self.output.channels as usize;
        assert!(self.output.channels.is_multiple_of(self.input.channels), "no whole number of filters per channel");
        self.window.check(self.output, self.input.channels);
        assert!(filter == channels.saturating_mul(self.window.taps()), "filter of the wrong length");
        assert!(bias == channels, "bias of the wrong length");
        let padding = element.saturating_mul(self.input.channels as usize);
        self.window.taps().saturating_mul(4).saturating_add(padding)
    }

    /// The tiles: those of channels are whole blocks. Where taps read is in the scratch.
    #[inline]
    const fn work<T: Element>(&self) -> Work {
        work(self.axis, self.output, 4).with_places::<T>(self.scratch, self.axis, self.output)
    }

    /// Writes where the taps of pixel (y, x) read.
    ///
    /// # Safety
    /// The pixel lies inside the output, and there is a place for each tap.
    #[inline(never)]
    unsafe fn place(&self, (y, x): (usize, usize), (row, pixel): (usize, usize), padding: i32, mut places: *mut i32) {
        let window = self.window;
        for tap_y in 0..window.height as usize {
            let from = window.row(y, tap_y, self.input.height as usize);
            for tap_x in 0..window.width as usize {
                let place = match (from, window.column(x, tap_x, self.input.width as usize)) {
                    (Some(y), Some(x)) => (y * row + x * pixel) as i32,
                    _ => padding,
                };
                // SAFETY: there is a place for each tap, as the caller promises.
                unsafe {
                    places.write(place);
                    places = places.add(1);
                }
            }
        }
    }

    /// Computes one tile; `correct` mends the sums of some channels of a pixel before they are finished.
    ///
    /// # Safety
    /// The kernel passed `check`; otherwise as for its `run`.
    #[inline(always)]
    unsafe fn compute<A: Factor<W, S>, W: Element, S: Sum, F: Finish<S>>(
        &self,
        memory: Memory<'_>,
        tile: Tile,
        filter: &'static [W],
        padding: A,
        finish: &F,
        correct: impl Fn(&Taps<A>, Range<usize>, *mut S),
    ) {
        let (spans, channels) = pixels(self.axis, tile, self.output);
        let window = self.window;
        let mut sums = Sums::<S>::uninit();
        let sums = sums.as_mut_ptr().cast::<S>();
        let (count, multiplier) = (self.output.channels as usize, self.multiplier());
        // SAFETY: all indices lie inside the shapes that `check` proved; the tile's pixels and channels are this call's own
        // (memory invariant 2), and the scratch is this worker's.
        unsafe {
            let view = self.input.view::<A>(memory);
            let places = memory.scratch::<i32>(self.scratch);
            let outside = places.add(window.taps()).cast::<A>();
            for channel in 0..self.input.channels as usize {
                outside.add(channel).write(padding);
            }
            let image = view.pixel(0, 0).cast_const();
            // Both lie in the arena, which is smaller than 2 GB.
            let padding = outside.cast_const().offset_from(image) as i32;
            let taps = Taps { image, places, count: window.taps() };
            let strides = (view.row_stride(), view.pixel_stride());
            let step = (strides.1 * window.stride_w as usize) as i32;
            for (y, columns) in spans {
                let rows_inside = window.rows_inside(y, self.input.height as usize);
                // Whether the pixel before read no padding: then this one's taps are a step further, if it reads none.
                let mut was_inside = false;
                for x in columns {
                    let is_inside = rows_inside && window.columns_inside(x, self.input.width as usize);
                    if is_inside && was_inside {
                        for tap in 0..taps.count {
                            let place = places.add(tap);
                            place.write((*place).wrapping_add(step));
                        }
                    } else {
                        self.place((y, x), strides, padding, places);
                    }
                    was_inside = is_inside;
                    let output = self.output.view::<F::Output>(memory).pixel(y, x);
                    let mut channel = channels.start;
                    while channel < channels.end {
                        let blocks = (channels.end - channel) / 4;
                        let weights = filter.as_ptr().add(channel);
                        let input = if multiplier == 1 { channel } else { divide(channel, multiplier) };
                        let done = if blocks > 0 && multiplier == 1 {
                            let blocks = blocks.min(SUMS / 4);
                            taps.blocks::<1, W, S>(input, weights, count, blocks, sums);
                            4 * blocks
                        } else if blocks > 0 && divide(channel + 3, multiplier) == input {
                            taps.blocks::<0, W, S>(input, weights, count, 1, sums);
                            4
                        } else {
                            sums.write(taps.one(input, weights, count));
                            1
                        };
                        correct(&taps, channel..channel + done, sums);
                        finish_all(finish, sums, done, channel, output);
                        channel += done;
                    }
                }
            }
        }
    }
}

impl<R: Requantize> Quantized<R> {
    const fn channels(&self) -> usize {
        self.bias.len()
    }

    #[inline]
    const fn check_shapes(&self, arena_bytes: usize) {
        self.input.check::<R::Element>(arena_bytes);
        self.output.check_output::<R::Element>(arena_bytes);
        let bytes = shape!(self).check(self.filter.len(), self.bias.len(), size_of::<R::Element>());
        self.scratch.check_scratch::<u8>(arena_bytes, bytes);
        self.scratch.check_room::<i32>(arena_bytes, 0);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Window;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        shape!(self).work::<R::Element>()
    }
}
quantized!();
instantiate!(without dsp: Quantized<Stepped>);

impl Quantized<Stepped> {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.check_shapes(arena_bytes);
        assert!(self.requantize.is_for(self.channels()), "constants of the wrong length");
    }
}

impl<R: Requantize> Quantized<R>
where
    R::Element: Factor<i8, R::Sum>,
{
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let shape = shape!(self);
        let (bias, requantize, bounds) = (self.bias, self.requantize, self.bounds);
        let finish = Stored { bias, excess: R::Sum::NOTHING, requantize, bounds };
        let correct = |taps: &Taps<R::Element>, channels: Range<usize>, sums: *mut R::Sum| {
            if self.filter_zero_point != 0 {
                for (index, channel) in channels.enumerate() {
                    // SAFETY: the places of the pixel and the sums of the channels are written.
                    unsafe {
                        let inputs = taps.input_sum::<R::Sum>(divide(channel, shape.multiplier()));
                        let sum = sums.add(index);
                        sum.write((*sum).with(R::Sum::NOTHING, inputs.times(self.filter_zero_point)));
                    }
                }
            }
        };
        // SAFETY: forwarded to the caller.
        unsafe { shape.compute(memory, tile, self.filter, self.input_zero_point, &finish, correct) }
    }
}

impl Hybrid {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i8>(arena_bytes);
        self.output.check_output::<f32>(arena_bytes);
        self.rescale.check(arena_bytes, 1, self.output.channels as usize);
        let bytes = shape!(self).check(self.filter.len(), self.rescale.bias.len(), 1);
        self.scratch.check_scratch::<u8>(arena_bytes, bytes);
        self.scratch.check_room::<i32>(arena_bytes, 0);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Window;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        shape!(self).work::<f32>()
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: the image is row 0; the rest is forwarded to the caller.
        unsafe {
            let finish = self.rescale.row(memory, 0);
            shape!(self).compute(memory, tile, self.filter, finish.zero_point(), &finish, |_, _, _| ());
        }
    }
}

impl F32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f32>(arena_bytes);
        self.output.check_output::<f32>(arena_bytes);
        let bytes = shape!(self).check(self.filter.len(), self.bias.len(), 4);
        self.scratch.check_scratch::<u8>(arena_bytes, bytes);
        self.scratch.check_room::<f32>(arena_bytes, 0);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Window;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        shape!(self).work::<f32>()
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let finish = Real { bias: self.bias, min: self.min, max: self.max };
        // SAFETY: forwarded to the caller.
        unsafe { shape!(self).compute(memory, tile, self.filter, 0.0, &finish, |_, _, _| ()) }
    }
}
instantiate!(without fpu: F32);
