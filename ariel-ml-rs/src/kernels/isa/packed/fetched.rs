//! Layers whose weights are fetched ahead (see [`crate::kernels::isa::fetched`]): a piece has the words of its channels in the
//! stream, and the head of those behind them, which ends them.

use super::conv2d::Conv2d;
use super::cores::{Cores, for_cores};
use super::deep::DeepConnected;
use super::fully_connected::FullyConnected;
use super::loops::{Fours, PIXELS, Products};
use crate::kernels::isa::fetched::{InBlocks, fetched, run_ahead};
use crate::memory::{Image, Memory, Region};
use crate::tile::Tile;
use core::slice::from_raw_parts;

/// Dense layer of int8 or int16 over one row, its weights fetched ahead; tiles are ranges of channels.
#[derive(Clone, Copy)]
pub struct FetchedConnected<C: Cores> {
    /// The layer.
    pub layer: FullyConnected<C>,
    /// Room for the weights of twice so many channels.
    pub scratch: Region,
    /// Channels whose weights are fetched at once: whole blocks of four.
    pub channels: u32,
}

/// int8 dense layer over one long row, its weights fetched ahead; tiles are ranges of channels.
#[derive(Clone, Copy)]
pub struct FetchedDeep<C: Cores> {
    /// The layer.
    pub layer: DeepConnected<C>,
    /// Room for the weights of twice so many channels.
    pub scratch: Region,
    /// Channels whose weights are fetched at once: whole blocks of four.
    pub channels: u32,
}

/// Convolution of int8 or int16, its weights fetched ahead; tiles are ranges of channels.
#[derive(Clone, Copy)]
pub struct FetchedConv2d<C: Cores> {
    /// The layer, in tiles of channels.
    pub layer: Conv2d<C>,
    /// Room for the weights of twice so many channels.
    pub scratch: Region,
    /// Channels whose weights are fetched at once: whole blocks of four.
    pub channels: u32,
}

/// Channels of a block: those that share words of weights, or twice as many.
const BLOCK: usize = 4;

/// The region of some channels of a row.
fn row_of<E>(row: Region, channels: Tile) -> Region {
    let size = size_of::<E>() as u32;
    Region::new(row.offset + channels.start * size, (channels.end - channels.start) * size)
}

macro_rules! in_blocks {
    ($layer:ident, |$this:ident| $copied:expr, |$of:ident, $tile:ident| $piece:expr) => {
        impl<C: Cores> InBlocks for $layer<C> {
            const CHANNELS: u32 = BLOCK as u32;

            #[inline(always)]
            fn is_copied(&self) -> bool {
                let $this = self;
                $copied
            }

            fn weights(&self, channels: Tile) -> (*const u32, usize) {
                let from = self.stream.as_ptr().wrapping_add(self.words_before(channels.start()));
                (from.cast(), self.piece_words(channels.end() - channels.start()))
            }

            #[inline(always)]
            unsafe fn of(&self, channels: Tile, words: *const u32) -> Self {
                let count = self.piece_words(channels.end() - channels.start());
                // SAFETY: the words are the weights of the channels.
                let stream = unsafe { from_raw_parts(words.cast(), count) };
                let ($of, $tile) = (self, channels);
                Self { stream, ..$piece }
            }
        }
    };
}
in_blocks!(FullyConnected, |_layer| false, |layer, channels| Self {
    output: row_of::<C::Element>(layer.output, channels),
    channels: channels.end - channels.start,
    ..*layer
});
in_blocks!(DeepConnected, |_layer| false, |layer, channels| Self {
    output: row_of::<C::Element>(layer.output, channels),
    channels: channels.end - channels.start,
    ..*layer
});
in_blocks!(Conv2d, |layer| layer.output.pixels() > PIXELS, |layer, channels| {
    let Image { region: Region { offset, bytes }, .. } = layer.output;
    let before = channels.start * size_of::<C::Element>() as u32;
    let region = Region::new(offset + before, bytes - before);
    Self { output: Image { region, channels: channels.end - channels.start, ..layer.output }, ..*layer }
});

fetched!(FetchedConnected<C>, BLOCK, of <C: Cores>, |layer| layer.rows == 1);
fetched!(FetchedDeep<C>, BLOCK, of <C: Cores>, |layer| layer.rows == 1);
fetched!(FetchedConv2d<C>, BLOCK, of <C: Cores>, |layer| layer.by_channels);

impl<C: Cores> FetchedConnected<C> {
    /// Computes one tile of the output.
    ///
    /// # Safety
    /// As for `run`; the tile begins at a block.
    #[inline(always)]
    unsafe fn compute<L: Products<Element = C::Element>>(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller; there is one row, which is widened once.
        unsafe {
            self.layer.widen::<L>(memory, 0);
            let compute = |layer: &FullyConnected<C>, tile| layer.multiply::<L>(memory, 0, tile);
            run_ahead(&self.layer, self.scratch, self.channels, memory, tile, compute);
        }
    }
}

impl<C: Cores> FetchedDeep<C> {
    /// Computes one tile of the output.
    ///
    /// # Safety
    /// As for `run`; the tile begins at a block.
    #[inline(always)]
    unsafe fn compute<L: Fours>(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe {
            let compute = |layer: &DeepConnected<C>, tile| layer.compute::<L>(memory, tile);
            run_ahead(&self.layer, self.scratch, self.channels, memory, tile, compute);
        }
    }
}

impl<C: Cores> FetchedConv2d<C> {
    /// Computes one tile of the output.
    ///
    /// # Safety
    /// As for `run`; the tile begins at a block.
    #[inline(always)]
    unsafe fn compute<L: Products<Element = C::Element>>(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe {
            let compute = |layer: &Conv2d<C>, tile| layer.compute_apart::<L>(memory, tile);
            run_ahead(&self.layer, self.scratch, self.channels, memory, tile, compute);
        }
    }
}

for_cores!(FetchedConnected, only ahead);
for_cores!(FetchedConnected, only ahead of int16);
for_cores!(FetchedConnected, only int4);
for_cores!(FetchedDeep, only ahead);
for_cores!(FetchedDeep, only int4);
for_cores!(FetchedConv2d, only ahead);
for_cores!(FetchedConv2d, only ahead of int16);
for_cores!(FetchedConv2d, only int4);
