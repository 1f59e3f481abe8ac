//! Matrix products of two operands that may both be computed at run time, with broadcasting batch axes.
//!
//! `output[b, i, j] = finish(sum of (x[b, i, k] - zx) * (y[b, k, j] - zy) over k)`
//!
//! Strides say how either side lies, so that a transposed one costs nothing. Tiles are ranges of output rows, counted over all
//! batches; columns go by in blocks of four.

use super::access::Access;
use super::divide::divide;
use super::sizes::sizes;
use super::{instantiate, quantized};
use crate::memory::{Element, Memory, Region, Source};
use crate::plan::Work;
use crate::quant::{Bounds, Requantize, Sum};
use crate::tile::Tile;

/// int8 or int16; `R` tells the elements, and what is summed.
#[derive(Clone, Copy)]
pub struct Quantized<R: Requantize> {
    /// Left side.
    pub x: Source<R::Element>,
    /// Right side.
    pub y: Source<R::Element>,
    /// Output, `[batches][rows][columns]`.
    pub output: Region,
    /// Rows of a product.
    pub rows: u32,
    /// Columns of a product.
    pub columns: u32,
    /// Terms of a sum.
    pub depth: u32,
    /// Extents of the batch axes.
    pub batches: [u32; 3],
    /// Elements of the left side from a batch to the next, along each batch axis.
    pub x_batches: [u32; 3],
    /// Elements of the right side from a batch to the next, along each batch axis.
    pub y_batches: [u32; 3],
    /// Elements of the left side from a row to the next.
    pub x_row: u32,
    /// Elements of the left side from a term to the next.
    pub x_step: u32,
    /// Elements of the right side from a column to the next.
    pub y_column: u32,
    /// Elements of the right side from a term to the next.
    pub y_step: u32,
    /// Zero point of the left side.
    pub x_zero_point: i32,
    /// Zero point of the right side.
    pub y_zero_point: i32,
    /// The one multiplier.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
}

/// What the element types share: fields as those of the kernels.
pub(in crate::kernels) struct Shape {
    pub rows: u32,
    pub columns: usize,
    pub depth: usize,
    pub batches: [u32; 3],
    pub x_batches: [u32; 3],
    pub y_batches: [u32; 3],
    pub x_row: usize,
    pub x_step: usize,
    pub y_column: usize,
    pub y_step: usize,
}

/// A product, and a row of it: where its operands begin, in elements.
#[cfg(armv7e_m)]
pub(in crate::kernels) struct Product {
    pub x: usize,
    pub y: usize,
    pub row: usize,
}

/// The [`Shape`] of a kernel; `x_step` is said where it is no field.
macro_rules! shape {
    ($kernel:expr) => {
        $crate::kernels::batch_matmul::shape!($kernel, $kernel.x_step as usize)
    };
    ($kernel:expr, $x_step:expr) => {
        $crate::kernels::batch_matmul::Shape {
            rows: $kernel.rows,
            columns: $kernel.columns as usize,
            depth: $kernel.depth as usize,
            batches: $kernel.batches,
            x_batches: $kernel.x_batches,
            y_batches: $kernel.y_batches,
            x_row: $kernel.x_row as usize,
            x_step: $x_step,
            y_column: $kernel.y_column as usize,
            y_step: $kernel.y_step as usize,
        }
    };
}
pub(in crate::kernels) use shape;

/// Elements from the first of `count` to the last, `stride` apart.
const fn reach(count: usize, stride: usize) -> usize {
    (count - 1).saturating_mul(stride)
}

/// A step of `depth` terms.
#[derive(Clone, Copy)]
struct Steps {
    depth: usize,
    x: usize,
    y: usize,
    y_column: usize,
}

impl Shape {
    /// Checks that all strides stay inside the operands.
    #[inline]
    pub(in crate::kernels) const fn check<T: Element>(
        &self,
        arena_bytes: usize,
        x: &Source<T>,
        y: &Source<T>,
        output: Region,
    ) {
        let (rows, columns, depth) = (self.rows as usize, self.columns, self.depth);
        assert!(rows > 0 && columns > 0 && depth > 0, "product without elements");
        assert!(depth == 1 || self.x_step > 0, "product of one term many times");
        let mut last_x = reach(rows, self.x_row).saturating_add(reach(depth, self.x_step));
        let mut last_y = reach(columns, self.y_column).saturating_add(reach(depth, self.y_step));
        let (mut products, mut axis) = (1, 0);
        while axis < 3 {
            assert!(self.batches[axis] > 0, "batch axis without elements");
            let count = self.batches[axis] as usize;
            last_x = last_x.saturating_add(reach(count, self.x_batches[axis] as usize));
            last_y = last_y.saturating_add(reach(count, self.y_batches[axis] as usize));
            products = count.saturating_mul(products);
            axis += 1;
        }
        x.check(arena_bytes, last_x.saturating_add(1));
        y.check(arena_bytes, last_y.saturating_add(1));
        output.check::<T>(arena_bytes, rows.saturating_mul(products).saturating_mul(columns));
    }

