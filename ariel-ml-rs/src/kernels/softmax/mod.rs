//! Softmax and its logarithm along one axis: `output[i] = e^(input[i] - max) / sum of e^(input[k] - max)`.
//!
//! The axis may be any: a line of it has `count` elements, `stride` apart. Tiles are ranges of lines. The int8 kernels read the
//! exponentials of all differences that count from a table that the compiler has filled.

#[cfg(feature = "float")]
mod float;
#[cfg(all(test, feature = "float"))]
mod tests;

use super::access::Access;
use super::gemmlowp::{ln_q12, reciprocal};
use super::rolled::rolled;
use super::table16::{entry, interpolated};
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier, clamp, high_mul, round_ties_even, rounding_shift_right};
use crate::tile::Tile;

#[cfg(feature = "float")]
pub use float::{F32, LogDequantized, LogF32};

/// How a tensor is cut into lines along an axis.
#[derive(Clone, Copy)]
pub struct Lines {
    /// Lines: elements of the tensor / `count`.
    pub lines: u32,
    /// Elements of a line.
    pub count: u32,
    /// From an element of a line to the next.
    pub stride: u32,
}

impl Lines {
    /// Checks at build time that all lines lie inside both regions.
    #[inline]
    pub(in crate::kernels) const fn check<T: Element, O: Element>(
        &self,
        arena_bytes: usize,
        input: Region,
        output: Region,
    ) {
        assert!(self.count > 0 && self.stride > 0, "lines without elements");
        assert!(self.lines.is_multiple_of(self.stride), "lines that are not whole");
        let elements = (self.lines as usize).saturating_mul(self.count as usize);
        input.check::<T>(arena_bytes, elements);
        output.check::<O>(arena_bytes, elements);
    }

    /// The first element of line `line`.
    #[inline]
    fn first(&self, line: usize) -> usize {
        // `check` proved that the stride is not 0, which the optimiser cannot know.
        let outer = line.checked_div(self.stride as usize).unwrap_or(0).wrapping_mul(self.stride as usize);
        outer.wrapping_mul(self.count as usize).wrapping_add(line.wrapping_sub(outer))
    }
}

/// A line in memory.
#[derive(Clone, Copy)]
struct Line<T, O = T> {
    input: *const T,
    output: *mut O,
    count: usize,
    stride: usize,
}

impl<T: Element + PartialOrd, O: Element> Line<T, O> {
    /// Element `index` of the input.
    ///
    /// # Safety
    /// `index` is less than `count`.
    #[inline]
    unsafe fn read(self, index: usize) -> T {
        // SAFETY: the line lies inside the input (`Lines::check`).
        unsafe { *self.input.add(index.wrapping_mul(self.stride)) }
    }

    /// Writes element `index` of the output.
    ///
    /// # Safety
    /// `index` is less than `count`.
    #[inline]
    unsafe fn write(self, index: usize, value: O) {
        // SAFETY: the line lies inside the output (`Lines::check`) and the tile.
        unsafe { self.output.add(index.wrapping_mul(self.stride)).write(value) }
    }

    /// The greatest input.
    ///
    /// # Safety
    /// The line has an element.
    #[inline]
    unsafe fn greatest(self) -> T {
        // SAFETY: the indices are less than `count`.
        unsafe {
            let mut greatest = self.read(0);
            for index in 1..self.count {
                rolled();
                let value = self.read(index);
                if greatest < value {
                    greatest = value;
                }
            }
            greatest
        }
    }
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident<$element:ty, $result:ty> { $($(#[$field_doc:meta])* $field:ident: $t:ty,)* } $line:ident)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output; may be the input where its elements have the same size.
            pub output: Region,
            /// The lines.
            pub lines: Lines,
            $($(#[$field_doc])* pub $field: $t,)*
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.lines.check::<$element, $result>(arena_bytes, self.input, self.output);
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;
            /// Which inputs outputs may lie over: a line is read before it is written.
            pub const OVER: &[(&str, &str)] = &[("input", "output")];

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.lines.lines as usize)
            }

            /// Computes one tile of the output, a range of its lines.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                // SAFETY: the tile's lines lie inside both regions (`check`), and lines do not share elements.
                unsafe {
                    let (input, output) = (memory.at::<$element>(self.input), memory.at::<$result>(self.output));
                    // A count that the optimiser knew would unroll every loop over a line: four times the code.
                    let count = core::hint::black_box(self.lines.count as usize);
                    let stride = self.lines.stride as usize;
                    for line in tile.start()..tile.end() {
                        let first = self.lines.first(line);
                        let (input, output) = (input.add(first).cast_const(), output.add(first));
                        self.$line(Line { input, output, count, stride });
                    }
                }
            }
        }
    )+ };
}
#[cfg(feature = "float")]
use kernels;

