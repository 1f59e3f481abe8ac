//! Products of two matrices of int8 that are computed at run time, on cores with the DSP extension.
//!
//! `sum of (x - zx) * (y - zy) = sum of x * (y - zy) - zx * sum of (y - zy)`: the columns of the right side are brought into
//! scratch once for each product, less their zero point, and what their sums begin with in front of them; rows of the left side
//! are widened four at a time. Tiles are ranges of output rows, counted over all batches.

use super::cores::for_cores;
use super::loops::PIXELS;
use crate::kernels::access::Access;
use crate::kernels::batch_matmul::{Shape, shape};
use crate::kernels::isa::armv7e_m::{self, Fixed};
#[cfg(vfpv4_sp)]
use crate::kernels::isa::dsp_fpu;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::mem::MaybeUninit;

/// Elements of the depth that are taken at a time.
const STEP: u32 = 4;

/// Computes pairs of columns of four rows: `armv7e_m::products`, or its like.
type Products = unsafe extern "C" fn(*const i16, *const i32, *mut i8, usize, usize, *const i32, *const Fixed);

/// int8 products.
#[derive(Clone, Copy)]
pub struct BatchMatMul<C> {
    /// Left side, whose terms follow one another.
    pub x: Source<i8>,
    /// Right side.
    pub y: Source<i8>,
    /// Output, `[batches][rows][columns]`.
    pub output: Region,
    /// Rows of a product.
    pub rows: u32,
    /// Columns of a product.
    pub columns: u32,
    /// Terms of a sum, a multiple of 4.
    pub depth: u32,
    /// Extents of the batch axes.
    pub batches: [u32; 3],
    /// Elements of the left side from a batch to the next, along each batch axis.
    pub x_batches: [u32; 3],
    /// Elements of the right side from a batch to the next, along each batch axis.
    pub y_batches: [u32; 3],
    /// Elements of the left side from a row to the next.
    pub x_row: u32,
    /// Elements of the right side from a column to the next.
    pub y_column: u32,
    /// Elements of the right side from a term to the next.
    pub y_step: u32,
    /// Zero point of the left side.
    pub x_zero_point: i32,
    /// Zero point of the right side.
    pub y_zero_point: i32,
    /// What requantises sums, as a channel of [`super::Conv2d`]'s stream has it.
    pub scale: Fixed,
    /// Bounds of the output; the zero point is in the scale.
    pub bounds: Bounds,
    /// Room for four widened rows, and for the columns of a product.
    pub scratch: Region,
    /// The cores that run it.
    pub cores: C,
}

impl<C> BatchMatMul<C> {
    const fn shape(&self) -> Shape {
        shape!(self, 1)
    }

    /// int32 of a pair of columns, and of four rows.
    const fn pair(&self) -> usize {
        self.depth as usize + 2
    }
    const fn block(&self) -> usize {
        (self.depth as usize).saturating_mul(PIXELS / 2)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.shape().check::<i8>(arena_bytes, &self.x, &self.y, self.output);
        assert!(self.depth.is_multiple_of(STEP) && self.depth <= 1 << 14, "a depth of whole steps");
        let pairs = (self.columns as usize).div_ceil(2).saturating_mul(self.pair());
        self.scratch.check_scratch::<i32>(arena_bytes, pairs.saturating_add(self.block()));
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
        self.shape().work().with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile, products: Products) {
        let (columns, shape) = (self.columns as usize, self.shape());
        // SAFETY: `check` proved that all strides stay inside the operands and that the scratch, which is this worker's, has room;
        // the tile's rows are this call's own.
        unsafe {
            let (x, y) = (memory.source(self.x), memory.source(self.y));
            let output = memory.at::<i8>(self.output);
            let rows = memory.scratch::<i32>(self.scratch);
            let packed = rows.add(self.block());
            let mut at = tile.start();
            while at < tile.end() {
                let product = shape.product(at);
                let (first, end) = (product.row, (product.row + tile.end() - at).min(self.rows as usize));
                self.pack(y.add(product.y), packed);
                let x = x.add(product.x);
                let mut row = first;
                while row < end {
                    // The last block begins early enough to be whole; too few rows are each computed four times over.
                    let step = usize::from(end - first >= PIXELS);
                    let begin = if step == 1 { row.min(end - PIXELS) } else { row };
                    let source = x.add(begin * self.x_row as usize);
                    armv7e_m::widen4(source, step * self.x_row as usize, rows.cast(), (self.depth / STEP) as usize);
                    let to = output.add((at - first + begin) * columns);
                    self.block_of(rows.cast(), packed, to, step * columns, products);
                    row += if step == 1 { PIXELS } else { 1 };
                }
                at += end - first;
            }
            let start = output.add(tile.start() * columns);
            let count = (tile.end() - tile.start()) * columns;
            if self.bounds.min > -128 || self.bounds.max < 127 {
                let spread = |bound: i32| u32::from(bound as u8).wrapping_mul(0x0101_0101);
                armv7e_m::clamp_all(start, count, spread(self.bounds.min), spread(self.bounds.max));
            }
        }
    }

