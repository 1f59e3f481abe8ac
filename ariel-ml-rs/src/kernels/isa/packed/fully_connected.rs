//! Dense layers of int8 with double rounding, or of int16, one row at a time: the row is widened into scratch once.
//!
//! Many rows are a pointwise convolution of an image one pixel high ([`super::Conv2d`]): the compiler chooses.

use super::cores::{Cores, for_cores};
use super::loops::Products;
use super::row::row;
use crate::kernels::access::Access;
use crate::kernels::isa::thumb2::copy;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

/// Dense layer of int8 or int16; tiles are ranges of channels and begin where words of weights do.
#[derive(Clone, Copy)]
pub struct FullyConnected<C: Cores> {
    /// Input, `[rows][depth]`.
    pub input: Region,
    /// Output, `[rows][channels]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Elements of an input row.
    pub depth: u32,
    /// Output channels.
    pub channels: u32,
    /// For channels that share words biases, weights and requantisation (see [`Products::gemm4`]).
    pub stream: &'static [i32],
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// Room for a widened row.
    pub scratch: Region,
    /// The cores that run it.
    pub cores: C,
}

impl<C: Cores> FullyConnected<C> {
    /// int32 of channels that share words in the stream.
    const fn together(&self) -> usize {
        (self.depth as usize).next_multiple_of(C::STEP) / 2 + C::EXTRA
    }

    /// int32 of the stream in front of those of a channel, the first of a block.
    pub(super) const fn words_before(&self, channel: usize) -> usize {
        channel / C::TOGETHER * self.together()
    }

    /// int32 of the stream that so many channels need, and what ends them.
    pub(super) const fn piece_words(&self, channels: usize) -> usize {
        channels.div_ceil(C::TOGETHER).saturating_mul(self.together()).saturating_add(C::HEAD)
    }

    /// Where inputs are widened.
    pub(super) const fn packed(&self) -> Region {
        self.scratch
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
        assert!(depth > 0, "a row has elements");
        assert!(depth <= i32::MAX as usize / 64, "a row larger than all memory");
        self.input.check::<C::Element>(arena_bytes, rows.saturating_mul(depth));
        self.output.check::<C::Element>(arena_bytes, rows.saturating_mul(channels));
        let words = depth.next_multiple_of(C::STEP) / 2;
        self.scratch.check_scratch::<i32>(arena_bytes, words);
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
        Work::of(self.channels as usize).in_granules(C::TOGETHER).with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output and begins
    /// where words of weights do.
    #[inline(always)]
    unsafe fn compute<L: Products<Element = C::Element>>(&self, memory: Memory<'_>, tile: Tile) {
        for index in 0..self.rows as usize {
            // SAFETY: forwarded to the caller.
            unsafe {
                self.widen::<L>(memory, index);
                self.multiply::<L>(memory, index, tile);
            }
        }
    }

    /// Widens a row of the input into the scratch.
    ///
    /// # Safety
    /// As for `compute`.
    #[inline(always)]
    pub(super) unsafe fn widen<L: Products<Element = C::Element>>(&self, memory: Memory<'_>, index: usize) {
        let depth = self.depth as usize;
        let size = depth * size_of::<C::Element>();
        let (words, rest) = (size / 4, size % 4);
        // SAFETY: `check` proved the lengths; the scratch is this worker's.
        unsafe {
            let input = memory.at::<C::Element>(self.input).cast_const().add(index * depth);
            let mut end = memory.scratch::<i16>(self.scratch);
            if words > 0 {
                end = L::widen1(input.cast(), end, words);
            }
            if rest > 0 {
                let mut last = 0_i32;
                copy((&raw mut last).cast(), input.cast::<i8>().add(4 * words), rest);
                L::widen1((&raw const last).cast(), end, 1);
            }
        }
    }

    /// Computes a tile of a row that has been widened.
    ///
    /// # Safety
    /// As for `compute`.
    #[inline(always)]
    pub(super) unsafe fn multiply<L: Products<Element = C::Element>>(
        &self,
        memory: Memory<'_>,
        index: usize,
        tile: Tile,
    ) {
        let (depth, channels, first) = (self.depth as usize, self.channels as usize, tile.start());
        // What stands behind the row, up to a whole step, is multiplied by weights that are 0.
        let bytes = depth.next_multiple_of(C::STEP) * size_of::<i16>();
        let count = tile.end() - first;
        // SAFETY: `check` proved the lengths; the tile's channels are this call's own, and the scratch this worker's.
        unsafe {
            let output = memory.at::<C::Element>(self.output).add(index * channels + first);
            let inputs = memory.scratch::<i16>(self.scratch);
            let stream = self.stream.as_ptr().add(self.words_before(first));
            row::<L>(inputs, (depth, bytes), (stream, self.together()), output, count, self.bounds.zero_point);
            L::clamp(output, count, &self.bounds);
        }
    }
}

for_cores!(FullyConnected, int16);
for_cores!(FullyConnected, only int4);
