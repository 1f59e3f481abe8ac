//! 2-D convolution of int8 or int16: pairs of pixels, all channels.
//!
//! Patches whose taps lie in the image are read there, run by run, where the runs of a row of taps are about multiples of 16
//! bytes; others are copied into scratch (see [`super::gather`]), a few at a time.

use super::blocks::{Blocks, LANES, STEPS, copies, pieces};
use super::gather::{Patch, copy, gather, gather_all};
use super::rounding::{Away, Even, Loops, Rectified, Rounding, Up};
use crate::kernels::access::Access;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::ops::Range;

/// Convolution of int8, or of int16 where sums are rounded [`Up`]; tiles are ranges of pixels.
#[derive(Clone, Copy)]
pub struct Conv2d<R: Rounding> {
    /// Input image: channels of a pixel and taps of a row follow each other.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input, with taps that follow each other.
    pub window: Window,
    /// For each four channels weights, biases and requantisation: int32, weights as bytes of it.
    pub stream: &'static [i32],
    /// Whether a row of taps is a piece of the patch of its own, rounded up to 16 bytes, which is read in the image.
    pub in_rows: bool,
    /// Zero point of an int8 input: what padding reads as; that of int16 is 0.
    pub input_zero_point: i8,
    /// Bounds of the output; the zero point is in the stream.
    pub bounds: Bounds,
    /// Room for the patches that are copied together, and 16 bytes.
    pub scratch: Region,
    /// How sums are rounded.
    pub rounding: R,
}

impl<R: Rounding> Conv2d<R> {
    /// Bytes of the inputs that a row of taps reads.
    #[inline(always)]
    const fn row(&self) -> usize {
        self.window.width as usize * self.input.channels as usize * R::BYTES
    }

    /// Bytes from a row of the input to the next, and from a pixel.
    #[inline(always)]
    const fn strides(&self) -> (usize, usize) {
        (self.input.row as usize * R::BYTES, self.input.pixel as usize * R::BYTES)
    }

    /// int32 of four channels in the stream.
    const fn four(&self) -> usize {
        (self.patch() / R::BYTES).saturating_add(R::EXTRA)
    }

    /// Pieces of a patch, and times 16 bytes of each.
    #[inline(always)]
    const fn pieces(&self) -> (usize, usize) {
        if self.in_rows {
            (self.window.height as usize, self.row().div_ceil(16))
        } else {
            pieces(self.window.height as usize * self.row())
        }
    }

    /// Bytes of a patch.
    #[inline(always)]
    const fn patch(&self) -> usize {
        let (turns, steps) = self.pieces();
        16 * turns * steps
    }

    /// Patches that are copied before they are computed: more than a pair where short rows of taps are not read in the image.
    #[inline(always)]
    const fn copies(&self) -> usize {
        if self.in_rows || self.window.height == 1 || self.row() > 16 { 2 } else { copies(self.patch()) }
    }

    /// int32 of the stream in front of those of a channel, the first of four.
    pub(super) const fn words_before(&self, channel: usize) -> usize {
        channel / LANES * self.four()
    }

    /// int32 of the stream that so many channels need.
    pub(super) const fn piece_words(&self, channels: usize) -> usize {
        channels.div_ceil(LANES).saturating_mul(self.four())
    }

    /// Where patches are copied to.
    pub(super) const fn packed(&self) -> Region {
        self.scratch
    }

    /// What it writes.
    pub(super) const fn written(&self) -> &Region {
        &self.output.region
    }

    /// Output channels.
    pub(super) const fn count(&self) -> usize {
        self.output.channels as usize
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.output.check_follows();
        self.check_part(arena_bytes);
        self.scratch.check_scratch::<i8>(arena_bytes, self.scratch_bytes());
    }

    /// Bytes of scratch: of the patches that are copied together, and 16 more.
    pub(super) const fn scratch_bytes(&self) -> usize {
        self.patch().saturating_mul(self.copies()).saturating_add(16)
    }

