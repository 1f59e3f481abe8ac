//! 2-D convolution of float32, with any stride, padding, dilation and groups.
//!
//! Pixels that read the same taps of the window are computed four at a time, straight from the image: there is no scratch, and
//! taps in the padding are left out with their weights.

use super::block::CHANNELS;
use super::clip::Clip;
use super::cores::{Loops, for_fpus};
use super::dense::{Filter, Taps, dense};
use super::mode::DefaultNan;
use super::regions::{Region, regions};
use crate::kernels::access::Access;
use crate::kernels::window::{Window, pixels, work};
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::tile::{Axis, Tile};

/// float32 convolution; tiles are ranges of pixels, rows or channels, the latter in whole blocks.
#[derive(Clone, Copy)]
pub struct Conv2d<C> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Groups into which the channels of input and output are divided.
    pub groups: u32,
    /// Filters of `[taps][input channels / groups]`, packed as for the portable kernel.
    pub filter: &'static [f32],
    /// Bias of each output channel.
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

/// Channels of one group; `check` proved that there is a group, which the optimiser cannot know.
const fn per_group(channels: u32, groups: u32) -> usize {
    match channels.checked_div(groups) {
        Some(channels) => channels as usize,
        None => 0,
    }
}

impl<C> Conv2d<C> {
    /// Weights of an output channel.
    const fn depth(&self) -> usize {
        self.window.taps() * per_group(self.input.channels, self.groups)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f32>(arena_bytes);
        self.output.check_output::<f32>(arena_bytes);
        self.window.check(&self.output, self.input.channels);
        let (groups, channels) = (self.groups, self.output.channels as usize);
        assert!(groups > 0 && self.input.channels.is_multiple_of(groups), "groups do not divide the input channels");
        assert!(self.output.channels.is_multiple_of(groups), "groups do not divide the output channels");
        assert!(self.window.stride_h > 0 && self.window.stride_w > 0, "a window that does not move");
        assert!(self.window.taps() > 0, "a window without taps");
        assert!(self.filter.len() == self.depth().saturating_mul(channels), "filter of the wrong length");
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
        let each = per_group(self.output.channels, self.groups);
        work(self.axis, &self.output, if self.groups == 1 || each.is_multiple_of(CHANNELS) { CHANNELS } else { each })
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output and begins a
    /// block of channels of a group.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile)
    where
        C: Loops,
    {
        let _mode = DefaultNan::enter();
        let (spans, own) = pixels(self.axis, tile, &self.output);
        let count = per_group(self.output.channels, self.groups);
        for group in 0..self.groups as usize {
            let (first, end) = (own.start.max(group * count), own.end.min((group + 1) * count));
            if first < end {
                let own = (first - group * count, end - group * count);
                regions(&self.window, &self.input, &self.output, spans.clone(), |region| {
                    // SAFETY: forwarded to the caller; the region consists of pixels of the tile.
                    unsafe { self.region(memory, group, own, &region) };
                });
            }
        }
    }

    /// Computes some channels of a group of some pixels that read the same taps.
    ///
    /// # Safety
    /// As for `run`, the pixels and channels being the tile's.
    #[inline(never)]
    unsafe fn region(&self, memory: Memory<'_>, group: usize, own: (usize, usize), region: &Region)
    where
        C: Loops,
    {
        let window = &self.window;
        let channels = per_group(self.input.channels, self.groups);
        let count = per_group(self.output.channels, self.groups);
        let filter = Filter {
            weights: self.filter.as_ptr().wrapping_add(group * count * self.depth()),
            bias: self.bias.as_ptr().wrapping_add(group * count),
            channels: count,
            depth: self.depth(),
        };
        let (row, pixel) = (self.input.row as usize, self.input.pixel as usize);
        // Taps of a row that lie one behind the other are one run.
        let is_dense = window.dilation_w == 1 && pixel == channels;
        let columns = region.columns.len();
        let taps = Taps {
            rows: region.rows.len(),
            columns: if is_dense { columns.min(1) } else { columns },
            run: if is_dense { columns * channels } else { channels },
            input_column: window.dilation_w as usize * pixel,
            input_row: window.dilation_h as usize * row,
            skipped: (region.rows.start * window.width as usize + region.columns.start) * channels,
            filter_row: window.width as usize * channels,
        };
        // SAFETY: the taps of `region` lie inside the image; `check` proved the lengths of filter and bias.
        unsafe {
            let input = self.input.view::<f32>(memory).pixel(0, 0).cast_const();
            let input = input.wrapping_add(region.first_tap(window, &self.input) + group * channels);
            let output = self.output.view::<f32>(memory).pixel(region.y, region.x).add(group * count);
            let mut sums = dense::<C>(&filter, own, &taps, Clip { min: self.min, max: self.max });
            sums.lines::<C>(input, output, region.lines(window, &self.input, &self.output));
        }
    }
}

for_fpus!(Conv2d);
