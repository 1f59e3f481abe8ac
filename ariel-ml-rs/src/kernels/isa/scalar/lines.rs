//! Depthwise convolution of int8 or int16 along lines, one filter for each channel.
//!
//! Lines of outputs run along rows or along columns, as the compiler says. The inputs of a band of lines of one channel are widened to
//! words, without their zero point, so that padding is 0. With a stride of 2 even and odd columns lie apart, so that the outputs
//! of a tap read elements that follow each other (see [`super::taps`]).

use super::ending::{Elements, Ending, Int8, Int16};
use super::finish::{Channel, Limits, opaque};
use super::taps::{BLOCK, Lines, sum_lines};
use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::kernels::isa::along::Along;
use crate::kernels::rolled::rolled;
use crate::kernels::window::{Window, rows, work_in_rows};
use crate::memory::{Image, Memory, Region};
use crate::plan::Work;
use crate::tile::{Axis, Tile};
use core::ops::Range;

/// Depthwise convolution with a stride of 1 or 2 along lines.
#[derive(Clone, Copy)]
pub struct DepthwiseLines<E: Elements> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input.
    pub window: Window,
    /// Weights of each channel, rows across a line, each with its taps along it.
    pub filter: &'static [i8],
    /// Constants of each output channel: of int8 a [`Channel`], of int16 bias, multiplier, rounding and shift; the bias is that of
    /// inputs without their zero point.
    pub channels: &'static [i32],
    /// What the channels share.
    pub limits: Limits,
    /// Zero point of the input: what padding reads as.
    pub input_zero_point: E::Element,
    /// Whether lines are columns.
    pub vertical: bool,
    /// Bits of the longest sum of int8, bias included.
    pub sum_bits: u8,
    /// How tiles are cut.
    pub axis: Axis,
    /// Lines of a band.
    pub band: u32,
    /// Room for weights, sums and inputs of a band of one channel. Where lines are columns, each is stored before the next is summed.
    pub scratch: Region,
    /// What the elements are.
    pub elements: E,
}

/// Columns of a line that lie `stride` apart: they are brought together.
#[derive(Clone, Copy)]
struct Phase {
    /// The first column.
    from: usize,
    /// Where it goes in the line.
    to: usize,
    /// How many there are.
    count: usize,
}

/// What the channels of a band of lines share.
struct Band {
    /// Rows of padding before the image, and rows of it.
    before: usize,
    inside: usize,
    /// Where the first row is.
    from: usize,
    /// The columns, their places counted in elements.
    phases: [Phase; 2],
    /// Where the first output is.
    to: usize,
    /// Lines, and outputs of each.
    lines: usize,
    length: usize,
    /// Whether the outputs of a line follow those of the one before.
    follows: bool,
    /// Words of a widened line.
    line: usize,
    /// Elements from a column that is read to the next, and from a row.
    steps: [usize; 2],
    /// Bytes from an output to the next, and from a line.
    bytes: [usize; 2],
}

instantiate!(without dsp: DepthwiseLines<Int8>, DepthwiseLines<Int16>);

impl<E: Elements> DepthwiseLines<E> {
    /// The axes along a line, and across.
    const fn sides(&self) -> (Along, Along) {
        Along::axes(&self.input, &self.output, &self.window, self.vertical)
    }

    /// Words of the columns of a line that have the same remainder by the stride.
    const fn phase(&self) -> usize {
        let (along, _) = self.sides();
        let further = along.taps.saturating_sub(1) / if along.stride == 2 { 2 } else { 1 };
        along.outputs.next_multiple_of(BLOCK).saturating_add(further)
    }

    /// Words of a widened line.
    const fn line(&self) -> usize {
        self.sides().0.stride.saturating_mul(self.phase())
    }

    /// Words of sums: those that are stored together, and what the last block has too many.
    const fn sums(&self) -> usize {
        let lines = if self.vertical { 1 } else { self.band as usize };
        lines.saturating_mul(self.sides().0.outputs).saturating_add(BLOCK - 1)
    }

    /// Input lines of a band.
    const fn inputs(&self) -> usize {
        let across = self.sides().1;
        (self.band as usize - 1).saturating_mul(across.stride).saturating_add(across.taps)
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<E::Element>(arena_bytes);
        self.output.check_output::<E::Element>(arena_bytes);
        self.window.check(&self.output, 1);
        let (window, channels) = (&self.window, self.output.channels as usize);
        assert!(window.dilation_h == 1 && window.dilation_w == 1, "taps are neighbours");
        assert!(self.output.channels == self.input.channels, "a filter for each channel");
        assert!(self.filter.len() == window.taps().saturating_mul(channels), "filter of the wrong length");
        assert!(self.channels.len() == E::WORDS.saturating_mul(channels), "constants of the wrong length");
        assert!(E::WORDS != Channel::WORDS || Channel::are(self.channels, channels), "constants of other channels");
        let (along, across) = self.sides();
        assert!(along.stride == 1 || along.stride == 2, "a stride of 1 or 2");
        assert!(along.taps > 0 && across.taps > 0, "a window has taps");
        assert!(self.band > 0, "a band has lines");
        let words = self.line().saturating_mul(self.inputs()).saturating_add(window.taps()).saturating_add(self.sums());
        self.scratch.check_room::<i32>(arena_bytes, words);
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
        work_in_rows(self.axis, &self.output).with_scratch(self.scratch)
    }

