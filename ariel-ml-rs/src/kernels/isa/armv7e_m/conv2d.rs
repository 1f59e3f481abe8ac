//! 2-D convolution of int8 with double rounding: blocks of four pixels, all channels.
//!
//! A pixel's patch has a run of `window.width * channels` inputs for each tap row, rounded up to whole words; the weights of
//! what is rounded up are 0. The patches of a block are widened into scratch, from the image itself where no tap of the block
//! reads padding, else by way of copies of their runs.

use super::clamp::clamp;
use super::gemm::{PIXELS, gemm4};
use super::widen::{copy, fill, widen4};
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region, View};
use crate::quant::Bounds;
use crate::tile::Tile;

/// int8 convolution; tiles are ranges of pixels.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// For each pair of channels biases, weights and requantisation (see [`super::gemm`]).
    pub stream: &'static [i32],
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: i8,
    /// Bounds of the output; the zero point is in the stream.
    pub bounds: Bounds,
    /// Room for four widened patches, and for a run of each.
    pub scratch: Region,
}

impl Conv2d {
    /// Inputs that a tap row of a patch reads.
    const fn run_bytes(&self) -> usize {
        self.window.width as usize * self.input.channels as usize
    }

    /// Words that hold them.
    const fn run_words(&self) -> usize {
        self.run_bytes().div_ceil(4)
    }

    /// int32 of a pair of channels in the stream.
    const fn pair(&self) -> usize {
        2 * self.window.height as usize * self.run_words() + 8
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i8>(arena_bytes);
        self.output.check::<i8>(arena_bytes);
        assert!(
            self.output.row == self.output.width * self.output.pixel,
            "rows of the output do not follow each other"
        );
        assert!(self.input.channels > 0 && self.window.taps() > 0, "a patch has elements");
        let pairs = (self.output.channels as usize).div_ceil(2);
        assert!(self.stream.len() == pairs * self.pair(), "stream of the wrong length");
        let room = PIXELS * 4 * self.run_words() * (2 * self.window.height as usize + 1);
        self.scratch.check::<i32>(arena_bytes, room / 4);
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let (mut pixel, end) = (tile.start(), tile.end());
        while pixel < end {
            // SAFETY: the pixels are the tile's own, which lies inside the output.
            unsafe {
                if end - tile.start() < PIXELS {
                    // Too few for a block: each is computed four times over.
                    self.block(memory, pixel, 0);
                    pixel += 1;
                } else {
                    // The last block begins early enough to be whole: what it computes again comes out the same.
                    self.block(memory, pixel.min(end - PIXELS), 1);
                    pixel += PIXELS;
                }
            }
        }
    }

    /// Computes the pixels `first + p * step` for p < 4.
    ///
    /// # Safety
    /// As for `run`, the pixels being the tile's.
    unsafe fn block(&self, memory: Memory<'_>, first: usize, step: usize) {
        let pixel = self.output.pixel as usize;
        let channels = self.output.channels as usize;
        // SAFETY: `check` proved the lengths that the naked functions rely on; the scratch is this worker's.
        unsafe {
            let inputs = memory.scratch::<i16>(self.scratch);
            let end = self.widen(memory, first, step, inputs);
            let bytes = end.byte_offset_from(inputs).cast_unsigned();
            let output = self.output.view::<i8>(memory).pixel(0, 0).add(first * pixel);
            let stream = self.stream.as_ptr();
            let last = stream.add((channels / 2) * self.pair());
            if channels > 1 {
                gemm4(inputs, stream, output, step * pixel, bytes, last);
            }
            if !channels.is_multiple_of(2) {
                // The second channel of the last pair is none.
                let mut pairs = [0_i8; 2 * PIXELS];
                gemm4(inputs, last, pairs.as_mut_ptr(), 2, bytes, last.add(self.pair()));
                for p in 0..PIXELS {
                    output.add(p * step * pixel + channels - 1).write(*pairs.as_ptr().add(2 * p));
                }
            }
            if pixel == channels && step == 1 {
                clamp(output, PIXELS * channels, &self.bounds);
            } else {
                for p in 0..PIXELS {
                    clamp(output.add(p * step * pixel), channels, &self.bounds);
                }
            }
        }
    }