kernels! {
    /// TFLite's int8 softmax: output scale 1 / 256, zero point -128.
    Int8<i8, i8> {
        /// `e^(-beta * scale * d)` in Q0.31 for the differences d from the greatest that count.
        exps: &'static [i32],
    } line

    /// TFLite's softmax of int8 that gives int16: output scale 1 / 65536, zero point -32768.
    Int8ToInt16<i8, i16> {
        /// `e^(-beta * scale * d)` in Q0.31 for the differences d from the greatest that count.
        exps: &'static [i32],
    } line

    /// TFLite's int16 softmax: output scale 1 / 32768, zero point 0.
    Int16<i16, i16> {
        /// Factor from a difference to steps of which 65535 are 10.
        multiplier: Multiplier,
        /// `e^x` in Q0.15 at 513 places from -10 to 0.
        exps: &'static [i16],
        /// `1 / (1 + x)` in Q0.15 at 513 places from 0 to 1.
        reciprocals: &'static [i16],
    } line

    /// int8 softmax of an ONNX model: `rne(softmax / scale)`.
    Dequantized<i8, i8> {
        /// `e^(-scale * d)` for the differences d from the greatest.
        exps: &'static [f32],
        /// Real value of one step of the output.
        scale: f32,
        /// Zero point and bounds of the output.
        bounds: Bounds,
    } line

    /// TFLite's int8 logarithm of the softmax: output scale 1 / 16, zero point 127.
    LogInt8<i8, i8> {
        /// `e^(-scale * d)` in Q0.31 for the differences d from the greatest that count.
        exps: &'static [i32],
        /// Scale of the input, as a factor to Q5.26.
        multiplier: Multiplier,
        /// Its inverse.
        inverse: Multiplier,
        /// Least difference from the greatest that counts, negative.
        least: i32,
    } line
}

/// Fractional bits that the sum of exponentials gives up: it is kept in Q12.19.
const ACCUMULATOR_BITS: u32 = 12;

/// What TFLite fixes for the outputs of its kernels of integers.
const PROBABILITY: Bounds = Bounds { zero_point: -128, min: -128, max: 127 };
const WIDE_PROBABILITY: Bounds = Bounds { zero_point: -32768, min: -32768, max: 32767 };
const SHARE: Bounds = Bounds { zero_point: 0, min: 0, max: 32767 };
const LOGARITHM: Bounds = Bounds { zero_point: 127, min: -128, max: 127 };

/// Difference of an element from the greatest one, as an index.
#[inline]
fn below(greatest: i8, value: i8) -> usize {
    i32::from(greatest).wrapping_sub(i32::from(value)).cast_unsigned() as usize
}

/// Sum of the exponentials of a line in Q12.19.
///
/// # Safety
/// As for the line.
#[inline]
unsafe fn sum_of_exps<O: Element>(line: Line<i8, O>, greatest: i8, exps: &[i32]) -> i32 {
    let mut sum = 0_i32;
    for index in 0..line.count {
        rolled();
        // SAFETY: the index is less than `count`.
        let value = unsafe { line.read(index) };
        sum = sum.wrapping_add(rounding_shift_right(entry(exps, below(greatest, value), 0), ACCUMULATOR_BITS));
    }
    sum
}

/// Sum of the exponentials of a line in float32.
///
/// # Safety
/// As for the line.
#[inline]
unsafe fn sum_of_reals(line: Line<i8>, greatest: i8, exps: &[f32]) -> f32 {
    let mut sum = 0.0;
    for index in 0..line.count {
        rolled();
        // SAFETY: the index is less than `count`.
        let value = unsafe { line.read(index) };
        sum += entry(exps, below(greatest, value), 0.0);
    }
    sum
}

