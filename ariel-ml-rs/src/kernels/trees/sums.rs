//! What the values of leaves come to: their sum, or the best of them.

use super::check_starts;
use crate::kernels::access::Access;
use crate::kernels::divide::divide;
use crate::kernels::rolled::{kept, rolled};
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

/// What all kernels over the values of leaves have.
#[derive(Clone, Copy)]
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
            let values = kept(values.as_ptr().add(column as usize));
            let (mut leaf, end) = (leaves.add(from), kept(leaves.add(to)));
            while leaf != end {
                let place = (*leaf as u32).wrapping_mul(width).min(last);
                let value = values.add(place as usize);
                for (index, sum) in sums.iter_mut().enumerate() {
                    *sum = step(*sum, *value.add(index));
                }
                // Flash counts here: no loop is written out ten times.
                rolled();
                leaf = leaf.add(1);
            }
        }
        sums
    }
}

/// What is written of a score.
#[derive(Clone, Copy, PartialEq, Eq)]
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
        #[derive(Clone, Copy)]
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
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
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
        #[derive(Clone, Copy)]
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
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
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
