//! Convolutions, and dense layers as such, whose weights are fetched ahead (see [`crate::kernels::isa::fetched`]).

use super::blocks::LANES;
use super::conv2d::Conv2d;
use super::rounding::{Away, Even, Loops, Rectified, Rounding, Up};
use crate::kernels::isa::fetched::{InBlocks, fetched, run_ahead};
use crate::memory::{Image, Memory, Region};
use crate::tile::Tile;
use core::slice::from_raw_parts;

/// Convolution of int8 or int16, its weights fetched ahead; tiles are ranges of channels.
#[derive(Clone, Copy)]
pub struct FetchedConv2d<R: Rounding> {
    /// The layer.
    pub layer: Conv2d<R>,
    /// Room for the weights of twice so many channels.
    pub scratch: Region,
    /// Channels whose weights are fetched at once: whole blocks of four.
    pub channels: u32,
}

/// Pixels that are computed together.
const PAIR: usize = 2;

impl<R: Rounding> InBlocks for Conv2d<R> {
    const CHANNELS: u32 = LANES as u32;

    #[inline(always)]
    fn is_copied(&self) -> bool {
        self.output.pixels() > PAIR
    }

    fn weights(&self, channels: Tile) -> (*const u32, usize) {
        let from = self.stream.as_ptr().wrapping_add(self.words_before(channels.start()));
        (from.cast(), self.piece_words(channels.end() - channels.start()))
    }

    #[inline(always)]
    unsafe fn of(&self, channels: Tile, words: *const u32) -> Self {
        let count = channels.end - channels.start;
        let Region { offset, bytes } = self.output.region;
        let before = channels.start * R::BYTES as u32;
        let region = Region::new(offset + before, bytes - before);
        // SAFETY: the words are the weights of the channels.
        let stream = unsafe { from_raw_parts(words.cast(), self.piece_words(count as usize)) };
        Self { output: Image { region, channels: count, ..self.output }, stream, ..*self }
    }
}

fetched!(FetchedConv2d<R>, LANES, of <R: Rounding>, |layer| layer.count() > 0);

impl<R: Rounding> FetchedConv2d<R> {
    /// Computes one tile of the output.
    ///
    /// # Safety
    /// As for `run`; the tile begins at a block.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile)
    where
        R: Loops,
    {
        let pixels = Tile::new(0, self.layer.output.pixels() as u32);
        // SAFETY: forwarded to the caller. The weights of a tile where they are make a layer of it.
        unsafe {
            run_ahead(&self.layer, self.scratch, self.channels, memory, tile, |layer, tile| {
                layer.of(tile, layer.weights(tile).0).compute_apart(memory, pixels);
            });
        }
    }
}

macro_rules! run {
    ($($rounding:ident),+) => { $(
        impl FetchedConv2d<$rounding> {
            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output and
            /// begins at a multiple of four, and the core has Helium.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                // SAFETY: forwarded to the caller.
                unsafe { self.compute(memory.into(), tile) };
            }
        }
    )+ };
}
run!(Away, Even, Rectified, Up);
