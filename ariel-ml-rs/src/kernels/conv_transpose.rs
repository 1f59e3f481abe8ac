//! Transposed 2-D convolution, with any stride, padding and groups: every input pixel adds its filter to the output.
//!
//! `output[y, x, c] = finish(bias[c] + sum over taps t that meet an input pixel, and its channels i, of input[t, i] * filter[c, t, i])`
//!
//! Output rows that are a stride apart meet the same rows of the filter: with stride 2 the even ones 0, 2, .. and the odd
//! ones 1, 3, .. So the output falls apart into phases, each a convolution of stride 1 with a filter of its own, and
//! nothing is multiplied with the zeros in between. The compiler packs the phases one after the other, in each the channels
//! in fours (see [`super::multiply`]), and the taps backwards, so that they meet input pixels in the order of these.
//!
//! A pixel's patch has only the input rows that exist, and zeros for columns that do not; the input's zero point is taken
//! off while it is gathered.

use super::access::Access;
use super::dot;
use super::multiply::{Factor, Finish, Real, SUMS, Stored, Sums, finish_all};
use super::window::{Window, pixels, work};
use super::{instantiate, quantized};
use crate::memory::{Element, Image, Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Requantize, Sum};
use crate::tile::{Axis, Tile};

/// Transposed convolution of integers with int8 weights; `R` tells the elements, and what is summed.
#[derive(Clone, Copy)]
pub struct Quantized<R: Requantize> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// The window that an input pixel writes to; without dilation.
    pub stamp: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters, packed by groups and phases.
    pub filter: &'static [i8],
    /// Bias of each output channel.
    pub bias: &'static [R::Sum],
    /// Zero point of the input.
    pub input_zero_point: R::Element,
    /// Multipliers of the output channels.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for one patch, of int16.
    pub scratch: Region,
}

/// float32 transposed convolution.
#[derive(Clone, Copy)]
pub struct F32 {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// The window that an input pixel writes to; without dilation.
    pub stamp: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters, packed by groups and phases.
    pub filter: &'static [f32],
    /// Bias of each output channel.
    pub bias: &'static [f32],
    /// Bounds of the fused activation.
    pub min: f32,
    /// Bounds of the fused activation.
    pub max: f32,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for one patch.
    pub scratch: Region,
}

/// Channels of which the filter has the weights by turns (see [`super::multiply`]).
const BLOCK: usize = 4;

/// `a / b`; `check` proved that b is not 0, which the optimiser cannot know.
pub(super) const fn divide(a: usize, b: usize) -> usize {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// The taps that the output rows (or columns) of one phase meet, and the input rows under them.
#[derive(Clone, Copy)]
pub(super) struct Taps {
    /// Taps of the phases before.
    pub before: usize,
    /// Taps of this phase.
    pub count: usize,
    /// The input row under the first tap; the others lie under the rows behind it.
    pub first: isize,
}

impl Taps {
    /// Of output row `y`, where a filter of `size` rows is put down every `stride` rows, `padding` of which are cut off.
    #[inline]
    pub const fn of(y: usize, size: usize, stride: usize, padding: usize) -> Self {
        let at = y + padding;
        let (step, phase) = (divide(at, stride), at - divide(at, stride) * stride);
        let (all, more) = (divide(size, stride), size - divide(size, stride) * stride);
        let count = all + (phase < more) as usize;
        let before = phase * all + if phase < more { phase } else { more };
        Self { before, count, first: step.cast_signed() - count.cast_signed() + 1 }
    }

    /// The taps under which there is an input row, of `extent`: from the first up to the last.
    #[inline]
    pub fn inside(&self, extent: usize) -> (usize, usize) {
        let start = self.first.wrapping_neg().max(0).cast_unsigned().min(self.count);
        let end = extent.cast_signed().wrapping_sub(self.first).max(0).cast_unsigned().min(self.count);
        (start, end.max(start))
    }
}

/// What the element types share.
struct Shape<'a> {
    input: &'a Image,
    output: &'a Image,
    stamp: &'a Window,
    groups: u32,
    axis: Axis,
    scratch: Region,
}

