//! Transposed 2-D convolution of int8 or int16: what [`crate::kernels::conv_transpose`] computes.
//!
//! The output falls apart into phases, each a convolution of stride 1 whose filter has every `stride`-th tap, backwards, and whose pixels
//! are a stride apart: a [`Conv2d`] that writes so.

use super::blocks::LANES;
use super::conv2d::{Conv2d, clamp_pixels};
use super::rounding::{Away, Even, Loops, Rectified, Rounding, Up};
use crate::kernels::access::Access;
use crate::kernels::conv_transpose::Taps;
use crate::kernels::isa::fetched::InBlocks;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

/// Transposed convolution of int8, or of int16 where sums are rounded [`Up`]; tiles are ranges of channels and begin at a multiple of four.
#[derive(Clone, Copy)]
pub struct ConvTranspose<R: Rounding> {
    /// Input image: channels of a pixel and pixels of a row follow each other.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// The window that an input pixel writes to: without dilation, and no shorter than its strides.
    pub stamp: Window,
    /// For each phase, those of an output row one behind the other, the stream of its convolution (see [`Conv2d::stream`]).
    pub stream: &'static [i32],
    /// Bit p: [`Conv2d::in_rows`] of phase p.
    pub in_rows: u32,
    /// Zero point of an int8 input; that of int16 is 0.
    pub input_zero_point: i8,
    /// Bounds of the output; the zero point is in the stream.
    pub bounds: Bounds,
    /// Room for the phase that needs most.
    pub scratch: Region,
    /// How sums are rounded.
    pub rounding: R,
}

/// The phases of a transposed convolution that have pixels, one after the other.
struct Phases<'a, R: Rounding> {
    kernel: &'a ConvTranspose<R>,
    /// The next one, and its first pixel.
    index: u32,
    y: usize,
    x: usize,
    /// What the stream has of it and of those behind.
    rest: &'static [i32],
}

/// Where the pixels of a phase lie along an axis: how many of the input lie before the first window, how much of that lies before the
/// input, the taps, and how many pixels there are.
const fn along(first: usize, size: (u16, u16, u16), output: u32) -> (usize, usize, usize, usize) {
    let (taps, stride, padding) = size;
    let own = Taps::of(first, taps as usize, stride as usize, padding as usize);
    let before = own.first.wrapping_neg();
    let (skipped, pad) = if before > 0 { (0, before.cast_unsigned()) } else { (own.first.cast_unsigned(), 0) };
    (skipped, pad, own.count, (output as usize - first).div_ceil(stride as usize))
}

impl<R: Rounding> Phases<'_, R> {
    /// The convolution of the next phase that has pixels; `None` behind the last one.
    const fn take(&mut self) -> Option<Conv2d<R>> {
        let kernel = self.kernel;
        let (input, output, stamp) = (&kernel.input, &kernel.output, &kernel.stamp);
        if self.x >= stamp.stride_w as usize || self.x >= output.width as usize {
            (self.y, self.x) = (self.y + 1, 0);
        }
        let (y, x) = (self.y, self.x);
        if y >= stamp.stride_h as usize || y >= output.height as usize || self.index >= u32::BITS {
            return None;
        }
        let down = along(y, (stamp.height, stamp.stride_h, stamp.pad_top), output.height);
        let across = along(x, (stamp.width, stamp.stride_w, stamp.pad_left), output.width);
        // What lies before the first window is no part of the image; some of it is left (`check`).
        let before = (down.0 * input.row as usize + across.0 * input.pixel as usize) * R::BYTES;
        let written = (y * output.row as usize + x * output.pixel as usize) * R::BYTES;
        let mut phase = Conv2d {
            input: Image {
                region: behind(&input.region, before),
                height: input.height.saturating_sub(down.0 as u32),
                width: input.width.saturating_sub(across.0 as u32),
                ..*input
            },
            output: Image {
                region: behind(&output.region, written),
                height: down.3 as u32,
                width: across.3 as u32,
                channels: output.channels,
                row: output.row * stamp.stride_h as u32,
                pixel: output.pixel * stamp.stride_w as u32,
            },
            window: Window {
                height: down.2 as u16,
                width: across.2 as u16,
                stride_h: 1,
                stride_w: 1,
                dilation_h: 1,
                dilation_w: 1,
                pad_top: down.1 as u16,
                pad_left: across.1 as u16,
            },
            stream: self.rest,
            in_rows: kernel.in_rows >> self.index & 1 != 0,
            input_zero_point: kernel.input_zero_point,
            // A phase's pixels do not follow each other: bounds are applied to those of all phases.
            bounds: Bounds { min: i32::MIN, max: i32::MAX, ..kernel.bounds },
            scratch: kernel.scratch,
            rounding: kernel.rounding,
        };
        let Some((own, rest)) = self.rest.split_at_checked(phase.piece_words(phase.count())) else { return None };
        phase.stream = own;
        self.rest = rest;
        (self.x, self.index) = (x + 1, self.index + 1);
        Some(phase)
    }
}

