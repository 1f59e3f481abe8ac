//! 2-D convolution, with any stride, padding, dilation and groups.
//!
//! `output[y, x, c] = finish(bias[c] + sum over taps t and channels i of input[t, i] * filter[c, t, i])`
//!
//! A filter has the elements `[tap row][tap column][input channel of the group]`, and the channels of a group are packed in
//! fours (see [`super::multiply`]). The compiler has folded the input's zero point into the bias, so padding reads as the
//! zero point. A pixel's patch is gathered into scratch once and serves all output channels; a pointwise convolution reads
//! the image itself.

use super::access::Access;
use super::dynamic_quantize::Rescale;
use super::multiply::{Factor, Finish, Real, Stored, channels};
use super::window::{Window, pixels, work};
use super::{dot, instantiate, quantized};
use crate::memory::{Element, Image, Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Requantize, Sum};
use crate::tile::{Axis, Tile};

/// Convolution of integers with int8 weights; `R` tells the elements, and what is summed.
#[derive(Clone, Copy)]
pub struct Quantized<R: Requantize> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters of `[taps][input channels / groups]`, packed.
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
    /// Room for one patch; unused where the window is pointwise.
    pub scratch: Region,
}

/// Convolution with int8 weights and float32 activations, which [`super::dynamic_quantize`] has made int8.
#[derive(Clone, Copy)]
pub struct Hybrid {
    /// int8 input image.
    pub input: Image,
    /// float32 output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters of `[taps][input channels / groups]`, packed.
    pub filter: &'static [i8],
    /// Back to float32.
    pub rescale: Rescale,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for one patch; unused where the window is pointwise.
    pub scratch: Region,
}

/// float32 convolution.
#[derive(Clone, Copy)]
pub struct F32 {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters of `[taps][input channels / groups]`, packed.
    pub filter: &'static [f32],
    /// Bias of each output channel.
    pub bias: &'static [f32],
    /// Bounds of the fused activation.
    pub min: f32,
    /// Bounds of the fused activation.
    pub max: f32,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for one patch; unused where the window is pointwise.
    pub scratch: Region,
}

/// Channels of which the filter has the weights by turns (see [`super::multiply`]).
const BLOCK: usize = 4;

/// What the element types share.
struct Shape<'a> {
    input: &'a Image,
    output: &'a Image,
    window: &'a Window,
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
            window: &$kernel.window,
            groups: $kernel.groups,
            axis: $kernel.axis,
            scratch: $kernel.scratch,
        }
    };
}

/// Channels of one group; `check` proved that there is a group, which the optimiser cannot know.
const fn per_group(channels: u32, groups: u32) -> usize {
    match channels.checked_div(groups) {
        Some(channels) => channels as usize,
        None => 0,
    }
}

impl Shape<'_> {
    /// Elements of one patch: what one output channel of a group reads.
    const fn depth(&self) -> usize {
        self.window.taps() * per_group(self.input.channels, self.groups)
    }

    /// The tiles: those of channels are whole blocks, or whole groups.
    #[inline]
    const fn work(&self) -> Work {
        let each = per_group(self.output.channels, self.groups);
        let channels = if self.groups == 1 || each.is_multiple_of(BLOCK) { BLOCK } else { each };
        work(self.axis, self.output, channels).with_scratch(self.scratch)
    }

    /// Checks shapes, and the lengths of the constants; returns the elements of a patch that needs scratch.
    #[inline]
    const fn check(&self, filter: usize, bias: usize) -> usize {
        let (window, groups) = (self.window, self.groups);
        assert!(groups > 0 && self.input.channels.is_multiple_of(groups), "groups do not divide the input channels");
        assert!(self.output.channels.is_multiple_of(groups), "groups do not divide the output channels");
        window.check(self.output, self.input.channels);
        let length = (self.output.channels as usize).saturating_mul(self.depth());
        assert!(filter == length, "filter of the wrong length");
        assert!(bias == self.output.channels as usize, "bias of the wrong length");
        if !window.is_pointwise() {
            return self.depth();
        }
        window.check_pointwise(self.input, self.output);
        0
    }

    /// Computes one tile; `finish` gives what finishes the sums of a patch.
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
        finish: impl Fn(*const A) -> F,
    ) {
        let window = self.window;
        let (spans, tile_channels) = pixels(self.axis, tile, self.output);
        let depth = self.depth();
        let in_channels = per_group(self.input.channels, self.groups);
        let out_channels = per_group(self.output.channels, self.groups);
        for group in 0..self.groups as usize {
            let first = tile_channels.start.max(group * out_channels);
            let end = tile_channels.end.min((group + 1) * out_channels);
            if first >= end {
                continue;
            }
            for (y, columns) in spans.clone() {
                for x in columns {
                    // SAFETY: all indices lie inside the shapes that `check` proved; the tile's pixels and channels are
                    // this call's own (memory invariant 2), and the scratch is this worker's.
                    unsafe {
                        let view = self.input.view::<A>(memory);
                        let patch: *const A = if window.is_pointwise() {
                            let (row, column) = (y * window.stride_h as usize, x * window.stride_w as usize);
                            view.pixel(row, column).add(group * in_channels)
                        } else {
                            let scratch = memory.scratch::<A>(self.scratch);
                            let own = group * in_channels..(group + 1) * in_channels;
                            window.gather(self.input, view, (y, x), own, padding, scratch);
                            scratch
                        };
                        let output = self.output.view::<F::Output>(memory).pixel(y, x);
                        channels(patch, filter.as_ptr(), depth, output, (first, end), &finish(patch));
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
        let depth = shape!(self).check(self.filter.len(), self.bias.len());
        self.scratch.check_scratch::<R::Element>(arena_bytes, depth);
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
        shape!(self).work()
    }
}
quantized!();

impl<R: Requantize> Quantized<R>
where
    R::Element: Factor<i8, R::Sum>,
{
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let shape = shape!(self);
        let depth = shape.depth();
        let (bias, requantize, bounds) = (self.bias, self.requantize, self.bounds);
        let finish = |patch| {
            let excess = match self.filter_zero_point {
                0 => R::Sum::NOTHING,
                // SAFETY: a patch has `depth` elements.
                zero_point => unsafe { dot::sum::<R::Element, R::Sum>(patch, depth) }.times(zero_point),
            };
            Stored { bias, excess, requantize, bounds }
        };
        // SAFETY: forwarded to the caller.
        unsafe { shape.compute(memory, tile, self.filter, self.input_zero_point, finish) }
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
        let depth = shape!(self).check(self.filter.len(), self.rescale.bias.len());
        self.scratch.check_scratch::<i8>(arena_bytes, depth);
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
        shape!(self).work()
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
            shape!(self).compute(memory, tile, self.filter, finish.zero_point(), |_| finish);
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
        let depth = shape!(self).check(self.filter.len(), self.bias.len());
        self.scratch.check_scratch::<f32>(arena_bytes, depth);
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
        shape!(self).work()
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let finish = Real { bias: self.bias, min: self.min, max: self.max };
        // SAFETY: forwarded to the caller.
        unsafe { shape!(self).compute(memory, tile, self.filter, 0.0, |_| finish) }
    }
}
instantiate!(without fpu: F32);
