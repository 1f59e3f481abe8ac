//! The patches of four pixels or one, widened one behind the other; what is int16 is only brought together.

use super::conv2d::Conv2d;
use super::cores::Cores;
use super::loops::{PIXELS, Products};
use crate::kernels::isa::thumb2::{Parts, fill, place};
use crate::kernels::window::Window;
use crate::memory::{Element, Image, Memory, View};

/// How the patches of a block are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A window is a pixel, and the windows of all pixels follow each other.
    Flat,
    /// The taps of a row follow each other.
    Dense,
    /// Any other.
    Sparse,
}

/// What columns `x * stride - padding ..` have of the image, for `columns` of them: where they begin, and their parts, in bytes.
pub(super) const fn parts<E: Element>(window: &Window, input: &Image, x: usize, columns: usize) -> (usize, Parts) {
    let pixel = input.pixel as usize * size_of::<E>();
    let (start, pad) = (x * window.stride_w as usize, window.pad_left as usize);
    let before = pad.saturating_sub(start);
    let before = if before < columns { before } else { columns };
    let first = start.saturating_sub(pad);
    let room = (input.width as usize).saturating_sub(first);
    let count = if room < columns - before { room } else { columns - before };
    let behind = columns - before - count;
    (first * pixel, Parts { before: before * pixel, count: count * pixel, behind: behind * pixel })
}

/// What all blocks of a tile share.
pub(super) struct Patches<'a, C: Cores> {
    kernel: &'a Conv2d<C>,
    kind: Kind,
    view: View<C::Element>,
    image: *const i8,
    /// Bytes from a pixel of the input to the next, and from a row.
    pixel: usize,
    row: usize,
    runs: *mut i8,
    /// Whether taps are copied one by one: they do not follow each other, or channels are left out between them.
    gathers: bool,
    /// Pixels from one of a block to the next: 1, or 0.
    step: usize,
    /// Bytes of a run, and words that hold it.
    run: usize,
    words: usize,
    /// The zero point as `fill` takes it, and in each byte.
    padding: u32,
    bytes: u32,
}

impl<'a, C: Cores> Patches<'a, C> {
    /// Prepares for tiles of `kernel`, of blocks whose pixels are `step` apart.
    ///
    /// # Safety
    /// As for the kernel's `run`.
    pub(super) unsafe fn new<L: Products<Element = C::Element>>(
        kernel: &'a Conv2d<C>,
        memory: Memory<'_>,
        step: usize,
    ) -> Self {
        let (window, input, output) = (&kernel.window, &kernel.input, &kernel.output);
        let is_flat = window.is_pointwise()
            && (window.stride_h, window.stride_w) == (1, 1)
            && input.row == input.width * input.pixel
            && (input.height, input.width) == (output.height, output.width);
        let is_dense = window.dilation_w == 1 && input.pixel == input.channels;
        let kind = match (is_flat, is_dense) {
            (true, _) => Kind::Flat,
            (_, true) => Kind::Dense,
            _ => Kind::Sparse,
        };
        let words = kernel.run_words();
        let zero = kernel.input_zero_point;
        // SAFETY: forwarded to the caller; the runs lie in the scratch behind the patches.
        unsafe {
            let view = input.view::<C::Element>(memory);
            Self {
                kernel,
                kind,
                view,
                image: view.pixel(0, 0).cast_const().cast(),
                pixel: view.pixel_stride() * size_of::<C::Element>(),
                row: view.row_stride() * size_of::<C::Element>(),
                runs: memory.scratch::<i8>(kernel.scratch).add(C::WIDE * PIXELS * 4 * words * window.height as usize),
                gathers: kind == Kind::Sparse || input.pixel > input.channels,
                step,
                run: kernel.run_bytes(),
                words,
                padding: L::padding(zero),
                bytes: u32::from(zero.cast_unsigned()) * 0x0101_0101,
            }
        }
    }

    /// Widens the patches of the pixels `first + p * step`, and returns the end of what it wrote.
    ///
    /// # Safety
    /// The pixels lie inside the output; `to` is the scratch.
    pub(super) unsafe fn widen<L: Products>(&self, first: usize, to: *mut i16) -> *mut i16 {
        let pixel = self.pixel;
        // SAFETY: forwarded to the caller; what rounding up reads behind the last run lies in the region.
        unsafe {
            if self.kind == Kind::Flat && self.fits(first * pixel, self.step * pixel) {
                return L::widen4(self.image.add(first * pixel), self.step * pixel, to, self.words);
            }
            let width = self.kernel.output.width as usize;
            let (Some(y), Some(x)) = (first.checked_div(width), first.checked_rem(width)) else { return to };
            if self.kind == Kind::Dense && x + (PIXELS - 1) * self.step < width {
                self.in_row::<L>(y, x, to)
            } else {
                self.one_by_one::<L>(y, x, to)
            }
        }
    }

    /// Whether patches are rows of whole steps of [`Products::gemv`]: those of a few pixels need no block.
    pub(super) fn are_rows(&self) -> bool {
        self.kind == Kind::Flat && self.run.is_multiple_of(8)
    }

    /// Widens the patch of one pixel, and returns the end of what it wrote.
    ///
    /// # Safety
    /// As for `widen`.
    #[inline(always)]
    pub(super) unsafe fn widen_one<L: Products>(&self, pixel: usize, to: *mut i16) -> *mut i16 {
        let start = pixel * self.pixel;
        // SAFETY: forwarded to the caller; what rounding up reads behind the run lies in the region.
        unsafe {
            // What is int8 is a row of whole words: the caller has asked.
            if !L::ANY_ROW
                || (self.kind == Kind::Flat && start + 4 * self.words <= self.kernel.input.region.bytes as usize)
            {
                L::widen1(self.image.add(start), to, self.words)
            } else {
                self.one::<L>(pixel, to)
            }
        }
    }

