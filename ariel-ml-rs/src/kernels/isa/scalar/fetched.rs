//! Layers of scalar cores whose weights are fetched ahead (see [`crate::kernels::isa::fetched`]).

use super::conv2d::Conv2d;
use super::finish::{Channel, opaque};
use super::fully_connected::FullyConnected;
use crate::kernels::instantiate;
use crate::kernels::isa::fetched::{InBlocks, fetched, run_ahead};
use crate::memory::{Image, Memory, Region};
use crate::tile::{Axis, Tile};
use core::slice::from_raw_parts;

/// int8 dense layer over one row, its weights fetched ahead; tiles are ranges of channels.
#[derive(Clone, Copy)]
pub struct FetchedConnected {
    /// The layer.
    pub layer: FullyConnected,
    /// Room for the weights of twice so many channels.
    pub scratch: Region,
    /// Channels whose weights are fetched at once: whole blocks of eight.
    pub channels: u32,
}

/// int8 convolution, its weights fetched ahead; tiles are ranges of channels.
#[derive(Clone, Copy)]
pub struct FetchedConv2d {
    /// The layer, in tiles of channels.
    pub layer: Conv2d,
    /// Room for the weights of twice so many channels.
    pub scratch: Region,
    /// Channels whose weights are fetched at once: whole blocks of four.
    pub channels: u32,
}

impl InBlocks for FullyConnected {
    const CHANNELS: u32 = Self::BLOCK as u32;

    #[inline(always)]
    fn is_copied(&self) -> bool {
        false
    }

    fn weights(&self, channels: Tile) -> (*const u32, usize) {
        let each = 2 * self.depth as usize;
        let from = self.filter.as_ptr().wrapping_add(channels.start() / Self::BLOCK * each);
        (from.cast(), self.piece_words(channels.end() - channels.start()))
    }

    #[inline(always)]
    unsafe fn of(&self, channels: Tile, words: *const u32) -> Self {
        let (first, count) = (channels.start(), channels.end() - channels.start());
        let (pieces, blocks) = (self.pieces as usize, count.div_ceil(Self::BLOCK));
        // SAFETY: the channels lie inside the layer, whose slices have the lengths that it needs (`check`).
        unsafe {
            Self {
                output: Region::new(self.output.offset + channels.start, count as u32),
                filter: from_raw_parts(words.cast(), blocks * 2 * self.depth as usize),
                segments: from_raw_parts(self.segments.as_ptr().add(first / Self::BLOCK * pieces), blocks * pieces),
                channels: from_raw_parts(self.channels.as_ptr().add(first * Channel::WORDS), count * Channel::WORDS),
                ..*self
            }
        }
    }
}

impl InBlocks for Conv2d {
    const CHANNELS: u32 = Self::BLOCK as u32;

    #[inline(always)]
    fn is_copied(&self) -> bool {
        true
    }

    fn weights(&self, channels: Tile) -> (*const u32, usize) {
        let from = self.filter.as_ptr().wrapping_add(channels.start() * self.depth());
        (from.cast(), self.piece_words(channels.end() - channels.start()))
    }

    #[inline(always)]
    unsafe fn of(&self, channels: Tile, words: *const u32) -> Self {
        let (first, count) = (channels.start(), channels.end() - channels.start());
        let Region { offset, bytes } = self.output.region;
        let region = Region::new(offset + channels.start, bytes - channels.start);
        // SAFETY: the channels lie inside the layer, whose slices have the lengths that it needs (`check`).
        unsafe {
            Self {
                output: Image { region, channels: count as u32, ..self.output },
                filter: from_raw_parts(words.cast(), count.next_multiple_of(Self::BLOCK) * self.depth()),
                channels: from_raw_parts(self.channels.as_ptr().add(first * Channel::WORDS), count * Channel::WORDS),
                ..*self
            }
        }
    }
}

fetched!(FetchedConnected, FullyConnected::BLOCK, |layer| layer.depth > 0);
fetched!(FetchedConv2d, Conv2d::BLOCK, |layer| matches!(layer.axis, Axis::Channels));

macro_rules! run {
    ($($kernel:ident),+) => { $(
        instantiate!(without dsp: $kernel);

        impl $kernel {
            /// Computes one tile.
            ///
            /// # Safety
            /// As for `run`; the tile begins at a block.
            #[inline(always)]
            unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
                let Self { ref layer, scratch, channels } = *opaque(self);
                // SAFETY: forwarded to the caller.
                unsafe { run_ahead(layer, scratch, channels, memory, tile, |layer, tile| layer.run(memory, tile)) }
            }
        }
    )+ };
}
run!(FetchedConnected, FetchedConv2d);
