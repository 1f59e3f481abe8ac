//! Depthwise convolution of int16 with any window, one filter for each channel, eight channels at a time (see [`super::taps16`]).

use super::clamp::clamp16;
use super::taps16::{Taps, eight, some};
use crate::kernels::access::Access;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::ops::Range;

/// int16 depthwise convolution; tiles are ranges of pixels.
#[derive(Clone, Copy)]
pub struct DepthwiseConv2d16 {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// For each eight channels biases and multipliers, those with even numbers before those with odd ones, and for each tap the weights
    /// of the eight, as bytes of int32: up to a multiple of 16 bytes.
    pub stream: &'static [i32],
    /// Bounds of the output.
    pub bounds: Bounds,
}

/// Channels of a block, and int32 of what they have besides weights.
const BLOCK: usize = 8;
const CONSTANTS: usize = 2 * BLOCK;

impl DepthwiseConv2d16 {
    /// int32 of a block in the stream.
    const fn words(&self) -> usize {
        CONSTANTS.saturating_add(self.window.taps().next_multiple_of(2).saturating_mul(BLOCK / size_of::<i32>()))
    }

    /// The window along columns, and along rows.
    const fn sides(&self) -> (Side, Side) {
        let (input, window) = (&self.input, &self.window);
        let down = Side {
            extent: input.height as usize,
            taps: window.height as usize,
            stride: window.stride_h as usize,
            dilation: window.dilation_h as usize,
            pad: window.pad_top as usize,
        };
        let across = Side {
            extent: input.width as usize,
            taps: window.width as usize,
            stride: window.stride_w as usize,
            dilation: window.dilation_w as usize,
            pad: window.pad_left as usize,
        };
        (down, across)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i16>(arena_bytes);
        self.output.check_output::<i16>(arena_bytes);
        self.output.check_follows();
        self.window.check(&self.output, 1);
        assert!(self.window.taps() > 0, "a window without taps");
        assert!(self.window.stride_h > 0 && self.window.stride_w > 0, "a window that does not move");
        assert!(self.window.dilation_h > 0 && self.window.dilation_w > 0, "taps in the place of each other");
        let channels = self.output.channels as usize;
        assert!(self.output.channels == self.input.channels, "a filter for each channel");
        let words = channels.div_ceil(BLOCK).saturating_mul(self.words());
        assert!(self.stream.len() == words, "stream of the wrong length");
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
    /// in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output, and the core has
    /// Helium.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let (down, across) = self.sides();
        let width = self.output.width as usize;
        let mut pixel = tile.start();
        while pixel < tile.end() {
            let (Some(y), Some(x)) = (pixel.checked_div(width), pixel.checked_rem(width)) else { return };
            let left = tile.end() - pixel;
            // The rest of a row, or whole rows as far as they go: pixels go along the longer side.
            let rows = if x == 0 { left.checked_div(width).unwrap_or(0).max(1) } else { 1 };
            let columns = left.min(width - x);
            if rows > columns {
                for x in x..x + columns {
                    let taps = across.inside(x);
                    down.runs(y..y + rows, |at, pixels| {
                        // SAFETY: forwarded to the caller.
                        unsafe { self.compute(memory, (at, x), pixels, true, (down.inside(at), taps)) };
                    });
                }
            } else {
                for y in y..y + rows {
                    let taps = down.inside(y);
                    across.runs(x..x + columns, |at, pixels| {
                        // SAFETY: forwarded to the caller.
                        unsafe { self.compute(memory, (y, at), pixels, false, (taps, across.inside(at))) };
                    });
                }
            }
            pixel += rows * columns;
        }
        let channels = self.output.channels as usize;
        // SAFETY: the tile lies inside the output, whose pixels follow each other, and is this call's own.
        unsafe {
            let output = self.output.view::<i16>(memory).pixel(0, 0).add(tile.start() * channels);
            clamp16(output, (tile.end() - tile.start()) * channels, &self.bounds);
        }
    }

    /// Computes so many pixels of a row, or `down` a column, all channels. Those of their taps are inside, first and how many: along
    /// columns, and along rows.
    ///
    /// # Safety
    /// As for `run`.
    #[inline(never)]
    unsafe fn compute(
        &self,
        memory: Memory<'_>,
        (y, x): (usize, usize),
        pixels: usize,
        down: bool,
        ((top, rows), (left, columns)): ((usize, usize), (usize, usize)),
    ) {
        let (input, output, window) = (&self.input, &self.output, &self.window);
        let bytes = |elements: usize| elements * size_of::<i16>();
        let rows = if columns == 0 { 0 } else { rows };
        let tap = bytes(window.dilation_w as usize * input.pixel as usize);
        // Where the first tap that is inside lies: of none, anywhere.
        let row =
            (y * window.stride_h as usize + top * window.dilation_h as usize).wrapping_sub(window.pad_top as usize);
        let column =
            (x * window.stride_w as usize + left * window.dilation_w as usize).wrapping_sub(window.pad_left as usize);
        let first = row.wrapping_mul(input.row as usize).wrapping_add(column.wrapping_mul(input.pixel as usize));
        let channels = output.channels as usize;
        let (ahead, stride) = if down {
            (window.stride_h as usize * input.row as usize, output.width as usize * output.pixel as usize)
        } else {
            (window.stride_w as usize * input.pixel as usize, output.pixel as usize)
        };
        // SAFETY: taps and pixels lie inside the images; `check` proved the length of the stream.
        unsafe {
            let source = input.view::<i16>(memory).pixel(0, 0).cast_const().wrapping_add(first);
            let to =
                output.view::<i16>(memory).pixel(0, 0).add((y * output.width as usize + x) * output.pixel as usize);
            let mut stream = self.stream.as_ptr();
            let mut channel = 0;
            while channel < channels {
                let weights = stream.add(CONSTANTS).cast::<i8>().add(BLOCK * (top * window.width as usize + left));
                let mut taps = Taps {
                    source: source.wrapping_add(channel),
                    ahead: bytes(ahead),
                    weights,
                    tap,
                    row: bytes(window.dilation_h as usize * input.row as usize).wrapping_sub(columns * tap),
                    skip: BLOCK * (window.width as usize - columns),
                    rows,
                    columns,
                    output: to.add(channel),
                    pixels,
                    constants: stream,
                    stride: bytes(stride),
                    channels: channels - channel,
                };
                if channels - channel >= BLOCK {
                    eight(&mut taps);
                } else {
                    some(&mut taps);
                }
                stream = stream.add(self.words());
                channel += BLOCK;
            }
        }
    }
}

/// A window along one side of an image.
struct Side {
    /// Pixels of the input.
    extent: usize,
    /// Taps, pixels between windows, pixels between taps, and of padding before the image.
    taps: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

impl Side {
    /// Of an output's window: the first tap inside the image, and how many are.
    fn inside(&self, at: usize) -> (usize, usize) {
        let start = at * self.stride;
        let steps = |pixels: usize| pixels.div_ceil(self.dilation).min(self.taps);
        let before = steps(self.pad.saturating_sub(start));
        (before, steps((self.extent + self.pad).saturating_sub(start)).saturating_sub(before))
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