impl Int8 {
    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    unsafe fn line(&self, line: Line<i8>) {
        // SAFETY: the indices are less than `count`; an element is read before it is written.
        unsafe {
            let greatest = line.greatest();
            let sum = sum_of_exps(line, greatest, self.exps);
            let (factor, bits) = reciprocal(sum, ACCUMULATOR_BITS.cast_signed());
            let shift = bits.wrapping_add(23).cast_unsigned().min(31);
            for index in 0..line.count {
                rolled();
                let exp = entry(self.exps, below(greatest, line.read(index)), 0);
                line.write(index, PROBABILITY.store(rounding_shift_right(high_mul(factor, exp), shift)));
            }
        }
    }
}

impl Int8ToInt16 {
    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    unsafe fn line(&self, line: Line<i8, i16>) {
        // SAFETY: the indices are less than `count`; the output is not the input.
        unsafe {
            let greatest = line.greatest();
            let sum = sum_of_exps(line, greatest, self.exps);
            let (factor, bits) = reciprocal(sum, ACCUMULATOR_BITS.cast_signed());
            let shift = bits.wrapping_add(15).cast_unsigned().min(31);
            for index in 0..line.count {
                rolled();
                let exp = entry(self.exps, below(greatest, line.read(index)), 0);
                line.write(index, WIDE_PROBABILITY.store16(rounding_shift_right(high_mul(factor, exp), shift)));
            }
        }
    }
}

impl Int16 {
    /// The exponential of the difference from the greatest, in Q0.15.
    #[inline]
    fn exp(&self, greatest: i16, value: i16) -> i32 {
        let difference = i32::from(value).wrapping_sub(i32::from(greatest));
        interpolated(self.exps, self.multiplier.apply(difference).wrapping_add(32767))
    }

    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    unsafe fn line(&self, line: Line<i16>) {
        // SAFETY: the indices are less than `count`; an element is read before it is written.
        unsafe {
            let greatest = line.greatest();
            let mut sum = 0_i32;
            for index in 0..line.count {
                rolled();
                let exp = self.exp(greatest, line.read(index));
                sum = sum.wrapping_add(exp);
                // An exponential in Q0.15 is an int16.
                line.write(index, exp as i16);
            }
            // The sum as 2^(15 + bits) * (1 + x), x in Q0.16.
            let zeros = sum.leading_zeros();
            let normal = i64::from(sum).wrapping_shl(zeros.wrapping_sub(1)).wrapping_add(1 << 13) >> 14;
            let factor = interpolated(self.reciprocals, (normal as i32).wrapping_sub((1 << 15) + (1 << 16)));
            let shift = 31_u32.wrapping_sub(zeros);
            let half = 1_i32.wrapping_shl(shift.wrapping_sub(1));
            let exps = Line { input: line.output.cast_const(), ..line };
            for index in 0..line.count {
                rolled();
                let product = i32::from(exps.read(index)).wrapping_mul(factor);
                line.write(index, SHARE.store16(product.wrapping_add(half).wrapping_shr(shift)));
            }
        }
    }
}

impl Dequantized {
    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    unsafe fn line(&self, line: Line<i8>) {
        // SAFETY: the indices are less than `count`; an element is read before it is written.
        unsafe {
            let greatest = line.greatest();
            let factor = 1.0 / sum_of_reals(line, greatest, self.exps);
            for index in 0..line.count {
                rolled();
                let exp = entry(self.exps, below(greatest, line.read(index)), 0.0);
                let quotient = clamp(exp * factor / self.scale, -1024.0, 1024.0);
                line.write(index, self.bounds.store(round_ties_even(quotient)));
            }
        }
    }
}

impl LogInt8 {
    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    unsafe fn line(&self, line: Line<i8>) {
        // SAFETY: the indices are less than `count`; an element is read before it is written.
        unsafe {
            let greatest = line.greatest();
            let log = ln_q12(sum_of_exps(line, greatest, self.exps));
            let reach = self.inverse.apply(log.wrapping_add(i32::MIN));
            let least = self.least.wrapping_sub(1).max(reach);
            for index in 0..line.count {
                rolled();
                let difference = i32::from(line.read(index)).wrapping_sub(i32::from(greatest));
                let scaled = self.multiplier.apply(difference);
                let value = LOGARITHM.store(rounding_shift_right(scaled.wrapping_sub(log), 22));
                line.write(index, if difference > least { value } else { -128 });
            }
        }
    }
}
