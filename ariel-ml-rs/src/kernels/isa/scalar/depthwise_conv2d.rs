//! 3x3 depthwise convolution of int8, one filter for each channel.
//!
//! Lines of outputs run along rows or along columns, whichever are longer: the compiler says. Those that read a row of padding
//! are computed apart (see [`super::plane`]).

use super::finish::{Channel, Limits, opaque};
use super::plane::{BEFORE, BEHIND, FIRST_OUTSIDE, LAST_OUTSIDE, Plane, TAPS, TWO, plane};
use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::kernels::isa::along::Along;
use crate::kernels::window::{Window, rows, work_in_rows};
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::tile::{Axis, Tile};
use core::ops::Range;

/// int8 depthwise convolution with a window of 3x3 and at most one row or column of padding on each side.
#[derive(Clone, Copy)]
pub struct DepthwiseConv2d {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input, with a stride of 1 or 2 along lines.
    pub window: Window,
    /// Nine weights of each channel: three across a line, three along it.
    pub filter: &'static [i8],
    /// A [`Channel`] for each output channel: two words.
    pub channels: &'static [i32],
    /// What the channels share.
    pub limits: Limits,
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: i8,
    /// Whether lines are columns.
    pub vertical: bool,
    /// How tiles are cut.
    pub axis: Axis,
}

impl Along {
    /// Whether the first tap of window `index` is padding.
    const fn is_before(&self, index: usize) -> bool {
        index * self.stride < self.pad
    }

    /// Whether the last tap of window `index` is padding.
    const fn is_behind(&self, index: usize) -> bool {
        index * self.stride + 2 >= self.extent + self.pad
    }

    /// Whether all but the first tap of all windows, and all but the last, lie inside the image.
    const fn is_narrow(&self) -> bool {
        let last = (self.outputs - 1).saturating_mul(self.stride).saturating_add(1);
        self.stride > 0 && self.pad < 2 && last < self.extent.saturating_add(self.pad)
    }
}

instantiate!(without dsp: DepthwiseConv2d);

impl DepthwiseConv2d {
    /// The axes along a line, and across.
    const fn sides(&self) -> (Along, Along) {
        Along::axes(&self.input, &self.output, &self.window, self.vertical)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i8>(arena_bytes);
        self.output.check_output::<i8>(arena_bytes);
        self.window.check(&self.output, 1);
        let (window, channels) = (&self.window, self.output.channels as usize);
        assert!(window.height == 3 && window.width == 3, "a window of 3x3");
        assert!(window.dilation_h == 1 && window.dilation_w == 1, "taps are neighbours");
        assert!(self.output.channels == self.input.channels, "a filter for each channel");
        assert!(self.filter.len() == TAPS.saturating_mul(channels), "filter of the wrong length");
        assert!(Channel::are(self.channels, channels), "constants of other channels");
        assert!(self.limits.below == 0, "negative sums are no exception");
        let (along, across) = self.sides();
        assert!(along.is_narrow() && across.is_narrow(), "one row or column of padding");
        assert!(along.stride < 3 && along.output > 0, "a stride of 1 or 2");
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
        work_in_rows(self.axis, &self.output)
    }

    /// Computes one tile.
    ///
    /// # Safety
    /// As for `run`; the tile is one of whole rows, if it is not one of channels.
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
        let (rows, channels) = rows(self.axis, tile, &self.output);
        let width = self.output.width as usize;
        let (outer, inner) = if self.vertical { (0..width, rows) } else { (rows, 0..width) };
        if inner.is_empty() || channels.is_empty() {
            return;
        }
        let across = self.sides().1;
        let edge = |line: usize| {
            let first = if across.is_before(line) { FIRST_OUTSIDE } else { 0 };
            if across.is_behind(line) { first | LAST_OUTSIDE } else { first }
        };
        let mut line = outer.start;
        while line < outer.end {
            let flags = edge(line);
            let mut end = line + 1;
            while end < outer.end && edge(end) == flags {
                end += 1;
            }
            // SAFETY: `edge` says which rows of taps are padding; the rest is forwarded to the caller.
            unsafe { self.lines(memory, flags, line..end, inner.clone(), channels.clone()) };
            line = end;
        }
    }

    /// Computes the outputs `inner` of lines with the same padding.
    ///
    /// # Safety
    /// As for `run`; `flags` says which rows of taps of the lines are padding. No range is empty.
    unsafe fn lines(
        &self,
        memory: Memory<'_>,
        flags: u32,
        lines: Range<usize>,
        inner: Range<usize>,
        channels: Range<usize>,
    ) {
        let (along, across) = self.sides();
        let (before, behind) = (along.is_before(inner.start), along.is_behind(inner.end - 1));
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
        let flags = flags | flag(before, BEFORE) | flag(behind, BEHIND) | flag(along.stride == 2, TWO);
        // The first column of the first window that lies inside the image.
        let column = (inner.start * along.stride).saturating_sub(along.pad);
        let middle = lines.start * across.stride + 1 - across.pad;
        // SAFETY: where a row of taps is padding, the one in the middle, which never is, is read in its place.
        unsafe {
            let image = self.input.view::<i8>(memory).pixel(0, 0).cast_const();
            let image = image.add(channels.start + column * along.input + middle * across.input);
            let first = if flags & FIRST_OUTSIDE == 0 { image.sub(across.input) } else { image };
            let last = if flags & LAST_OUTSIDE == 0 { image.add(across.input) } else { image };
            let output = self.output.view::<i8>(memory).pixel(0, 0);
            plane(&Plane {
                inputs: [first, image, last],
                output: output.add(channels.start + inner.start * along.output + lines.start * across.output),
                weights: self.filter.as_ptr().add(TAPS * channels.start),
                constants: self.channels.as_ptr().cast::<Channel>().add(channels.start),
                channels: channels.len(),
                lines: lines.len(),
                across: [across.stride * across.input, across.output],
                inside: (inner.len() - usize::from(behind)) * along.output,
                flags,
                zero_point: i32::from(self.input_zero_point),
                along: [along.input, along.output],
                limits: self.limits,
            });
        }
    }
}
