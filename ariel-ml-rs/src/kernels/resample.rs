//! Resizing by weighted sums of neighbours, with places and weights made while compiling the model.
//!
//! In float32 along one axis, with any number of neighbours; in stored integers over rows and columns at once, two of each, as TFLite.

use super::access::Access;
use super::divide::divide;
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

/// Whether all neighbours, `taps` from each start on, lie inside an axis.
const fn inside(starts: &[u16], taps: usize, extent: usize) -> bool {
    let mut index = 0;
    while index < starts.len() {
        if (starts[index] as usize).saturating_add(taps) > extent {
            return false;
        }
        index += 1;
    }
    true
}

/// `output[o, j, i] = sum over t of weights[j][t] * input[o, starts[j] + t, i]` in float32.
#[derive(Clone, Copy)]
pub struct F32 {
    /// float32 input, `[outer][extent][inner]`.
    pub input: Region,
    /// float32 output, `[outer][to][inner]`.
    pub output: Region,
    /// What lies in front of the axis.
    pub outer: u32,
    /// Extent of the axis in the input.
    pub extent: u32,
    /// Extent of the axis in the output.
    pub to: u32,
    /// What lies behind the axis.
    pub inner: u32,
    /// Neighbours of each place.
    pub taps: u32,
    /// The first neighbour of each place.
    pub starts: &'static [u16],
    /// Weights, `[to][taps]`.
    pub weights: &'static [f32],
}

impl F32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and tables do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (outer, to, inner) = (self.outer as usize, self.to as usize, self.inner as usize);
        self.input.check::<f32>(arena_bytes, outer.saturating_mul(self.extent as usize).saturating_mul(inner));
        self.output.check::<f32>(arena_bytes, outer.saturating_mul(to).saturating_mul(inner));
        assert!(self.outer > 0 && self.to > 0 && self.inner > 0 && self.taps > 0, "extents of 0");
        assert!(self.starts.len() == to, "starts of the wrong length");
        assert!(self.weights.len() == to.saturating_mul(self.taps as usize), "weights of the wrong length");
        assert!(inside(self.starts, self.taps as usize, self.extent as usize), "neighbours outside the axis");
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
        Work::of((self.outer as usize).saturating_mul(self.to as usize))
    }

    /// Computes one tile of the output: a range of places, with all that lies behind them.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its input is complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (inner, taps) = (self.inner as usize, self.taps as usize);
        for unit in tile.start()..tile.end() {
            let (outer, place) = divide(unit, self.to);
            // SAFETY: `check` proved the regions, a start and `taps` weights for each place, and that the neighbours lie inside the
            // axis; the tile's places are places of the output, and its own.
            unsafe {
                let start = usize::from(*self.starts.as_ptr().add(place));
                let weights = self.weights.as_ptr().add(place * taps);
                let first =
                    memory.at::<f32>(self.input).cast_const().add((outer * self.extent as usize + start) * inner);
                let output = memory.at::<f32>(self.output).add(unit * inner);
                for index in 0..inner {
                    let mut cell = first.add(index);
                    let mut sum = *weights * *cell;
                    for tap in 1..taps {
                        cell = cell.add(inner);
                        sum += *weights.add(tap) * *cell;
                    }
                    output.add(index).write(sum);
                }
            }
        }
    }
}

/// One of 2^10 steps from a cell to the next.
const ONE: i32 = 1 << 10;

/// A stored integer that is resized.
trait Stored: Element {
    /// What holds sums of 2^20 of them.
    type Sum: Copy;

    /// The sum of four cells by the weights of two rows and two columns, in 2^20 steps.
    fn sum(cells: [Self; 4], rows: [i32; 2], columns: [i32; 2]) -> Self::Sum;

    /// The cell that a sum means, halves away from zero.
    fn of(sum: Self::Sum) -> Self;
}

macro_rules! stored {
    ($type:ty, $sum:ty) => {
        impl Stored for $type {
            type Sum = $sum;

            #[inline(always)]
            fn sum(cells: [Self; 4], rows: [i32; 2], columns: [i32; 2]) -> $sum {
                let [a, b, c, d] = cells.map(<$sum>::from);
                let [left, right] = columns.map(<$sum>::from);
                let above = a.wrapping_mul(left).wrapping_add(b.wrapping_mul(right));
                let below = c.wrapping_mul(left).wrapping_add(d.wrapping_mul(right));
                let [upper, lower] = rows.map(<$sum>::from);
                above.wrapping_mul(upper).wrapping_add(below.wrapping_mul(lower))
            }

            #[inline(always)]
            fn of(sum: $sum) -> Self {
                let half = if sum > 0 { 1 << 19 } else { -(1 << 19) };
                (sum.wrapping_add(half) / (1 << 20)) as Self
            }
        }
    };
}
stored!(i8, i32);
stored!(i16, i64);

