//! Pixels whose windows have the same taps inside the image, for kernels that read taps there and leave out those of padding.

use crate::kernels::isa::side::Side;
use crate::kernels::window::Window;
use crate::memory::Image;
use crate::tile::Tile;
use core::ops::Range;

impl Side {
    /// Of an output's window: the first tap inside the image, and how many are.
    fn inside(&self, at: usize) -> (usize, usize) {
        let start = at * self.stride;
        let steps = |pixels: usize| pixels.div_ceil(self.dilation).min(self.taps);
        let before = steps(self.pad.saturating_sub(start));
        (before, steps((self.extent + self.pad).saturating_sub(start)).saturating_sub(before))
    }

    /// The pixel of a tap: without meaning in the padding.
    const fn at(&self, output: usize, tap: usize) -> usize {
        (output * self.stride + tap * self.dilation).wrapping_sub(self.pad)
    }

    /// Calls `each` with outputs that have the same taps inside: the first, and how many.
    #[inline(always)]
    fn runs(&self, outputs: Range<usize>, mut each: impl FnMut(usize, usize)) {
        // From the first one whose taps are all inside, to behind the last.
        let reach = (self.extent + self.pad).checked_sub((self.taps - 1) * self.dilation + 1);
        let last = reach.and_then(|reach| reach.checked_div(self.stride)).map_or(0, |last| last + 1);
        let inner = self.pad.div_ceil(self.stride)..last;
        let mut at = outputs.start;
        while at < outputs.end {
            let end = if inner.contains(&at) { inner.end.min(outputs.end) } else { at + 1 };
            each(at, end - at);
            at = end;
        }
    }
}

/// Pixels of a row or a column, whose windows have the same taps inside. What counts elements counts those of the images.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Pixels, at least 1.
    pub pixels: usize,
    /// The first tap that is inside, and how many are: rows, and columns of each. There may be none.
    pub rows: (usize, usize),
    pub columns: (usize, usize),
    /// Elements of the input before the first pixel's first tap that is inside, modulo 2^32 if there is none; from a pixel's window to
    /// the next, from a tap to the next, and from the end of a row of taps to the next one.
    pub first: usize,
    pub ahead: usize,
    pub tap: usize,
    pub row: usize,
    /// Elements of the output before the first pixel, and from a pixel to the next.
    pub output: usize,
    pub stride: usize,
}

/// Checks at build time that pixels of such a window are found.
///
/// # Panics
/// Where they are not.
#[inline]
pub(super) const fn check(window: &Window) {
    assert!(window.taps() > 0, "a window without taps");
    assert!(window.stride_h > 0 && window.stride_w > 0, "a window that does not move");
    assert!(window.dilation_h > 0 && window.dilation_w > 0, "taps in the place of each other");
}

/// Calls `each` with all pixels of a tile of an output whose pixels follow each other.
#[inline(always)]
pub(super) fn runs(input: &Image, output: &Image, window: &Window, tile: Tile, mut each: impl FnMut(&Run)) {
    let (down, across) = Side::both(input, window);
    let (row, pixel) = (input.row as usize, input.pixel as usize);
    let (width, next) = (output.width as usize, output.pixel as usize);
    let tap = across.dilation * pixel;
    let mut call = |y: usize, x: usize, pixels: usize, is_down: bool| {
        let (rows, mut columns) = (down.inside(y), across.inside(x));
        if rows.1 == 0 {
            columns.1 = 0;
        }
        let (ahead, stride) = if is_down { (down.stride * row, width * next) } else { (across.stride * pixel, next) };
        each(&Run {
            pixels,
            rows: if columns.1 == 0 { (rows.0, 0) } else { rows },
            columns,
            first: down.at(y, rows.0).wrapping_mul(row).wrapping_add(across.at(x, columns.0).wrapping_mul(pixel)),
            ahead,
            tap,
            row: (down.dilation * row).wrapping_sub(columns.1 * tap),
            output: (y * width + x) * next,
            stride,
        });
    };
    let mut at = tile.start();
    while at < tile.end() {
        let (Some(y), Some(x)) = (at.checked_div(width), at.checked_rem(width)) else { return };
        let left = tile.end() - at;
        // The rest of a row, or whole rows as far as they go: pixels go along the longer side.
        let rows = if x == 0 { left.checked_div(width).unwrap_or(0).max(1) } else { 1 };
        let columns = left.min(width - x);
        if rows > columns {
            for x in x..x + columns {
                down.runs(y..y + rows, |y, pixels| call(y, x, pixels, true));
            }
        } else {
            for y in y..y + rows {
                across.runs(x..x + columns, |x, pixels| call(y, x, pixels, false));
            }
        }
        at += rows * columns;
    }
}
