//! Pools: maxima of int8 and int16, and averages of int8 as TFLite rounds them, a vector of channels at a time.
//!
//! An average of n cells is `(|sum| + n / 2) / n` with the sign of the sum. With `m = ceil(2^s / n)` and `s = 15 + ceil(log2 n)`, which
//! has 16 bits, the quotient is `u * m >> s` for all u below `129 * n`: what m is too large by adds less than
//! `129 * n / 2^s <= 1 / n` to it, for n up to 254.

use super::clamp::{clamp, clamp16};
use super::sides::{self, Run};
use crate::kernels::access::Access;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// Cells of pixels: strides are in bytes.
#[repr(C)]
struct Cells {
    /// The first cell of the first pixel.
    source: *const u8,
    /// The first channel of the first pixel's output.
    output: *mut u8,
    /// From a pixel's cells to the next, and from an output to the next.
    ahead: usize,
    stride: usize,
    /// From a cell to the next, and from the end of a row of cells to the next row.
    cell: usize,
    row: usize,
    /// Rows, and cells of each; there may be no row.
    rows: usize,
    columns: usize,
    /// Channels, at least 1.
    channels: usize,
    /// Pixels, at least 1.
    pixels: usize,
    /// Half of the cells, what divides by them in 16 bits, and what the upper half of a product is then shifted to the left by.
    half: usize,
    factor: u32,
    shift: i32,
}

/// Most cells of an average.
const MOST: usize = 254;

/// Defines a function that computes the pixels. `$start` sets q1 to nothing yet, `$step` takes a cell's channels into it, and
/// `$finish` makes outputs of it; channels move by so many bytes of inputs and of outputs.
///
/// Registers: r0 `cells`, r1 and r2 inputs and outputs of a pixel, r3 pixels that are left, r4 inputs and r5 outputs of a vector of
/// channels, r6 cell, r7 rows and r8 cells of a row that are left, r9 data, r10 bytes from a cell to the next, r11 from a row, r12 half of the cells.
macro_rules! pool {
    ($(#[$doc:meta])* $name:ident, $bits:literal, $prepare:literal, $start:literal, $step:literal, $finish:literal, $inputs:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The core has Helium; the cells that `cells` says are there, and the outputs are this call's own.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(cells: &Cells) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "ldm r0, {{r1, r2}}",
                "ldrd r10, r11, [r0, #16]",
                "ldrd r3, r12, [r0, #36]",
                $prepare,
                "2:",
                "ldr r9, [r0, #32]",
                "mov r4, r1",
                "mov r5, r2",
                concat!("wlstp.", $bits, " lr, r9, 7f"),
                "3:",
                "ldr r7, [r0, #24]",
                "mov r6, r4",
                $start,
                "cmp r7, #0",
                "beq 6f",
                "4:",
                "ldr r8, [r0, #28]",
                "5:",
                $step,
                "subs r8, r8, #1",
                "add r6, r6, r10",
                "bne 5b",
                "subs r7, r7, #1",
                "add r6, r6, r11",
                "bne 4b",
                "6:",
                concat!("add r4, r4, #", $inputs),
                $finish,
                "letp lr, 3b",
                "7:",
                "ldrd r8, r9, [r0, #8]",
                "subs r3, r3, #1",
                "add r1, r1, r8",
                "add r2, r2, r9",
                "bne 2b",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

pool! {
    /// Maxima of int8: 5 instructions for 16 channels of a cell.
    maximum, "8", "mvn r9, #127\nvdup.8 q2, r9", "vmov q1, q2", "vldrb.u8 q0, [r6]\nvmax.s8 q1, q1, q0", "vstrb.8 q1, [r5], #16", "16"
}
pool! {
    /// Maxima of int16: 5 instructions for 8 channels of a cell.
    maximum16, "16", "movw r9, #0x8000\nvdup.16 q2, r9", "vmov q1, q2", "vldrh.u16 q0, [r6]\nvmax.s16 q1, q1, q0",
    "vstrh.16 q1, [r5], #16", "16"
}
pool! {
    /// Averages of int8: 5 instructions for 8 channels of a cell.
    average, "16", "ldr r8, [r0, #44]\nvdup.16 q2, r8", "vmov.i16 q1, #0", "vldrb.s16 q0, [r6]\nvadd.i16 q1, q1, q0",
    "vabs.s16 q0, q1
    ldr r9, [r0, #48]
    vadd.i16 q0, q0, r12
    vmulh.u16 q0, q0, q2
    vshl.u16 q0, r9
    vpt.s16 lt, q1, zr
    vnegt.s16 q0, q0
    vstrb.16 q0, [r5], #8", "8"
}

/// Defines a kernel, and the function that computes some pixels of it.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $element:ident, $clamp:ident, $most:expr, |$cells:ident| $compute:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input image.
            pub input: Image,
            /// Output image: its pixels follow each other.
            pub output: Image,
            /// Window over the input.
            pub window: Window,
            /// Bounds of the output.
            pub bounds: Bounds,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and shapes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$element>(arena_bytes);
                self.output.check_output::<$element>(arena_bytes);
                self.output.check_follows();
                self.window.check(&self.output, 1);
                sides::check(&self.window);
                assert!(self.window.taps() <= $most, "more cells than are divided by");
                assert!(self.input.channels == self.output.channels, "channels of input and output differ");
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Window;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.output.pixels())
            }

            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and
            /// the core has Helium.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let channels = self.output.channels as usize;
                // SAFETY: cells and pixels lie inside the images, the tile's pixels follow each other and are this call's own.
                unsafe {
                    let input = self.input.view::<$element>(memory).pixel(0, 0).cast_const();
                    let output = self.output.view::<$element>(memory).pixel(0, 0);
                    sides::runs(&self.input, &self.output, &self.window, tile, |run| {
                        let $cells = cells(input, output, run, channels);
                        $compute;
                    });
                    $clamp(output.add(tile.start() * channels), (tile.end() - tile.start()) * channels, &self.bounds);
                }
            }
        }
    };
}

