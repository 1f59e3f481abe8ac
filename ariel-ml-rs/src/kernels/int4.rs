//! Pointwise convolutions of int8, and dense layers, whose weights have four bits and stay packed.
//!
//! `output[y, x, c] = finish(bias[c] + sum of input[y * stride_h, x * stride_w, k] * filter[c, k] over k)`
//!
//! Four channels share a word of 16 bits, the first one in its lowest bits: `[channels / 4][k]`, where channels that make a
//! whole four have weights of 0. The compiler has folded the input's zero point into the bias. A dense layer is an image with a
//! pixel for each row.

use super::access::Access;
use super::multiply::{SUMS, Stored, Sums, finish_all};
use super::quantized;
use super::window::{Window, pixels, work};
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::quant::{Bounds, Requantize};
use crate::tile::{Axis, Tile};

/// Channels that share a word of the filter.
const FOUR: usize = 4;

/// int8 with weights of four bits; `R` tells how sums are rounded.
#[derive(Clone, Copy)]
pub struct Pointwise<R: Requantize> {
    /// Input image.
    pub input: Image,
    /// Output image.
    pub output: Image,
    /// Window over the input, of one pixel.
    pub window: Window,
    /// Filters of `[input channels]`, four in a word.
    pub filter: &'static [u16],
    /// Bias of each output channel, with the input's zero point folded in.
    pub bias: &'static [R::Sum],
    /// Multipliers of the output channels.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// How tiles are cut.
    pub axis: Axis,
}

impl<R: Requantize> Pointwise<R> {
    const fn channels(&self) -> usize {
        self.bias.len()
    }

    #[inline]
    const fn check_shapes(&self, arena_bytes: usize) {
        self.input.check::<R::Element>(arena_bytes);
        self.output.check_output::<R::Element>(arena_bytes);
        assert!(self.window.is_pointwise(), "a window of one pixel");
        self.window.check(&self.output, self.input.channels);
        self.window.check_pointwise(&self.input, &self.output);
        let words = self.channels().div_ceil(FOUR).saturating_mul(self.input.channels as usize);
        assert!(self.filter.len() == words, "filter of the wrong length");
        assert!(self.channels() == self.output.channels as usize, "bias of the wrong length");
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
        work(self.axis, &self.output, FOUR)
    }
}
quantized!(Pointwise);

impl<R: Requantize<Element = i8, Sum = i32>> Pointwise<R> {
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let (spans, own) = pixels(self.axis, tile, &self.output);
        let depth = self.input.channels as usize;
        let (bias, requantize, bounds) = (self.bias, self.requantize, self.bounds);
        let finish = Stored { bias, excess: 0, requantize, bounds };
        let mut sums = Sums::<i32>::uninit();
        let sums = sums.as_mut_ptr().cast::<i32>();
        for (y, columns) in spans {
            for x in columns {
                let (row, column) = (y * self.window.stride_h as usize, x * self.window.stride_w as usize);
                let mut channel = own.start;
                while channel < own.end {
                    let count = (own.end - channel).min(SUMS);
                    // SAFETY: pixels lie inside the images, the filter has `depth` words for each four channels (`check`), and a
                    // tile of channels begins with four; its pixels and channels are this call's own (memory invariant 2).
                    unsafe {
                        let input = self.input.view::<i8>(memory).pixel(row, column).cast_const();
                        let output = self.output.view::<i8>(memory).pixel(y, x);
                        let filter = self.filter.as_ptr().add(channel / FOUR * depth);
                        for four in 0..count.div_ceil(FOUR) {
                            by_four(input, filter.add(four * depth), depth, sums.add(FOUR * four));
                        }
                        finish_all(&finish, sums, count, channel, output);
                    }
                    channel += count;
                }
            }
        }
    }
}

/// Dot products of `k` inputs with four filters that share words. A function of its own, as [`super::dot::by_four`] is.
///
/// # Safety
/// `input` and `filter` have `k` elements; there is room for four sums.
#[inline(never)]
unsafe fn by_four(input: *const i8, filter: *const u16, k: usize, sums: *mut i32) {
    let [mut a, mut b, mut c, mut d] = [0_i32; FOUR];
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        let (value, word) = unsafe { (i32::from(*input.add(index)), u32::from(*filter.add(index))) };
        // Four bits with their sign, from where they are moved to the top.
        let weight = |shift: u32| (word << shift).cast_signed() >> 28;
        a = a.wrapping_add(value * weight(28));
        b = b.wrapping_add(value * weight(24));
        c = c.wrapping_add(value * weight(20));
        d = d.wrapping_add(value * weight(16));
    }
    // SAFETY: there is room.
    unsafe {
        sums.write(a);
        sums.add(1).write(b);
        sums.add(2).write(c);
        sums.add(3).write(d);
    }
}
