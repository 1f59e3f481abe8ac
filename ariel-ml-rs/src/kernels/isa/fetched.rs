//! Layers whose weights are in slow memory: some channels are computed while the weights of the next are fetched to RAM.
//!
//! The channels of a piece are a layer of their own, whose weights are in the half of the scratch that has come. Where nobody handed
//! over a DMA ([`crate::fetch`]), a layer that reads its weights once reads them where they are: to copy them would only cost. A
//! convolution reads them for each block of pixels, so that it pays to copy them.

use crate::fetch::{Ahead, handed};
use crate::memory::{Memory, Region};
use crate::tile::Tile;

/// A layer that can be computed some channels at a time.
pub(super) trait InBlocks: Copy {
    /// Channels of a block.
    const CHANNELS: u32;

    /// Whether it reads its weights so often that it pays if the core copies them.
    fn is_copied(&self) -> bool;

    /// The weights of some channels, the first of a block, and how many words they are.
    fn weights(&self, channels: Tile) -> (*const u32, usize);

    /// The layer of these channels alone, with weights elsewhere.
    ///
    /// # Safety
    /// The tile lies inside the layer and begins at a block; the words are the weights of it. The layer that is returned is not used
    /// once they change.
    unsafe fn of(&self, channels: Tile, words: *const u32) -> Self;
}

/// Computes a tile of a layer, `each` channels at a time in the end: for the first block it has to wait, and while a piece is computed
/// one of twice its channels comes. `compute` computes a tile of the layer, or of a piece of it.
///
/// # Safety
/// As for `run` of the kernel; the tile begins at a block, `each` are whole blocks, and the scratch has room for twice their weights.
#[inline(always)]
pub(super) unsafe fn run_ahead<L: InBlocks>(
    layer: &L,
    scratch: Region,
    each: u32,
    memory: Memory<'_>,
    tile: Tile,
    compute: impl Fn(&L, Tile),
) {
    let dma = handed();
    let piece = |start: u32, channels: u32| Tile::new(start, start.saturating_add(channels.min(each)).min(tile.end));
    let (first, words) = layer.weights(Tile::new(0, each));
    // Generated modules have them aligned to 16.
    if (dma.is_none() && !layer.is_copied()) || !first.is_aligned() {
        compute(layer, tile);
        return;
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
            compute(&layer.of(now, words), Tile::new(0, now.end - now.start));
            now = next;
        }
    }
}

/// Defines `check`, `work` and `ACCESS` of kernels that fetch the weights of a `layer`, where `pieces` of it can
/// be computed.
macro_rules! fetched {
    ($kernel:ty, $block:expr $(, of <$parameter:ident: $bound:path>)?, |$layer:ident| $pieces:expr) => {
        impl$(<$parameter: $bound>)? $kernel {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let $layer = &self.layer;
                $layer.check(arena_bytes);
                let channels = self.channels as usize;
                assert!(channels > 0 && channels.is_multiple_of($block), "channels of whole blocks");
                self.scratch.check_scratch::<u32>(arena_bytes, $layer.piece_words(channels).saturating_mul(2));
                assert!(self.scratch.is_apart($layer.written()), "weights in the place of the output");
                assert!($pieces, "a layer that has no pieces");
                let packed = $layer.packed();
                assert!(self.scratch.is_apart(&packed), "weights in the place of inputs");
                assert!(!self.scratch.is_fast() && !packed.is_fast(), "a DMA may not reach fast memory");
                assert!(packed.is_apart($layer.written()), "inputs in the place of the output");
            }

            /// What tiles read.
            pub const ACCESS: $crate::kernels::access::Access = $crate::kernels::access::Access::Whole;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> $crate::plan::Work {
                $crate::plan::Work::of(self.layer.count()).in_granules($block).with_scratch(self.scratch)
            }
        }
    };
}
pub(super) use fetched;