    /// Widens the patches of a block, and returns the end of what it wrote.
    ///
    /// # Safety
    /// As for `block`; `to` is the scratch.
    unsafe fn widen(&self, memory: Memory<'_>, first: usize, step: usize, to: *mut i16) -> *mut i16 {
        let (window, input) = (&self.window, &self.input);
        let width = self.output.width as usize;
        let (y, x) = (divide(first, width), remainder(first, width));
        let is_row = x + (PIXELS - 1) * step < width;
        let words = self.run_words();
        let is_dense = window.dilation_w == 1 && (input.pixel == input.channels || window.width == 1);
        let inside = is_row
            && is_dense
            && window.columns_inside(x, input.width as usize)
            && window.columns_inside(x + (PIXELS - 1) * step, input.width as usize);
        // Where windows are single pixels that follow each other, so do the pixels of the next row.
        let is_flat = window.is_pointwise()
            && (window.stride_h, window.stride_w) == (1, 1)
            && input.row == input.width * input.pixel
            && (input.height, input.width) == (self.output.height, self.output.width);
        let mut to = to;
        // SAFETY: rows and columns lie inside the image; runs and patches have the room that `check` found.
        unsafe {
            let view = input.view::<i8>(memory);
            let stride = step * window.stride_w as usize * view.pixel_stride();
            for tap in 0..window.height as usize {
                let row = window.row(y, tap, input.height as usize);
                let column = (x * window.stride_w as usize).wrapping_sub(window.pad_left as usize);
                // What rounding up reads behind the last run must lie in the image, too.
                let start = row
                    .map_or(0, |row| (row * view.row_stride()).wrapping_add(column.wrapping_mul(view.pixel_stride())));
                let fits = start.wrapping_add((PIXELS - 1) * stride + 4 * words) <= input.region.bytes as usize;
                match row {
                    Some(row) if (inside || is_flat) && fits => {
                        to = widen4(view.pixel(row, column), stride, to, words);
                    }
                    None if is_row => {
                        let padding = u32::from(i16::from(self.input_zero_point).cast_unsigned());
                        to = fill(to, padding << 16 | padding, 2 * PIXELS * words);
                    }
                    _ => {
                        let runs = memory.scratch::<i8>(self.scratch);
                        let runs = runs.add(2 * PIXELS * 4 * words * window.height as usize);
                        let (mut y, mut x) = (y, x);
                        for p in 0..PIXELS {
                            self.gather(view, (y, x), tap, runs.add(4 * words * p));
                            x += step;
                            if x == width {
                                (y, x) = (y + 1, 0);
                            }
                        }
                        to = widen4(runs, 4 * words, to, words);
                    }
                }
            }
        }
        to
    }

    /// Copies what tap row `tap` of pixel (y, x) reads.
    ///
    /// # Safety
    /// The pixel lies inside the output; `to` has room for a run of whole words.
    unsafe fn gather(&self, view: View<i8>, (y, x): (usize, usize), tap: usize, mut to: *mut i8) {
        let (window, input) = (&self.window, &self.input);
        let channels = input.channels as usize;
        let row = window.row(y, tap, input.height as usize);
        let columns = window.width as usize;
        // SAFETY: rows and columns lie inside the image, and there is room for a run.
        unsafe {
            let origin = (x * window.stride_w as usize) as isize - window.pad_left as isize;
            match row {
                Some(row) if window.dilation_w == 1 && input.pixel == input.channels => {
                    let before = origin.wrapping_neg().max(0).cast_unsigned().min(columns);
                    let end = (input.width as isize - origin).max(0).cast_unsigned().min(columns).max(before);
                    to = set(to, self.input_zero_point, before * channels);
                    if end > before {
                        let column = origin.wrapping_add_unsigned(before).cast_unsigned();
                        to = copy(to, view.pixel(row, column), (end - before) * channels);
                    }
                    set(to, self.input_zero_point, (columns - end) * channels);
                }
                _ => {
                    for tap_x in 0..columns {
                        to = match (row, window.column(x, tap_x, input.width as usize)) {
                            (Some(row), Some(column)) => copy(to, view.pixel(row, column), channels),
                            _ => set(to, self.input_zero_point, channels),
                        };
                    }
                }
            }
        }
    }
}

/// Writes `count` times `value`, and returns the end of what it wrote.
///
/// # Safety
/// There is room for `count` bytes.
unsafe fn set(to: *mut i8, value: i8, count: usize) -> *mut i8 {
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        core::ptr::write_bytes(to, value.cast_unsigned(), count);
        to.add(count)
    }
}

/// `a / b`; an image has pixels, which the optimiser cannot know.
const fn divide(a: usize, b: usize) -> usize {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// `a % b`, likewise.
const fn remainder(a: usize, b: usize) -> usize {
    match a.checked_rem(b) {
        Some(rest) => rest,
        None => 0,
    }
}
