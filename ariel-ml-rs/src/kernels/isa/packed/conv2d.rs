//! 2-D convolution of int8 with double rounding, or of int16: blocks of four pixels, all channels.
//!
//! A pixel's patch has a run of `window.width * channels` inputs for each tap row, rounded up to whole words; the weights of
//! what is rounded up are 0. The patches of a block are widened into scratch: from the image itself where no tap of the block
//! reads padding, else by way of copies of their runs (see [`super::patches`]).

use super::cores::{Cores, for_cores};
use super::loops::{PIXELS, Products};
use super::part::Part;
use super::patches::Patches;
use super::row::{MOST_TOGETHER, row};
use crate::kernels::access::Access;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;
use core::mem::MaybeUninit;

/// Convolution of int8 or int16; tiles are ranges of pixels, or of channels.
#[derive(Clone, Copy)]
pub struct Conv2d<C: Cores> {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// For channels that share words biases, weights and requantisation (see [`Products::gemm4`]).
    pub stream: &'static [i32],
    /// Zero point of an int8 input: what padding reads as; that of int16 is 0.
    pub input_zero_point: i8,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// Whether tiles are ranges of channels, which begin where words do, and not of pixels.
    pub by_channels: bool,
    /// Room for four widened patches, and for a run of each.
    pub scratch: Region,
    /// The cores that run it.
    pub cores: C,
}

impl<C: Cores> Conv2d<C> {
    /// Bytes of the inputs that a tap row of a patch reads.
    pub(super) const fn run_bytes(&self) -> usize {
        self.window.width as usize * self.input.channels as usize * size_of::<C::Element>()
    }

    /// Words that hold them.
    pub(super) const fn run_words(&self) -> usize {
        self.run_bytes().div_ceil(4)
    }

    /// int32 of channels that share words in the stream.
    const fn together(&self) -> usize {
        C::WIDE * self.window.height as usize * self.run_words() + C::EXTRA
    }

    /// int32 of the stream in front of those of a channel, the first of a block.
    pub(super) const fn words_before(&self, channel: usize) -> usize {
        channel / C::TOGETHER * self.together()
    }

    /// int32 of the stream that so many channels need, and what ends them.
    pub(super) const fn piece_words(&self, channels: usize) -> usize {
        channels.div_ceil(C::TOGETHER).saturating_mul(self.together()).saturating_add(C::HEAD)
    }

    /// Where inputs are widened.
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
        self.input.check::<C::Element>(arena_bytes);
        self.output.check_output::<C::Element>(arena_bytes);
        self.output.check_follows();
        self.window.check(&self.output, self.input.channels);
        assert!(self.input.channels > 0 && self.window.taps() > 0, "a patch has elements");
        assert!(self.stream.len() == self.piece_words(self.count()), "stream of the wrong length");
        let room = self.run_words().saturating_mul(PIXELS * (C::WIDE * self.window.height as usize + 1));
        self.scratch.check_scratch::<i32>(arena_bytes, room);
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
        let work = if self.by_channels {
            Work::of(self.output.channels as usize).in_granules(C::TOGETHER)
        } else {
            Work::of(self.output.pixels())
        };
        work.with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(always)]
    unsafe fn compute<L: Products<Element = C::Element>>(&self, memory: Memory<'_>, tile: Tile) {
        let part = Part::new(&self.output, tile, self.by_channels);
        let (mut pixel, mut end) = (part.pixel, part.end);
        // Too few pixels for a block are each computed four times over, where they cannot be computed one by one.
        let step = usize::from(end - pixel >= PIXELS);
        // SAFETY: the tile's pixels lie inside the output and are this call's own, and the scratch is this worker's; `check`
        // proved the lengths that the naked functions rely on.
        unsafe {
            let inputs = memory.scratch::<i16>(self.scratch);
            let output = self.output.view::<C::Element>(memory).pixel(0, 0);
            let patches = Patches::new::<L>(self, memory, step);
            if L::ANY_ROW || patches.are_rows() {
                while !(end - pixel).is_multiple_of(PIXELS) {
                    end -= 1;
                    let bytes = patches.widen_one::<L>(end, inputs).byte_offset_from(inputs).cast_unsigned();
                    let stream = self.stream.as_ptr().add(self.words_before(part.channel));
                    let output = output.add(end * self.output.pixel as usize + part.channel);
                    row::<L>(
                        inputs,
                        (bytes / 2, bytes),
                        (stream, self.together()),
                        output,
                        part.channels,
                        self.bounds.zero_point,
                    );
                }
            }
            while pixel < end {
                // The last block begins early enough to be whole: what it computes again comes out the same.
                let first = if step == 0 { pixel } else { pixel.min(end - PIXELS) };
                let bytes = patches.widen::<L>(first, inputs).byte_offset_from(inputs).cast_unsigned();
                let output = output.add(first * self.output.pixel as usize + part.channel);
                self.multiply::<L>(inputs, bytes, output, step, &part);
                pixel += if step == 0 { 1 } else { PIXELS };
            }
            part.clamp::<L>(output, &self.output, &self.bounds);
        }
    }

    /// As `compute`, once for all who call it.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    pub(super) unsafe fn compute_apart<L: Products<Element = C::Element>>(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe { self.compute::<L>(memory, tile) }
    }

    /// Computes the channels of a part for a block.
    ///
    /// # Safety
    /// `inputs` are four patches; the pixels of the block, `step` pixels apart from `output` on, are this call's own.
    unsafe fn multiply<L: Products>(
        &self,
        inputs: *const i16,
        bytes: usize,
        output: *mut L::Element,
        step: usize,
        part: &Part,
    ) {
        let (pixel, channels) = (step * self.output.pixel as usize, part.channels);
        let (stride, rounding) = (pixel * size_of::<L::Element>(), L::rounding(self.bounds.zero_point));
        // SAFETY: `check` proved the length of the stream.
        unsafe {
            let stream = self.stream.as_ptr().add(self.words_before(part.channel));
            let last = stream.add((channels / C::TOGETHER) * self.together());
            if channels >= C::TOGETHER {
                L::gemm4(inputs, stream, output, stride, bytes, last.add(L::HEAD), rounding);
            }
            let rest = channels % C::TOGETHER;
            if rest > 0 {
                // The other channels of the last words are none.
                let mut all = MaybeUninit::<[L::Element; MOST_TOGETHER * PIXELS]>::uninit();
                let all = all.as_mut_ptr().cast::<L::Element>();
                let end = last.add(self.together() + L::HEAD);
                L::gemm4(inputs, last, all, C::TOGETHER * size_of::<L::Element>(), bytes, end, rounding);
                for p in 0..PIXELS {
                    let own = output.add(p * pixel + channels - rest);
                    core::ptr::copy_nonoverlapping(all.add(C::TOGETHER * p), own, rest);
                }
            }
        }
    }
}

for_cores!(Conv2d, int16);
for_cores!(Conv2d, only int4);
