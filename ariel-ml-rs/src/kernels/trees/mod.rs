//! Forests of decision trees in three steps: keys of a row's features, the leaf that each tree ends in, and what leaves sum to.
//!
//! A node sends a row on by one comparison of integers, `key > threshold`, whatever the model compares: keys go up as the features
//! do. A feature may have several keys ([`LOW`], [`TURNED`]), so that the other relations, the other side first, and what becomes of
//! what is no number cost nothing where nodes are walked.
//!
//! A node is two words, its threshold and where it leads: bits 0 to 11 are the number of the key, bits 12 to 29 a place, bit 31 says
//! that both sides are leaves and bit 30 that the right one is. A left side that is no leaf is the next node. So nodes lead to later
//! ones only, a walk ends, and a side or a subtree may belong to many trees. Where both are leaves, the place is that of two in a
//! row, or in its lower half the left one's number, and the right one's in its upper half.
//!
//! Which side is taken is selected, not jumped to: the only jump of a step is the one back.

#[cfg(thumb2)]
mod thumb2;

use super::access::Access;
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;
#[cfg(not(thumb2))]
use core::hint::select_unpredictable;
use core::num::NonZeroU32;

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

/// Key of the least float32.
#[cfg(not(thumb2))]
const LEAST: i32 = f32::NEG_INFINITY.to_bits() as i32 ^ i32::MAX;
/// Key of the greatest float32.
#[cfg(not(thumb2))]
const GREATEST: i32 = f32::INFINITY.to_bits() as i32;

/// Quotient and remainder; `check` proved that extents are not 0, which the optimiser cannot know.
#[inline]
fn divide(index: usize, extent: u32) -> (usize, usize) {
    let extent = NonZeroU32::new(extent).unwrap_or(NonZeroU32::MIN).get() as usize;
    (index / extent, index % extent)
}

/// The features whose keys nodes ask for.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    /// int32 keys, `[rows][2 slots]`: those of all slots, then the same with their bits turned over, which go down as features go up.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Features of a row.
    pub features: u32,
    /// The feature of each slot.
    pub slots: &'static [u16],
    /// The first slot whose keys put what is no number below all numbers; those of the others put it above.
    pub low: u32,
}

impl Slots {
    /// Checks the slots against the features and the arena.
    #[inline]
    const fn check(&self, arena_bytes: usize) {
        self.output.check::<i32>(arena_bytes, (self.rows as usize).saturating_mul(2).saturating_mul(self.slots.len()));
        assert!(!self.slots.is_empty(), "no keys");
        let mut slot = 0;
        while slot < self.slots.len() {
            assert!((self.slots[slot] as u32) < self.features, "a key of a feature that is none");
            slot += 1;
        }
    }

    /// Writes the keys of a range of rows; `key` makes one of a feature and its slot, and is told whether no number is low.
    ///
    /// # Safety
    /// `check` was passed; `input` holds the features of all rows, and nobody else reads or writes these rows of the output.
    #[inline(always)]
    unsafe fn fill<T: Copy>(
        &self,
        memory: Memory<'_>,
        input: *const T,
        tile: Tile,
        key: impl Fn(T, usize, bool) -> i32,
    ) {
        let (count, low) = (self.slots.len(), self.low as usize);
        for row in tile.start()..tile.end() {
            // SAFETY: the features of all slots lie inside a row, as `check` proved, and two keys for each in a row of the output.
            unsafe {
                let input = input.add(row * self.features as usize);
                let output = memory.at::<i32>(self.output).add(row * 2 * count);
                for slot in 0..count {
                    let found = key(*input.add(*self.slots.as_ptr().add(slot) as usize), slot, slot >= low);
                    output.add(slot).write(found);
                    output.add(count + slot).write(!found);
                }
            }
        }
    }
}

/// Keys of float32: their bits in the order of the numbers. That of -0 is right below that of 0.
#[derive(Clone, Copy, Debug)]
pub struct KeysF32 {
    /// float32 features, `[rows][features]`.
    pub input: Region,
    /// Rows and slots.
    pub keys: Slots,
}

