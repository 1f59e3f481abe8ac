//! Average pools of int8: `output[y, x, c] = round(sum / cells)`, halves away from zero, over the cells inside the image.

use super::clamp::clamp;
use super::cores::for_cores;
use super::loops::Loops;
use crate::kernels::access::Access;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

/// int8 average where input and output are quantised alike; tiles are ranges of pixels.
#[derive(Clone, Copy)]
pub struct AveragePool2d<C> {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input: no dilation, and no window lies in the padding alone.
    pub window: Window,
    /// Bounds of the output.
    pub bounds: Bounds,
    /// The cores that run it.
    pub cores: C,
}

/// Cells of one pixel: strides are in bytes.
#[repr(C)]
pub(in crate::kernels::isa) struct Cells {
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

impl<C> AveragePool2d<C> {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (input, output, window) = (&self.input, &self.output, &self.window);
        input.check::<i8>(arena_bytes);
        output.check_output::<i8>(arena_bytes);
        output.check_follows();
        window.check(output, 1);
        assert!(input.channels == output.channels && input.channels as usize >= GROUP, "four channels or more");
        assert!(window.dilation_h == 1 && window.dilation_w == 1, "taps are neighbours");
        assert!(window.pad_top < window.height && window.pad_left < window.width, "a window of padding alone");
        let (y, x) = (output.height as usize - 1, output.width as usize - 1);
        let rows = cells(y, window.stride_h, window.pad_top, window.height, input.height).1;
        let columns = cells(x, window.stride_w, window.pad_left, window.width, input.width).1;
        assert!(rows > 0 && columns > 0, "a window behind the image");
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
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    unsafe fn compute<L: Loops>(&self, memory: Memory<'_>, tile: Tile) {
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
                L::average(&cells);
                if !channels.is_multiple_of(GROUP) {
                    // The last group begins early enough to be whole: what is computed again comes out the same.
                    let last = channels - GROUP;
                    (cells.source, cells.output, cells.groups) = (cells.source.add(last), output.add(last), 1);
                    L::average(&cells);
                }
                clamp::<L>(output, channels, &self.bounds);
            }
            pixel += 1;
            x += 1;
            if x == width {
                (y, x) = (y + 1, 0);
            }
        }
    }
}

for_cores!(AveragePool2d);
