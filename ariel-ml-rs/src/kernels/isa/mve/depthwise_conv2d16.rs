//! Depthwise convolution of int16 with any window, one filter for each channel, eight channels at a time (see [`super::taps16`]).

use super::clamp::clamp16;
use super::sides::{self, Run};
use super::taps16::{Taps, eight, some};
use crate::kernels::access::Access;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

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
        sides::check(&self.window);
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
        let channels = self.output.channels as usize;
        // SAFETY: taps and pixels lie inside the images, the tile's pixels follow each other and are this call's own.
        unsafe {
            let input = self.input.view::<i16>(memory).pixel(0, 0).cast_const();
            let output = self.output.view::<i16>(memory).pixel(0, 0);
            sides::runs(&self.input, &self.output, &self.window, tile, |run| self.compute(input, output, run));
            clamp16(output.add(tile.start() * channels), (tile.end() - tile.start()) * channels, &self.bounds);
        }
    }

    /// Computes all channels of some pixels.
    ///
    /// # Safety
    /// As for `run`.
    #[inline(never)]
    unsafe fn compute(&self, input: *const i16, output: *mut i16, run: &Run) {
        let bytes = |elements: usize| elements.wrapping_mul(size_of::<i16>());
        let (channels, width) = (self.output.channels as usize, self.window.width as usize);
        let ((top, rows), (left, columns)) = (run.rows, run.columns);
        let (mut stream, mut channel) = (self.stream.as_ptr(), 0);
        while channel < channels {
            // SAFETY: `check` proved the length of the stream.
            unsafe {
                let mut taps = Taps {
                    source: input.wrapping_add(run.first).wrapping_add(channel),
                    ahead: bytes(run.ahead),
                    weights: stream.add(CONSTANTS).cast::<i8>().wrapping_add(BLOCK * (top * width + left)),
                    tap: bytes(run.tap),
                    row: bytes(run.row),
                    skip: BLOCK * (width - columns),
                    rows,
                    columns,
                    output: output.add(run.output + channel),
                    pixels: run.pixels,
                    constants: stream,
                    stride: bytes(run.stride),
                    channels: channels - channel,
                };
                if channels - channel >= BLOCK {
                    eight(&mut taps);
                } else {
                    some(&mut taps);
                }
                stream = stream.add(self.words());
            }
            channel += BLOCK;
        }
    }
}