    /// As `check`, of a part of a kernel, whose scratch it is; pixels and rows of the output need not follow each other.
    ///
    /// # Panics
    /// As there.
    #[inline]
    pub(super) const fn check_part(&self, arena_bytes: usize) {
        self.input.check::<R::Element>(arena_bytes);
        self.output.check_output::<R::Element>(arena_bytes);
        self.window.check(&self.output, self.input.channels);
        assert!(self.input.channels > 0 && self.window.taps() > 0, "a patch has elements");
        let follows = self.input.pixel == self.input.channels && self.window.dilation_w == 1;
        assert!(follows || self.window.width == 1, "taps of a row that follow each other");
        assert!(self.window.stride_h > 0 && self.window.stride_w > 0, "a window that does not move");
        let (_, steps) = self.pieces();
        assert!(steps > 0 && steps <= STEPS, "a piece that is too long");
        assert!(self.stream.len() == self.piece_words(self.count()), "stream of the wrong length");
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::CopiedWindow;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.output.pixels()).with_scratch(self.scratch)
    }

    /// As `compute`, once for all who call it.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    pub(super) unsafe fn compute_apart(&self, memory: Memory<'_>, tile: Tile)
    where
        R: Loops,
    {
        // SAFETY: forwarded to the caller.
        unsafe { self.compute(memory, tile) }
    }

    /// Rows of the input from a tap to the next.
    #[inline(always)]
    const fn dilation(&self) -> usize {
        if self.window.dilation_h > 1 { self.window.dilation_h as usize } else { 1 }
    }

    /// Pixels of the input from a window to the next, and before the first one, along columns.
    #[inline(always)]
    const fn columns(&self) -> (usize, usize) {
        (self.window.stride_w as usize, self.window.pad_left as usize)
    }

    /// Whether windows are pixels that follow each other, in one row without end.
    #[inline(always)]
    fn is_flat(&self) -> bool {
        let (input, output) = (&self.input, &self.output);
        self.window.is_pointwise()
            && (self.window.stride_h, self.window.stride_w) == (1, 1)
            && (input.row, output.row) == (input.width * input.pixel, output.width * output.pixel)
            && (input.height, input.width) == (output.height, output.width)
    }

    /// The columns from `first` up to `end` of row `y` whose patches are read in the image, and where that begins.
    #[inline(always)]
    fn inside(&self, y: usize, first: usize, end: usize, width: usize) -> (usize, usize, usize) {
        let (stride, pad) = self.columns();
        let last_tap = self.window.height as usize - 1;
        let rows = (
            self.window.row(y, 0, self.input.height as usize),
            self.window.row(y, last_tap, self.input.height as usize),
        );
        let (Some(top), Some(bottom)) = rows else { return (first, first, 0) };
        if !self.in_rows && self.window.height > 1 {
            return (first, first, 0);
        }
        let from = first.max(pad.div_ceil(stride)).min(end);
        let reach = (width + pad).checked_sub(self.window.width as usize);
        let Some(last) = reach.and_then(|reach| reach.checked_div(stride)) else { return (first, first, 0) };
        let mut to = end.min(last + 1).max(from);
        // What rounding up reads behind the last run lies in the region.
        let (_, steps) = self.pieces();
        let turns = if self.in_rows { 1 } else { self.pieces().0 };
        let (row, pixel) = self.strides();
        let behind = bottom * row + 16 * turns * steps;
        while to > from && behind + ((to - 1) * stride - pad) * pixel > self.input.region.bytes as usize {
            to -= 1;
        }
        (from, to, top * row + (from * stride).wrapping_sub(pad).wrapping_mul(pixel))
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    pub(super) unsafe fn compute(&self, memory: Memory<'_>, tile: Tile)
    where
        R: Loops,
    {
        let (stride, _) = self.columns();
        let (input_row, input_pixel) = self.strides();
        let (turns, steps) = self.pieces();
        let flat = self.is_flat();
        let (width, across) = if flat {
            (self.output.pixels(), self.input.height as usize * self.input.width as usize)
        } else {
            (self.output.width as usize, self.input.width as usize)
        };
        let (channels, next) = (self.output.channels as usize, self.output.pixel as usize * R::BYTES);
        let bytes = channels * R::BYTES;
        let whole = Blocks {
            stream: self.stream.as_ptr(),
            step: stride * input_pixel,
            skip: if self.in_rows { (self.window.dilation_h as usize * input_row).wrapping_sub(16 * steps) } else { 0 },
            turns,
            steps,
            stride: next,
            channels,
            pairs: 1,
        };
        // SAFETY: the tile's pixels lie inside the output and are this call's own, and the scratch is this worker's; `check`
        // proved the lengths that the naked functions rely on.
        unsafe {
            let image = self.input.view::<R::Element>(memory).pixel(0, 0).cast_const().cast::<i8>();
            let output = self.output.view::<R::Element>(memory).pixel(0, 0).cast::<i8>();
            let mut edges = Edges::new(self, whole, (image, across), memory.scratch(self.scratch));
            let mut pixel = tile.start();
            while pixel < tile.end() {
                let (Some(y), Some(x)) = (pixel.checked_div(width), pixel.checked_rem(width)) else { return };
                let end = width.min(x + (tile.end() - pixel));
                let (from, mut to, start) = self.inside(y, x, end, across);
                let to_row = output.wrapping_add(y * self.output.row as usize * R::BYTES);
                let pairs = (to - from) / 2;
                if pairs > 0 && image == output {
                    // The outputs lie over the inputs: channels of a pixel are written before all have read it.
                    for pair in 0..pairs {
                        let start = start + 2 * pair * bytes;
                        copy(edges.scratch, image.add(start), 2 * bytes);
                        R::gemm(edges.scratch, output.add(start), &whole);
                    }
                } else if pairs > 0 {
                    R::gemm(image.add(start), to_row.add(from * next), &Blocks { pairs, ..whole });
                }
                to = from + 2 * pairs;
                if from > x || end > to {
                    edges.go_to(y);
                }
                let inner = if self.copies() > 2 { edges.add_all(to, end, to_row) } else { to..to };
                for x in (x..from).chain(to..inner.start).chain(inner.end..end) {
                    edges.add(x, to_row.add(x * next));
                }
                pixel += end - x;
            }
            edges.end();
            let first = output.cast::<R::Element>().byte_add(tile.start() * next);
            clamp_pixels::<R>(first, tile.end() - tile.start(), &self.output, &self.bounds);
        }
    }
}

/// Applies bounds, where saturation has not, to the channels of pixels that follow each other.
///
/// # Safety
/// The core has Helium; `count` pixels of the image from `first` on are there, and their channels are this call's own.
#[inline(always)]
pub(super) unsafe fn clamp_pixels<R: Loops>(first: *mut R::Element, count: usize, image: &Image, bounds: &Bounds) {
    let (channels, pixel) = (image.channels as usize, image.pixel as usize);
    // SAFETY: forwarded to the caller.
    unsafe {
        if pixel == channels {
            R::clamp(first, count * channels, bounds);
        } else {
            // Some channels of each pixel are this call's own.
            for index in 0..count {
                R::clamp(first.add(index * pixel), channels, bounds);
            }
        }
    }
}

/// Patches that are copied: computed when there are two.
struct Edges<'a, R: Rounding> {
    kernel: &'a Conv2d<R>,
    blocks: Blocks,
    image: *const i8,
    scratch: *mut i8,
    /// Outputs of the first.
    first: Option<*mut i8>,
    /// Columns of the input, in one row.
    width: usize,
    /// Bytes of a patch.
    bytes: usize,
    /// The patch of a pixel of the current row, and where that row of the image begins.
    patch: Patch,
    row: *const i8,
}

