//! Layers whose weights are in slow memory: some channels are computed while the weights of the next are fetched to RAM.
//!
//! The channels of a tile are a layer of their own, whose filter is in the half of the scratch that has come. Where nobody handed
//! over a DMA ([`crate::fetch`]), a dense layer over one row reads its weights where they are, each once: to copy them would only
//! cost. A convolution reads them for each block of pixels, byte by byte, so that it pays to copy them.

use super::conv2d::Conv2d;
use super::finish::{Channel, opaque};
use super::fully_connected::FullyConnected;
use crate::fetch::{Ahead, handed};
use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
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

/// A layer that can be computed some channels at a time.
trait InBlocks: Copy {
    /// Channels of a block.
    const CHANNELS: u32;
    /// Whether it reads its weights so often that it pays if the core copies them.
    const IS_COPIED: bool;

    /// The weights of some channels, the first of a block.
    fn weights(&self, channels: Tile) -> (*const u32, usize);

    /// The layer of these channels alone, with weights elsewhere.
    ///
    /// # Safety
    /// The tile lies inside the layer and begins at a block; the words are the weights of it. The layer that is returned is not used
    /// once they change.
    unsafe fn of(&self, channels: Tile, words: *const u32) -> Self;

    /// Computes a tile.
    ///
    /// # Safety
    /// As for `run` of the kernel.
    unsafe fn tile(&self, memory: Memory<'_>, tile: Tile);
}

impl InBlocks for FullyConnected {
    const CHANNELS: u32 = Self::BLOCK as u32;
    const IS_COPIED: bool = false;

    fn weights(&self, channels: Tile) -> (*const u32, usize) {
        let each = 2 * self.depth as usize;
        let blocks = (channels.end() - channels.start()).div_ceil(Self::BLOCK);
        (self.filter.as_ptr().wrapping_add(channels.start() / Self::BLOCK * each).cast(), blocks * each)
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

    #[inline(always)]
    unsafe fn tile(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe { self.run(memory, tile) }
    }
}

impl InBlocks for Conv2d {
    const CHANNELS: u32 = Self::BLOCK as u32;
    const IS_COPIED: bool = true;

    fn weights(&self, channels: Tile) -> (*const u32, usize) {
        let bytes = (channels.end() - channels.start()).next_multiple_of(Self::BLOCK) * self.depth();
        (self.filter.as_ptr().wrapping_add(channels.start() * self.depth()).cast(), bytes / size_of::<u32>())
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

    #[inline(always)]
    unsafe fn tile(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe { self.run(memory, tile) }
    }
}

/// Computes a tile of a layer, `each` channels at a time in the end: for the first block it has to wait, and while a piece is computed
/// one of twice its channels comes.
///
/// # Safety
/// As for `run`; the tile begins at a block, `each` are whole blocks, and the scratch has room for twice their weights.
#[inline(always)]
unsafe fn run_ahead<L: InBlocks>(layer: &L, scratch: Region, each: u32, memory: Memory<'_>, tile: Tile) {
    let dma = handed();
    let piece = |start: u32, channels: u32| Tile::new(start, start.saturating_add(channels.min(each)).min(tile.end));
    let (first, words) = layer.weights(Tile::new(0, each));
    // Generated modules have them aligned to 16.
    if (dma.is_none() && !L::IS_COPIED) || !first.is_aligned() {
        // SAFETY: forwarded to the caller.
        return unsafe { layer.tile(memory, tile) };
    }
    // SAFETY: the scratch has this room (`check`) and is this call's own. Weights are constants, and those of a piece no more than
    // `words`; a layer of a piece is used until the next piece is taken, and its half is written after that.
    unsafe {
        let mut ahead = Ahead::new(dma, memory.scratch::<u32>(scratch), words);
        let mut channels = L::CHANNELS;
        let mut now = piece(tile.start, channels);
        let (from, count) = layer.weights(now);
        ahead.begin(from, count);
        while now.start < now.end {
            let words = ahead.take();
            channels = channels.saturating_mul(2);
            let next = piece(now.end, channels);
            if next.start < next.end {
                let (from, count) = layer.weights(next);
                ahead.begin(from, count);
            }
            layer.of(now, words).tile(memory, Tile::new(0, now.end - now.start));
            now = next;
        }
    }
}

macro_rules! fetched {
    ($($kernel:ident: $block:expr, $bytes:expr, $output:expr;)+) => { $(
        instantiate!(without dsp: $kernel);

        impl $kernel {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.layer.check(arena_bytes);
                let channels = self.channels as usize;
                assert!(channels > 0 && channels.is_multiple_of($block), "channels of whole blocks");
                let each = $bytes(&self.layer).saturating_mul(channels);
                self.scratch.check_scratch::<i8>(arena_bytes, each.saturating_mul(2));
                self.scratch.check::<u32>(arena_bytes, 0);
                assert!(self.scratch.is_apart($output(&self.layer)), "weights in the place of the output");
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;

            /// Computes one tile.
            ///
            /// # Safety
            /// As for `run`; the tile begins at a block.
            #[inline(always)]
            unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
                let Self { ref layer, scratch, channels } = *opaque(self);
                // SAFETY: forwarded to the caller.
                unsafe { run_ahead(layer, scratch, channels, memory, tile) }
            }
        }
    )+ };
}

fetched! {
    FetchedConnected: FullyConnected::BLOCK, FullyConnected::depth_bytes, FullyConnected::written;
    FetchedConv2d: Conv2d::BLOCK, Conv2d::depth, Conv2d::written;
}

impl FetchedConnected {
    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        self.layer.work().with_scratch(self.scratch)
    }
}

impl FetchedConv2d {
    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many, or they are no channels: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        assert!(matches!(self.layer.axis, Axis::Channels), "tiles of channels");
        assert!(self.scratch.is_apart(&self.layer.scratch), "weights in the place of pixels");
        self.layer.work()
    }
}
