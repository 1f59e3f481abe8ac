//! Forests of decision trees in three steps: keys of a row's features, the leaf that each tree ends in, and what leaves sum to.
//!
//! A node sends a row on by one comparison of integers, `key > threshold`, whatever the model compares: keys go up as the features
//! do. A feature may have several keys ([`LOW`], [`TURNED`]), so that the other relations, the other side first, and what becomes of
//! what is no number cost nothing where nodes are walked.
//!
//! A node is two words, its threshold and where it leads: bits 0 to 11 are the number of the key, bits 12 to 29 a place, bit 31 says
//! that both sides are leaves and bit 30 that the right one is. A left side that is no leaf is the next node. So nodes lead to later
//! ones only, a walk ends, and a side or a subtree may belong to many trees. Where both are leaves, the place is that of two in a
//! row, or in bits 12 to 20 the left one's number, and the right one's behind it.
//!
//! Which side is taken is added up, not jumped: the only jump of a step is the one back.

use super::access::Access;
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;
use core::num::NonZeroU32;

/// Bit of a key's slot: what is no number is less than all numbers, and not greater.
pub const LOW: u16 = 1 << 14;
/// Bit of a key's slot: the key's bits are turned over, so that it goes down as the feature goes up.
pub const TURNED: u16 = 1 << 15;
/// Bits of a slot that are the feature.
const FEATURE: u16 = LOW - 1;

/// Bits of a node's word that are the number of the key.
const KEY: u32 = (1 << 12) - 1;
/// Where the place of a node's word begins.
const PLACE: u32 = 12;
/// Bits of a place.
const PLACE_BITS: u32 = 18;
/// The leaf at the left, where a place is two numbers.
const LEFT_BITS: u32 = PLACE_BITS / 2;

/// Quotient and remainder; `check` proved that extents are not 0, which the optimiser cannot know.
#[inline]
fn divide(index: usize, extent: u32) -> (usize, usize) {
    let extent = NonZeroU32::new(extent).unwrap_or(NonZeroU32::MIN).get() as usize;
    (index / extent, index % extent)
}

/// Checks that all slots are of features that there are.
const fn check_slots(slots: &[u16], features: u32) {
    assert!(!slots.is_empty(), "no keys");
    let mut slot = 0;
    while slot < slots.len() {
        assert!(((slots[slot] & FEATURE) as u32) < features, "a key of a feature that is none");
        slot += 1;
    }
}

/// A key that is turned over where its slot says so.
#[inline(always)]
const fn turned(key: i32, slot: u16) -> i32 {
    if slot & TURNED == 0 { key } else { !key }
}

/// The key of what is no number.
#[inline(always)]
const fn no_number(slot: u16) -> i32 {
    if slot & LOW == 0 { i32::MAX } else { i32::MIN }
}

/// Keys of float32: their bits in the order of the numbers, both zeros alike.
#[derive(Clone, Copy, Debug)]
pub struct KeysF32 {
    /// float32 features, `[rows][features]`.
    pub input: Region,
    /// int32 keys, `[rows][slots]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Features of a row.
    pub features: u32,
    /// The feature of each key, and how the key is made.
    pub slots: &'static [u16],
}

impl KeysF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and slots do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let rows = self.rows as usize;
        self.input.check::<f32>(arena_bytes, rows.saturating_mul(self.features as usize));
        self.output.check::<i32>(arena_bytes, rows.saturating_mul(self.slots.len()));
        check_slots(self.slots, self.features);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn work(&self) -> Work {
        Work::of(self.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        for row in tile.start()..tile.end() {
            // SAFETY: `check` proved both regions and the features of all slots; the tile's rows are rows of both.
            unsafe {
                let input = memory.at::<f32>(self.input).cast_const().add(row * self.features as usize);
                let mut output = memory.at::<i32>(self.output).add(row * self.slots.len());
                for &slot in self.slots {
                    // A negative zero becomes the other one.
                    let x = *input.add((slot & FEATURE) as usize) + 0.0;
                    let bits = x.to_bits() as i32;
                    let ordered = bits ^ ((bits >> 31) & i32::MAX);
                    let key = if x.is_nan() { no_number(slot) } else { ordered };
                    output.write(turned(key, slot));
                    output = output.add(1);
                }
            }
        }
    }
}

/// Keys of float64: how many of the thresholds that the feature is compared with are less.
#[derive(Clone, Copy, Debug)]
pub struct KeysF64 {
    /// float64 features, `[rows][features]`.
    pub input: Region,
    /// int32 keys, `[rows][slots]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Features of a row.
    pub features: u32,
    /// The feature of each key, and how the key is made.
    pub slots: &'static [u16],
    /// Where the thresholds of each slot begin, and where they end.
    pub ranges: &'static [u32],
    /// Thresholds, those of each slot in order.
    pub thresholds: &'static [f64],
}