    /// The tiles: ranges of rows, over all batches.
    #[inline]
    pub(in crate::kernels) const fn work(&self) -> Work {
        let [a, b, c] = self.batches;
        let products = (a as usize).saturating_mul(b as usize).saturating_mul(c as usize);
        Work::of(products.saturating_mul(self.rows as usize))
    }

    /// The product of an output row, which is counted over all batches.
    #[cfg(armv7e_m)]
    #[inline]
    pub(in crate::kernels) fn product(&self, row: usize) -> Product {
        let [_, count_1, count_2] = self.batches;
        let (batch, row) = divide(row, self.rows);
        let (rest, batch_2) = divide(batch, count_2);
        let (batch_0, batch_1) = divide(rest, count_1);
        let place = |strides: [u32; 3]| {
            let [stride_0, stride_1, stride_2] = strides.map(|stride| stride as usize);
            batch_0 * stride_0 + batch_1 * stride_1 + batch_2 * stride_2
        };
        Product { x: place(self.x_batches), y: place(self.y_batches), row }
    }

    /// Computes one tile: `four` and `one` make the elements of four neighbouring columns, or of one.
    ///
    /// # Safety
    /// `x`, `y` and `output` are the operands that `check` proved; otherwise as for the kernel's `run`.
    #[inline(always)]
    unsafe fn compute<T: Element>(
        &self,
        (x, y): (*const T, *const T),
        output: *mut T,
        tile: Tile,
        four: impl Fn(*const T, *const T, Steps) -> [T; 4],
        one: impl Fn(*const T, *const T, Steps) -> T,
    ) {
        let steps = Steps { depth: self.depth, x: self.x_step, y: self.y_step, y_column: self.y_column };
        let [_, count_1, count_2] = self.batches;
        let (batch, mut row) = divide(tile.start(), self.rows);
        let (rest, mut batch_2) = divide(batch, count_2);
        let (mut batch_0, mut batch_1) = divide(rest, count_1);
        for index in tile.start()..tile.end() {
            let place = |strides: [u32; 3]| {
                let [stride_0, stride_1, stride_2] = sizes(strides);
                batch_0 * stride_0 + batch_1 * stride_1 + batch_2 * stride_2
            };
            // SAFETY: the row is one of the tile's, and all strides stay inside the operands (`check`).
            unsafe {
                let x = x.add(place(self.x_batches) + row * self.x_row);
                let y = y.add(place(self.y_batches));
                let output = output.add(index * self.columns);
                let mut column = 0;
                while column + 4 <= self.columns {
                    let values = four(x, y.add(column * self.y_column), steps);
                    for (offset, value) in values.into_iter().enumerate() {
                        output.add(column + offset).write(value);
                    }
                    column += 4;
                }
                while column < self.columns {
                    output.add(column).write(one(x, y.add(column * self.y_column), steps));
                    column += 1;
                }
            }
            row += 1;
            if row >= self.rows as usize {
                row = 0;
                batch_2 += 1;
                if batch_2 >= count_2 as usize {
                    batch_2 = 0;
                    batch_1 += 1;
                    if batch_1 >= count_1 as usize {
                        batch_1 = 0;
                        batch_0 += 1;
                    }
                }
            }
        }
    }
}

impl<R: Requantize> Quantized<R> {
    /// One multiplier serves all.
    #[expect(clippy::unused_self, reason = "the same question to every kernel")]
    const fn channels(&self) -> usize {
        1
    }

    /// Whether elements have zero points; those of int16 are 0.
    const MAY_BE_OFF: bool = size_of::<R::Element>() == 1;

    #[inline]
    const fn check_shapes(&self, arena_bytes: usize) {
        shape!(self).check::<R::Element>(arena_bytes, &self.x, &self.y, self.output);
        let is_centred = self.x_zero_point == 0 && self.y_zero_point == 0;
        assert!(Self::MAY_BE_OFF || is_centred, "zero points of int16");
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
        shape!(self).work()
    }
}
quantized!(Quantized);
quantized!(Quantized<crate::quant::Reduced>, where called:);

