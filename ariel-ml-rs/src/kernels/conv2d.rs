//! 2-D convolution, with any stride, padding, dilation and groups.
//!
//! `output[y, x, c] = requantise(bias[c] + sum over taps t and channels i of input[t, i] * filter[c, t, i])`
//!
//! The filter is laid out `[channel][tap row][tap column][input channel of the group]`; the compiler has folded the input's
//! zero point into the bias, so padding reads as the zero point. A pixel's patch is gathered into scratch once and serves all
//! output channels; a pointwise convolution reads the image itself.

use super::window::{Window, ranges};
use super::{dot, instantiate};
use crate::memory::{Image, Memory, Region};
use crate::quant::{Bounds, DoubleRounding, NearestEven, Requantize, clamp};
use crate::tile::{Axis, Tile};

/// int8 convolution.
#[derive(Clone, Copy, Debug)]
pub struct Int8<R: 'static> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters, `[output channels][taps][input channels / groups]`.
    pub filter: &'static [i8],
    /// Bias of each output channel, with the input's zero point folded in.
    pub bias: &'static [i32],
    /// Zero point of the filter; 0 but for asymmetric weights.
    pub filter_zero_point: i32,
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: i8,
    /// Multipliers of the output channels.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// How tiles are cut.
    pub axis: Axis,
    /// Room for one patch; unused where the window is pointwise.
    pub scratch: Region,
}

/// float32 convolution.
#[derive(Clone, Copy, Debug)]
pub struct F32 {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters, `[output channels][taps][input channels / groups]`.
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

/// Channels of one group; `check` proved that there is a group, which the optimiser cannot know.
const fn per_group(channels: u32, groups: u32) -> usize {
    match channels.checked_div(groups) {
        Some(channels) => channels as usize,
        None => 0,
    }
}

/// Checks what both element types share: shapes, and the lengths of the constants.
const fn check_shapes(
    (input, output): (&Image, &Image),
    window: &Window,
    groups: usize,
    filter: usize,
    bias: usize,
) {
    assert!(groups > 0 && (input.channels as usize).is_multiple_of(groups), "groups do not divide the input channels");
    assert!((output.channels as usize).is_multiple_of(groups), "groups do not divide the output channels");
    let depth = window.taps() * per_group(input.channels, groups as u32);
    assert!(filter == output.channels as usize * depth, "filter of the wrong length");
    assert!(bias == output.channels as usize, "bias of the wrong length");
    if window.is_pointwise() {
        assert!((output.height as usize - 1) * (window.stride_h as usize) < input.height as usize, "too many rows");
        assert!((output.width as usize - 1) * (window.stride_w as usize) < input.width as usize, "too many columns");
    }
}

impl<R> Int8<R> {
    /// Elements of one patch: what one output channel of a group reads.
    const fn depth(&self) -> usize {
        self.window.taps() * per_group(self.input.channels, self.groups)
    }
}

macro_rules! check {
    ($requantize:ty, $scales:ident) => {
        impl Int8<$requantize> {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<i8>(arena_bytes);
                self.output.check::<i8>(arena_bytes);
                let shapes = (&self.input, &self.output);
                check_shapes(shapes, &self.window, self.groups as usize, self.filter.len(), self.bias.len());
                let scales = self.requantize.$scales.len();
                assert!(scales == 1 || scales == self.bias.len(), "scales of the wrong length");
                if !self.window.is_pointwise() || self.groups > 1 {
                    self.scratch.check::<i8>(arena_bytes, self.depth());
                }
            }
        }
    };
}
check!(DoubleRounding, multipliers);
check!(NearestEven, scales);
instantiate!(Int8<DoubleRounding, NearestEven>);

