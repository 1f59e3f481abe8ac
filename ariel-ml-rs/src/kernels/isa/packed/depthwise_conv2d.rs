//! 3x3 depthwise convolution of int8 with double rounding, or of int16, one filter for each channel.
//!
//! Four channels at a time become planes of int16 with their padding (see [`Planes::transpose`]), as many lines at once as the
//! scratch has room for. Lines run along rows or along columns, whichever wastes less: the compiler says.

use super::cores::{Cores, for_cores};
use super::lines::{CHANNEL_WORDS, Lines};
use super::loops::{Compute, PLANES, Planes};
use super::part::Part;
use crate::kernels::access::Access;
use crate::kernels::isa::along::Along;
use crate::kernels::isa::thumb2::fill;
use crate::kernels::window::Window;
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::quant::Bounds;
use crate::tile::Tile;

/// How the outputs of a line are computed: the kernel of one stride does not bring the code of the other with it.
pub trait Outputs: Copy + 'static {
    /// Input pixels from an output of a line to the next.
    const STRIDE: u32;
    /// Which of [`Planes::LINES`] computes them.
    const INDEX: usize;
}

macro_rules! outputs {
    ($($(#[$doc:meta])* $name:ident = $stride:literal, $index:literal;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub struct $name;

        impl Outputs for $name {
            const STRIDE: u32 = $stride;
            const INDEX: usize = $index;
        }
    )+ };
}

outputs! {
    /// Stride 1, four outputs at a time.
    Near = 1, 0;
    /// Stride 2, four outputs at a time.
    Far = 2, 2;
    /// Stride 1, two outputs at a time: less code.
    NearShort = 1, 1;
    /// Stride 2, two outputs at a time: less code.
    FarShort = 2, 3;
}

/// Depthwise convolution of int8 or int16 with a window of 3x3; tiles are ranges of pixels, or of channels.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct DepthwiseConv2d<C, O> {
    /// Input image.
    pub input: Image,
    /// Output image: its pixels follow each other.
    pub output: Image,
    /// Window over the input, with a stride of 1 or 2 along lines.
    pub window: Window,
    /// For each channel its bias, taps and requantisation (see [`Lines`]).
    pub stream: &'static [i32],
    /// Zero point of an int8 input: what padding reads as; that of int16 is 0.
    pub input_zero_point: i8,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// Whether lines are columns.
    pub vertical: bool,
    /// Lines of the output that are computed together.
    pub lines: u32,
    /// Room for the planes.
    pub scratch: Region,
    /// How outputs are computed.
    pub outputs: O,
    /// Whether tiles are ranges of channels, which begin at multiples of four, and not of pixels.
    pub by_channels: bool,
    /// The cores that run it.
    pub cores: C,
}

/// Outputs `first .. first + count` along an axis.
#[derive(Clone, Copy)]
struct Span {
    first: usize,
    count: usize,
}

/// Elements of a line of a plane for so many outputs: even, and enough for an even number of them.
const fn pitch(outputs: usize, stride: usize) -> usize {
    outputs.next_multiple_of(2) * stride + 2
}

impl<C, O> DepthwiseConv2d<C, O> {
    /// The axes along a line, and across.
    const fn axes(&self) -> (Along, Along) {
        Along::axes(&self.input, &self.output, &self.window, self.vertical)
    }
}