/// Defines a kernel of stored integers.
macro_rules! bilinear {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input images, `[batch][height][width][channels]`.
            pub input: Region,
            /// Output images, `[batch][rows][columns][channels]`.
            pub output: Region,
            /// Images.
            pub batch: u32,
            /// Rows of an input image.
            pub height: u32,
            /// Columns of an input image.
            pub width: u32,
            /// Rows of an output image.
            pub rows: u32,
            /// Columns of an output image.
            pub columns: u32,
            /// Channels.
            pub channels: u32,
            /// For each row of the output the row of the input above it, and below it.
            pub above: &'static [u16],
            /// For each row of the output its distance from the row above, in 2^10 steps to the one below.
            pub down: &'static [u16],
            /// For each column of the output the column of the input at its left.
            pub left: &'static [u16],
            /// For each column of the output its distance from the column at its left, in 2^10 steps to the next.
            pub across: &'static [u16],
            /// Cells from a row to the one below it: 0 in an image of one row.
            pub next_row: u32,
            /// Cells from a column to the next: 0 in an image of one column.
            pub next_column: u32,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and tables do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let (batch, channels) = (self.batch as usize, self.channels as usize);
                let (height, width) = (self.height as usize, self.width as usize);
                let (rows, columns) = (self.rows as usize, self.columns as usize);
                let input = batch.saturating_mul(height).saturating_mul(width).saturating_mul(channels);
                let output = batch.saturating_mul(rows).saturating_mul(columns).saturating_mul(channels);
                self.input.check::<$type>(arena_bytes, input);
                self.output.check::<$type>(arena_bytes, output);
                assert!(batch > 0 && channels > 0 && rows > 0 && columns > 0, "extents of 0");
                assert!(self.above.len() == rows && self.down.len() == rows, "tables of rows of the wrong length");
                assert!(self.left.len() == columns && self.across.len() == columns, "tables of columns of the wrong length");
                let (deep, wide) = (if height > 1 { 2 } else { 1 }, if width > 1 { 2 } else { 1 });
                assert!(inside(self.above, deep, height), "rows outside the image");
                assert!(inside(self.left, wide, width), "columns outside the image");
                let row = if height > 1 { width.saturating_mul(channels) } else { 0 };
                let column = if width > 1 { channels } else { 0 };
                assert!(self.next_row as usize == row && self.next_column as usize == column, "steps that are none");
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
                Work::of((self.batch as usize).saturating_mul(self.rows as usize))
            }

            /// Computes one tile of the output: a range of its rows.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its input is complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let (channels, columns) = (self.channels as usize, self.columns as usize);
                let (below, beside) = (self.next_row as usize, self.next_column as usize);
                let line = self.width as usize * channels;
                for unit in tile.start()..tile.end() {
                    let (image, row) = divide(unit, self.rows);
                    // SAFETY: `check` proved the regions, an entry of the tables for each row and column, and that these cells and
                    // their neighbours lie inside the image; the tile's rows are rows of the output, and its own.
                    unsafe {
                        let down = i32::from(*self.down.as_ptr().add(row));
                        let above = usize::from(*self.above.as_ptr().add(row));
                        let first = memory.at::<$type>(self.input).cast_const();
                        let first = first.add((image * self.height as usize + above) * line);
                        let mut output = memory.at::<$type>(self.output).add(unit * columns * channels);
                        for column in 0..columns {
                            let across = i32::from(*self.across.as_ptr().add(column));
                            let cell = first.add(usize::from(*self.left.as_ptr().add(column)) * channels);
                            let (rows, sides) = ([ONE - down, down], [ONE - across, across]);
                            for channel in 0..channels {
                                let here = cell.add(channel);
                                let under = here.add(below);
                                let cells = [*here, *here.add(beside), *under, *under.add(beside)];
                                output.add(channel).write(<$type>::of(<$type>::sum(cells, rows, sides)));
                            }
                            output = output.add(channels);
                        }
                    }
                }
            }
        }
    };
}

bilinear! {
    /// TFLite's bilinear resizing of int8: 10 bits of a place, rounded once.
    BilinearInt8, i8
}

bilinear! {
    /// TFLite's bilinear resizing of int16.
    BilinearInt16, i16
}
