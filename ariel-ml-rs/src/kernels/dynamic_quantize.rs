//! int8 with a scale that is found at run time, and what scales sums of such integers back to float32.
//!
//! `stored = clamp(round(zero_point + x * (1 / scale)))`, halves away from zero, a scale and a zero point for each row.

use super::access::Access;
use super::multiply::Finish;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::clamp;
use crate::tile::Tile;

/// Quantises rows of float32.
#[derive(Clone, Copy)]
pub struct DynamicQuantize {
    /// float32 input, `[rows][row]`.
    pub input: Region,
    /// int8 output, `[rows][row]`.
    pub output: Region,
    /// float32 output, `[rows][2]`: scale and zero point.
    pub parameters: Region,
    /// Rows, each with a scale of its own.
    pub rows: u32,
    /// Elements of a row.
    pub row: u32,
    /// Whether the zero point is always 0.
    pub symmetric: bool,
}

/// How a row is quantised.
#[derive(Clone, Copy)]
struct Affine {
    scale: f32,
    zero_point: i32,
    /// What stands for 1 / scale; not quite, where the row is symmetric.
    factor: f32,
}

/// A row of zeros.
const ZEROS: Affine = Affine { scale: 1.0, zero_point: 0, factor: 0.0 };

impl DynamicQuantize {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let elements = (self.rows as usize).saturating_mul(self.row as usize);
        self.input.check::<f32>(arena_bytes, elements);
        self.output.check::<i8>(arena_bytes, elements);
        self.parameters.check::<f32>(arena_bytes, (self.rows as usize).saturating_mul(2));
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
    /// The kernel passed `check` against the arena of `memory`; its input is complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let count = self.row as usize;
        for row in tile.start()..tile.end() {
            // SAFETY: row `row` lies inside the regions that `check` proved, and is this tile's.
            unsafe {
                let input = memory.at::<f32>(self.input).cast_const().add(row * count);
                let output = memory.at::<i8>(self.output).add(row * count);
                let affine = if self.symmetric { symmetric(input, count) } else { asymmetric(input, count) };
                let least = if self.symmetric { -127 } else { -128 };
                for index in 0..count {
                    let real = affine.zero_point as f32 + *input.add(index) * affine.factor;
                    output.add(index).write(round_away(real).max(least).min(127) as i8);
                }
                let parameters = memory.at::<f32>(self.parameters).add(2 * row);
                parameters.write(affine.scale);
                parameters.add(1).write(affine.zero_point as f32);
            }
        }
    }
}

/// Rounds to the nearest integer, halves away from zero; NaN gives 0, what is out of range the nearest i32.
#[inline]
fn round_away(value: f32) -> i32 {
    let whole = value as i32;
    // Exact, for what is not whole is less than 2^23.
    let rest = value - whole as f32;
    whole.saturating_add(i32::from(rest >= 0.5)).saturating_sub(i32::from(rest <= -0.5))
}

/// Least and greatest of `count` elements.
///
/// # Safety
/// `input` has `count` elements.
unsafe fn range(input: *const f32, count: usize) -> (f32, f32) {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for index in 0..count {
        // SAFETY: in bounds, as the caller promises.
        let value = unsafe { *input.add(index) };
        low = if value < low { value } else { low };
        high = if value > high { value } else { high };
    }
    (low, high)
}

/// Spreads -reach..reach over -127..127, in float32.
///
/// # Safety
/// `input` has `count` elements.
unsafe fn symmetric(input: *const f32, count: usize) -> Affine {
    // SAFETY: forwarded to the caller.
    let (low, high) = unsafe { range(input, count) };
    let (low, high) = (low.abs(), high.abs());
    let reach = if low > high { low } else { high };
    if reach == 0.0 {
        return ZEROS;
    }
    Affine { scale: reach / 127.0, zero_point: 0, factor: 127.0 / reach }
}