impl<'a, R: Loops> Edges<'a, R> {
    /// None yet: patches of `blocks` in an image of so many columns.
    #[inline(always)]
    const fn new(kernel: &'a Conv2d<R>, blocks: Blocks, (image, width): (*const i8, usize), scratch: *mut i8) -> Self {
        let run = kernel.row();
        let pitch = if kernel.in_rows { run.next_multiple_of(16) } else { run };
        let patch = Patch {
            source: image,
            row: kernel.dilation() * kernel.strides().0,
            run: pitch,
            above: 0,
            rows: 0,
            below: 0,
            before: 0,
            count: 0,
            behind: 0,
            padding: kernel.input_zero_point as i32,
        };
        Self { kernel, blocks, image, scratch, first: None, width, bytes: kernel.patch(), patch, row: image }
    }

    /// Goes to a row of the output.
    #[inline(always)]
    fn go_to(&mut self, y: usize) {
        let window = &self.kernel.window;
        let (start, dilation) = (y * window.stride_h as usize, self.kernel.dilation());
        let (taps, pad) = (window.height as usize, window.pad_top as usize);
        let height = self.kernel.input.height as usize;
        // Rows of taps above the image, and in it.
        let above = pad.saturating_sub(start).div_ceil(dilation).min(taps);
        let rows = (height + pad).saturating_sub(start).div_ceil(dilation).min(taps).saturating_sub(above);
        let row = (start + above * dilation).wrapping_sub(pad);
        (self.patch.above, self.patch.rows) = (above * self.patch.run, rows);
        self.patch.below = (taps - above - rows) * self.patch.run;
        self.row = self.image.wrapping_add(row.wrapping_mul(self.kernel.strides().0));
    }

