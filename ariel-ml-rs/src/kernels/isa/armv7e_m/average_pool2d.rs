//! Average pools of int8: `output[y, x, c] = round(sum / cells)`, halves away from zero, over the cells inside the image.

use super::clamp::clamp;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory};
use crate::quant::Bounds;
use crate::tile::Tile;
use core::arch::naked_asm;

/// int8 average where input and output are quantised alike; tiles are ranges of pixels.
#[derive(Clone, Copy, Debug)]
pub struct AveragePool2d {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input: no dilation, and no window lies in the padding alone.
    pub window: Window,
    /// Bounds of the output.
    pub bounds: Bounds,
}

/// Cells of one pixel: strides are in bytes.
#[repr(C)]
struct Cells {
    source: *const i8,
    output: *mut i8,
    rows: usize,
    columns: usize,
    row: usize,
    pixel: usize,
    /// Rows times columns.
    count: usize,
    /// Groups of four channels, at least 1.
    groups: usize,
}

/// Channels of a group.
const GROUP: usize = 4;

/// The first cell inside the image, and how many are, of a window of `size` that begins at `output * stride - pad`.
const fn cells(output: usize, stride: u16, pad: u16, size: u16, extent: u32) -> (usize, usize) {
    let (start, pad) = (output * stride as usize, pad as usize);
    let end = (start + size as usize).saturating_sub(pad);
    let end = if end < extent as usize { end } else { extent as usize };
    let first = start.saturating_sub(pad);
    (first, end.saturating_sub(first))
}

impl AveragePool2d {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let (input, output, window) = (&self.input, &self.output, &self.window);
        input.check::<i8>(arena_bytes);
        output.check::<i8>(arena_bytes);
        assert!(output.row == output.width * output.pixel, "rows of the output do not follow each other");
        assert!(input.channels == output.channels && input.channels as usize >= GROUP, "four channels or more");
        assert!(window.dilation_h == 1 && window.dilation_w == 1, "taps are neighbours");
        assert!(window.pad_top < window.height && window.pad_left < window.width, "a window of padding alone");
        let (y, x) = (output.height as usize - 1, output.width as usize - 1);
        let rows = cells(y, window.stride_h, window.pad_top, window.height, input.height).1;
        let columns = cells(x, window.stride_w, window.pad_left, window.width, input.width).1;
        assert!(rows > 0 && columns > 0, "a window behind the image");
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let (window, input, channels) = (&self.window, &self.input, self.output.channels as usize);
        let width = self.output.width as usize;
        let (Some(mut y), Some(mut x)) = (tile.start().checked_div(width), tile.start().checked_rem(width)) else {
            return;
        };
        let mut pixel = tile.start();
        while pixel < tile.end() {
            let (row, rows) = cells(y, window.stride_h, window.pad_top, window.height, input.height);
            let (column, columns) = cells(x, window.stride_w, window.pad_left, window.width, input.width);
            // SAFETY: the cells lie inside the image, the pixel in the tile, and neither count is 0 (`check`).
            unsafe {
                let view = input.view::<i8>(memory);
                let output = self.output.view::<i8>(memory).pixel(0, 0).add(pixel * self.output.pixel as usize);
                let mut cells = Cells {
                    source: view.pixel(row, column),
                    output,
                    rows,
                    columns,
                    row: view.row_stride(),
                    pixel: view.pixel_stride(),
                    count: rows * columns,
                    groups: channels / GROUP,
                };
                average(&cells);
                if !channels.is_multiple_of(GROUP) {
                    // The last group begins early enough to be whole: what is computed again comes out the same.
                    let last = channels - GROUP;
                    (cells.source, cells.output, cells.groups) = (cells.source.add(last), output.add(last), 1);
                    average(&cells);
                }
                clamp(output, channels, &self.bounds);
            }
            pixel += 1;
            x += 1;
            if x == width {
                (y, x) = (y + 1, 0);
            }
        }
    }
}

/// Divides a register by r7, lr being half of it, and stores it.
macro_rules! divide {
    ($sum:literal) => {
        concat!(
            "cmp ",
            $sum,
            ", #0\n",
            "ite gt\n",
            "addgt ",
            $sum,
            ", ",
            $sum,
            ", lr\n",
            "suble ",
            $sum,
            ", ",
            $sum,
            ", lr\n",
            "sdiv ",
            $sum,
            ", ",
            $sum,
            ", r7\n",
            "strb ",
            $sum,
            ", [r0], #1",
        )
    };
}

/// Averages of all groups: 8 instructions for four channels of a cell.
///
/// Registers: r0 row, r1 cell, r2 rows left, r3 cells left, r4 word, r5 and r6 strides, r7 cells, r8-r11 sums, r12 columns.
///
/// # Safety
/// The cells exist and are not none; the outputs are this call's own.
#[unsafe(naked)]
unsafe extern "C" fn average(cells: &Cells) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldm r0, {{r1-r8}}",
        "push {{r1-r8}}",
        "mov r12, r4",
        "2:",
        "ldr r0, [sp]",
        "ldr r2, [sp, #8]",
        "mov r8, #0",
        "mov r9, #0",
        "mov r10, #0",
        "mov r11, #0",
        "3:",
        "mov r1, r0",
        "mov r3, r12",
        "4:",
        "ldr r4, [r1]",
        "add r1, r1, r6",
        "sxtab r8, r8, r4",
        "sxtab r9, r9, r4, ror #8",
        "sxtab r10, r10, r4, ror #16",
        "sxtab r11, r11, r4, ror #24",
        "subs r3, r3, #1",
        "bne 4b",
        "add r0, r0, r5",
        "subs r2, r2, #1",
        "bne 3b",
        "lsr lr, r7, #1",
        "ldr r0, [sp, #4]",
        divide!("r8"),
        divide!("r9"),
        divide!("r10"),
        divide!("r11"),
        "str r0, [sp, #4]",
        "ldr r0, [sp]",
        "add r0, r0, #4",
        "str r0, [sp]",
        "ldr r4, [sp, #28]",
        "subs r4, r4, #1",
        "str r4, [sp, #28]",
        "bne 2b",
        "add sp, sp, #32",
        "pop {{r4-r11, pc}}",
    )
}