/// Spreads the range, which 0 is made part of, over -128..127, in double.
///
/// # Safety
/// `input` has `count` elements.
unsafe fn asymmetric(input: *const f32, count: usize) -> Affine {
    // SAFETY: forwarded to the caller.
    let (low, high) = unsafe { range(input, count) };
    let low = f64::from(if low < 0.0 { low } else { 0.0 });
    let high = f64::from(if high > 0.0 { high } else { 0.0 });
    if high <= low {
        return ZEROS;
    }
    let scale = (high - low) / 255.0;
    let (below, above) = (low / scale, high / scale);
    let zero = if 128.0 + below.abs() < 127.0 + above.abs() { -128.0 - below } else { 127.0 - above };
    let whole = zero as i32;
    let rest = zero - f64::from(whole);
    let zero_point = whole.saturating_add(i32::from(rest >= 0.5)).saturating_sub(i32::from(rest <= -0.5));
    let scale = scale as f32;
    Affine { scale, zero_point: zero_point.clamp(-128, 127), factor: 1.0 / scale }
}

/// The end of a hybrid kernel: `f32(acc - zero_point * sum of the filter) * scale * filter scale + bias`, clamped.
#[derive(Clone, Copy)]
pub struct Rescale {
    /// Scale and zero point of each row of the input, as [`DynamicQuantize`] leaves them.
    pub parameters: Region,
    /// Sum of the filter of each output channel.
    pub sums: &'static [i32],
    /// Scale of the filter, one for all or one per output channel.
    pub scales: &'static [f32],
    /// Bias of each output channel.
    pub bias: &'static [f32],
    /// Bounds of the fused activation.
    pub min: f32,
    /// Bounds of the fused activation.
    pub max: f32,
}

/// [`Rescale`] for one row.
#[derive(Clone, Copy)]
pub(crate) struct Rescaled {
    constants: Rescale,
    scale: f32,
    zero_point: i32,
}

impl Rescale {
    /// Checks at build time that there are constants for `channels` output channels, and parameters for `rows` rows.
    #[inline]
    pub(crate) const fn check(&self, arena_bytes: usize, rows: usize, channels: usize) {
        self.parameters.check::<f32>(arena_bytes, rows.saturating_mul(2));
        assert!(self.sums.len() == channels && self.bias.len() == channels, "sums or bias of the wrong length");
        assert!(self.scales.len() == 1 || self.scales.len() == channels, "scales of the wrong length");
    }

    /// What finishes the sums of a row.
    ///
    /// # Safety
    /// The kernel passed `check`, and `row` is one of its rows.
    pub(crate) unsafe fn row(&self, memory: Memory<'_>, row: usize) -> Rescaled {
        // SAFETY: `check` proved that there are parameters for each row.
        let (scale, zero_point) = unsafe {
            let parameters = memory.at::<f32>(self.parameters).cast_const().add(2 * row);
            (*parameters, *parameters.add(1))
        };
        Rescaled { constants: *self, scale, zero_point: zero_point as i32 }
    }
}

impl Rescaled {
    /// What padding reads as.
    pub(crate) const fn zero_point(&self) -> i8 {
        self.zero_point as i8
    }
}

impl Finish<i32> for Rescaled {
    type Output = f32;

    #[inline(always)]
    unsafe fn finish(&self, sum: i32, channel: usize) -> f32 {
        let own = &self.constants;
        // SAFETY: `channel` is an output channel, and `check` found the constants of each.
        let (filter, bias) = unsafe { (*own.sums.as_ptr().add(channel), *own.bias.as_ptr().add(channel)) };
        let sum = sum.wrapping_sub(filter.wrapping_mul(self.zero_point)) as f32;
        let real = match own.scales {
            [scale] => sum * (self.scale * scale),
            // SAFETY: as above.
            scales => sum * unsafe { *scales.as_ptr().add(channel) } * self.scale,
        };
        clamp(real + bias, own.min, own.max)
    }
}