    /// Computes all columns of four rows, `stride` elements apart.
    ///
    /// # Safety
    /// `rows` are four widened rows, `packed` the columns, and the four rows of the output are this call's own.
    unsafe fn block_of(
        &self,
        rows: *const i16,
        packed: *const i32,
        output: *mut i8,
        stride: usize,
        products: Products,
    ) {
        let (columns, bytes) = (self.columns as usize, 4 * self.block());
        // SAFETY: as the caller promises.
        unsafe {
            let last = packed.add(columns / 2 * self.pair());
            if columns > 1 {
                products(rows, packed, output, stride, bytes, last, &raw const self.scale);
            }
            if !columns.is_multiple_of(2) {
                // The second column of the last pair is none.
                let mut pairs = MaybeUninit::<[i8; 2 * PIXELS]>::uninit();
                let pairs = pairs.as_mut_ptr().cast::<i8>();
                products(rows, last, pairs, 2, bytes, last.add(self.pair()), &raw const self.scale);
                for p in 0..PIXELS {
                    output.add(p * stride + columns - 1).write(*pairs.add(2 * p));
                }
            }
        }
    }

    /// Writes the columns of a product, pair by pair: what their sums begin with, and words of (k0, k2) and (k1, k3) of each.
    ///
    /// # Safety
    /// `y` is the first element of the product's right side, and there is room.
    #[inline(never)]
    unsafe fn pack(&self, y: *const i8, mut to: *mut i32) {
        let (columns, step) = (self.columns as usize, self.y_step as usize);
        for pair in 0..columns.div_ceil(2) {
            let starts = to;
            for side in 0..2 {
                // The column beside an odd one is that one again.
                let mut from = y.wrapping_add((2 * pair + side).min(columns - 1) * self.y_column as usize);
                let mut word = starts.wrapping_add(2 + side);
                let mut total = 0_i32;
                for _ in 0..self.depth / STEP {
                    // SAFETY: the column has `depth` terms, and words for each two of them.
                    unsafe {
                        let [a, b, c, d] = [0, 1, 2, 3]
                            .map(|k| i32::from(*from.wrapping_add(k * step)).wrapping_sub(self.y_zero_point));
                        total = total.wrapping_add(a).wrapping_add(b).wrapping_add(c).wrapping_add(d);
                        word.write(c << 16 | (a & 0xFFFF));
                        word.wrapping_add(2).write(d << 16 | (b & 0xFFFF));
                    }
                    from = from.wrapping_add(4 * step);
                    word = word.wrapping_add(4);
                }
                // SAFETY: in front of the words there is room for both.
                unsafe { starts.add(side).write(total.wrapping_mul(self.x_zero_point.wrapping_neg())) };
            }
            to = to.wrapping_add(self.pair());
        }
    }
}

for_cores!(BatchMatMul, Dsp, |kernel, memory, tile| kernel.compute(memory, tile, armv7e_m::products));
#[cfg(vfpv4_sp)]
for_cores!(BatchMatMul, DspFpu, |kernel, memory, tile| kernel.compute(memory, tile, dsp_fpu::products));