    /// Computes one tile.
    ///
    /// # Safety
    /// As for `run`; the tile is one of whole rows, if it is not one of channels.
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe { opaque(self).compute_tile(memory, tile) }
    }

    /// As `compute`.
    ///
    /// # Safety
    /// As for `compute`.
    #[inline(always)]
    unsafe fn compute_tile(&self, memory: Memory<'_>, tile: Tile) {
        let (rows, channels) = rows(self.axis, tile, &self.output);
        let width = self.output.width as usize;
        let (outer, inner) = if self.vertical { (0..width, rows) } else { (rows, 0..width) };
        if outer.is_empty() || inner.is_empty() {
            return;
        }
        let (along, across) = self.sides();
        let phases = [self.columns(along, inner.start, 0), self.columns(along, inner.start, 1)];
        // SAFETY: there is room (`check`); the rest is forwarded to the caller.
        unsafe {
            let weights = memory.scratch::<i32>(self.scratch);
            let sums = weights.add(along.taps * across.taps);
            let inputs = sums.add(self.sums());
            fill(inputs, self.inputs() * self.line());
            let mut first = outer.start;
            while first < outer.end {
                let lines = first..outer.end.min(first + self.band as usize);
                let band = self.band(lines.clone(), inner.clone(), &phases);
                // Rows of padding, which may hold what another band has read.
                fill(inputs, band.before * self.line());
                let behind = band.before + band.inside;
                fill(inputs.add(behind * self.line()), (self.inputs() - behind) * self.line());
                for channel in channels.clone() {
                    self.channel(opaque(&band), memory, channel, (weights, sums, inputs));
                }
                first = lines.end;
            }
        }
    }

    /// Columns of remainder `phase` that the outputs from `first` on read.
    const fn columns(&self, along: Along, first: usize, phase: usize) -> Phase {
        if phase >= along.stride {
            return Phase { from: 0, to: 0, count: 0 };
        }
        // Of the columns with padding in front: those of this phase begin at `start`, and `skipped` of them are padding.
        let start = first * along.stride + phase;
        let padding = along.pad.saturating_sub(start);
        let skipped = if along.stride == 2 { padding.div_ceil(2) } else { padding };
        let from = start + skipped * along.stride - along.pad;
        let inside = along.extent.saturating_sub(from);
        let inside = if along.stride == 2 { inside.div_ceil(2) } else { inside };
        let room = self.phase().saturating_sub(skipped);
        Phase { from, to: phase * self.phase() + skipped, count: if inside < room { inside } else { room } }
    }

    /// What the channels of the outputs `inner` of some lines share.
    fn band(&self, lines: Range<usize>, inner: Range<usize>, phases: &[Phase; 2]) -> Band {
        let (along, across) = self.sides();
        let origin = lines.start * across.stride;
        let first = origin.saturating_sub(across.pad).min(across.extent);
        let rows = (length(&lines) - 1) * across.stride + across.taps;
        let last = (origin + rows).saturating_sub(across.pad).min(across.extent).max(first);
        let before = across.pad.saturating_sub(origin).min(rows);
        let bytes = size_of::<E::Element>();
        Band {
            before,
            inside: last - first,
            from: first * across.input,
            phases: phases.map(|phase| Phase { from: phase.from * along.input, ..phase }),
            to: inner.start * along.output + lines.start * across.output,
            lines: length(&lines),
            length: length(&inner),
            follows: !self.vertical && across.output == length(&inner) * along.output,
            line: self.line(),
            steps: [along.stride * along.input, across.input],
            bytes: [along.output * bytes, across.output * bytes],
        }
    }

    /// Computes a band of one channel.
    ///
    /// # Safety
    /// As for `run`; there is room for weights, sums and inputs, which are 0 where padding is.
    unsafe fn channel(
        &self,
        band: &Band,
        memory: Memory<'_>,
        channel: usize,
        (weights, sums, inputs): (*mut i32, *mut i32, *mut i32),
    ) {
        let (along, across) = self.sides();
        let taps = along.taps * across.taps;
        // SAFETY: the lines and columns lie inside the images and the scratch.
        unsafe {
            let zero_point = self.input_zero_point.into();
            spread(self.filter.as_ptr().add(taps * channel), 1, taps, 0, weights);
            let mut from =
                self.input.view::<E::Element>(memory).pixel(0, 0).cast_const().wrapping_add(channel + band.from);
            let mut to = inputs.add(band.before * band.line);
            for _ in 0..band.inside {
                let [even, odd] = &band.phases;
                spread(from.wrapping_add(even.from), band.steps[0], even.count, zero_point, to.add(even.to));
                if along.stride == 2 {
                    spread(from.wrapping_add(odd.from), band.steps[0], odd.count, zero_point, to.add(odd.to));
                }
                from = from.wrapping_add(band.steps[1]);
                to = to.add(band.line);
            }
            let place = self.output.view::<E::Element>(memory).pixel(0, 0).add(channel + band.to);
            let together = if band.follows { band.lines } else { 1 };
            let words = self.channels.as_ptr().add(E::WORDS * channel);
            let mut ending = Ending {
                sums,
                end: sums.add(together * band.length),
                place: place.cast::<u8>(),
                step: band.bytes[0],
                channel: E::constants(words, self.limits),
                limits: self.limits,
                words,
            };
            let mut first = 0;
            while first < band.lines {
                self.sum(band, first..first + together, (weights, sums, inputs));
                E::store(&ending, self.sum_bits);
                ending.place = ending.place.wrapping_add(band.bytes[1]);
                first += together;
            }
        }
    }

    /// Sums some lines of a band of one channel.
    ///
    /// # Safety
    /// As for `channel`; the inputs are widened.
    #[inline(always)]
    unsafe fn sum(
        &self,
        band: &Band,
        which: Range<usize>,
        (weights, sums, inputs): (*const i32, *mut i32, *const i32),
    ) {
        let (along, across) = self.sides();
        // Behind the four elements of a tap: the next ones, or those of the other phase.
        let far = (4 * self.phase()).cast_signed() - 16;
        let (next, last) = if along.stride == 2 {
            ([far, -far - 28], (along.taps - 1) % 2 * self.phase() + (along.taps - 1) / 2)
        } else {
            ([-12, -12], along.taps - 1)
        };
        let blocks = band.length.div_ceil(BLOCK);
        let mut lines = Lines {
            from: inputs.wrapping_add(which.start * across.stride * band.line),
            sums,
            weights,
            next,
            next_row: (4 * band.line).cast_signed() - (4 * last).cast_signed() - 16,
            blocks,
            count: length(&which),
            taps: along.taps,
            rows: across.taps,
            next_line: (4 * across.stride * band.line).cast_signed(),
            back: (4 * band.length).cast_signed() - (16 * blocks).cast_signed(),
            left: [0; 3],
        };
        // SAFETY: forwarded to the caller.
        unsafe {
            if across.taps < 4 {
                sum_lines(&mut lines);
                return;
            }
            // Rows of padding are left out.
            for index in which {
                let first = index * across.stride;
                let before = band.before.saturating_sub(first).min(across.taps);
                let end = (band.before + band.inside).saturating_sub(first).min(across.taps);
                (lines.count, lines.rows) = (1, end.saturating_sub(before));
                lines.weights = weights.add(before * along.taps);
                lines.from = inputs.add((first + before) * band.line);
                if lines.rows == 0 {
                    // No input at all.
                    fill(lines.sums, band.length);
                    lines.sums = lines.sums.add(band.length);
                } else {
                    sum_lines(&mut lines);
                }
            }
        }
    }
}

