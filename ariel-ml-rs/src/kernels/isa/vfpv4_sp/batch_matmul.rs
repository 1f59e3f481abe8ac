//! Products of two matrices of float32 that are computed at run time: blocks of four rows times four columns, in registers.
//!
//! Either the columns or the terms of the right side follow one another in memory; terms of the left side do. Tiles are ranges of
//! output rows, counted over all batches.

use crate::kernels::access::Access;
use crate::kernels::batch_matmul::{Shape, shape};
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;
use core::arch::naked_asm;

/// Rows of a block, and its columns.
const BLOCK: usize = 4;
/// What sums begin with.
static NOTHING: [f32; BLOCK * BLOCK] = [0.0; BLOCK * BLOCK];

/// float32 products.
#[derive(Clone, Copy)]
pub struct BatchMatMul {
    /// Left side, whose terms follow one another.
    pub x: Source<f32>,
    /// Right side.
    pub y: Source<f32>,
    /// Output, `[batches][rows][columns]`.
    pub output: Region,
    /// Rows of a product.
    pub rows: u32,
    /// Columns of a product, 4 at least.
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
    /// Elements of the right side from a column to the next.
    pub y_column: u32,
    /// Elements of the right side from a term to the next; this or the distance of columns is 1.
    pub y_step: u32,
}

/// What the naked functions read: distances are in bytes.
#[repr(C)]
struct Block {
    /// First term of the first row, and from a row to the next.
    x: *const f32,
    x_row: usize,
    /// First term of the first column, and from a term to the next where columns follow one another, else from a column to the next.
    y: *const f32,
    y_far: usize,
    /// First column of the first row, and from a row to the next.
    output: *mut f32,
    output_row: usize,
    /// Terms, and blocks of columns, neither of them 0.
    depth: usize,
    blocks: usize,
    /// Zeros.
    nothing: *const f32,
}

impl BatchMatMul {
    const fn shape(&self) -> Shape {
        shape!(self, 1)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.shape().check::<f32>(arena_bytes, &self.x, &self.y, self.output);
        assert!(self.columns as usize >= BLOCK, "less columns than a block has");
        assert!(self.y_column == 1 || self.y_step == 1, "neither columns nor terms follow one another");
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
        self.shape().work()
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let (columns, shape) = (self.columns as usize, self.shape());
        let side_by_side = self.y_column == 1;
        let far = if side_by_side { self.y_step } else { self.y_column } as usize;
        // SAFETY: `check` proved that all strides stay inside the operands; the tile's rows are this call's own.
        unsafe {
            let (x, y) = (memory.source(self.x), memory.source(self.y));
            let output = memory.at::<f32>(self.output);
            let mut at = tile.start();
            while at < tile.end() {
                let product = shape.product(at);
                let (first, end) = (product.row, (product.row + tile.end() - at).min(self.rows as usize));
                let (x, y) = (x.add(product.x), y.add(product.y));
                let mut row = first;
                while row < end {
                    // The last block begins early enough to be whole; too few rows are each computed four times over.
                    let step = usize::from(end - first >= BLOCK);
                    let begin = if step == 1 { row.min(end - BLOCK) } else { row };
                    let mut block = Block {
                        x: x.add(begin * self.x_row as usize),
                        x_row: 4 * step * self.x_row as usize,
                        y,
                        y_far: 4 * far,
                        output: output.add((at - first + begin) * columns),
                        output_row: 4 * step * columns,
                        depth: self.depth as usize,
                        blocks: columns / BLOCK,
                        nothing: NOTHING.as_ptr(),
                    };
                    let compute = if side_by_side { by_columns } else { by_terms };
                    compute(&block);
                    if !columns.is_multiple_of(BLOCK) {
                        // So do the last columns.
                        let column = columns - BLOCK;
                        block.y = y.add(column * self.y_column as usize);
                        block.output = block.output.add(column);
                        block.blocks = 1;
                        compute(&block);
                    }
                    row += if step == 1 { BLOCK } else { 1 };
                }
                at += end - first;
            }
        }
    }
}

/// Adds the products of a row's term and those of four columns to its sums.
macro_rules! row {
    ($x:literal: $a:literal $b:literal $c:literal $d:literal += $w:literal $y:literal $z:literal $v:literal) => {
        concat!(
            "vfma.f32 s",
            $a,
            ", s",
            $x,
            ", s",
            $w,
            "\nvfma.f32 s",
            $b,
            ", s",
            $x,
            ", s",
            $y,
            "\nvfma.f32 s",
            $c,
            ", s",
            $x,
            ", s",
            $z,
            "\nvfma.f32 s",
            $d,
            ", s",
            $x,
            ", s",
            $v,
            "\n",
        )
    };
}

