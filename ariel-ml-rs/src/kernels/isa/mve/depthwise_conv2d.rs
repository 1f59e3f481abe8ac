//! 3x3 depthwise convolution of int8, one filter for each channel, four channels at a time (see [`super::lines`]).
//!
//! Lines run along rows or along columns, whichever makes fewer: the compiler says.

use super::blocks::LANES;
use super::clamp::clamp;
use super::lines::Lines;
use super::rounding::{Away, Even, InLines, Rectified};
use crate::kernels::access::Access;
use crate::kernels::isa::along::Along;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::ops::Range;

/// int8 depthwise convolution with a window of 3x3; tiles are ranges of pixels.
#[derive(Clone, Copy)]
pub struct DepthwiseConv2d<R> {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input, with a stride of 1 or 2 along lines.
    pub window: Window,
    /// For each four channels weights, biases and requantisation (see [`Lines`]); the last four may be among those before.
    pub stream: &'static [i32],
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: i8,
    /// Bounds of the output; the zero point is in the stream.
    pub bounds: Bounds,
    /// Whether lines are columns.
    pub vertical: bool,
    /// Room for planes of four channels, and 16 bytes.
    pub scratch: Region,
    /// How sums are rounded.
    pub rounding: R,
}

/// int32 of four channels in the stream.
const FOUR: usize = 32;

impl Along {
    /// Of the windows of some outputs: padding before the image, the first pixel that they read, and how many they do.
    fn read(&self, outputs: &Range<usize>) -> (usize, usize, usize) {
        let (start, count) = (outputs.start * self.stride, (outputs.len() - 1) * self.stride + 3);
        let before = self.pad.saturating_sub(start).min(count);
        let first = start.saturating_sub(self.pad);
        (before, first, self.extent.saturating_sub(first).min(count - before))
    }
}

/// Bytes of a plane for lines of so many outputs.
const fn plane(outputs: usize, stride: usize) -> usize {
    3 * ((outputs - 1) * stride + 3)
}

impl<R> DepthwiseConv2d<R> {
    /// The axes along a line, and across.
    const fn axes(&self) -> (Along, Along) {
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
        self.output.check_follows();
        self.window.check(&self.output, 1);
        let (window, channels) = (&self.window, self.output.channels);
        assert!(window.height == 3 && window.width == 3, "a window of 3x3");
        assert!(window.dilation_h == 1 && window.dilation_w == 1, "taps are neighbours");
        assert!(
            channels == self.input.channels && channels as usize >= LANES,
            "a filter for each of 4 channels or more"
        );
        assert!(
            self.stream.len() == FOUR.saturating_mul((channels as usize).div_ceil(LANES)),
            "stream of the wrong length"
        );
        let (along, across) = self.axes();
        assert!(along.stride == 1 || along.stride == 2, "the strides that the kernel has");
        assert!(across.stride > 0 && across.stride <= 3, "lines that are all read");
        assert!(along.extent.saturating_add(8).saturating_mul(along.input) < 1 << 16, "a line that is too long");
        let outputs = if self.vertical { self.output.height } else { self.output.width } as usize;
        assert!(outputs < 1 << 14, "a line that is too long");
        self.scratch.check_scratch::<i8>(arena_bytes, LANES * plane(outputs, along.stride) + 16);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::CopiedWindowOfChannels;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.output.pixels()).with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile)
    where
        R: InLines,
    {
        let (mut pixel, end) = (tile.start(), tile.end());
        let width = self.output.width as usize;
        let (Some(mut y), Some(mut x)) = (pixel.checked_div(width), pixel.checked_rem(width)) else { return };
        while pixel < end {
            // Whole rows together; what is left of a row before and behind them.
            let whole = if x == 0 { (end - pixel).checked_div(width).unwrap_or(0) } else { 0 };
            let columns = if whole > 0 { width } else { (width - x).min(end - pixel) };
            let rows = whole.max(1);
            // SAFETY: the rectangle consists of pixels of the tile.
            unsafe { self.rectangle(memory, y..y + rows, x..x + columns) };
            pixel += rows * columns;
            (y, x) = (y + rows, 0);
        }
        let channels = self.output.channels as usize;
        // SAFETY: the tile is this call's own, and pixels of the output follow each other (`check`).
        unsafe {
            let output = self.output.view::<i8>(memory).pixel(0, 0).add(tile.start() * channels);
            clamp(output, (end - tile.start()) * channels, &self.bounds);
        }
    }

    /// Computes a rectangle of pixels, none of whose ranges is empty.
    ///
    /// # Safety
    /// As for `compute`, the pixels being the tile's.
    unsafe fn rectangle(&self, memory: Memory<'_>, rows: Range<usize>, columns: Range<usize>)
    where
        R: InLines,
    {
        let (along, across) = self.axes();
        let (line, lines) = if self.vertical { (rows, columns) } else { (columns, rows) };
        let plane = plane(line.len(), along.stride);
        let (before, first, count) = along.read(&line);
        let (above, first_line, filled) = across.read(&lines);
        let channels = self.output.channels as usize;
        let padding = [self.input_zero_point; LANES];
        // SAFETY: planes lie in the scratch, pixels in the images, both as `check` found; the scratch is this worker's.
        unsafe {
            let planes = memory.scratch::<i8>(self.scratch);
            let input = self.input.view::<i8>(memory).pixel(0, 0).cast_const();
            let input = input.wrapping_add(first * along.input + first_line * across.input);
            let output = self.output.view::<i8>(memory).pixel(0, 0);
            let output = output.add(line.start * along.output + lines.start * across.output);
            // The padding of lines is the same for all channels: no line of the image goes there.
            planes.write_bytes(self.input_zero_point.cast_unsigned(), LANES * plane);
            for four in 0..channels.div_ceil(LANES) {
                // The last four channels begin early enough to be whole: what is computed again comes out the same.
                let channel = (four * LANES).min(channels - LANES);
                let mut state = Lines {
                    stream: self.stream.as_ptr().add(four * FOUR),
                    source: input.wrapping_add(channel),
                    input_line: across.input,
                    input_pixel: along.input,
                    count,
                    to: planes.add(3 * before),
                    plane,
                    output: output.add(channel),
                    output_line: across.output,
                    output_pixel: along.output,
                    columns: line.len(),
                    lines: lines.len(),
                    step: across.stride,
                    above,
                    left: filled,
                    slot: 0,
                    padding: padding.as_ptr(),
                    planes,
                };
                R::lines(along.stride == 2, &mut state);
            }
        }
    }
}

macro_rules! run {
    ($rounding:ident) => {
        impl DepthwiseConv2d<$rounding> {
            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and
            /// the core has Helium.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                // SAFETY: forwarded to the caller.
                unsafe { self.compute(memory, tile) };
            }
        }
    };
}
run!(Away);
run!(Even);
run!(Rectified);
