//! Gathers: the blocks of the output come from where indices lead in the data.

use super::{Blocks, copy};
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// Blocks of the data, one after the other.
#[derive(Clone, Copy)]
pub struct Gather {
    /// Where indices lead.
    pub data: Source<u8>,
    /// The indices.
    pub indices: Source<u8>,
    /// Output.
    pub output: Region,
    /// Bytes of the data.
    pub bytes: u32,
    /// The blocks of the output, each somewhere in the data.
    pub blocks: Blocks,
}

impl Gather {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and blocks do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.data.check(arena_bytes, self.bytes as usize);
        self.blocks.check_walk(arena_bytes, self.bytes as usize, &self.indices);
        self.output.check::<u8>(arena_bytes, self.blocks.count().saturating_mul(self.blocks.block as usize));
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
        Work::of(self.blocks.count())
    }

    /// Computes one tile of the output: a range of blocks.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let bytes = self.blocks.block as usize;
        let mut walk = self.blocks.walk(tile.start);
        // SAFETY: `check` proved that blocks lie inside data and output, and that each has its indices.
        unsafe {
            let (data, indices) = (memory.source(self.data), memory.source(self.indices));
            let mut to = memory.at::<u8>(self.output).add(tile.start().wrapping_mul(bytes));
            for _ in tile.start..tile.end {
                copy(data.add(walk.next(indices)), to, bytes);
                to = to.wrapping_add(bytes);
            }
        }
    }
}