impl<C: Cores, O: Outputs> DepthwiseConv2d<C, O> {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<C::Element>(arena_bytes);
        self.output.check_output::<C::Element>(arena_bytes);
        self.output.check_follows();
        self.window.check(&self.output, 1);
        let (window, channels) = (&self.window, self.output.channels);
        assert!(window.height == 3 && window.width == 3, "a window of 3x3");
        assert!(window.dilation_h == 1 && window.dilation_w == 1, "taps are neighbours");
        assert!(
            channels == self.input.channels && channels as usize >= PLANES,
            "a filter for each of 4 channels or more"
        );
        assert!(!self.by_channels || channels.is_multiple_of(PLANES as u32), "tiles of whole groups of channels");
        assert!(self.stream.len() == CHANNEL_WORDS.saturating_mul(channels as usize), "stream of the wrong length");
        let (along, across) = self.axes();
        assert!(along.stride == O::STRIDE as usize, "the stride that the kernel is for");
        assert!(across.stride > 0 && self.lines > 0, "lines");
        let length = if self.vertical { self.output.height } else { self.output.width };
        let rows = (self.lines as usize - 1).saturating_mul(across.stride).saturating_add(3);
        // The last line of the last plane may write an element of padding behind it: places are multiples of 16 bytes.
        let words = pitch(length as usize, along.stride).saturating_mul(PLANES / 2).saturating_mul(rows);
        self.scratch.check_scratch::<i32>(arena_bytes, words.saturating_add(4));
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::CopiedWindowOfChannels;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        let work = if self.by_channels {
            Work::of(self.output.channels as usize).in_granules(PLANES)
        } else {
            Work::of(self.output.pixels())
        };
        work.with_scratch(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// As for `run`.
    #[inline(always)]
    unsafe fn compute<L: Planes<Element = C::Element>>(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: `repr(C)`: the fields lie in the same places, for of those whose types differ `outputs` has no size and
        // `cores` is the last.
        let shared = unsafe { &*core::ptr::from_ref(self).cast::<DepthwiseConv2d<(), ()>>() };
        // SAFETY: forwarded to the caller; `check` proved that the stride is the one that the function is for.
        unsafe { shared.tile::<L>(memory, tile, L::LINES[O::INDEX]) };
    }
}

impl DepthwiseConv2d<(), ()> {
    /// Computes one tile of the output.
    ///
    /// # Safety
    /// As for `run`, and `compute` is for the stride along lines.
    #[inline(never)]
    unsafe fn tile<L: Planes>(&self, memory: Memory<'_>, tile: Tile, compute: Compute) {
        let part = Part::new(&self.output, tile, self.by_channels);
        let (mut pixel, end) = (part.pixel, part.end);
        let width = self.output.width as usize;
        let (Some(mut y), Some(mut x)) = (pixel.checked_div(width), pixel.checked_rem(width)) else { return };
        while pixel < end {
            // Whole rows together; what is left of a row before and behind them.
            let whole = if x == 0 { (end - pixel).checked_div(width).unwrap_or(0) } else { 0 };
            let columns = if whole > 0 { width } else { (width - x).min(end - pixel) };
            let rows = whole.max(1);
            // SAFETY: the rectangle consists of pixels of the tile.
            unsafe {
                let (rows, columns) = (Span { first: y, count: rows }, Span { first: x, count: columns });
                self.rectangle::<L>(memory, (rows, columns), &part, compute);
            };
            pixel += rows * columns;
            (y, x) = (y + rows, 0);
        }
        // SAFETY: the part is this call's own, and pixels of the output follow each other (`check`).
        unsafe { part.clamp::<L>(self.output.view::<L::Element>(memory).pixel(0, 0), &self.output, &self.bounds) };
    }

    /// Computes a rectangle of pixels.
    ///
    /// # Safety
    /// As for `tile`, the pixels being the tile's.
    unsafe fn rectangle<L: Planes>(
        &self,
        memory: Memory<'_>,
        (rows, columns): (Span, Span),
        part: &Part,
        compute: Compute,
    ) {
        let (along, across) = self.axes();
        let (line, mut lines) = if self.vertical { (rows, columns) } else { (columns, rows) };
        let end = lines.first + lines.count;
        while lines.first < end {
            lines.count = (end - lines.first).min(self.lines as usize);
            // SAFETY: forwarded to the caller; there is scratch for so many lines.
            unsafe { self.strip::<L>(memory, (along, line), (across, lines), part, compute) };
            lines.first += lines.count;
        }
    }