impl<R: Requantize<Element: Into<i32>>> Quantized<R> {
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let finish = |sum: R::Sum| self.requantize.apply(sum, 0, &self.bounds);
        // sum of (x - zx) * (y - zy) = sum of (x - zx) * y - zy * sum of (x - zx)
        let four = |x: *const R::Element, y: *const R::Element, steps: Steps| {
            // SAFETY: four columns of `depth` terms lie inside the operands.
            unsafe { self.sums::<4>(x, y, steps) }.map(finish)
        };
        let one = |x: *const R::Element, y: *const R::Element, steps: Steps| {
            // SAFETY: a column of `depth` terms lies inside the operands.
            let [sum] = unsafe { self.sums::<1>(x, y, steps) };
            finish(sum)
        };
        // SAFETY: forwarded to the caller.
        unsafe {
            let operands = (memory.source(self.x), memory.source(self.y));
            shape!(self).compute(operands, memory.at(self.output), tile, four, one);
        }
    }

    /// Sums of products of one row with `N` columns.
    ///
    /// # Safety
    /// The row and the columns lie inside the operands.
    #[inline(always)]
    unsafe fn sums<const N: usize>(
        &self,
        mut x: *const R::Element,
        mut y: *const R::Element,
        steps: Steps,
    ) -> [R::Sum; N] {
        let (mut sums, mut total) = ([R::Sum::NOTHING; N], R::Sum::NOTHING);
        for _ in 0..steps.depth {
            // SAFETY: in bounds, as the caller promises.
            unsafe {
                let mut value: i32 = (*x).into();
                if Self::MAY_BE_OFF {
                    value = value.wrapping_sub(self.x_zero_point);
                    total = total.plus(value, 1);
                }
                for (column, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.plus(value, (*y.add(column * steps.y_column)).into());
                }
            }
            x = x.wrapping_add(steps.x);
            y = y.wrapping_add(steps.y);
        }
        let excess = total.times(self.y_zero_point);
        sums.map(|sum| sum.with(R::Sum::NOTHING, excess))
    }
}

/// A number whose products are summed as they are.
trait Term: Element {
    /// 0.
    const ZERO: Self;

    /// The sum and a product more; integers wrap.
    fn plus(self, x: Self, y: Self) -> Self;
}

impl Term for f32 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn plus(self, x: Self, y: Self) -> Self {
        self + x * y
    }
}

impl Term for i32 {
    const ZERO: Self = 0;

    #[inline(always)]
    fn plus(self, x: Self, y: Self) -> Self {
        self.wrapping_add(x.wrapping_mul(y))
    }
}

impl Term for i64 {
    const ZERO: Self = 0;

    #[inline(always)]
    fn plus(self, x: Self, y: Self) -> Self {
        self.wrapping_add(x.wrapping_mul(y))
    }
}

impl Term for f64 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn plus(self, x: Self, y: Self) -> Self {
        self + x * y
    }
}

/// Defines a kernel of numbers whose products are summed as they are.
macro_rules! plain {
    ($(#[$doc:meta])* $name:ident, $type:ty [$($place:tt)+]) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left side.
            pub x: Source<$type>,
            /// Right side.
            pub y: Source<$type>,
            /// Output, `[batches][rows][columns]`.
            pub output: Region,
            /// Rows of a product.
            pub rows: u32,
            /// Columns of a product.
            pub columns: u32,
            /// Terms of a sum.
            pub depth: u32,
            /// Extents of the batch axes.
            pub batches: [u32; 3],
            /// Elements of the left side from a batch to the next, along each batch axis.
            pub x_batches: [u32; 3],
            /// Elements of the right side from a batch to the next, along each batch axis.
            pub y_batches: [u32; 3],
            /// Elements of the left side from a row to the next.
            pub x_row: u32,
            /// Elements of the left side from a term to the next.
            pub x_step: u32,
            /// Elements of the right side from a column to the next.
            pub y_column: u32,
            /// Elements of the right side from a term to the next.
            pub y_step: u32,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and shapes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                shape!(self).check::<$type>(arena_bytes, &self.x, &self.y, self.output);
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
                shape!(self).work()
            }

            /// Computes one tile.
            ///
            /// # Safety
            /// As for `run`.
            #[inline(always)]
            unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
                // SAFETY: four columns, or one, of `depth` terms lie inside the operands.
                let four = |x: *const $type, y: *const $type, steps: Steps| unsafe { sums::<$type, 4>(x, y, steps) };
                let one = |x: *const $type, y: *const $type, steps: Steps| {
                    // SAFETY: as above.
                    let [sum] = unsafe { sums::<$type, 1>(x, y, steps) };
                    sum
                };
                // SAFETY: forwarded to the caller.
                unsafe {
                    let operands = (memory.source(self.x), memory.source(self.y));
                    shape!(self).compute(operands, memory.at(self.output), tile, four, one);
                }
            }
        }
        instantiate!($($place)+ $name);
    };
}

plain! {
    /// float32.
    F32, f32 [without fpu:]
}

plain! {
    /// float64.
    F64, f64 [where called:]
}

plain! {
    /// int32, and uint32, which wraps alike.
    I32, i32 [where called:]
}

plain! {
    /// int64, and uint64.
    I64, i64 [where called:]
}

/// Sums of products of one row with `N` columns.
///
/// # Safety
/// The row and the columns lie inside the operands.
#[inline(always)]
unsafe fn sums<T: Term, const N: usize>(mut x: *const T, mut y: *const T, steps: Steps) -> [T; N] {
    let mut sums = [T::ZERO; N];
    for _ in 0..steps.depth {
        // SAFETY: in bounds, as the caller promises.
        unsafe {
            for (column, sum) in sums.iter_mut().enumerate() {
                *sum = sum.plus(*x, *y.add(column * steps.y_column));
            }
        }
        x = x.wrapping_add(steps.x);
        y = y.wrapping_add(steps.y);
    }
    sums
}
