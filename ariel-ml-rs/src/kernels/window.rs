//! The sliding window that convolutions and pools share.

use crate::memory::{Element, Image, View};
use crate::plan::Work;
use crate::tile::{Axis, Tile};
use core::ops::Range;

/// Size, stride, dilation and padding of a window over an image.
#[derive(Clone, Copy)]
pub struct Window {
    /// Rows of the window.
    pub height: u16,
    /// Columns of the window.
    pub width: u16,
    /// Rows from a window to the next.
    pub stride_h: u16,
    /// Columns from a window to the next.
    pub stride_w: u16,
    /// Rows from a tap to the next.
    pub dilation_h: u16,
    /// Columns from a tap to the next.
    pub dilation_w: u16,
    /// Rows of padding above the image.
    pub pad_top: u16,
    /// Columns of padding left of the image.
    pub pad_left: u16,
}

impl Window {
    /// Taps of the window.
    #[must_use]
    pub const fn taps(&self) -> usize {
        self.height as usize * self.width as usize
    }

    /// Whether each output pixel reads exactly the input pixel at `(y * stride_h, x * stride_w)`.
    #[must_use]
    pub const fn is_pointwise(&self) -> bool {
        self.height == 1 && self.width == 1 && self.pad_top == 0 && self.pad_left == 0
    }

