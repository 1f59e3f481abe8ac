//! The leaf that each tree ends in, of nodes of one word.

use super::check_roots;
#[cfg(thumb2)]
use super::thumb2;
use crate::kernels::access::Access;
use crate::kernels::divide::divide;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;
#[cfg(not(thumb2))]
use core::hint::select_unpredictable;

/// In a word's lowest bits: both sides are leaves, and the right one is.
const BOTH_END: u32 = 1;
/// Where the number of the key begins, and its bits.
const KEY: (u32, u32) = (2, 8);
/// Where the place begins, and its bits; what is above is the rank.
const PLACE: (u32, u32) = (10, 15);
/// Bits of the left leaf's number, where a place is two.
const LEFT_BITS: u32 = 7;

/// The bits of a word from one on, so many.
const fn bits(word: u32, (from, count): (u32, u32)) -> u32 {
    (word >> from) & ((1 << count) - 1)
}

/// The leaf in which each tree ends: nodes are words of a rank, a place, the number of a key, and two flags.
#[derive(Clone, Copy)]
pub struct ShortLeaves {
    /// Keys of `RanksF32`, `[rows][keys]`.
    pub keys: Region,
    /// int32 numbers of leaves, `[rows][trees]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Keys of a row.
    pub width: u32,
    /// Leaves that there are.
    pub leaves: u32,
    /// Whether the leaves at both sides of a node stand in a row; a place is one of them then, and not two numbers.
    pub paired: bool,
    /// The node at which each tree begins.
    pub roots: &'static [u16],
    /// Nodes.
    pub nodes: &'static [i32],
}

impl ShortLeaves {
    /// Checks the kernel against the arena while the firmware compiles: every way through the nodes stays inside and ends.
    ///
    /// # Panics
    /// Where regions and nodes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let rows = self.rows as usize;
        self.keys.check::<i32>(arena_bytes, rows.saturating_mul(self.width as usize));
        self.output.check::<i32>(arena_bytes, rows.saturating_mul(self.roots.len()));
        let count = self.nodes.len();
        check_roots(self.roots, count);
        let mut index = 0;
        while index < count {
            let word = self.nodes[index] as u32;
            let (place, ends) = (bits(word, PLACE), word & 3);
            let (left, right) = (place & ((1 << LEFT_BITS) - 1), place >> LEFT_BITS);
            // The greatest number that it may lead to.
            let last = match (ends, self.paired) {
                (0, _) => place,
                (_, true) => place + 1,
                (2, false) => right,
                (_, false) if left > right => left,
                (_, false) => right,
            };
            let is_inner = ends == 0;
            let limit = if is_inner { count } else { self.leaves as usize };
            let is_forward = !is_inner || place as usize > index;
            let has_next = ends & BOTH_END != 0 || index + 1 < count;
            let has_key = bits(word, KEY) < self.width;
            assert!(ends != BOTH_END, "a left side alone that ends");
            assert!((last as usize) < limit && is_forward && has_next && has_key, "a node that leads astray");
            index += 1;
        }
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
        Work::of((self.rows as usize).saturating_mul(self.roots.len()))
    }

    /// Computes one tile of the output: a range of trees of all rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let trees = self.roots.len();
        let (mut row, mut tree) = divide(tile.start(), trees as u32);
        let mut left = tile.end() - tile.start();
        // SAFETY: `check` proved the regions, the roots, and that each node leads to a later one or to a leaf that there is; the tile's
        // units are trees of rows.
        unsafe {
            let mut output = memory.at::<i32>(self.output).add(tile.start());
            while left > 0 {
                let keys = memory.at::<u32>(self.keys).cast_const().add(row * self.width as usize);
                let some = left.min(trees - tree);
                self.walk(keys, self.roots.as_ptr().add(tree), some, output);
                output = output.add(some);
                (row, tree, left) = (row + 1, 0, left - some);
            }
        }
    }

    /// Walks `count` trees of a row, at least one.
    ///
    /// # Safety
    /// `check` was passed; there are so many roots, keys of the row, and numbers to write.
    #[cfg(thumb2)]
    #[inline(always)]
    unsafe fn walk(&self, keys: *const u32, roots: *const u16, count: usize, output: *mut i32) {
        // SAFETY: as the caller promises.
        unsafe {
            thumb2::short_leaves(&thumb2::Leaves {
                roots,
                keys: keys.cast(),
                nodes: self.nodes.as_ptr(),
                output,
                end: roots.add(count),
                left: if self.paired { u32::MAX } else { (1 << LEFT_BITS) - 1 },
                added: u32::from(self.paired),
                shift: if self.paired { 0 } else { LEFT_BITS },
            });
        }
    }

    /// Walks `count` trees of a row.
    ///
    /// # Safety
    /// `check` was passed; there are so many roots, keys of the row, and numbers to write.
    #[cfg(not(thumb2))]
    #[inline(always)]
    unsafe fn walk(&self, keys: *const u32, roots: *const u16, count: usize, output: *mut i32) {
        let nodes = self.nodes.as_ptr();
        for tree in 0..count {
            // SAFETY: as the caller promises; a side that is no leaf is a node.
            unsafe {
                let mut node = nodes.add(usize::from(*roots.add(tree)));
                let (word, right) = loop {
                    let word = *node as u32;
                    let right = *keys.add(bits(word, KEY) as usize) > word;
                    // Where a side is a leaf, this is no node, and not looked at.
                    let far = nodes.wrapping_add(bits(word, PLACE) as usize);
                    node = select_unpredictable(right, far, node.wrapping_add(1));
                    if select_unpredictable(right, word >> 1, word) & 1 != 0 {
                        break (word, right);
                    }
                };
                let place = bits(word, PLACE);
                let leaf = match (self.paired, right) {
                    (true, _) => place + u32::from(right),
                    (false, true) => place >> LEFT_BITS,
                    (false, false) => place & ((1 << LEFT_BITS) - 1),
                };
                output.add(tree).write(leaf as i32);
            }
        }
    }
}
