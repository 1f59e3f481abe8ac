//! Broadcasting: how two operands are spread over the output of an elementwise operator.
//!
//! The compiler merges axes until what is left is runs (along a run each operand either moves by one element or stays) and at
//! most five outer axes with a stride for each operand, 0 where it is repeated. Equal shapes are one run; `[h, w, c] + [c]`
//! is `h * w` runs of `c`. Tiles are ranges of output elements.

use super::rolled::rolled;
use super::sizes::sizes;
use crate::memory::{Element, Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// Outer axes.
const AXES: usize = 5;

/// How two operands are spread over an output.
#[derive(Clone, Copy)]
pub struct Broadcast {
    /// Elements of the output.
    pub elements: u32,
    /// Elements of a run.
    pub run: u32,
    /// Elements by which each operand moves along a run: 1, or 0 where it stays.
    pub steps: [u32; 2],
    /// Runs along each outer axis, the last axis fastest.
    pub counts: [u32; AXES],
    /// Strides of the left operand along the outer axes, in elements.
    pub left: [u32; AXES],
    /// Strides of the right operand along the outer axes, in elements.
    pub right: [u32; AXES],
}

/// A part of a run: where each operand and the output begin, and how many elements follow.
#[derive(Clone, Copy)]
struct Run {
    left: usize,
    right: usize,
    output: usize,
    count: usize,
}

/// Walks the runs of a tile.
struct Runs<'a> {
    broadcast: &'a Broadcast,
    /// Index along each outer axis.
    at: [u32; AXES],
    /// First element of the current run of each operand.
    left: usize,
    right: usize,
    /// Elements of the current run that lie before the tile.
    skip: usize,
    output: usize,
    end: usize,
}

/// Elements from the first of `count` to the last, `stride` apart.
const fn reach(count: u32, stride: u32) -> usize {
    (count as usize - 1).saturating_mul(stride as usize)
}

impl Broadcast {
    /// Checks at build time that the walk stays inside the operands and covers the output.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check<T: Element, U: Element>(
        &self,
        arena_bytes: usize,
        left: &Source<T>,
        right: &Source<T>,
        output: &Region,
    ) {
        assert!(self.run > 0, "run without elements");
        assert!(self.steps[0] <= 1 && self.steps[1] <= 1, "operands move by at most one element along a run");
        let mut elements = self.run as usize;
        let mut last = [reach(self.run, self.steps[0]), reach(self.run, self.steps[1])];
        let mut axis = 0;
        while axis < AXES {
            assert!(self.counts[axis] > 0, "axis without elements");
            elements = elements.saturating_mul(self.counts[axis] as usize);
            last[0] = last[0].saturating_add(reach(self.counts[axis], self.left[axis]));
            last[1] = last[1].saturating_add(reach(self.counts[axis], self.right[axis]));
            axis += 1;
        }
        assert!(elements == self.elements as usize, "the runs do not cover the output");
        left.check(arena_bytes, last[0].saturating_add(1));
        right.check(arena_bytes, last[1].saturating_add(1));
        output.check::<U>(arena_bytes, elements);
    }

    /// The tiles: ranges of elements of the output.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// The runs of the output elements `tile`.
    ///
    /// Not inlined: one copy serves every kernel.
    #[inline(never)]
    fn runs(&self, tile: Tile) -> Runs<'_> {
        let mut runs =
            Runs { broadcast: self, at: [0; AXES], left: 0, right: 0, skip: 0, output: tile.start(), end: tile.end() };
        // `check` proved that no divisor is 0, which the optimiser cannot know.
        let mut number = tile.start.checked_div(self.run).unwrap_or(0);
        runs.skip = tile.start.wrapping_sub(number.wrapping_mul(self.run)) as usize;
        // By index: the optimiser does not see that iterators zipped and turned round have one length, and keeps a panic.
        for axis in (0..AXES).rev() {
            let count = self.counts[axis];
            let outer = number.checked_div(count).unwrap_or(0);
            let at = number.wrapping_sub(outer.wrapping_mul(count));
            runs.at[axis] = at;
            runs.left = runs.left.wrapping_add(at.wrapping_mul(self.left[axis]) as usize);
            runs.right = runs.right.wrapping_add(at.wrapping_mul(self.right[axis]) as usize);
            number = outer;
        }
        runs
    }

    /// Calls `f(left, right, output, count)` for the runs of `tile`: with their first elements.
    ///
    /// # Safety
    /// As for [`Broadcast::map`].
    #[cfg(armv8_m)]
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what `f` calls is the kernel")]
    pub(super) unsafe fn in_runs<T: Element>(
        &self,
        memory: Memory<'_>,
        (left, right, output): (Source<T>, Source<T>, Region),
        tile: Tile,
        f: impl Fn(*const T, *const T, *mut T, usize),
    ) {
        // SAFETY: `check` proved that the operands reach to the last element of the walk, and the output to the last of the tile.
        unsafe {
            let (left, right, output) = (memory.source::<T>(left), memory.source::<T>(right), memory.at::<T>(output));
            let mut runs = self.runs(tile);
            while let Some(run) = runs.next() {
                f(left.add(run.left), right.add(run.right), output.add(run.output), run.count);
            }
        }
    }

    /// Writes `f(left, right)` to every output element of `tile`.
    ///
    /// The output may be one of the operands where that operand is not broadcast: an element is read before it is written.
    ///
    /// # Safety
    /// `check` passed with these operands; inputs are complete (memory invariant 3), no other tile in flight writes what this one
    /// reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the loop around `f` is the kernel")]
    pub(super) unsafe fn map<T: Element, U: Element>(
        &self,
        memory: Memory<'_>,
        (left, right, output): (Source<T>, Source<T>, Region),
        tile: Tile,
        f: impl Fn(T, T) -> U,
    ) {
        // SAFETY: `check` proved that the operands reach to the last element of the walk, and the output to the last of the tile.
        unsafe {
            let (left, right, output) = (memory.source::<T>(left), memory.source::<T>(right), memory.at::<U>(output));
            let [step_left, step_right] = sizes(self.steps);
            let mut runs = self.runs(tile);
            while let Some(run) = runs.next() {
                let (mut left, mut right, output) = (left.add(run.left), right.add(run.right), output.add(run.output));
                if step_left & step_right == 1 {
                    for index in 0..run.count {
                        rolled();
                        output.add(index).write(f(*left.add(index), *right.add(index)));
                    }
                } else {
                    for index in 0..run.count {
                        rolled();
                        output.add(index).write(f(*left, *right));
                        left = left.wrapping_add(step_left);
                        right = right.wrapping_add(step_right);
                    }
                }
            }
        }
    }
}

