//! Tables: `output = table[input]` over bytes. Every operator from one int8 to one int8 is such a table, which the compiler fills
//! from the operator's definition; so are most with a constant operand.

use super::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

/// `output = table[input as u8]`.
#[derive(Clone, Copy)]
pub struct Table {
    /// Input bytes.
    pub input: Region,
    /// Output bytes; may be the input.
    pub output: Region,
    /// Elements.
    pub elements: u32,
    /// The output for each of the 256 bytes.
    pub table: &'static [u8],
}

impl Table {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and the table do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<u8>(arena_bytes, self.elements as usize);
        self.output.check::<u8>(arena_bytes, self.elements as usize);
        assert!(self.table.len() == 256, "table of the wrong length");
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// Computes one tile of the output, a range of its elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: the tile lies inside both regions and a byte inside the table (`check`).
        unsafe {
            let (input, output) = (memory.at::<u8>(self.input), memory.at::<u8>(self.output));
            let table = self.table.as_ptr();
            for index in tile.start()..tile.end() {
                output.add(index).write(*table.add(usize::from(*input.add(index))));
            }
        }
    }
}

/// `output = input ^ 0x80`: from uint8 to the int8 of the same real value, and back.
#[derive(Clone, Copy)]
pub struct Flip {
    /// Input bytes.
    pub input: Region,
    /// Output bytes; may be the input.
    pub output: Region,
    /// Elements.
    pub elements: u32,
}

impl Flip {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small, or not aligned for words.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<u8>(arena_bytes, self.elements as usize);
        self.output.check::<u8>(arena_bytes, self.elements as usize);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// Computes one tile of the output, a range of its elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    #[expect(clippy::cast_ptr_alignment, reason = "words are read where both addresses are aligned for them")]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: the tile lies inside both regions (`check`).
        unsafe {
            let (input, output) = (memory.at::<u8>(self.input), memory.at::<u8>(self.output));
            let mut index = tile.start();
            while index < tile.end() {
                let (from, to) = (input.wrapping_add(index), output.wrapping_add(index));
                let words = from.cast::<u32>().is_aligned() && to.cast::<u32>().is_aligned();
                if words && tile.end().wrapping_sub(index) >= 4 {
                    to.cast::<u32>().write(*from.cast::<u32>() ^ 0x8080_8080);
                    index = index.wrapping_add(4);
                } else {
                    to.write(*from ^ 0x80);
                    index = index.wrapping_add(1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Arena;

    fn bytes(arena: &mut Arena<512>, region: Region) -> Vec<u8> {
        // SAFETY: the region lies inside the arena.
        unsafe { core::slice::from_raw_parts(arena.memory().at::<u8>(region), region.bytes as usize).to_vec() }
    }

    #[test]
    fn every_byte_is_looked_up_in_tiles_and_in_place() {
        let table: &'static [u8] = Box::leak((0..=255_u8).map(|x| x.wrapping_mul(7) ^ 3).collect());
        let input: Vec<u8> = (0..=255).collect();
        for output in [Region::new(0, 256), Region::new(256, 256)] {
            let mut arena = Arena::<512>::new();
            let kernel = Table { input: Region::new(0, 256), output, elements: 256, table };
            kernel.check(512);
            arena.fill(kernel.input, &input);
            for tile in [Tile::new(0, 100), Tile::new(100, 101), Tile::new(101, 256)] {
                // SAFETY: checked above; the tiles are disjoint.
                unsafe { kernel.run(arena.memory(), tile) };
            }
            assert_eq!(bytes(&mut arena, output), table);
        }
    }

    #[test]
    fn flips_words_and_odd_ends() {
        let input: Vec<u8> = (0..=255).collect();
        let want: Vec<u8> = input.iter().map(|x| x ^ 0x80).collect();
        for tiles in [vec![0, 256], vec![0, 1, 2, 9, 130, 256], vec![0, 3, 255, 256]] {
            let mut arena = Arena::<512>::new();
            let kernel = Flip { input: Region::new(0, 256), output: Region::new(256, 256), elements: 256 };
            kernel.check(512);
            arena.fill(kernel.input, &input);
            for ends in tiles.windows(2) {
                // SAFETY: checked above; the tiles are disjoint.
                unsafe { kernel.run(arena.memory(), Tile::new(ends[0], ends[1])) };
            }
            assert_eq!(bytes(&mut arena, kernel.output), want);
        }
    }
}
