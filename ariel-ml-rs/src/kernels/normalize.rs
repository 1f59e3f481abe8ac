//! Rows brought to mean 0 and variance 1, then scaled and shifted, element by element of a row, in float32; and to length 1, in int8.

use super::access::Access;
use super::gemmlowp::inverse_sqrt;
use super::map1::sqrt;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::Multiplier;
use crate::tile::Tile;

/// `(x - mean) / sqrt(variance + epsilon) * scale + bias` over rows; without `centred`, the mean counts as 0.
#[derive(Clone, Copy)]
pub struct Rows {
    /// Input, `[rows][count]`.
    pub input: Region,
    /// Factor of each element of a row.
    pub scale: Source<f32>,
    /// What is added to each element of a row.
    pub bias: Source<f32>,
    /// Output, `[rows][count]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Elements of a row.
    pub count: u32,
    /// What is added to the variance.
    pub epsilon: f32,
    /// Whether the mean is taken off.
    pub centred: bool,
}

impl Rows {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let count = self.count as usize;
        assert!(self.rows > 0 && count > 0, "rows without elements");
        self.input.check::<f32>(arena_bytes, count.saturating_mul(self.rows as usize));
        self.output.check::<f32>(arena_bytes, count.saturating_mul(self.rows as usize));
        self.scale.check(arena_bytes, count);
        self.bias.check(arena_bytes, count);
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
        Work::of(self.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (count, size) = (self.count as usize, self.count as f32);
        for row in tile.start()..tile.end() {
            // SAFETY: `check` proved the regions and the operands; the tile's rows are rows of both, and its own.
            unsafe {
                let input = memory.at::<f32>(self.input).cast_const().add(row * count);
                let output = memory.at::<f32>(self.output).add(row * count);
                let (scale, bias) = (memory.source(self.scale), memory.source(self.bias));
                let mut mean = 0.0;
                if self.centred {
                    for index in 0..count {
                        mean += *input.add(index);
                    }
                    mean /= size;
                }
                let mut squares = 0.0;
                for index in 0..count {
                    let rest = *input.add(index) - mean;
                    squares += rest * rest;
                }
                let factor = 1.0 / sqrt(squares / size + self.epsilon);
                for index in 0..count {
                    let rest = (*input.add(index) - mean) * factor;
                    output.add(index).write(rest * *scale.add(index) + *bias.add(index));
                }
            }
        }
    }
}

/// `x / sqrt(sum of x^2)` over rows of int8, stored with 7 bits behind the point: TFLite's `L2_NORMALIZATION`.
#[derive(Clone, Copy)]
pub struct UnitInt8 {
    /// Input, `[rows][count]`.
    pub input: Region,
    /// Output, `[rows][count]`.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Elements of a row.
    pub count: u32,
    /// Zero point of the input.
    pub zero_point: i32,
}

impl UnitInt8 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let count = self.count as usize;
        assert!(self.rows > 0 && count > 0, "rows without elements");
        self.input.check::<i8>(arena_bytes, count.saturating_mul(self.rows as usize));
        self.output.check::<i8>(arena_bytes, count.saturating_mul(self.rows as usize));
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
        Work::of(self.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        /// Bits behind the output's point.
        const BITS: i32 = 7;
        let memory = memory.into();
        let count = self.count as usize;
        for row in tile.start()..tile.end() {
            // SAFETY: `check` proved both regions; the tile's rows are rows of both, and its own.
            unsafe {
                let input = memory.at::<i8>(self.input).cast_const().add(row * count);
                let output = memory.at::<i8>(self.output).add(row * count);
                let value = |index| i32::from(*input.add(index)).wrapping_sub(self.zero_point);
                let mut squares = 0_i32;
                for index in 0..count {
                    squares = squares.wrapping_add(value(index).wrapping_mul(value(index)));
                }
                let (multiplier, right) = inverse_sqrt(squares);
                let factor = Multiplier { multiplier, shift: BITS.wrapping_sub(right) };
                for index in 0..count {
                    let scaled = factor.apply(value(index)).clamp(i32::from(i8::MIN), i32::from(i8::MAX));
                    output.add(index).write(scaled as i8);
                }
            }
        }
    }
}
