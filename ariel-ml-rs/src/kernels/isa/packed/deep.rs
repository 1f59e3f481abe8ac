//! Dense layers of int8 with double rounding whose rows are long: read as they are, for they would need much scratch.

use super::cores::{Cores, for_cores};
use super::loops::Fours;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

/// int8 dense layer; tiles are ranges of channels and begin at a multiple of four.
#[derive(Clone, Copy)]
pub struct DeepConnected<C> {
    /// Input, `[rows][depth]`.
    pub input: Region,
    /// Output, `[rows][channels]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Elements of an input row, a multiple of four.
    pub depth: u32,
    /// Output channels.
    pub channels: u32,
    /// For each four channels biases, weights and requantisation (see [`Fours::quads`]).
    pub stream: &'static [i32],
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// The cores that run it.
    pub cores: C,
}

/// Channels that are computed together.
const QUAD: usize = 4;

impl<C: Cores> DeepConnected<C> {
    /// int32 of the stream in front of those of the first four: as pairs have them.
    const HEAD: usize = if C::HEAD == 0 { 0 } else { 2 * QUAD - 1 };

    /// int32 of four channels in the stream.
    const fn quad(&self) -> usize {
        2 * self.depth as usize / C::TOGETHER + 2 * QUAD
    }

    /// int32 of the stream in front of those of a channel, the first of a block.
    pub(super) const fn words_before(&self, channel: usize) -> usize {
        channel / QUAD * self.quad()
    }

    /// int32 of the stream that so many channels need, and what ends them.
    pub(super) const fn piece_words(&self, channels: usize) -> usize {
        channels.div_ceil(QUAD).saturating_mul(self.quad()).saturating_add(Self::HEAD)
    }

    /// Where inputs are widened: nowhere.
    #[expect(clippy::unused_self, reason = "as layers with scratch have it")]
    pub(super) const fn packed(&self) -> Region {
        Region::new(0, 0)
    }

    /// What it writes.
    pub(super) const fn written(&self) -> &Region {
        &self.output
    }

    /// Output channels.
    pub(super) const fn count(&self) -> usize {
        self.channels as usize
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (rows, depth, channels) = (self.rows as usize, self.depth as usize, self.channels as usize);
        assert!(depth > 0 && depth.is_multiple_of(4), "a row has whole words");
        assert!(depth <= i32::MAX as usize / 64, "a row larger than all memory");
        self.input.check::<i8>(arena_bytes, rows.saturating_mul(depth));
        self.output.check::<i8>(arena_bytes, rows.saturating_mul(channels));
        assert!(self.stream.len() == self.piece_words(channels), "stream of the wrong length");
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
        Work::of(self.channels as usize).in_granules(QUAD)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output and begins
    /// at a multiple of four channels.
    #[inline(always)]
    pub(super) unsafe fn compute<L: Fours>(&self, memory: Memory<'_>, tile: Tile) {
        let (depth, channels, first) = (self.depth as usize, self.channels as usize, tile.start());
        let (count, rest) = (tile.end() - first, (tile.end() - first) % QUAD);
        let rounding = L::rounding(self.bounds.zero_point);
        for index in 0..self.rows as usize {
            // SAFETY: `check` proved the lengths; the tile's channels are this call's own.
            unsafe {
                let input = memory.at::<i8>(self.input).cast_const().add(index * depth);
                let output = memory.at::<i8>(self.output).add(index * channels + first);
                let stream = self.stream.as_ptr().add(self.words_before(first));
                let last = stream.add(count / QUAD * self.quad());
                if count >= QUAD {
                    L::quads(input, stream, output, depth, last.add(Self::HEAD), rounding);
                }
                if rest > 0 {
                    // The other channels of the last four are none.
                    let mut four = [0_i8; QUAD];
                    L::quads(input, last, four.as_mut_ptr(), depth, last.add(self.quad() + Self::HEAD), rounding);
                    core::ptr::copy_nonoverlapping(four.as_ptr(), output.add(count - rest), rest);
                }
                L::clamp(output, count, &self.bounds);
            }
        }
    }
}

for_cores!(DeepConnected, int4);