impl KeysF64 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, slots and thresholds do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let rows = self.rows as usize;
        self.input.check::<f64>(arena_bytes, rows.saturating_mul(self.features as usize));
        self.output.check::<i32>(arena_bytes, rows.saturating_mul(self.slots.len()));
        check_slots(self.slots, self.features);
        assert!(self.ranges.len() == self.slots.len().saturating_mul(2), "ranges of the wrong length");
        let mut slot = 0;
        while slot < self.slots.len() {
            let (first, end) = (self.ranges[2 * slot], self.ranges[2 * slot + 1]);
            assert!(first <= end && end as usize <= self.thresholds.len(), "a range outside of its table");
            slot += 1;
        }
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn work(&self) -> Work {
        Work::of(self.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        for row in tile.start()..tile.end() {
            // SAFETY: `check` proved both regions, the features of all slots and their thresholds; the tile's rows are rows of both.
            unsafe {
                let input = memory.at::<f64>(self.input).cast_const().add(row * self.features as usize);
                let output = memory.at::<i32>(self.output).add(row * self.slots.len());
                for (index, &slot) in self.slots.iter().enumerate() {
                    let x = *input.add((slot & FEATURE) as usize);
                    let range = self.ranges.as_ptr().add(2 * index);
                    let (first, end) = (*range, *range.add(1));
                    let (mut low, mut high) = (first, end);
                    while low < high {
                        let middle = low + (high - low) / 2;
                        if *self.thresholds.as_ptr().add(middle as usize) < x {
                            low = middle + 1;
                        } else {
                            high = middle;
                        }
                    }
                    let key = if x.is_nan() { no_number(slot) } else { (low - first) as i32 };
                    output.add(index).write(turned(key, slot));
                }
            }
        }
    }
}

/// Checks the starts of so many ranges of a table, which end with the table.
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
    /// int32 keys, `[rows][slots]`.
    pub keys: Region,
    /// int32 numbers of leaves, `[rows][trees]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Keys of a row.
    pub slots: u32,
    /// Leaves that there are.
    pub leaves: u32,
    /// Whether the leaves at both sides of a node stand in a row.
    pub paired: bool,
    /// The node at which each tree begins.
    pub roots: &'static [u32],
    /// Nodes: a threshold, and where it leads.
    pub nodes: &'static [i32],
}

impl Leaves {
    /// Checks the kernel against the arena while the firmware compiles: every way through the nodes stays inside and ends.
    ///
    /// # Panics
    /// Where regions and nodes do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let rows = self.rows as usize;
        self.keys.check::<i32>(arena_bytes, rows.saturating_mul(self.slots as usize));
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
            let place = (word >> PLACE) & ((1 << PLACE_BITS) - 1);
            let (last, is_right) = match (word >> 30, self.paired) {
                (0, _) => (place, false),
                (1, _) => (place, true),
                (_, true) => (place + 1, true),
                (_, false) if (place & ((1 << LEFT_BITS) - 1)) > place >> LEFT_BITS => {
                    (place & ((1 << LEFT_BITS) - 1), true)
                }
                (_, false) => (place >> LEFT_BITS, true),
            };
            // One bound for all, so that large forests are checked soon.
            let ends = if is_right { self.leaves as usize } else { count };
            let is_forward = is_right || place as usize > index;
            let has_next = word >> 31 == 1 || index + 1 < count;
            assert!(
                (word & KEY) < self.slots && (last as usize) < ends && is_forward && has_next,
                "a node that leads astray"
            );
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
        let (nodes, roots) = (self.nodes.as_ptr(), self.roots.as_ptr());
        // SAFETY: `check` proved the regions, the roots, and that each node leads to a later one or to a leaf that there is; the tile's
        // units are trees of rows.
        unsafe {
            let mut keys = memory.at::<i32>(self.keys).cast_const().add(row * self.slots as usize);
            let output = memory.at::<i32>(self.output);
            for unit in tile.start()..tile.end() {
                let mut node = nodes.add(2 * *roots.add(tree) as usize);
                let (word, right) = loop {
                    let (threshold, word) = (*node, *node.add(1) as u32);
                    let right = *keys.add((word & KEY) as usize) > threshold;
                    let place = ((word >> PLACE) & ((1 << PLACE_BITS) - 1)) as usize;
                    let side = if right { word << 1 } else { word };
                    if (side as i32) < 0 {
                        break (word, right);
                    }
                    node = if right { nodes.add(2 * place) } else { node.add(2) };
                };
                let place = (word >> PLACE) & ((1 << PLACE_BITS) - 1);
                let leaf = match (word >> 31 != 0, self.paired) {
                    (false, _) => place,
                    (true, true) => place + u32::from(right),
                    (true, false) if right => place >> LEFT_BITS,
                    (true, false) => place & ((1 << LEFT_BITS) - 1),
                };
                output.add(unit).write(leaf as i32);
                tree += 1;
                if tree == trees {
                    (row, tree) = (row + 1, 0);
                    keys = memory.at::<i32>(self.keys).cast_const().add(row * self.slots as usize);
                }
            }
        }
    }
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
            for tree in from..to {
                let place = (*leaves.add(tree) as u32).wrapping_mul(width).min(last);
                let value = values.add(place as usize);
                for (index, sum) in sums.iter_mut().enumerate() {
                    *sum = step(*sum, *value.add(index));
                }
            }
        }
        sums
    }
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
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and values do not agree.
            pub const fn check(&self, arena_bytes: usize) {
                self.found.check::<$element>(arena_bytes, self.values.len());
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
                    let output = memory.at::<$element>(self.found.output).add(unit);
                    for (index, sum) in sums.into_iter().enumerate() {
                        let mut sum = sum;
                        if self.divisor != 1 {
                            sum /= self.divisor as $element;
                        }
                        if !self.base.is_empty() {
                            sum += *self.base.as_ptr().add(place.1 + index);
                        }
                        output.add(index).write(sum);
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
