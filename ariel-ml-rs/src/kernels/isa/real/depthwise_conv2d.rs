//! Depthwise convolution of float32, one filter for each channel, with any window.
//!
//! Pixels that read the same taps of the window are computed four at a time, straight from the image (see [`super::conv2d`]).

use super::block::{Block, CHANNELS};
use super::clip::Clip;
use super::cores::{Loops, for_fpus};
use super::mode::DefaultNan;
use super::regions::{Region, regions};
use super::sums::{Kernel, Pixels, Sums};
use crate::kernels::access::Access;
use crate::kernels::window::{Window, pixels, work};
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::tile::{Axis, Tile};

/// float32 depthwise convolution; tiles are ranges of pixels, rows or channels, the latter in whole blocks of four.
#[derive(Clone, Copy)]
pub struct DepthwiseConv2d<C> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// For each block of four channels `[taps][4]`, then `[taps]` for each channel that is left.
    pub filter: &'static [f32],
    /// Bias of each channel.
    pub bias: &'static [f32],
    /// Bounds of the fused activation.
    pub min: f32,
    /// Bounds of the fused activation.
    pub max: f32,
    /// How tiles are cut.
    pub axis: Axis,
    /// The cores that run it.
    pub cores: C,
}

impl<C> DepthwiseConv2d<C> {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f32>(arena_bytes);
        self.output.check_output::<f32>(arena_bytes);
        self.window.check(&self.output, 1);
        let channels = self.output.channels as usize;
        assert!(self.input.channels == self.output.channels, "a filter for each channel");
        assert!(self.window.stride_h > 0 && self.window.stride_w > 0, "a window that does not move");
        assert!(self.window.taps() > 0, "a window without taps");
        assert!(self.filter.len() == self.window.taps().saturating_mul(channels), "filter of the wrong length");
        assert!(self.bias.len() == channels, "bias of the wrong length");
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
        work(self.axis, &self.output, CHANNELS)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output and begins a
    /// block of channels.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile)
    where
        C: Loops,
    {
        let _mode = DefaultNan::enter();
        let (spans, own) = pixels(self.axis, tile, &self.output);
        regions(&self.window, &self.input, &self.output, spans, |region| {
            // SAFETY: forwarded to the caller; the region consists of pixels of the tile.
            unsafe { self.region(memory, (own.start, own.end), &region) };
        });
    }

    /// Computes some channels of some pixels that read the same taps.
    ///
    /// # Safety
    /// As for `run`, the pixels and channels being the tile's.
    #[inline(never)]
    unsafe fn region(&self, memory: Memory<'_>, own: (usize, usize), region: &Region)
    where
        C: Loops,
    {
        let lines = region.lines(&self.window, &self.input, &self.output);
        // SAFETY: the taps of `region` lie inside the image.
        unsafe {
            let input = self.input.view::<f32>(memory).pixel(0, 0).cast_const();
            let input = input.wrapping_add(region.first_tap(&self.window, &self.input));
            let output = self.output.view::<f32>(memory).pixel(region.y, region.x);
            self.sums(region, &lines.0, own).lines::<C>(input, output, lines);
        }
    }

    /// How channels `first..end` of pixels along a line of a region are computed.
    #[inline(never)]
    fn sums(&self, region: &Region, along: &Pixels, (first, end): (usize, usize)) -> Sums
    where
        C: Loops,
    {
        let (window, depth) = (&self.window, self.window.taps());
        let width = window.width as usize;
        let middle = end.min(self.output.channels as usize / CHANNELS * CHANNELS).max(first);
        let clip = Clip { min: self.min, max: self.max };
        // Elements from a tap to the next, in the input.
        let down = window.dilation_h as usize * self.input.row as usize;
        let across = window.dilation_w as usize * self.input.pixel as usize;
        let (rows, columns) = match (region.rows.len(), region.columns.len()) {
            (0, _) | (_, 0) => (1, 0),
            taps => taps,
        };
        let skipped = region.rows.start * width + region.columns.start;
        let kernel = |function, channel: usize, blocks: usize, of: usize| Kernel {
            function,
            block: Block {
                input: core::ptr::null(),
                pixel: 0,
                rows,
                columns,
                run: 0,
                input_column: 4 * across,
                input_row: 4_usize.wrapping_mul(down.wrapping_sub(columns * across)),
                filter_row: 4 * of * (width - columns),
                filter: self.filter.as_ptr().wrapping_add(channel * depth + skipped * of),
                filter_block: 4 * of * (depth - rows * width),
                bias: self.bias.as_ptr().wrapping_add(channel),
                output: core::ptr::null_mut(),
                output_pixel: 0,
                blocks,
                relu: usize::from(clip.is_relu()),
            },
            input: channel,
            output: channel,
        };
        let one = kernel(C::TAPS1, first, (middle - first) / CHANNELS, CHANNELS);
        // Lines of taps along the pixels' own line, and across it: taps, inputs and weights from one to the next.
        let (line, lines) = if along.is_column {
            ((rows, down, width), (columns, across, 1))
        } else {
            ((columns, across, 1), (rows, down, width))
        };
        let mut four = one;
        if line.0 == 3 && lines.0 > 0 && line.1 == along.input {
            four.function = C::THREE4;
            four.block.rows = lines.0;
            four.block.input_column = WEIGHTS * line.2;
            four.block.input_row = 4_usize.wrapping_mul(lines.1.wrapping_sub(6 * line.1));
            four.block.filter_row = WEIGHTS.wrapping_mul(lines.2.wrapping_sub(2 * line.2));
            four.block.filter_block = WEIGHTS * (depth - lines.0 * lines.2);
        } else {
            four.function = C::TAPS4;
            four.block.input_column = 4_usize.wrapping_mul(across.wrapping_sub(3 * along.input));
        }
        let four = if columns > 0 { Some(four) } else { None };
        Sums { four, one, single: kernel(C::TAPS, middle, end - middle, 1), clip, channels: end - first }
    }
}

/// Bytes of a tap's weights in a block of channels.
const WEIGHTS: usize = 4 * CHANNELS;

for_fpus!(DepthwiseConv2d);