/// The region without its first bytes.
const fn behind(region: &Region, bytes: usize) -> Region {
    Region::new(region.offset + bytes as u32, region.bytes.saturating_sub(bytes as u32))
}

impl<R: Rounding> ConvTranspose<R> {
    const fn phases(&self) -> Phases<'_, R> {
        Phases { kernel: self, index: 0, y: 0, x: 0, rest: self.stream }
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (output, stamp) = (&self.output, &self.stamp);
        self.input.check::<R::Element>(arena_bytes);
        output.check_output::<R::Element>(arena_bytes);
        output.check_follows();
        assert!(stamp.stride_h > 0 && stamp.stride_w > 0, "pixels in the place of each other");
        assert!(stamp.height >= stamp.stride_h && stamp.width >= stamp.stride_w, "a phase without taps");
        assert!(stamp.dilation_h == 1 && stamp.dilation_w == 1, "a dilated filter");
        stamp.check(output, self.input.channels);
        assert!(stamp.stride_h as u32 * stamp.stride_w as u32 <= u32::BITS, "more phases than bits");
        let (mut phases, mut bytes) = (self.phases(), 0);
        while let Some(phase) = phases.take() {
            phase.check_part(arena_bytes);
            bytes = if phase.scratch_bytes() > bytes { phase.scratch_bytes() } else { bytes };
        }
        let all = (output.height as usize, output.width as usize);
        let last = (stamp.stride_h as usize, stamp.stride_w as usize);
        let rows = if all.0 < last.0 { all.0 } else { last.0 };
        assert!(phases.y == rows && phases.rest.is_empty(), "stream of the wrong length");
        self.scratch.check_scratch::<i8>(arena_bytes, bytes);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.output.channels as usize).in_granules(LANES).with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// As for `run`.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile)
    where
        R: Loops,
    {
        let mut phases = self.phases();
        while let Some(phase) = phases.take() {
            let pixels = Tile::new(0, phase.output.pixels() as u32);
            // SAFETY: forwarded to the caller: phases write other pixels each. The weights of the tile where they are make a layer of it.
            unsafe { phase.of(tile, phase.weights(tile).0).compute_apart(memory, pixels) };
        }
        let own = Image { channels: tile.end - tile.start, ..self.output };
        // SAFETY: the channels of all pixels are this call's own.
        unsafe {
            let first = self.output.view::<R::Element>(memory).pixel(0, 0).add(tile.start());
            clamp_pixels::<R>(first, own.pixels(), &own, &self.bounds);
        }
    }
}

macro_rules! run {
    ($($rounding:ident),+) => { $(
        impl ConvTranspose<$rounding> {
            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), the tile lies inside the output and
            /// begins at a multiple of four, and the core has Helium.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                // SAFETY: forwarded to the caller.
                unsafe { self.compute(memory, tile) };
            }
        }
    )+ };
}
run!(Away, Even, Rectified, Up);