impl<R: Requantize> Int8<R> {
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let (rows, channels) = ranges(self.axis, tile, &self.output);
        let depth = self.depth();
        let in_channels = per_group(self.input.channels, self.groups);
        let out_channels = per_group(self.output.channels, self.groups);
        for group in 0..self.groups as usize {
            let first = channels.start.max(group * out_channels);
            let end = channels.end.min((group + 1) * out_channels);
            if first >= end {
                continue;
            }
            for y in rows.clone() {
                for x in 0..self.output.width as usize {
                    // SAFETY: all indices lie inside the shapes that `check` proved; the tile's pixels and channels are
                    // this call's own (memory invariant 2), and the scratch is this worker's.
                    unsafe {
                        let view = self.input.view::<i8>(memory);
                        let patch: *const i8 = if self.window.is_pointwise() {
                            let (row, column) = (y * self.window.stride_h as usize, x * self.window.stride_w as usize);
                            view.pixel(row, column).add(group * in_channels)
                        } else {
                            let scratch = memory.scratch::<i8>(self.scratch);
                            let own = group * in_channels..(group + 1) * in_channels;
                            self.window.gather(&self.input, view, (y, x), own, self.input_zero_point, scratch);
                            scratch
                        };
                        let output = self.output.view::<i8>(memory).pixel(y, x);
                        self.channels(patch, output, first, end, depth);
                    }
                }
            }
        }
    }

    /// Computes output channels `first..end` of one pixel from its patch.
    ///
    /// # Safety
    /// `patch` has `depth` elements, and the channels are inside the output.
    #[inline(always)]
    unsafe fn channels(&self, patch: *const i8, output: *mut i8, first: usize, end: usize, depth: usize) {
        // SAFETY: filter and bias have an entry for each channel (`check`), and `output` is a pixel of this tile.
        unsafe {
            let correction = if self.filter_zero_point == 0 {
                0
            } else {
                dot::sum_int8(patch, depth).wrapping_mul(self.filter_zero_point)
            };
            let bias = self.bias.as_ptr();
            let filter = self.filter.as_ptr();
            let mut channel = first;
            while channel + 4 <= end {
                let acc = dot::int8x4(patch, filter.add(channel * depth), depth, depth);
                for (index, acc) in acc.into_iter().enumerate() {
                    let acc = acc.wrapping_add(*bias.add(channel + index)).wrapping_sub(correction);
                    output.add(channel + index).write(self.requantize.apply(acc, channel + index, &self.bounds));
                }
                channel += 4;
            }
            while channel < end {
                let acc = dot::int8(patch, filter.add(channel * depth), depth);
                let acc = acc.wrapping_add(*bias.add(channel)).wrapping_sub(correction);
                output.add(channel).write(self.requantize.apply(acc, channel, &self.bounds));
                channel += 1;
            }
        }
    }
}

impl F32 {
    const fn depth(&self) -> usize {
        self.window.taps() * per_group(self.input.channels, self.groups)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f32>(arena_bytes);
        self.output.check::<f32>(arena_bytes);
        let shapes = (&self.input, &self.output);
        check_shapes(shapes, &self.window, self.groups as usize, self.filter.len(), self.bias.len());
        if !self.window.is_pointwise() {
            self.scratch.check::<f32>(arena_bytes, self.depth());
        }
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let (rows, channels) = ranges(self.axis, tile, &self.output);
        let depth = self.depth();
        let in_channels = per_group(self.input.channels, self.groups);
        let out_channels = per_group(self.output.channels, self.groups);
        for group in 0..self.groups as usize {
            let first = channels.start.max(group * out_channels);
            let end = channels.end.min((group + 1) * out_channels);
            if first >= end {
                continue;
            }
            for y in rows.clone() {
                for x in 0..self.output.width as usize {
                    // SAFETY: as in the int8 kernel.
                    unsafe {
                        let view = self.input.view::<f32>(memory);
                        let patch: *const f32 = if self.window.is_pointwise() {
                            let (row, column) = (y * self.window.stride_h as usize, x * self.window.stride_w as usize);
                            view.pixel(row, column).add(group * in_channels)
                        } else {
                            let scratch = memory.scratch::<f32>(self.scratch);
                            let own = group * in_channels..(group + 1) * in_channels;
                            self.window.gather(&self.input, view, (y, x), own, 0.0, scratch);
                            scratch
                        };
                        let output = self.output.view::<f32>(memory).pixel(y, x);
                        self.channels(patch, output, first, end, depth);
                    }
                }
            }
        }
    }

    /// Computes output channels `first..end` of one pixel from its patch.
    ///
    /// # Safety
    /// `patch` has `depth` elements, and the channels are inside the output.
    #[inline(always)]
    unsafe fn channels(&self, patch: *const f32, output: *mut f32, first: usize, end: usize, depth: usize) {
        // SAFETY: filter and bias have an entry for each channel (`check`), and `output` is a pixel of this tile.
        unsafe {
            let bias = self.bias.as_ptr();
            let filter = self.filter.as_ptr();
            let mut channel = first;
            while channel + 4 <= end {
                let acc = dot::f32x4(patch, filter.add(channel * depth), depth, depth);
                for (index, acc) in acc.into_iter().enumerate() {
                    output.add(channel + index).write(clamp(acc + *bias.add(channel + index), self.min, self.max));
                }
                channel += 4;
            }
            while channel < end {
                let acc = dot::f32(patch, filter.add(channel * depth), depth);
                output.add(channel).write(clamp(acc + *bias.add(channel), self.min, self.max));
                channel += 1;
            }
        }
    }
}