impl Runs<'_> {
    /// The next run, or `None` behind the tile. Not inlined: one copy serves every kernel.
    #[inline(never)]
    fn next(&mut self) -> Option<Run> {
        if self.output >= self.end {
            return None;
        }
        let [step_left, step_right] = sizes(self.broadcast.steps);
        let rest = (self.broadcast.run as usize).wrapping_sub(self.skip);
        let run = Run {
            left: self.left.wrapping_add(self.skip.wrapping_mul(step_left)),
            right: self.right.wrapping_add(self.skip.wrapping_mul(step_right)),
            output: self.output,
            count: rest.min(self.end.wrapping_sub(self.output)),
        };
        self.output = self.output.wrapping_add(run.count);
        self.skip = 0;
        for axis in (0..AXES).rev() {
            let Broadcast { counts, left, right, .. } = self.broadcast;
            let (count, left, right) = (counts[axis], left[axis], right[axis]);
            let at = self.at[axis].wrapping_add(1);
            self.left = self.left.wrapping_add(left as usize);
            self.right = self.right.wrapping_add(right as usize);
            if at < count {
                self.at[axis] = at;
                break;
            }
            self.at[axis] = 0;
            self.left = self.left.wrapping_sub(count.wrapping_mul(left) as usize);
            self.right = self.right.wrapping_sub(count.wrapping_mul(right) as usize);
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[2, 3, 4, 5]` over left `[2, 1, 4, 5]` and right `[3, 1, 1]`.
    const MIXED: Broadcast = Broadcast {
        elements: 120,
        run: 20,
        steps: [1, 0],
        counts: [1, 1, 1, 2, 3],
        left: [0, 0, 0, 20, 0],
        right: [0, 0, 0, 0, 1],
    };

    fn walk(broadcast: &Broadcast, tile: Tile) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let mut runs = broadcast.runs(tile);
        while let Some(run) = runs.next() {
            assert_eq!(run.output, tile.start() + pairs.len());
            for index in 0..run.count {
                let [left, right] = broadcast.steps.map(|step| step as usize);
                pairs.push((run.left + index * left, run.right + index * right));
            }
        }
        pairs
    }

    #[test]
    fn runs_visit_every_pair_in_order() {
        let mut want = Vec::new();
        for a in 0..2 {
            for b in 0..3 {
                for inner in 0..20 {
                    want.push((a * 20 + inner, b));
                }
            }
        }
        assert_eq!(walk(&MIXED, Tile::new(0, 120)), want);
    }

    #[test]
    fn tiles_recompose_the_whole() {
        let whole = walk(&MIXED, Tile::new(0, 120));
        for size in [1, 7, 20, 33, 119] {
            let tiles = (0..120).step_by(size).map(|start| Tile::new(start as u32, 120.min((start + size) as u32)));
            assert_eq!(tiles.flat_map(|tile| walk(&MIXED, tile)).collect::<Vec<_>>(), whole, "tiles of {size}");
        }
    }

    #[test]
    fn an_operand_may_be_the_output() {
        let mut arena = crate::memory::Arena::<64>::new();
        let region = Region::new(16, 12);
        arena.fill(region, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let rows = Broadcast {
            elements: 12,
            run: 4,
            steps: [1, 1],
            counts: [1, 1, 1, 1, 3],
            left: [0, 0, 0, 0, 4],
            right: [0; 5],
        };
        let right = Source::Flash(&[10_u8, 20, 30, 40]);
        rows.check::<u8, u8>(64, &Source::Arena(region), &right, &region);
        for tile in [Tile::new(0, 5), Tile::new(5, 12)] {
            // SAFETY: checked above; the tiles are disjoint.
            unsafe { rows.map(arena.memory(), (Source::Arena(region), right, region), tile, u8::wrapping_add) };
        }
        // SAFETY: the region lies inside the arena.
        let got = unsafe { core::slice::from_raw_parts(arena.memory().at::<u8>(region), 12).to_vec() };
        assert_eq!(got, [11, 22, 33, 44, 15, 26, 37, 48, 19, 30, 41, 52]);
    }
}
