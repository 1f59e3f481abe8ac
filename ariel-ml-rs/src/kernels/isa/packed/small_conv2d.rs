//! 2-D convolution of int8 with double rounding in a third of the code of [`super::conv2d`], for `optimize = "size"`.
//!
//! One way for all shapes: each run of a patch is copied with its padding, four of them are widened, and blocks of four
//! pixels times two channels multiply them, with less of the loop unrolled.

use super::clamp::clamp;
use super::cores::{Cores, for_cores};
#[cfg(doc)]
use super::loops::Products;
use super::loops::{Loops, PIXELS};
use super::patches::parts;
use crate::kernels::access::Access;
use crate::kernels::isa::thumb2::{Parts, place};
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

/// int8 convolution; tiles are ranges of pixels. Taps of a row follow each other, and channels are even in number.
#[derive(Clone, Copy)]
pub struct SmallConv2d<C> {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels and their channels follow each other.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// For each pair of channels biases, weights and requantisation (see [`Products::gemm4`]).
    pub stream: &'static [i32],
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: i8,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// Room for four widened patches, and for a run of each.
    pub scratch: Region,
    /// The cores that run it.
    pub cores: C,
}

impl<C: Cores> SmallConv2d<C> {
    /// Words that hold the inputs that a tap row of a patch reads.
    const fn run_words(&self) -> usize {
        (self.window.width as usize * self.input.channels as usize).div_ceil(4)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i8>(arena_bytes);
        self.output.check_output::<i8>(arena_bytes);
        self.window.check(&self.output, self.input.channels);
        let (output, rows) = (&self.output, self.window.height as usize);
        output.check_follows();
        assert!(output.pixel == output.channels, "pixels of the output do not follow each other");
        assert!(
            self.window.dilation_w == 1 && self.input.pixel == self.input.channels,
            "taps of a row do not follow each other"
        );
        assert!(self.window.taps() > 0, "a patch has elements");
        assert!(output.channels.is_multiple_of(2), "an even number of channels");
        let pair = self.run_words().saturating_mul(2 * rows).saturating_add(C::EXTRA);
        let length = pair.saturating_mul(output.channels as usize / 2).saturating_add(C::HEAD);
        assert!(self.stream.len() == length, "stream of the wrong length");
        let room = self.run_words().saturating_mul(PIXELS * (2 * rows + 1));
        self.scratch.check_scratch::<i32>(arena_bytes, room);
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
        Work::of(self.output.pixels()).with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    unsafe fn compute<L: Loops>(&self, memory: Memory<'_>, tile: Tile) {
        let (mut pixel, end) = (tile.start(), tile.end());
        if pixel >= end {
            return;
        }
        // Too few pixels for a block are each computed four times over. What the optimiser does not know it cannot write
        // several variants of the loops for.
        let block = core::hint::black_box(if end - pixel >= PIXELS { PIXELS } else { 1 });
        let step = block / PIXELS;
        let (width, channels) = (self.output.width as usize, self.output.channels as usize);
        let (words, rows) = (self.run_words(), self.window.height as usize);
        let padding = u32::from(self.input_zero_point.cast_unsigned()) * 0x0101_0101;
        // SAFETY: the tile's pixels lie inside the output and are this call's own, and the scratch is this worker's; rows
        // and columns lie inside the image; `check` proved the lengths that the naked functions rely on.
        unsafe {
            let inputs = memory.scratch::<i16>(self.scratch);
            let runs = inputs.add(PIXELS * 4 * words * rows).cast::<i8>();
            let image = self.input.view::<i8>(memory).pixel(0, 0);
            let output = self.output.view::<i8>(memory).pixel(0, 0);
            let stream = self.stream.as_ptr();
            let last = stream.add(self.stream.len());
            let rounding = L::rounding(self.bounds.zero_point);
            loop {
                // The last block begins early enough to be whole: what it computes again comes out the same.
                let first = pixel.min(end - block);
                let mut to = inputs;
                let mut tap = 0;
                loop {
                    let (mut run, mut at) = (runs, first);
                    let behind = runs.add(PIXELS * 4 * words);
                    loop {
                        let (Some(y), Some(x)) = (at.checked_div(width), at.checked_rem(width)) else { return };
                        let (start, mut taps) = parts::<i8>(&self.window, &self.input, x, self.window.width as usize);
                        let row = self.window.row(y, tap, self.input.height as usize).unwrap_or_else(|| {
                            taps = Parts { before: 4 * words, count: 0, behind: 0 };
                            0
                        });
                        place(run, image.wrapping_add(row * self.input.row as usize + start), &taps, padding);
                        run = run.add(4 * words);
                        at += step;
                        if run == behind {
                            break;
                        }
                    }
                    to = L::widen4(runs, 4 * words, to, words);
                    tap += 1;
                    if tap == rows {
                        break;
                    }
                }
                let bytes = to.byte_offset_from(inputs).cast_unsigned();
                L::gemm4_short(inputs, stream, output.add(first * channels), step * channels, bytes, last, rounding);
                pixel += block;
                if pixel >= end {
                    break;
                }
            }
            clamp::<L>(output.add(tile.start() * channels), (end - tile.start()) * channels, &self.bounds);
        }
    }
}

for_cores!(SmallConv2d);
