//! The leaf that each tree ends in.

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

/// Bits of a node's word that are the number of the key.
const KEY: u32 = (1 << 12) - 1;
/// Where the place of a node's word begins.
const PLACE: u32 = 12;
/// Its bits.
const PLACE_BITS: u32 = 18;
/// In the word's highest bits: the right side is a leaf.
const RIGHT_ENDS: u32 = 1;
/// Bytes of a node, as a shift.
#[cfg(not(thumb2))]
const NODE: u32 = 3;
/// The left leaf's number, where a place is two.
const LEFT_BITS: u32 = 9;

/// The leaf in which each tree ends.
#[derive(Clone, Copy)]
pub struct Leaves {
    /// int32 keys, `[rows][keys]`.
    pub keys: Region,
    /// int32 numbers of leaves, `[rows][trees]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Keys of a row.
    pub width: u32,
    /// Leaves that there are.
    pub leaves: u32,
    /// Whether the leaves at both sides of a node stand in a row.
    pub paired: bool,
    /// The node at which each tree begins.
    pub roots: &'static [u16],
    /// Nodes: a threshold, and where it leads.
    pub nodes: &'static [i32],
}

impl Leaves {
    /// Checks the kernel against the arena while the firmware compiles: every way through the nodes stays inside and ends.
    ///
    /// # Panics
    /// Where regions and nodes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let rows = self.rows as usize;
        self.keys.check::<i32>(arena_bytes, rows.saturating_mul(self.width as usize));
        self.output.check::<i32>(arena_bytes, rows.saturating_mul(self.roots.len()));
        let count = self.nodes.len() / 2;
        check_roots(self.roots, count);
        let mut index = 0;
        while index < count {
            let word = self.nodes[2 * index + 1] as u32;
            let (place, flags) = ((word >> PLACE) & ((1 << PLACE_BITS) - 1), word >> (PLACE + PLACE_BITS));
            let (left, right) = (place & ((1 << LEFT_BITS) - 1), place >> LEFT_BITS);
            let last = match (flags, self.paired) {
                (0 | RIGHT_ENDS, _) => place,
                (_, true) => place + 1,
                (_, false) if left > right => left,
                (_, false) => right,
            };
            let is_inner = flags == 0;
            let ends = if is_inner { count } else { self.leaves as usize };
            let is_forward = !is_inner || place as usize > index;
            let has_next = flags > RIGHT_ENDS || index + 1 < count;
            let has_key = word & KEY < self.width;
            assert!((last as usize) < ends && is_forward && has_next && has_key, "a node that leads astray");
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
        let roots = self.roots.as_ptr();
        let mut left = tile.end() - tile.start();
        // SAFETY: `check` proved the regions, the roots, and that each node leads to a later one or to a leaf that there is; the tile's
        // units are trees of rows.
        unsafe {
            let mut output = memory.at::<i32>(self.output).add(tile.start());
            while left > 0 {
                let keys = memory.at::<i32>(self.keys).cast_const().add(row * self.width as usize);
                let some = left.min(trees - tree);
                self.walk(keys, roots.add(tree), some, output);
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
    unsafe fn walk(&self, keys: *const i32, roots: *const u16, count: usize, output: *mut i32) {
        let half = 1 << LEFT_BITS;
        // SAFETY: as the caller promises.
        unsafe {
            thumb2::leaves(&thumb2::Leaves {
                roots,
                keys,
                nodes: self.nodes.as_ptr(),
                output,
                end: roots.add(count),
                left: if self.paired { u32::MAX } else { half - 1 },
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
    unsafe fn walk(&self, keys: *const i32, roots: *const u16, count: usize, output: *mut i32) {
        let nodes = self.nodes.as_ptr();
        for tree in 0..count {
            // SAFETY: as the caller promises.
            unsafe {
                let root = nodes.add(2 * usize::from(*roots.add(tree)));
                output.add(tree).write(self.leaf(nodes, keys, root) as i32);
            }
        }
    }

    /// The leaf in which a tree ends that begins at `node`.
    ///
    /// # Safety
    /// `check` was passed; `keys` are those of a row, and `node` is one of `nodes`.
    #[cfg(not(thumb2))]
    #[inline(always)]
    unsafe fn leaf(&self, nodes: *const i32, keys: *const i32, mut node: *const i32) -> u32 {
        /// Bits of a place as an offset in bytes.
        const OFFSET: u32 = ((1 << PLACE_BITS) - 1) << NODE;
        loop {
            // SAFETY: as the caller promises; a side that is no leaf is a node.
            let (threshold, word, key) = unsafe {
                let (threshold, word) = (*node, *node.add(1) as u32);
                (threshold, word, *keys.add((word & KEY) as usize))
            };
            let right = key > threshold;
            // Where a side is a leaf, this is no node, and not looked at.
            let far = nodes.wrapping_byte_add(((word >> (PLACE - NODE)) & OFFSET) as usize);
            node = select_unpredictable(right, far, node.wrapping_add(2));
            if select_unpredictable(right, word << 1, word) as i32 >= 0 {
                continue;
            }
            let place = (word >> PLACE) & ((1 << PLACE_BITS) - 1);
            return match (word >> (PLACE + PLACE_BITS) > RIGHT_ENDS, self.paired) {
                (false, _) => place,
                (true, true) => place + u32::from(right),
                (true, false) if right => place >> LEFT_BITS,
                (true, false) => place & ((1 << LEFT_BITS) - 1),
            };
        }
    }
}