    /// Computes the channels of a part, of some lines.
    ///
    /// # Safety
    /// As for `tile`, the pixels being the tile's, and no more lines than there is scratch for.
    unsafe fn strip<L: Planes>(
        &self,
        memory: Memory<'_>,
        (along, line): (Along, Span),
        (across, lines): (Along, Span),
        part: &Part,
        compute: Compute,
    ) {
        let pitch = pitch(line.count, along.stride);
        let rows = (lines.count - 1) * across.stride + 3;
        let plane = rows * pitch;
        let padding = u32::from(i16::from(self.input_zero_point).cast_unsigned()) * 0x0001_0001;
        // Input pixels under the windows, in part in the padding, and in part behind what windows read.
        let (first, begin) = inside(along, line.first);
        let (first_row, begin_row) = inside(across, lines.first);
        let read = (line.count - 1) * along.stride + 3;
        let count = read.saturating_sub(begin).min(along.extent.saturating_sub(first));
        let filled = rows.saturating_sub(begin_row).min(across.extent.saturating_sub(first_row));
        let (channels, bytes) = (self.output.channels as usize, size_of::<L::Element>());
        // SAFETY: planes lie in the scratch, pixels in the images, both as `check` found; the scratch is this worker's.
        unsafe {
            let planes = memory.scratch::<i16>(self.scratch);
            let input = self.input.view::<L::Element>(memory).pixel(0, 0);
            let output = self.output.view::<L::Element>(memory).pixel(0, 0);
            let input = input.add(first * along.input + first_row * across.input);
            let output = output.add(line.first * along.output + lines.first * across.output);
            // The padding is the same for all channels.
            fill(planes, padding, PLANES * plane / 2);
            let mut strip = Lines {
                plane: planes,
                stream: self.stream.as_ptr(),
                output: output.cast(),
                length: line.count,
                pitch: 2 * pitch,
                step: 2 * pitch * across.stride,
                stride: along.output * bytes,
                output_line: across.output * bytes,
                count: lines.count,
                plane_bytes: 2 * plane,
                channels: PLANES,
                rounding: L::rounding(self.bounds.zero_point),
            };
            let zeros = u32::from(self.input_zero_point.cast_unsigned()) * 0x0101_0101;
            let to = planes.wrapping_add(begin_row * pitch + begin);
            let mut next = part.channel;
            while next < part.channel + part.channels {
                // The last four channels begin early enough to be whole: what is computed again comes out the same.
                let channel = next.min(channels - PLANES);
                let mut source = input.wrapping_add(channel);
                let mut line = to;
                for _ in 0..filled {
                    L::transpose(source.cast_const().cast(), along.input * bytes, line, 2 * plane, count, zeros);
                    source = source.wrapping_add(across.input);
                    line = line.wrapping_add(pitch);
                }
                strip.stream = self.stream.as_ptr().add(channel * CHANNEL_WORDS);
                strip.output = output.add(channel).cast();
                compute(&strip);
                next += PLANES;
            }
        }
    }
}

/// The first input pixel inside the image that the window at `output` may read, and where the window has it.
const fn inside(axis: Along, output: usize) -> (usize, usize) {
    let origin = output * axis.stride;
    (origin.saturating_sub(axis.pad), axis.pad.saturating_sub(origin))
}

for_cores!(DepthwiseConv2d<Near>);
for_cores!(DepthwiseConv2d<Far>);
for_cores!(DepthwiseConv2d<NearShort>);
for_cores!(DepthwiseConv2d<FarShort>);
#[cfg(armv7e_m)]
for_cores!(DepthwiseConv2d<Near>, Dsp16, |kernel, memory, tile| kernel.compute::<super::cores::Dsp16>(memory, tile));
#[cfg(armv7e_m)]
for_cores!(DepthwiseConv2d<Far>, Dsp16, |kernel, memory, tile| kernel.compute::<super::cores::Dsp16>(memory, tile));
