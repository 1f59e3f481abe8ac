//! The patches of a block of pixels, packed one tap after the other.
//!
//! The taps of a row that lie one behind the other are a run, else each tap is. A run outside the image is read from a run of
//! padding; one that is partly outside is put together in scratch.

use super::conv2d::Conv2d;
use super::triples::{PIXELS, TRIPLE, pack3, pack6};
use crate::memory::{Memory, View};
use core::ops::Range;

/// Runs that scratch has room for behind the packed patches: one of each pixel of two triples, and one of padding.
pub(super) const RUNS: usize = 2 * TRIPLE + 1;

/// Where the window of a pixel begins; negative in the padding.
#[derive(Clone, Copy)]
struct Origin {
    row: isize,
    column: isize,
}

/// What all blocks of a tile share.
pub(super) struct Patches<'a> {
    kernel: &'a Conv2d,
    view: View<i8>,
    words: *mut i32,
    padding: *mut i8,
    /// Taps of a run, and runs of a row of taps.
    taps: usize,
    across: usize,
}

impl<'a> Patches<'a> {
    /// Prepares for tiles of `kernel`: fills the run of padding.
    ///
    /// # Safety
    /// As for the kernel's `run`.
    pub(super) unsafe fn new(kernel: &'a Conv2d, memory: Memory<'_>) -> Self {
        let (run, taps) = (kernel.run_bytes(), kernel.run_taps());
        // A run has taps (`check`), which the optimiser cannot know.
        let across = (kernel.window.width as usize).checked_div(taps).unwrap_or(1);
        // SAFETY: `check` found room for the words and the runs.
        unsafe {
            let words = memory.scratch::<i32>(kernel.scratch);
            let padding = words.add(kernel.words()).cast::<i8>();
            if !kernel.window.is_pointwise() {
                padding.write_bytes(kernel.input_zero_point.cast_unsigned(), run);
            }
            Self { kernel, view: kernel.input.view::<i8>(memory), words, padding, taps, across }
        }
    }

    /// Runs of a patch.
    pub(super) const fn runs(&self) -> usize {
        self.kernel.window.height as usize * self.across
    }

    /// Packs some runs of the patches of `count` pixels from pixel (y, x) on; those that are none repeat the last one.
    ///
    /// # Safety
    /// The pixels lie inside the output, and there are 1 to [`PIXELS`]; the runs are all, or as many as the scratch has room for.
    pub(super) unsafe fn pack(&self, (mut y, mut x): (usize, usize), count: usize, runs: Range<usize>) -> *mut i32 {
        let (window, run) = (&self.kernel.window, self.kernel.run_bytes());
        let mut origins = [Origin { row: 0, column: 0 }; PIXELS];
        for (index, origin) in origins.iter_mut().enumerate() {
            origin.row = ((y * window.stride_h as usize) as isize).wrapping_sub(window.pad_top as isize);
            origin.column = ((x * window.stride_w as usize) as isize).wrapping_sub(window.pad_left as isize);
            if index + 1 < count {
                x += 1;
                if x == self.kernel.output.width as usize {
                    (y, x) = (y + 1, 0);
                }
            }
        }
        let mut words = self.words;
        // A window has columns, which the optimiser cannot know.
        let mut tap_y = runs.start.checked_div(self.across).unwrap_or(0);
        let mut place_x = runs.start - tap_y * self.across;
        for _ in runs {
            let down = (tap_y * window.dilation_h as usize).cast_signed();
            let right = (place_x * self.taps * window.dilation_w as usize).cast_signed();
            let mut places = [core::ptr::null::<i8>(); PIXELS];
            // SAFETY: each run has `run` elements, and there is room for all of them.
            unsafe {
                for (index, (place, origin)) in places.iter_mut().zip(&origins).enumerate() {
                    *place = self.run(origin.row.wrapping_add(down), origin.column.wrapping_add(right), index);
                }
                words = pack(&places, count, run, words);
            }
            place_x += 1;
            if place_x == self.across {
                (tap_y, place_x) = (tap_y + 1, 0);
            }
        }
        self.words
    }

    /// The run of taps from (row, column) on; where it is partly outside the image, in place `index` of the scratch.
    ///
    /// # Safety
    /// `index` is less than [`PIXELS`].
    #[inline(always)]
    unsafe fn run(&self, row: isize, column: isize, index: usize) -> *const i8 {
        let image = &self.kernel.input;
        let last = column.wrapping_add(self.taps.cast_signed()).wrapping_sub(1);
        let width = image.width as usize;
        if row.cast_unsigned() >= image.height as usize {
            return self.padding;
        }
        if column.cast_unsigned() < width && last.cast_unsigned() < width {
            // SAFETY: the first and the last tap lie inside the image.
            return unsafe { self.view.pixel(row.cast_unsigned(), column.cast_unsigned()) };
        }
        // SAFETY: the row is inside the image, and the scratch has room for a run of each pixel.
        unsafe { self.partial(row.cast_unsigned(), column, index) }
    }

    /// Puts a run together of which some taps, or all, lie left or right of the image.
    ///
    /// # Safety
    /// As for `run`; `row` lies inside the image.
    #[inline(never)]
    unsafe fn partial(&self, row: usize, column: isize, index: usize) -> *const i8 {
        let channels = self.kernel.input.channels as usize;
        // SAFETY: the run of padding comes first, then those of the pixels; taps are read where they lie inside the image.
        unsafe {
            let run = self.padding.add((1 + index) * self.taps * channels);
            for tap in 0..self.taps {
                let column = column.wrapping_add(tap.cast_signed()).cast_unsigned();
                let inside = column < self.kernel.input.width as usize;
                let from = if inside { self.view.pixel(row, column).cast_const() } else { self.padding.cast_const() };
                for channel in 0..channels {
                    run.add(tap * channels + channel).write(*from.add(channel));
                }
            }
            run
        }
    }
}

/// Packs one or two triples, as many as `count` pixels take.
///
/// # Safety
/// All places have `run` elements, and there is room for their words.
#[inline(always)]
unsafe fn pack(places: &[*const i8; PIXELS], count: usize, run: usize, words: *mut i32) -> *mut i32 {
    let [a, b, c, ..] = *places;
    // SAFETY: forwarded to the caller.
    unsafe { if count > TRIPLE { pack6(places, run, words) } else { pack3(&[a, b, c], run, words) } }
}