impl KeysF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and slots do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f32>(arena_bytes, (self.keys.rows as usize).saturating_mul(self.keys.features as usize));
        self.keys.check(arena_bytes);
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
        Work::of(self.keys.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: `check` proved the input; the tile's rows are its own.
        unsafe { self.fill(memory, memory.at::<i32>(self.input).cast_const(), tile) }
    }

    /// Writes the keys of a range of rows.
    ///
    /// # Safety
    /// `check` was passed; `input` has the bits of the features of all rows, and nobody else reads or writes these rows of the output.
    #[cfg(thumb2)]
    #[inline(always)]
    unsafe fn fill(&self, memory: Memory<'_>, input: *const i32, tile: Tile) {
        let slots = self.keys.slots;
        let high = (self.keys.low as usize).min(slots.len());
        for row in tile.start()..tile.end() {
            // SAFETY: as the caller promises; the features of all slots lie inside a row, and two keys for each in a row of the output.
            unsafe {
                thumb2::keys(&thumb2::Keys {
                    slots: slots.as_ptr(),
                    high: slots.as_ptr().add(high),
                    end: slots.as_ptr().add(slots.len()),
                    input: input.add(row * self.keys.features as usize),
                    output: memory.at::<i32>(self.keys.output).add(row * 2 * slots.len()),
                    half: slots.len() * size_of::<i32>(),
                });
            }
        }
    }

    /// Writes the keys of a range of rows.
    ///
    /// # Safety
    /// `check` was passed; `input` has the bits of the features of all rows, and nobody else reads or writes these rows of the output.
    #[cfg(not(thumb2))]
    #[inline(always)]
    unsafe fn fill(&self, memory: Memory<'_>, input: *const i32, tile: Tile) {
        // SAFETY: as the caller promises.
        unsafe {
            self.keys.fill(memory, input, tile, |bits, _, low| {
                let key = bits ^ ((bits >> 31) & i32::MAX);
                // What is no number lies beyond the infinities, on the side of its sign.
                if low {
                    if key > GREATEST { i32::MIN } else { key }
                } else if key < LEAST {
                    i32::MAX
                } else {
                    key
                }
            });
        }
    }
}

/// Keys of float64: how many of the thresholds that the feature is compared with are less.
#[derive(Clone, Copy, Debug)]
pub struct KeysF64 {
    /// float64 features, `[rows][features]`.
    pub input: Region,
    /// Rows and slots.
    pub keys: Slots,
    /// Where the thresholds of each slot begin, and where the last ones end.
    pub starts: &'static [u32],
    /// Thresholds, those of each slot in order.
    pub thresholds: &'static [f64],
}

impl KeysF64 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, slots and thresholds do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f64>(arena_bytes, (self.keys.rows as usize).saturating_mul(self.keys.features as usize));
        self.keys.check(arena_bytes);
        check_starts(self.starts, self.keys.slots.len(), self.thresholds.len());
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
        Work::of(self.keys.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: `check` proved the input, and that the thresholds of all slots lie inside the table; the tile's rows are its own.
        unsafe {
            self.keys.fill(memory, memory.at::<f64>(self.input).cast_const(), tile, |x, slot, low| {
                if x.is_nan() {
                    return if low { i32::MIN } else { i32::MAX };
                }
                let range = self.starts.as_ptr().add(slot);
                let (first, mut end) = (*range, *range.add(1));
                let mut start = first;
                while start < end {
                    let middle = start + (end - start) / 2;
                    if *self.thresholds.as_ptr().add(middle as usize) < x {
                        start = middle + 1;
                    } else {
                        end = middle;
                    }
                }
                (start - first) as i32
            });
        }
    }
}

/// Checks the starts of so many ranges of a table, which end with the table.
#[inline]
const fn check_starts(starts: &[u32], ranges: usize, table: usize) {
    assert!(starts.len() == ranges.saturating_add(1), "starts of the wrong length");
    let mut range = 0;
    while range < ranges {
        assert!(starts[range] <= starts[range + 1], "a range that ends before it begins");
        range += 1;
    }
    assert!(starts[ranges] as usize <= table, "a range outside of its table");
}