/// The products of one term, or of the first of two: of s8, s10, s12, s14 with four columns.
macro_rules! first {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            row!("8": "16" "17" "18" "19" += $a $b $c $d),
            row!("10": "20" "21" "22" "23" += $a $b $c $d),
            row!("12": "24" "25" "26" "27" += $a $b $c $d),
            row!("14": "28" "29" "30" "31" += $a $b $c $d),
        )
    };
}

/// Those of the second of two.
macro_rules! second {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            row!("9": "16" "17" "18" "19" += $a $b $c $d),
            row!("11": "20" "21" "22" "23" += $a $b $c $d),
            row!("13": "24" "25" "26" "27" += $a $b $c $d),
            row!("15": "28" "29" "30" "31" += $a $b $c $d),
        )
    };
}

/// Defines a function that computes blocks of four columns of four rows.
///
/// Registers: r0-r3 rows, r4-r7 the right side, r8 terms that are left, r9 output, r10 distances, r11 blocks that are left, r12 the
/// [`Block`], lr where the right side of the block begins; s16-s31 sums, s0-s7 the right side, s8-s15 rows.
/// Two terms are 42 instructions, or 44, for 32 products; a block adds 24, or 27.
macro_rules! blocks {
    ($(#[$doc:meta])* $name:ident, $begin:expr, $two:expr, $one:expr, $next:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The rows and columns of all blocks have the terms, and four columns of four rows for each block are this call's own to
        /// write.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(block: &Block) {
            naked_asm!(
                fpu!(),
                "push {{r4-r11, lr}}",
                "vpush {{s16-s31}}",
                "mov r12, r0",
                "ldr lr, [r12, #8]",
                "ldr r9, [r12, #16]",
                "ldr r11, [r12, #28]",
                "2:",
                "ldr r0, [r12, #32]",
                "vldm r0, {{s16-s31}}",
                "ldrd r0, r10, [r12]",
                "ldr r8, [r12, #24]",
                "add r1, r0, r10",
                "add r2, r1, r10",
                "add r3, r2, r10",
                "ldr r10, [r12, #12]",
                $begin,
                "subs r8, r8, #2",
                "blt 4f",
                "3:",
                "vldm r0!, {{s8-s9}}",
                "vldm r1!, {{s10-s11}}",
                "vldm r2!, {{s12-s13}}",
                "vldm r3!, {{s14-s15}}",
                $two,
                "subs r8, r8, #2",
                "bge.w 3b",
                "4:",
                "adds r8, r8, #2",
                "beq 5f",
                "vldr s8, [r0]",
                "vldr s10, [r1]",
                "vldr s12, [r2]",
                "vldr s14, [r3]",
                $one,
                "5:",
                "ldr r1, [r12, #20]",
                "mov r0, r9",
                "add r9, r9, #16",
                "vstm r0, {{s16-s19}}",
                "add r0, r0, r1",
                "vstm r0, {{s20-s23}}",
                "add r0, r0, r1",
                "vstm r0, {{s24-s27}}",
                "add r0, r0, r1",
                "vstm r0, {{s28-s31}}",
                $next,
                "subs r11, r11, #1",
                "bne.w 2b",
                "vpop {{s16-s31}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

blocks! {
    /// Columns follow one another.
    by_columns,
    "mov r4, lr",
    concat!(
        "vldm r4, {{s0-s3}}\nadd r4, r4, r10\nvldm r4, {{s4-s7}}\nadd r4, r4, r10\n",
        first!("0" "1" "2" "3"),
        second!("4" "5" "6" "7"),
    ),
    concat!("vldm r4, {{s0-s3}}\n", first!("0" "1" "2" "3")),
    "add lr, lr, #16"
}
blocks! {
    /// Terms follow one another.
    by_terms,
    "mov r4, lr\nadd r5, r4, r10\nadd r6, r5, r10\nadd r7, r6, r10",
    concat!(
        "vldm r4!, {{s0-s1}}\nvldm r5!, {{s2-s3}}\nvldm r6!, {{s4-s5}}\nvldm r7!, {{s6-s7}}\n",
        first!("0" "2" "4" "6"),
        second!("1" "3" "5" "7"),
    ),
    concat!("vldr s0, [r4]\nvldr s2, [r5]\nvldr s4, [r6]\nvldr s6, [r7]\n", first!("0" "2" "4" "6")),
    "add lr, lr, r10, lsl #2"
}