/// Numbers of a range. `Range::len` may panic where the optimiser does not see that both its bounds agree.
const fn length(range: &Range<usize>) -> usize {
    range.end.saturating_sub(range.start)
}

/// Writes zeros.
///
/// # Safety
/// There is room.
unsafe fn fill(to: *mut i32, count: usize) {
    for index in 0..count {
        rolled();
        // SAFETY: as the caller promises.
        unsafe { to.add(index).write(0) };
    }
}

/// Widens `count` elements that lie `step` apart, less the zero point.
///
/// # Safety
/// The elements are there, and there is room for the words.
#[inline(never)]
unsafe fn spread<T: Copy + Into<i32>>(mut from: *const T, step: usize, count: usize, zero_point: i32, to: *mut i32) {
    // SAFETY: as the caller promises.
    unsafe {
        let (mut to, end) = (to, to.add(count & !1));
        while to != end {
            rolled();
            let first: i32 = (*from).into();
            from = from.wrapping_add(step);
            let second: i32 = (*from).into();
            from = from.wrapping_add(step);
            to.cast::<[i32; 2]>().write([first.wrapping_sub(zero_point), second.wrapping_sub(zero_point)]);
            to = to.add(2);
        }
        if count & 1 == 1 {
            let last: i32 = (*from).into();
            to.write(last.wrapping_sub(zero_point));
        }
    }
}