    /// The columns from `first` up to `end`, of the row, whose patches are copied without padding, in short runs: pairs of
    /// them.
    #[inline(always)]
    fn inner(&self, first: usize, end: usize) -> Range<usize> {
        let ((stride, pad), window) = (self.kernel.columns(), &self.kernel.window);
        if self.patch.rows < window.height as usize {
            return first..first;
        }
        let from = first.max(pad.div_ceil(stride)).min(end);
        let reach = (self.width + pad).checked_sub(window.width as usize);
        let last = reach.and_then(|reach| reach.checked_div(stride)).map_or(0, |last| last + 1);
        from..from + (last.min(end).saturating_sub(from) & !1)
    }

    /// Computes those pixels of the columns from `first` up to `end` of the row that are copied together, and says which they are;
    /// the outputs of the row begin at `outputs`.
    ///
    /// # Safety
    /// As for `add`, of all of them.
    #[inline(never)]
    unsafe fn add_all(&mut self, first: usize, end: usize, outputs: *mut i8) -> Range<usize> {
        let columns = self.inner(first, end);
        let (stride, pad) = self.kernel.columns();
        let (_, pixel) = self.kernel.strides();
        let ahead = stride * pixel;
        // The first patch is that of a pixel that waits for another one.
        let waits = usize::from(self.first.is_some());
        let (start, room) = (self.scratch.wrapping_add(waits * self.bytes), (self.kernel.copies() - waits) & !1);
        let mut x = columns.start;
        while x < columns.end {
            let count = room.min(columns.end - x);
            let patch = &mut self.patch;
            patch.source = self.row.wrapping_add((x * stride).wrapping_sub(pad).wrapping_mul(pixel));
            (patch.before, patch.count, patch.behind) = (0, patch.run, 0);
            let blocks = Blocks { step: self.bytes, skip: 0, pairs: count / 2, ..self.blocks };
            // SAFETY: as in `add`; scratch has room for so many patches.
            unsafe {
                gather_all(start, patch, count, ahead, self.bytes);
                R::gemm(start, outputs.add(x * blocks.stride), &blocks);
            }
            x += count;
        }
        columns
    }

    /// Copies the patch of the pixel in column x of the row, whose outputs are there.
    ///
    /// # Safety
    /// The pixel lies inside the output, and is the caller's own.
    #[inline(never)]
    unsafe fn add(&mut self, x: usize, output: *mut i8) {
        let kernel = self.kernel;
        let (stride, pad) = kernel.columns();
        let (first, columns) = (x * stride, kernel.window.width as usize);
        let before = pad.saturating_sub(first).min(columns);
        let inside = (self.width + pad).saturating_sub(first).min(columns).saturating_sub(before);
        // A column is as many elements as the image has channels; a window of one column may leave channels out.
        let column = kernel.input.channels as usize * R::BYTES;
        let patch = &mut self.patch;
        patch.source = self.row.wrapping_add(first.wrapping_sub(pad).wrapping_mul(kernel.strides().1));
        (patch.before, patch.count) = (before * column, inside * column);
        patch.behind = patch.run - patch.before - patch.count;
        // SAFETY: rows and columns lie inside the image, and scratch has room for two patches; the outputs are the caller's.
        unsafe {
            match self.first.take() {
                None => {
                    gather(self.scratch, patch);
                    self.first = Some(output);
                }
                Some(first) => {
                    gather(self.scratch.add(self.bytes), patch);
                    let stride = output.addr().wrapping_sub(first.addr());
                    R::gemm(self.scratch, first, &Blocks { step: self.bytes, skip: 0, stride, ..self.blocks });
                }
            }
        }
    }

    /// Computes the one that is left.
    ///
    /// # Safety
    /// As for `add`.
    #[inline(always)]
    unsafe fn end(self) {
        if let Some(first) = self.first {
            // SAFETY: as in `add`; both pixels are the same one.
            unsafe { R::gemm(self.scratch, first, &Blocks { step: 0, skip: 0, stride: 0, ..self.blocks }) };
        }
    }
}

macro_rules! run {
    ($rounding:ident) => {
        impl Conv2d<$rounding> {
            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and
            /// the core has Helium.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                // SAFETY: forwarded to the caller.
                unsafe { self.compute(memory, tile) };
            }
        }
    };
}
run!(Away);
run!(Even);
run!(Rectified);
run!(Up);
