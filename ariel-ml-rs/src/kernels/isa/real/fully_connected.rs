//! Dense layers of float32: rows are the pixels of blocks.

use super::clip::Clip;
use super::cores::{Loops, for_fpus};
use super::dense::{Filter, Taps, dense};
use super::mode::DefaultNan;
use super::sums::Pixels;
use crate::kernels::access::Access;
use crate::kernels::fully_connected::work;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::{Axis, Tile};

/// float32 dense layer; tiles are ranges of rows, or of channels in whole blocks.
#[derive(Clone, Copy)]
pub struct FullyConnected<C> {
    /// Input, `[rows][depth]`.
    pub input: Region,
    /// Output, `[rows][channels]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Elements of an input row.
    pub depth: u32,
    /// Filters of `[depth]`, packed as for the portable kernel.
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

impl<C> FullyConnected<C> {
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
        let (depth, channels) = (self.depth as usize, self.bias.len());
        let (rows, own) = match self.axis {
            Axis::Rows | Axis::Pixels => (tile.start()..tile.end(), (0, channels)),
            Axis::Channels => (0..self.rows as usize, (tile.start(), tile.end())),
        };
        let filter = Filter { weights: self.filter.as_ptr(), bias: self.bias.as_ptr(), channels, depth };
        // SAFETY: rows lie inside the regions, filter and bias have the lengths that `check` proved; the tile's rows and
        // channels are this call's own.
        unsafe {
            let mut sums = dense::<C>(&filter, own, &Taps::dense(depth), Clip { min: self.min, max: self.max });
            let input = memory.at::<f32>(self.input).cast_const().add(rows.start * depth);
            let output = memory.at::<f32>(self.output).add(rows.start * channels);
            let along = Pixels { count: rows.len(), input: depth, output: channels, is_column: true };
            sums.lines::<C>(input, output, (along, Pixels { count: 1, ..along }));
        }
    }
}

for_fpus!(FullyConnected);