    /// The patch of a pixel, run by run.
    ///
    /// # Safety
    /// As for `widen`.
    #[inline(never)]
    unsafe fn one<L: Products>(&self, pixel: usize, mut to: *mut i16) -> *mut i16 {
        let (window, input, output) = (&self.kernel.window, &self.kernel.input, &self.kernel.output);
        let width = output.width as usize;
        let (Some(y), Some(x)) = (pixel.checked_div(width), pixel.checked_rem(width)) else { return to };
        let (start, parts) = parts::<C::Element>(window, input, x, window.width as usize);
        let none = Parts { before: self.run, count: 0, behind: 0 };
        for tap in 0..window.height as usize {
            // SAFETY: rows and columns lie inside the image; runs and patches have the room that `check` found.
            unsafe {
                match window.row(y, tap, input.height as usize) {
                    None => place(self.runs, self.image, &none, self.bytes),
                    Some(row) if self.gathers => self.gather(row, x, self.runs),
                    Some(row) => place(self.runs, self.image.wrapping_add(row * self.row + start), &parts, self.bytes),
                }
                to = L::widen1(self.runs, to, self.words);
            }
        }
        to
    }

    /// Whether four runs, rounded up to words, lie in the region.
    const fn fits(&self, start: usize, stride: usize) -> bool {
        start.wrapping_add((PIXELS - 1) * stride + 4 * self.words) <= self.kernel.input.region.bytes as usize
    }

    /// Four pixels of one row, from (y, x) on.
    ///
    /// # Safety
    /// As for `widen`.
    unsafe fn in_row<L: Products>(&self, y: usize, x: usize, mut to: *mut i16) -> *mut i16 {
        let (window, input) = (&self.kernel.window, &self.kernel.input);
        let (steps, columns) = (self.step * window.stride_w as usize, window.width as usize);
        let (start, parts) = parts::<C::Element>(window, input, x, (PIXELS - 1) * steps + columns);
        let stride = steps * self.pixel;
        let lowest = y * window.stride_h as usize + (window.height as usize - 1) * window.dilation_h as usize;
        let lowest = lowest.saturating_sub(window.pad_top as usize).min(input.height as usize - 1);
        let is_inside = parts.before == 0 && parts.behind == 0;
        let is_direct = is_inside && self.fits(lowest * self.row + start, stride);
        if !is_direct && steps > columns {
            // There is no room for the pixels between the windows.
            // SAFETY: forwarded to the caller.
            return unsafe { self.one_by_one::<L>(y, x, to) };
        }
        for tap in 0..window.height as usize {
            // SAFETY: rows and columns lie inside the image; runs and patches have the room that `check` found.
            unsafe {
                to = match window.row(y, tap, input.height as usize) {
                    None => fill(to, self.padding, C::WIDE * PIXELS * self.words),
                    Some(row) => {
                        let source = self.image.wrapping_add(row * self.row + start);
                        if is_direct {
                            L::widen4(source, stride, to, self.words)
                        } else {
                            place(self.runs, source, &parts, self.bytes);
                            L::widen4(self.runs, stride, to, self.words)
                        }
                    }
                };
            }
        }
        to
    }

    /// Four pixels from (y, x) on, in one row or more.
    ///
    /// # Safety
    /// As for `widen`.
    #[inline(never)]
    unsafe fn one_by_one<L: Products>(&self, mut y: usize, mut x: usize, mut to: *mut i16) -> *mut i16 {
        let (window, input, output) = (&self.kernel.window, &self.kernel.input, &self.kernel.output);
        let none = Parts { before: self.run, count: 0, behind: 0 };
        let mut pixels = [(0, 0, 0, none); PIXELS];
        for pixel in &mut pixels {
            let (start, parts) = parts::<C::Element>(window, input, x, window.width as usize);
            *pixel = (y, x, start, parts);
            x += self.step;
            if x == output.width as usize {
                (y, x) = (y + 1, 0);
            }
        }
        for tap in 0..window.height as usize {
            let mut run = self.runs;
            for (y, x, start, parts) in &pixels {
                // SAFETY: rows and columns lie inside the image; the runs have the room that `check` found.
                unsafe {
                    match window.row(*y, tap, input.height as usize) {
                        None => place(run, self.image, &none, self.bytes),
                        Some(row) if self.gathers => self.gather(row, *x, run),
                        Some(row) => {
                            let source = self.image.wrapping_add(row * self.row + start);
                            place(run, source, parts, self.bytes);
                        }
                    }
                    run = run.add(4 * self.words);
                }
            }
            // SAFETY: there are four runs, and room for them.
            to = unsafe { L::widen4(self.runs, 4 * self.words, to, self.words) };
        }
        to
    }

    /// Copies the taps of a row of the image under the windows of column x, one by one.
    ///
    /// # Safety
    /// As for `widen`; there is room for a run.
    #[cold]
    unsafe fn gather(&self, row: usize, x: usize, mut to: *mut i8) {
        let (window, input) = (&self.kernel.window, &self.kernel.input);
        let channels = input.channels as usize * size_of::<C::Element>();
        for tap in 0..window.width as usize {
            // SAFETY: the column lies inside the image, and there is room for a run.
            unsafe {
                match window.column(x, tap, input.width as usize) {
                    Some(column) => {
                        let parts = Parts { before: 0, count: channels, behind: 0 };
                        place(to, self.view.pixel(row, column).cast_const().cast(), &parts, self.bytes);
                    }
                    None => place(to, self.image, &Parts { before: channels, count: 0, behind: 0 }, self.bytes),
                }
                to = to.add(channels);
            }
        }
    }
}