/// The [`Shape`] of a kernel.
macro_rules! shape {
    ($kernel:expr) => {
        Shape {
            input: &$kernel.input,
            output: &$kernel.output,
            stamp: &$kernel.stamp,
            groups: $kernel.groups,
            axis: $kernel.axis,
            scratch: $kernel.scratch,
        }
    };
}

impl Shape<'_> {
    /// Input channels of one group.
    const fn depth(&self) -> usize {
        divide(self.input.channels as usize, self.groups as usize)
    }

    /// Output channels of one group.
    const fn each(&self) -> usize {
        divide(self.output.channels as usize, self.groups as usize)
    }

    /// The tiles: those of channels are whole blocks, or whole groups.
    #[inline]
    const fn work(&self) -> Work {
        let each = self.each();
        let channels = if self.groups == 1 || each.is_multiple_of(BLOCK) { BLOCK } else { each };
        work(self.axis, self.output, channels).with_scratch(self.scratch)
    }

    /// Checks shapes, and the lengths of the constants; returns the elements of the largest patch.
    #[inline]
    const fn check(&self, filter: usize, bias: usize) -> usize {
        let (stamp, groups) = (self.stamp, self.groups);
        assert!(groups > 0 && self.input.channels.is_multiple_of(groups), "groups do not divide the input channels");
        assert!(self.output.channels.is_multiple_of(groups), "groups do not divide the output channels");
        assert!(stamp.stride_h > 0 && stamp.stride_w > 0, "pixels in the place of each other");
        assert!(stamp.dilation_h == 1 && stamp.dilation_w == 1, "a dilated filter");
        stamp.check(self.output, self.input.channels);
        let length = (self.output.channels as usize).saturating_mul(stamp.taps()).saturating_mul(self.depth());
        assert!(filter == length, "filter of the wrong length");
        assert!(bias == self.output.channels as usize, "bias of the wrong length");
        let rows = stamp.height.div_ceil(stamp.stride_h) as usize;
        let columns = stamp.width.div_ceil(stamp.stride_w) as usize;
        rows.saturating_mul(columns).saturating_mul(self.depth())
    }

    /// Copies what the taps `rows` and all columns of a phase read of the channels from `channel` on.
    ///
    /// # Safety
    /// The rows exist, and the channels; `patch` has room for all.
    #[inline]
    unsafe fn gather<A: Element, P: Element>(
        &self,
        memory: Memory<'_>,
        channel: usize,
        (rows, down): ((usize, usize), Taps),
        across: Taps,
        zero: P,
        take: &impl Fn(A) -> P,
        mut patch: *mut P,
    ) {
        // SAFETY: rows and columns lie inside the image, which `check` proved to lie inside the arena; the patch has room.
        unsafe {
            let view = self.input.view::<A>(memory);
            let depth = self.depth();
            let (start, end) = across.inside(self.input.width as usize);
            for tap in rows.0..rows.1 {
                let row = down.first.wrapping_add(tap.cast_signed()).cast_unsigned();
                for tap in 0..across.count {
                    if start <= tap && tap < end {
                        let column = across.first.wrapping_add(tap.cast_signed()).cast_unsigned();
                        let pixel = view.pixel(row, column).add(channel);
                        for index in 0..depth {
                            patch.add(index).write(take(*pixel.add(index)));
                        }
                    } else {
                        for index in 0..depth {
                            patch.add(index).write(zero);
                        }
                    }
                    patch = patch.add(depth);
                }
            }
        }
    }

    /// Computes one tile: `take` makes an element of a patch of one of the input.
    ///
    /// # Safety
    /// The kernel passed `check`; otherwise as for its `run`.
    #[inline(always)]
    unsafe fn compute<A: Element, P: Factor<W, S>, W: Element, S: Sum, F: Finish<S>>(
        &self,
        memory: Memory<'_>,
        tile: Tile,
        filter: &'static [W],
        zero: P,
        take: impl Fn(A) -> P,
        finish: &F,
    ) {
        let (spans, tile_channels) = pixels(self.axis, tile, self.output);
        let (stamp, depth, each) = (self.stamp, self.depth(), self.each());
        let (height, width) = (stamp.height as usize, stamp.width as usize);
        let mut sums = Sums::<S>::uninit();
        let sums = sums.as_mut_ptr().cast::<S>();
        for group in 0..self.groups as usize {
            let first = tile_channels.start.max(group * each);
            let end = tile_channels.end.min((group + 1) * each);
            if first >= end {
                continue;
            }
            for (y, columns) in spans.clone() {
                let down = Taps::of(y, height, stamp.stride_h as usize, stamp.pad_top as usize);
                let rows = down.inside(self.input.height as usize);
                for x in columns {
                    let across = Taps::of(x, width, stamp.stride_w as usize, stamp.pad_left as usize);
                    // What all channels of the group have of the filter in the phases before, and one channel in this one.
                    let before = group * height * width + down.before * width + down.count * across.before;
                    let stride = down.count * across.count * depth;
                    let (skipped, k) = (rows.0 * across.count * depth, (rows.1 - rows.0) * across.count * depth);
                    // SAFETY: all indices lie inside the shapes that `check` proved; the tile's pixels and channels are
                    // this call's own (memory invariant 2), and the scratch is this worker's.
                    unsafe {
                        let patch = memory.scratch::<P>(self.scratch);
                        self.gather(memory, group * depth, (rows, down), across, zero, &take, patch);
                        let filter = filter.as_ptr().add(before * each * depth);
                        let output = self.output.view::<F::Output>(memory).pixel(y, x);
                        let mut channel = first;
                        while channel < end {
                            let mut count = 0;
                            while count < SUMS && channel + count + BLOCK <= end {
                                let own = (channel + count - group * each) * stride + BLOCK * skipped;
                                dot::by_four(patch, filter.add(own), k, sums.add(count));
                                count += BLOCK;
                            }
                            if count == 0 {
                                let own = (channel - group * each) * stride + skipped;
                                sums.write(dot::one(patch, filter.add(own), k));
                                count = 1;
                            }
                            finish_all(finish, sums, count, channel, output);
                            channel += count;
                        }
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
        let patch = shape!(self).check(self.filter.len(), self.bias.len());
        self.scratch.check_scratch::<i16>(arena_bytes, patch);
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
        shape!(self).work()
    }
}
quantized!(Quantized<crate::quant::DoubleRounding>, where called:);
quantized!(Quantized<crate::quant::NearestEven>, where called:);
quantized!(Quantized<crate::quant::DoubleRounding16>, where called:);
quantized!(Quantized<crate::quant::Reduced>, where called:);
quantized!(Quantized<crate::quant::Narrow>, where called:);

impl<R: Requantize> Quantized<R>
where
    R::Element: Into<i16>,
    i16: Factor<i8, R::Sum>,
{
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let (bias, requantize, bounds) = (self.bias, self.requantize, self.bounds);
        let finish = Stored { bias, excess: R::Sum::NOTHING, requantize, bounds };
        let zero_point: i16 = self.input_zero_point.into();
        let take = |element: R::Element| element.into().wrapping_sub(zero_point);
        // SAFETY: forwarded to the caller.
        unsafe { shape!(self).compute(memory, tile, self.filter, 0_i16, take, &finish) }
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
        let patch = shape!(self).check(self.filter.len(), self.bias.len());
        self.scratch.check_scratch::<f32>(arena_bytes, patch);
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
        shape!(self).work()
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let finish = Real { bias: self.bias, min: self.min, max: self.max };
        // SAFETY: forwarded to the caller.
        unsafe { shape!(self).compute(memory, tile, self.filter, 0.0_f32, |element: f32| element, &finish) }
    }
}
instantiate!(where called: F32);
