//! What kernels that multiply and accumulate share: the products of an element type, and the end of a sum.
//!
//! Filters are packed by the compiler: four channels take turns, so that one pointer and fixed offsets reach them.
//!
//! A kernel is written once over a [`Factor`], what it multiplies, and a [`Finish`], what becomes of a sum: int8 by int8
//! into int8, float32 into float32, and int8 by int8 into float32 (hybrid).

use super::dot;
use crate::memory::Element;
use crate::quant::{Bounds, Requantize, clamp};
use core::mem::MaybeUninit;

/// Elements whose products are summed.
pub(crate) trait Factor: Element {
    /// What holds a sum of products.
    type Sum: Copy;

    /// No product yet.
    const NOTHING: Self::Sum;

    /// `sum + a * b`.
    fn add_product(sum: Self::Sum, a: Self, b: Self) -> Self::Sum;

    /// Dot product of `k` inputs with one filter.
    ///
    /// # Safety
    /// As for [`dot::int8`].
    unsafe fn dot(input: *const Self, filter: *const Self, k: usize) -> Self::Sum;

    /// Dot products of `k` inputs with four filters that take turns: `filter[k][4]`.
    ///
    /// # Safety
    /// As for [`dot::int8x4`].
    unsafe fn dot4(input: *const Self, filter: *const Self, k: usize, sums: *mut Self::Sum);
}

impl Factor for i8 {
    type Sum = i32;

    const NOTHING: i32 = 0;

    #[inline(always)]
    fn add_product(sum: i32, a: i8, b: i8) -> i32 {
        sum.wrapping_add(i32::from(a) * i32::from(b))
    }

    #[inline(always)]
    unsafe fn dot(input: *const i8, filter: *const i8, k: usize) -> i32 {
        // SAFETY: forwarded to the caller.
        unsafe { dot::int8(input, filter, k) }
    }

    #[inline(always)]
    unsafe fn dot4(input: *const i8, filter: *const i8, k: usize, sums: *mut i32) {
        // SAFETY: forwarded to the caller.
        unsafe { dot::int8x4(input, filter, k, sums) }
    }
}

impl Factor for f32 {
    type Sum = f32;

    const NOTHING: f32 = 0.0;

    #[inline(always)]
    fn add_product(sum: f32, a: f32, b: f32) -> f32 {
        sum + a * b
    }

    #[inline(always)]
    unsafe fn dot(input: *const f32, filter: *const f32, k: usize) -> f32 {
        // SAFETY: forwarded to the caller.
        unsafe { dot::f32(input, filter, k) }
    }

    #[inline(always)]
    unsafe fn dot4(input: *const f32, filter: *const f32, k: usize, sums: *mut f32) {
        // SAFETY: forwarded to the caller.
        unsafe { dot::f32x4(input, filter, k, sums) }
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

/// int8: adds the bias and requantises.
#[derive(Clone, Copy)]
pub(crate) struct Stored<R> {
    /// Bias of each channel, with the input's zero point folded in.
    pub bias: &'static [i32],
    /// What the filter's zero point adds to every sum too much.
    pub excess: i32,
    /// Multipliers.
    pub requantize: R,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
}

impl<R: Requantize> Finish<i32> for Stored<R> {
    type Output = i8;

    #[inline(always)]
    unsafe fn finish(&self, sum: i32, channel: usize) -> i8 {
        // SAFETY: `channel` is an output channel, and `check` found a bias for each.
        let bias = unsafe { *self.bias.as_ptr().add(channel) };
        self.requantize.apply(sum.wrapping_add(bias).wrapping_sub(self.excess), channel, &self.bounds)
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
pub(crate) unsafe fn channels<T: Factor, F: Finish<T::Sum>>(
    input: *const T,
    filter: *const T,
    k: usize,
    output: *mut F::Output,
    (first, end): (usize, usize),
    finish: &F,
) {
    let mut sums = Sums::<T::Sum>::uninit();
    let sums = sums.as_mut_ptr().cast::<T::Sum>();
    let mut channel = first;
    while channel < end {
        let mut count = 0;
        // SAFETY: as the caller promises; there is room for SUMS sums.
        unsafe {
            while count < SUMS && channel + count + 4 <= end {
                T::dot4(input, filter.add((channel + count) * k), k, sums.add(count));
                count += 4;
            }
            if count == 0 {
                sums.write(T::dot(input, filter.add(channel * k), k));
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