/// The leaf in which each tree ends.
#[derive(Clone, Copy, Debug)]
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
        assert!(!self.roots.is_empty(), "no trees");
        let count = self.nodes.len() / 2;
        let (mut tree, mut index) = (0, 0);
        while tree < self.roots.len() {
            assert!((self.roots[tree] as usize) < count, "a tree without nodes");
            tree += 1;
        }
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
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
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

/// A number of which the optimiser knows nothing, so that it does not write a short loop out ten times: flash counts here.
#[inline(always)]
fn rolled(mut number: usize) -> usize {
    #[cfg(target_arch = "arm")]
    // SAFETY: nothing is done.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) number, options(pure, nomem, nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "arm"))]
    {
        number = core::convert::identity(number);
    }
    number
}

/// What all kernels over the values of leaves have.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// int32 numbers of leaves, `[rows][trees]`.
    pub leaves: Region,
    /// `[rows][targets]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Trees.
    pub trees: u32,
    /// Targets.
    pub targets: u32,
    /// Where the trees of each target begin, and where the last ones end; empty where leaves have a value for each target.
    pub starts: &'static [u32],
}

impl Found {
    /// Checks regions and starts against `values` numbers of leaves.
    #[inline]
    const fn check<T: Element>(&self, arena_bytes: usize, values: usize) {
        let (rows, targets) = (self.rows as usize, self.targets as usize);
        self.leaves.check::<i32>(arena_bytes, rows.saturating_mul(self.trees as usize));
        self.output.check::<T>(arena_bytes, rows.saturating_mul(targets));
        assert!(targets > 0, "no targets");
        if self.starts.is_empty() {
            assert!(values >= targets && values <= u32::MAX as usize, "leaves without values");
        } else {
            assert!(values > 0 && values <= u32::MAX as usize, "leaves without values");
            check_starts(self.starts, targets, self.trees as usize);
        }
    }

    /// Units: targets of all rows.
    const fn units(&self) -> usize {
        (self.rows as usize).saturating_mul(self.targets as usize)
    }

    /// Values of a leaf.
    #[inline(always)]
    const fn width(&self) -> u32 {
        if self.starts.is_empty() { self.targets } else { 1 }
    }

    /// Folds the values of `N` targets from a unit on, all of one row.
    ///
    /// # Safety
    /// `check` was passed with as many values; the units are targets of one row, and they are 1 where leaves have one value.
    #[inline(always)]
    unsafe fn fold<T: Element, const N: usize>(
        &self,
        memory: Memory<'_>,
        values: &'static [T],
        (row, target): (usize, usize),
        start: T,
        step: impl Fn(T, T) -> T,
    ) -> [T; N] {
        let width = self.width();
        // A leaf may be any number that the memory holds: those beyond the last one are the last one.
        let last = (values.len() as u32).wrapping_sub(width);
        let mut sums = [start; N];
        // SAFETY: `check` proved the region, the starts, and values of at least one leaf.
        unsafe {
            let (mut from, mut to, mut column) = (0, self.trees as usize, target as u32);
            if !self.starts.is_empty() {
                from = *self.starts.as_ptr().add(target) as usize;
                to = *self.starts.as_ptr().add(target + 1) as usize;
                column = 0;
            }
            let leaves = memory.at::<i32>(self.leaves).cast_const().add(row * self.trees as usize);
            let values = values.as_ptr().add(column as usize);
            let mut tree = from;
            while tree < to {
                let place = (*leaves.add(tree) as u32).wrapping_mul(width).min(last);
                let value = values.add(place as usize);
                for (index, sum) in sums.iter_mut().enumerate() {
                    *sum = step(*sum, *value.add(index));
                }
                tree = rolled(tree) + 1;
            }
        }
        sums
    }
}

/// What is written of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// The score.
    Each,
    /// 1 less the score, then the score.
    Rest,
    /// The score's negative, then the score.
    Opposite,
}

macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            /// Leaves, trees and targets.
            pub found: Found,
            /// Values of all leaves.
            pub values: &'static [$element],
            /// What is added for each target; may be empty.
            pub base: &'static [$element],
            /// By what sums are divided before.
            pub divisor: u32,
            /// What is written of each; of one target only there may be two columns.
            pub columns: Columns,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and values do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.found.check::<$element>(arena_bytes, self.values.len());
                if !matches!(self.columns, Columns::Each) {
                    assert!(self.found.targets == 1, "two columns of several targets");
                    self.found.output.check::<$element>(arena_bytes, (self.found.rows as usize).saturating_mul(2));
                }
                let base = self.base.len();
                assert!(base == 0 || base == self.found.targets as usize, "base values of the wrong length");
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
                Work::of(self.found.units())
            }

            /// Computes one tile of the output: a range of targets of all rows.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let mut unit = tile.start();
                while unit < tile.end() {
                    let place = divide(unit, self.found.targets);
                    let left = (self.found.targets as usize - place.1).min(tile.end() - unit);
                    // SAFETY: as the caller promises; `left` targets of this row are left.
                    unsafe {
                        unit += match if self.found.starts.is_empty() { left } else { 1 } {
                            1 => self.some::<1>(memory, unit, place),
                            2 => self.some::<2>(memory, unit, place),
                            _ => self.some::<3>(memory, unit, place),
                        };
                    }
                }
            }

            /// Computes `N` targets of a row; returns how many.
            ///
            /// # Safety
            /// As for [`Self::run`]; there are so many.
            #[inline(always)]
            unsafe fn some<const N: usize>(
                &self,
                memory: Memory<'_>,
                unit: usize,
                place: (usize, usize),
            ) -> usize {
                // SAFETY: as the caller promises; `check` proved the base of each target where there are any.
                unsafe {
                    let sums = self.found.fold::<$element, N>(memory, self.values, place, 0.0, |sum, value| sum + value);
                    let output = memory.at::<$element>(self.found.output);
                    for (index, sum) in sums.into_iter().enumerate() {
                        let mut sum = sum;
                        if self.divisor != 1 {
                            sum /= self.divisor as $element;
                        }
                        if !self.base.is_empty() {
                            sum += *self.base.as_ptr().add(place.1 + index);
                        }
                        match self.columns {
                            Columns::Each => output.add(unit + index).write(sum),
                            Columns::Rest => output.add(2 * unit).cast::<[$element; 2]>().write([1.0 - sum, sum]),
                            Columns::Opposite => output.add(2 * unit).cast::<[$element; 2]>().write([-sum, sum]),
                        }
                    }
                }
                N
            }
        }
    )+ };
}

sums! {
    /// Sums of float32 values, in the order of the trees.
    SumsF32: f32;
    /// Sums of float64 values, in the order of the trees.
    SumsF64: f64;
}

macro_rules! bests {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            /// Leaves, trees and targets.
            pub found: Found,
            /// Values of all leaves.
            pub values: &'static [$element],
            /// Whether the least is taken, and not the greatest.
            pub least: bool,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and values do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.found.check::<$element>(arena_bytes, self.values.len());
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
                Work::of(self.found.units())
            }

            /// Computes one tile of the output: a range of targets of all rows.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let start = if self.least { <$element>::INFINITY } else { -<$element>::INFINITY };
                for unit in tile.start()..tile.end() {
                    let place = divide(unit, self.found.targets);
                    // SAFETY: as the caller promises; the unit is one target of a row.
                    unsafe {
                        let [best] = self.found.fold::<$element, 1>(memory, self.values, place, start, |best, value| {
                            let is_better = if self.least { value < best } else { value > best };
                            if is_better { value } else { best }
                        });
                        memory.at::<$element>(self.found.output).add(unit).write(best);
                    }
                }
            }
        }
    )+ };
}

bests! {
    /// The least or the greatest of float32 values.
    BestsF32: f32;
    /// The least or the greatest of float64 values.
    BestsF64: f64;
}
