//! Regions of an image whose pixels all read the same taps of a window: what lies in the middle, and along the edges.

use super::block::PIXELS;
use super::sums::Pixels;
use crate::kernels::isa::side::Side;
use crate::kernels::window::{Spans, Window};
use crate::memory::Image;
use core::ops::Range;

/// Pixels that read the taps of `rows` and `columns`, none of them in the padding.
pub(super) struct Region {
    pub y: usize,
    pub x: usize,
    pub height: usize,
    pub width: usize,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Region {
    /// Where the first pixel reads its first tap: elements from the first of the image.
    pub(super) fn first_tap(&self, window: &Window, input: &Image) -> usize {
        let first = |position: usize, stride: u16, tap: usize, dilation: u16, pad: u16| {
            (position * stride as usize + tap * dilation as usize).saturating_sub(pad as usize)
        };
        let y = first(self.y, window.stride_h, self.rows.start, window.dilation_h, window.pad_top);
        let x = first(self.x, window.stride_w, self.columns.start, window.dilation_w, window.pad_left);
        y * input.row as usize + x * input.pixel as usize
    }

    /// The pixels along a line, and the lines: rows, columns where rows are short, or one line where all have equal distances.
    #[inline(never)]
    pub(super) fn lines(&self, window: &Window, input: &Image, output: &Image) -> (Pixels, Pixels) {
        let row = Pixels {
            count: self.width,
            input: window.stride_w as usize * input.pixel as usize,
            output: output.pixel as usize,
            is_column: false,
        };
        let column = Pixels {
            count: self.height,
            input: window.stride_h as usize * input.row as usize,
            output: output.row as usize,
            is_column: true,
        };
        if column.input == row.count * row.input && column.output == row.count * row.output {
            (Pixels { count: row.count * column.count, ..row }, Pixels { count: 1, ..column })
        } else if row.count < PIXELS && row.count < column.count {
            (column, row)
        } else {
            (row, column)
        }
    }
}

impl Side {
    /// How many positions from `position` on, up to `end`, read the same taps, and which.
    #[inline(never)]
    fn alike(&self, position: usize, end: usize) -> (usize, Range<usize>) {
        let origin = position * self.stride;
        let is_inside = |tap: usize| (origin + tap * self.dilation).wrapping_sub(self.pad) < self.extent;
        let (mut first, mut last) = (0, self.taps);
        while first < last && !is_inside(first) {
            first += 1;
        }
        while last > first && !is_inside(last - 1) {
            last -= 1;
        }
        if first > 0 || last < self.taps {
            return (1, first..last);
        }
        // All taps lie inside until the last one leaves the image.
        let room = (self.extent + self.pad).saturating_sub((self.taps - 1) * self.dilation + 1);
        let behind = room.checked_div(self.stride).unwrap_or(0) + 1;
        (behind.min(end).saturating_sub(position).max(1), first..last)
    }
}

/// Calls `visit` with the regions of the pixels `first..end`, which are counted row by row.
pub(super) fn regions(window: &Window, input: &Image, output: &Image, spans: Spans, mut visit: impl FnMut(Region)) {
    let (down, across) = Side::both(input, window);
    let width = output.width as usize;
    let mut spans = spans.peekable();
    while let Some((mut y, own)) = spans.next() {
        // Whole rows that follow each other are one rectangle.
        let mut bottom = y + 1;
        while own.len() == width && spans.next_if(|(_, next)| next.len() == width).is_some() {
            bottom += 1;
        }
        while y < bottom {
            let (height, rows) = down.alike(y, bottom);
            let mut x = own.start;
            while x < own.end {
                let (width, columns) = across.alike(x, own.end);
                visit(Region { y, x, height, width, rows: rows.clone(), columns });
                x += width;
            }
            y += height;
        }
    }
}