    /// Checks at build time that positions of taps over an output of that size are numbers that memory has, and so is the size of a
    /// patch of so many channels, a multiple of it included.
    ///
    /// # Panics
    /// Where they are not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check(&self, output: &Image, channels: u32) {
        let patch = self.taps().saturating_mul(channels as usize);
        assert!(patch <= i32::MAX as usize / 64, "a window larger than all memory");
        let down = (output.height as usize).saturating_mul(self.stride_h as usize);
        let across = (output.width as usize).saturating_mul(self.stride_w as usize);
        let down = down.saturating_add((self.height as usize).saturating_mul(self.dilation_h as usize));
        let across = across.saturating_add((self.width as usize).saturating_mul(self.dilation_w as usize));
        assert!(self.height <= 1 || self.dilation_h > 0, "taps in the place of each other");
        assert!(self.width <= 1 || self.dilation_w > 0, "taps in the place of each other");
        assert!(down <= i32::MAX as usize && across <= i32::MAX as usize, "a window behind all memory");
    }

    /// Checks at build time that every output pixel of a pointwise window has its pixel of the input.
    ///
    /// # Panics
    /// Where one has not: evaluated in a constant, this is a compile error.
    #[inline]
    pub(crate) const fn check_pointwise(&self, input: &Image, output: &Image) {
        let rows = (output.height as usize - 1).saturating_mul(self.stride_h as usize);
        let columns = (output.width as usize - 1).saturating_mul(self.stride_w as usize);
        assert!(rows < input.height as usize, "too many rows");
        assert!(columns < input.width as usize, "too many columns");
    }

    /// Row of the image that tap row `tap` of output row `y` reads, or `None` in the padding.
    #[inline]
    #[must_use]
    pub fn row(&self, y: usize, tap: usize, height: usize) -> Option<usize> {
        let row = (y * self.stride_h as usize + tap * self.dilation_h as usize).wrapping_sub(self.pad_top as usize);
        (row < height).then_some(row)
    }

    /// Column of the image that tap column `tap` of output column `x` reads, or `None` in the padding.
    #[inline]
    #[must_use]
    pub fn column(&self, x: usize, tap: usize, width: usize) -> Option<usize> {
        let column = (x * self.stride_w as usize + tap * self.dilation_w as usize).wrapping_sub(self.pad_left as usize);
        (column < width).then_some(column)
    }

    /// Whether no tap of output row `y` reads padding.
    #[inline]
    #[must_use]
    pub fn rows_inside(&self, y: usize, height: usize) -> bool {
        let last = (self.height as usize).wrapping_sub(1);
        self.row(y, 0, height).is_some() && self.row(y, last, height).is_some()
    }

    /// Whether no tap of output column `x` reads padding.
    #[inline]
    #[must_use]
    pub fn columns_inside(&self, x: usize, width: usize) -> bool {
        let last = (self.width as usize).wrapping_sub(1);
        self.column(x, 0, width).is_some() && self.column(x, last, width).is_some()
    }

    /// Copies the `channels` elements from `first` on of every pixel under the window at output pixel (y, x) to `patch`,
    /// tap by tap; taps in the padding get `padding`.
    ///
    /// # Safety
    /// `image` describes `view`; `first + channels` is at most its channels; `patch` has room for `taps() * channels` elements.
    #[inline]
    pub unsafe fn gather<T: Element>(
        &self,
        image: &Image,
        view: View<T>,
        (y, x): (usize, usize),
        channels: Range<usize>,
        padding: T,
        mut patch: *mut T,
    ) {
        let count = channels.end - channels.start;
        // Where the taps of a row lie one behind the other, they are copied at once.
        let is_dense = self.dilation_w == 1 && view.pixel_stride() == count;
        let columns = self.width as usize;
        for tap_y in 0..self.height as usize {
            // SAFETY: (row, column) lies inside the image, and the patch has room for every tap.
            unsafe {
                match self.row(y, tap_y, image.height as usize) {
                    None => patch = fill(patch, padding, columns * count),
                    Some(row) if is_dense => {
                        let origin = ((x * self.stride_w as usize) as isize).wrapping_sub(self.pad_left as isize);
                        let before = origin.wrapping_neg().max(0).cast_unsigned().min(columns);
                        let end =
                            (image.width as isize).wrapping_sub(origin).max(0).cast_unsigned().min(columns).max(before);
                        patch = fill(patch, padding, before * count);
                        if end > before {
                            let column = origin.cast_unsigned().wrapping_add(before);
                            let pixel = view.pixel(row, column).add(channels.start);
                            core::ptr::copy(pixel, patch, (end - before) * count);
                        }
                        patch = fill(patch.add((end - before) * count), padding, (columns - end) * count);
                    }
                    Some(row) => {
                        for tap_x in 0..columns {
                            if let Some(column) = self.column(x, tap_x, image.width as usize) {
                                let pixel = view.pixel(row, column).add(channels.start);
                                core::ptr::copy(pixel, patch, count);
                                patch = patch.add(count);
                            } else {
                                patch = fill(patch, padding, count);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Writes `count` times `value` and returns the place behind.
///
/// # Safety
/// There is room for `count` elements.
#[inline]
unsafe fn fill<T: Element>(to: *mut T, value: T, count: usize) -> *mut T {
    for index in 0..count {
        // SAFETY: in bounds, as the caller promises.
        unsafe { to.add(index).write(value) };
    }
    // SAFETY: at most one behind the end.
    unsafe { to.add(count) }
}

/// The work of a kernel whose tiles are cut along `axis`; those of channels consist of so many.
#[must_use]
#[inline]
pub const fn work(axis: Axis, output: &Image, channels: usize) -> Work {
    match axis {
        Axis::Pixels => Work::of(output.pixels()),
        Axis::Rows => Work::of(output.height as usize),
        Axis::Channels => Work::of(output.channels as usize).in_granules(channels),
    }
}

/// The work of a kernel that computes channels apart, whose tiles of pixels are whole rows.
#[must_use]
#[inline]
pub const fn work_in_rows(axis: Axis, output: &Image) -> Work {
    match axis {
        Axis::Pixels => work(axis, output, 1).in_granules(output.width as usize),
        Axis::Rows | Axis::Channels => work(axis, output, 1),
    }
}

/// Output rows and channels of a tile of such a kernel.
#[inline(always)]
#[must_use]
pub fn rows(axis: Axis, tile: Tile, output: &Image) -> (Range<usize>, Range<usize>) {
    let all = 0..output.channels as usize;
    // An image has columns (`Image::check`), which the optimiser cannot know.
    let row = |pixel: usize| pixel.checked_div(output.width as usize).unwrap_or(0);
    match axis {
        Axis::Rows => (tile.start()..tile.end(), all),
        Axis::Pixels => (row(tile.start())..row(tile.end()), all),
        Axis::Channels => (0..output.height as usize, tile.start()..tile.end()),
    }
}

/// Output pixels and channels of a tile, the pixels counted from the first of the image.
#[inline(always)]
#[must_use]
pub fn pixel_range(axis: Axis, tile: Tile, output: &Image) -> (Range<usize>, Range<usize>) {
    let (width, height, all) = (output.width as usize, output.height as usize, 0..output.channels as usize);
    match axis {
        Axis::Rows => (tile.start() * width..tile.end() * width, all),
        Axis::Pixels => (tile.start()..tile.end(), all),
        Axis::Channels => (0..width * height, tile.start()..tile.end()),
    }
}

/// Output pixels and channels of a tile: a range along its axis, all of the other.
#[inline]
#[must_use]
pub fn pixels(axis: Axis, tile: Tile, output: &Image) -> (Spans, Range<usize>) {
    let (width, channels) = (output.width as usize, output.channels as usize);
    match axis {
        Axis::Pixels => (Spans::new(tile.start(), tile.end(), width), 0..channels),
        Axis::Rows => (Spans::new(tile.start() * width, tile.end() * width, width), 0..channels),
        Axis::Channels => (Spans::new(0, output.height as usize * width, width), tile.start()..tile.end()),
    }
}

/// Pixels of an image in the order of its rows: each item is a row and columns of it.
#[derive(Clone)]
pub struct Spans {
    row: usize,
    column: usize,
    left: usize,
    width: usize,
}

impl Spans {
    fn new(start: usize, end: usize, width: usize) -> Self {
        // An image has columns (`Image::check`), which the optimiser cannot know.
        let row = start.checked_div(width).unwrap_or(0);
        Self { row, column: start - row * width, left: end.saturating_sub(start), width }
    }
}

impl Iterator for Spans {
    type Item = (usize, Range<usize>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let (row, first) = (self.row, self.column);
        let count = self.left.min(self.width - first);
        self.left -= count;
        (self.row, self.column) = (row + 1, 0);
        Some((row, first..first + count))
    }
}