kernel! {
    /// Maximum of int8; tiles are ranges of pixels.
    MaxPool2d, i8, clamp, usize::MAX, |cells| maximum(&cells)
}
kernel! {
    /// Maximum of int16; tiles are ranges of pixels.
    MaxPool2d16, i16, clamp16, usize::MAX, |cells| maximum16(&cells)
}
kernel! {
    /// Average of int8 over the cells inside the image, as TFLite rounds it; tiles are ranges of pixels.
    AveragePool2d, i8, clamp, MOST, |cells| average_of(cells)
}

/// The cells of some pixels.
fn cells<T>(input: *const T, output: *mut T, run: &Run, channels: usize) -> Cells {
    let bytes = |elements: usize| elements.wrapping_mul(size_of::<T>());
    Cells {
        source: input.wrapping_add(run.first).cast(),
        output: output.wrapping_add(run.output).cast(),
        ahead: bytes(run.ahead),
        stride: bytes(run.stride),
        cell: bytes(run.tap),
        row: bytes(run.row),
        rows: run.rows.1,
        columns: run.columns.1,
        channels,
        pixels: run.pixels,
        half: 0,
        factor: 0,
        shift: 0,
    }
}

/// Computes averages.
///
/// # Safety
/// As for [`average`], of at most [`MOST`] cells.
#[inline(never)]
unsafe fn average_of(mut cells: Cells) {
    let count = (cells.rows * cells.columns) as u32;
    // SAFETY: forwarded to the caller.
    unsafe {
        if count == 1 {
            // One cell is its own average, and maximum.
            maximum(&cells);
            return;
        }
        // ceil(log2(count)), and ceil(2^(15 + bits) / count).
        let bits = u32::BITS - count.saturating_sub(1).leading_zeros();
        cells.half = count as usize / 2;
        cells.factor = (1_u32 << (15 + bits)).wrapping_add(count).wrapping_sub(1).checked_div(count).unwrap_or(0);
        cells.shift = 1 - bits.cast_signed();
        average(&cells);
    }
}
