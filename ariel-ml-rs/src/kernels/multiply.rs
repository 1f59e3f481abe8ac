//! What kernels that multiply and accumulate share: the products of an element type, and the end of a sum.
//!
//! Filters are packed by the compiler: four channels take turns, so that one pointer and fixed offsets reach them.
//!
//! A kernel is written once over the activations, the weights, the [`Sum`] of their products ([`Factor`]) and what becomes of
//! it ([`Finish`]): int8 by int8 into int8, int16 by int8 into int16, float32 into float32, and int8 by int8 into float32 (hybrid).

use super::dot;
use crate::memory::Element;
use crate::quant::{Bounds, Requantize, Sum, clamp};
use core::mem::MaybeUninit;

/// Elements whose products with weights `W` are summed in `S`.
pub trait Factor<W, S>: Element {
    /// `sum + a * b`.
    fn add_product(sum: S, a: Self, b: W) -> S;
}

macro_rules! integers {
    ($($input:ident => $sum:ident),+) => { $(
        impl Factor<i8, $sum> for $input {
            #[inline(always)]
            fn add_product(sum: $sum, a: $input, b: i8) -> $sum {
                // A product fits 32 bits, in which cores multiply.
                sum.wrapping_add($sum::from(i32::from(a) * i32::from(b)))
            }
        }
    )+ };
}
integers!(i8 => i32, i16 => i32, i16 => i64);

impl Factor<f32, f32> for f32 {
    #[inline(always)]
    fn add_product(sum: f32, a: f32, b: f32) -> f32 {
        sum + a * b
    }
}

/// How the sum of an output channel becomes an element of the output.
pub(crate) trait Finish<S>: Copy {
    /// Elements of the output.
    type Output: Element;

    /// Returns the element.
    ///
    /// # Safety
    /// `channel` is an output channel of the kernel, whose `check` has found a constant for each.
    unsafe fn finish(&self, sum: S, channel: usize) -> Self::Output;
}

/// Integers: adds the bias and requantises.
#[derive(Clone, Copy)]
pub(crate) struct Stored<R: Requantize> {
    /// Bias of each channel, with the input's zero point folded in.
    pub bias: &'static [R::Sum],
    /// What the filter's zero point adds to every sum too much.
    pub excess: R::Sum,
    /// Multipliers.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
}

impl<R: Requantize> Finish<R::Sum> for Stored<R> {
    type Output = R::Element;

    #[inline(always)]
    unsafe fn finish(&self, sum: R::Sum, channel: usize) -> R::Element {
        // SAFETY: `channel` is an output channel, and `check` found a bias for each.
        let bias = unsafe { *self.bias.as_ptr().add(channel) };
        self.requantize.apply(sum.with(bias, self.excess), channel, &self.bounds)
    }
}

/// float32: adds the bias and clamps.
#[derive(Clone, Copy)]
pub(crate) struct Real {
    /// Bias of each channel.
    pub bias: &'static [f32],
    /// Lower bound.
    pub min: f32,
    /// Upper bound.
    pub max: f32,
}

impl Finish<f32> for Real {
    type Output = f32;

    #[inline(always)]
    unsafe fn finish(&self, sum: f32, channel: usize) -> f32 {
        // SAFETY: `channel` is an output channel, and `check` found a bias for each.
        let bias = unsafe { *self.bias.as_ptr().add(channel) };
        clamp(sum + bias, self.min, self.max)
    }
}

/// Computes output channels `first..end` of one row, or pixel, from its `k` inputs.
///
/// The compiler has packed the filter (`ariel_build/ops/accumulate.py`, `packed`): whole blocks of four channels take turns,
/// `[channels / 4][k][4]`, and the channels that are left follow one by one. `first` begins a block.
///
/// # Safety
/// `input` has `k` elements, the filter `k` for each channel; `output` has room for the channels and is this call's own.
#[inline(always)]
pub(crate) unsafe fn channels<A: Factor<W, S>, W: Element, S: Sum, F: Finish<S>>(
    input: *const A,
    filter: *const W,
    k: usize,
    output: *mut F::Output,
    (first, end): (usize, usize),
    finish: &F,
) {
    let mut sums = Sums::<S>::uninit();
    let sums = sums.as_mut_ptr().cast::<S>();
    let mut channel = first;
    while channel < end {
        let mut count = 0;
        // SAFETY: as the caller promises; there is room for SUMS sums.
        unsafe {
            while count < SUMS && channel + count + 4 <= end {
                dot::by_four(input, filter.add((channel + count) * k), k, sums.add(count));
                count += 4;
            }
            if count == 0 {
                sums.write(dot::one(input, filter.add(channel * k), k));
                count = 1;
            }
            finish_all(finish, sums, count, channel, output);
        }
        channel += count;
    }
}

/// Sums that are finished together, a multiple of four.
pub(crate) const SUMS: usize = 16;

/// Room for the sums.
pub(crate) type Sums<S> = MaybeUninit<[S; SUMS]>;

/// Finishes the sums of `count` channels from `channel` on. A function of its own: its loop keeps the constants in registers.
///
/// # Safety
/// There are `count` sums, `channel + count` channels, and the output has room for them and is this call's own.
#[inline(never)]
pub(crate) unsafe fn finish_all<S: Copy, F: Finish<S>>(
    finish: &F,
    sums: *const S,
    count: usize,
    channel: usize,
    output: *mut F::Output,
) {
    let finish = *finish;
    for index in 0..count {
        // SAFETY: as the caller promises.
        unsafe { output.add(channel + index).write(finish.finish(*sums.add(index), channel + index)) };
    }
}
