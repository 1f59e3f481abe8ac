//! Dense layers over rows: `output[r, c] = finish(bias[c] + sum of input[r, k] * filter[c, k] over k)`.
//!
//! The channels of the filter are packed in fours (see [`super::multiply`]); the compiler has folded the input's zero point
//! into the bias. Tiles are ranges of rows, or of channels: then each core reads only its share of the weights.

use super::access::Access;
use super::dynamic_quantize::Rescale;
use super::multiply::{Factor, Real, Stored, channels};
use super::{dot, instantiate, quantized};
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Requantize, Sum};
use crate::tile::{Axis, Tile};
use core::ops::Range;

/// Integers with int8 weights; `R` tells the elements, and what is summed.
#[derive(Clone, Copy)]
pub struct Quantized<R: Requantize> {
    /// Input, `[rows][depth]`.
    pub input: Region,
    /// Output, `[rows][channels]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Elements of an input row.
    pub depth: u32,
    /// Filters of `[depth]`, packed.
    pub filter: &'static [i8],
    /// Bias of each output channel, with the input's zero point folded in.
    pub bias: &'static [R::Sum],
    /// Zero point of the filter; 0 but for asymmetric weights.
    pub filter_zero_point: i32,
    /// Multipliers of the output channels.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// How tiles are cut.
    pub axis: Axis,
}

/// int8 weights and float32 activations, which [`super::dynamic_quantize`] has made int8.
#[derive(Clone, Copy)]
pub struct Hybrid {
    /// int8 input, `[rows][depth]`.
    pub input: Region,
    /// float32 output, `[rows][channels]`.
    pub output: Region,
    /// Rows, each quantised by itself.
    pub rows: u32,
    /// Elements of an input row.
    pub depth: u32,
    /// Filters of `[depth]`, packed.
    pub filter: &'static [i8],
    /// Back to float32.
    pub rescale: Rescale,
    /// How tiles are cut.
    pub axis: Axis,
}

/// float32.
#[derive(Clone, Copy)]
pub struct F32 {
    /// Input, `[rows][depth]`.
    pub input: Region,
    /// Output, `[rows][channels]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Elements of an input row.
    pub depth: u32,
    /// Filters of `[depth]`, packed.
    pub filter: &'static [f32],
    /// Bias of each output channel.
    pub bias: &'static [f32],
    /// Bounds of the fused activation.
    pub min: f32,
    /// Bounds of the fused activation.
    pub max: f32,
    /// How tiles are cut.
    pub axis: Axis,
}

/// The tiles: those of channels are whole blocks of four, whose weights the filter has by turns.
#[inline]
pub(in crate::kernels) const fn work(axis: Axis, rows: u32, channels: usize) -> Work {
    match axis {
        Axis::Rows | Axis::Pixels => Work::of(rows as usize),
        Axis::Channels => Work::of(channels).in_granules(4),
    }
}

/// Rows and channels of a tile.
const fn ranges(axis: Axis, tile: Tile, rows: u32, channels: usize) -> (Range<usize>, (usize, usize)) {
    match axis {
        Axis::Rows | Axis::Pixels => (tile.start()..tile.end(), (0, channels)),
        Axis::Channels => (0..rows as usize, (tile.start(), tile.end())),
    }
}

impl<R: Requantize> Quantized<R> {
    const fn channels(&self) -> usize {
        self.bias.len()
    }

    #[inline]
    const fn check_shapes(&self, arena_bytes: usize) {
        let (rows, depth) = (self.rows as usize, self.depth as usize);
        self.input.check::<R::Element>(arena_bytes, rows.saturating_mul(depth));
        self.output.check::<R::Element>(arena_bytes, rows.saturating_mul(self.channels()));
        assert!(self.filter.len() == self.channels().saturating_mul(depth), "filter of the wrong length");
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
        work(self.axis, self.rows, self.channels())
    }
}
quantized!();

impl<R: Requantize> Quantized<R>
where
    R::Element: Factor<i8, R::Sum>,
{
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let depth = self.depth as usize;
        let (rows, own) = ranges(self.axis, tile, self.rows, self.channels());
        for row in rows {
            // SAFETY: the row lies inside the regions and the filter has `depth` elements per channel (`check`); the
            // tile's rows and channels are this call's own (memory invariant 2).
            unsafe {
                let input = memory.at::<R::Element>(self.input).cast_const().add(row * depth);
                let output = memory.at::<R::Element>(self.output).add(row * self.channels());
                let excess = match self.filter_zero_point {
                    0 => R::Sum::NOTHING,
                    zero_point => dot::sum::<R::Element, R::Sum>(input, depth).times(zero_point),
                };
                let (bias, requantize, bounds) = (self.bias, self.requantize, self.bounds);
                let finish = Stored { bias, excess, requantize, bounds };
                channels(input, self.filter.as_ptr(), depth, output, own, &finish);
            }
        }
    }
}

impl Hybrid {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (rows, depth, channels) = (self.rows as usize, self.depth as usize, self.rescale.bias.len());
        self.input.check::<i8>(arena_bytes, rows.saturating_mul(depth));
        self.output.check::<f32>(arena_bytes, rows.saturating_mul(channels));
        self.rescale.check(arena_bytes, rows, channels);
        assert!(self.filter.len() == channels.saturating_mul(depth), "filter of the wrong length");
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
        work(self.axis, self.rows, self.rescale.bias.len())
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (depth, count) = (self.depth as usize, self.rescale.bias.len());
        let (rows, own) = ranges(self.axis, tile, self.rows, count);
        for row in rows {
            // SAFETY: as in the int8 kernel.
            unsafe {
                let input = memory.at::<i8>(self.input).cast_const().add(row * depth);
                let output = memory.at::<f32>(self.output).add(row * count);
                let finish = self.rescale.row(memory, row);
                channels(input, self.filter.as_ptr(), depth, output, own, &finish);
            }
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
        let (rows, depth, channels) = (self.rows as usize, self.depth as usize, self.bias.len());
        self.input.check::<f32>(arena_bytes, rows.saturating_mul(depth));
        self.output.check::<f32>(arena_bytes, rows.saturating_mul(channels));
        assert!(self.filter.len() == channels.saturating_mul(depth), "filter of the wrong length");
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
        work(self.axis, self.rows, self.bias.len())
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let (depth, count) = (self.depth as usize, self.bias.len());
        let (rows, own) = ranges(self.axis, tile, self.rows, count);
        let finish = Real { bias: self.bias, min: self.min, max: self.max };
        for row in rows {
            // SAFETY: as in the int8 kernel.
            unsafe {
                let input = memory.at::<f32>(self.input).cast_const().add(row * depth);
                let output = memory.at::<f32>(self.output).add(row * count);
                channels(input, self.filter.as_ptr(), depth, output, own, &finish);
            }
        }
    }
}
instantiate!(without fpu: F32);
