//! Pools: `output[y, x, c] = maximum, or average, of the cells of channel c under the window at (y, x)`.
//!
//! Cells outside the image do not exist, but for those that an average counts as zeros (`counted`).

use super::access::Access;
use super::fold::folds::{Fold, Stored, Within};
#[cfg(feature = "float")]
use super::fold::steps::{MaxF32 as MaximumF32, MeanF32};
use super::fold::steps::{MaxInt8 as MaximumInt8, MaxInt16 as MaximumInt16};
use super::instantiate;
use super::sizes::sizes;
use super::window::{Window, pixels, work};
use crate::memory::{Image, Memory};
use crate::plan::Work;
use crate::quant::{Bounds, clamp, round_ties_even};
use crate::tile::{Axis, Tile};
use core::marker::PhantomData;
use core::num::NonZeroU32;
use core::ops::Range;

/// Cells of padding that count in an average, as zeros: above, left, below, right.
pub type Counted = [u32; 4];

/// What the pools share.
struct Shape<'a> {
    input: &'a Image,
    output: &'a Image,
    window: &'a Window,
    counted: Counted,
    axis: Axis,
    /// Whether cells go by column by column, not row by row: float sums depend on it.
    by_columns: bool,
}

/// Taps `first..end` of a row or column of taps that read inside `extent` cells, from `before` cells in front of them on.
fn inside(taps: u16, dilation: u16, origin: usize, before: usize, extent: usize) -> Range<usize> {
    let is_inside = |tap: usize| origin.wrapping_add(tap * dilation as usize).wrapping_add(before) < extent;
    let (mut first, mut end) = (0, taps as usize);
    while first < end && !is_inside(first) {
        first += 1;
    }
    while end > first && !is_inside(end - 1) {
        end -= 1;
    }
    first..end
}

impl Shape<'_> {
    /// Computes one tile.
    ///
    /// # Safety
    /// The kernel passed `check`; otherwise as for its `run`.
    #[inline(always)]
    unsafe fn compute<F: Fold>(&self, memory: Memory<'_>, tile: Tile, fold: F) {
        let window = self.window;
        let (spans, channels) = pixels(self.axis, tile, self.output);
        let (height, width) = (self.input.height as usize, self.input.width as usize);
        let [above, left, below, right] = sizes(self.counted);
        for (y, columns) in spans {
            let origin_y = (y * window.stride_h as usize).wrapping_sub(window.pad_top as usize);
            let taps_y = inside(window.height, window.dilation_h, origin_y, 0, height);
            let count_y = inside(window.height, window.dilation_h, origin_y, above, height + above + below).len();
            for x in columns {
                let origin_x = (x * window.stride_w as usize).wrapping_sub(window.pad_left as usize);
                let taps_x = inside(window.width, window.dilation_w, origin_x, 0, width);
                let count_x = inside(window.width, window.dilation_w, origin_x, left, width + left + right).len();
                let scale = fold.scale(count_y * count_x);
                // SAFETY: the taps lie inside the image, and the tile's pixels and channels are this call's own (memory
                // invariant 2).
                unsafe {
                    let view = self.input.view::<F::Input>(memory);
                    let down = (taps_y.len(), view.row_stride() * window.dilation_h as usize);
                    let across = (taps_x.len(), view.pixel_stride() * window.dilation_w as usize);
                    let (outer, inner) = if self.by_columns { (across, down) } else { (down, across) };
                    // The first cell; it is not read where there is none.
                    let first = view.pixel(0, 0).cast_const().wrapping_add(
                        origin_y
                            .wrapping_add(taps_y.start * window.dilation_h as usize)
                            .wrapping_mul(view.row_stride())
                            .wrapping_add(
                                origin_x
                                    .wrapping_add(taps_x.start * window.dilation_w as usize)
                                    .wrapping_mul(view.pixel_stride()),
                            ),
                    );
                    let output = self.output.view::<F::Output>(memory).pixel(y, x);
                    let mut channel = channels.start;
                    while channel + 4 <= channels.end {
                        let sums = cells::<F, 4>(first.wrapping_add(channel), outer, inner, fold);
                        for (index, sum) in sums.into_iter().enumerate() {
                            output.add(channel + index).write(fold.finish(sum, scale));
                        }
                        channel += 4;
                    }
                    while channel < channels.end {
                        let [sum] = cells::<F, 1>(first.wrapping_add(channel), outer, inner, fold);
                        output.add(channel).write(fold.finish(sum, scale));
                        channel += 1;
                    }
                }
            }
        }
    }
}

/// Folds `N` neighbouring channels over `outer` lines of `inner` cells, each given by count and stride in elements.
///
/// # Safety
/// The cells lie inside the image.
#[inline(always)]
unsafe fn cells<F: Fold, const N: usize>(
    mut first: *const F::Input,
    outer: (usize, usize),
    inner: (usize, usize),
    fold: F,
) -> [F::Sum; N] {
    let mut sums = [fold.start(); N];
    for _ in 0..outer.0 {
        let mut cell = first;
        let mut line = sums;
        for sum in &mut line {
            *sum = fold.begin_line(*sum);
        }
        for _ in 0..inner.0 {
            for (index, sum) in line.iter_mut().enumerate() {
                // SAFETY: in bounds, as the caller promises.
                *sum = fold.step(*sum, unsafe { *cell.add(index) });
            }
            cell = cell.wrapping_add(inner.1);
        }
        for (sum, line) in sums.iter_mut().zip(line) {
            *sum = fold.end_line(*sum, line);
        }
        first = first.wrapping_add(outer.1);
    }
    sums
}

/// Average of stored integers, as TFLite: rounds halves away from zero.
#[derive(Clone, Copy)]
struct MeanStored<T>(Within<i32>, PhantomData<T>);

impl<T: Stored> Fold for MeanStored<T> {
    type Input = T;
    type Output = T;
    type Sum = i32;
    type Scale = NonZeroU32;

    #[inline(always)]
    fn start(&self) -> i32 {
        0
    }

    #[inline(always)]
    fn step(&self, sum: i32, value: T) -> i32 {
        sum.wrapping_add(value.into())
    }

    #[inline(always)]
    fn scale(&self, count: usize) -> NonZeroU32 {
        NonZeroU32::new(count as u32).unwrap_or(NonZeroU32::MIN)
    }

    #[inline(always)]
    fn finish(&self, sum: i32, count: NonZeroU32) -> T {
        let mean = (sum.unsigned_abs().wrapping_add(count.get() / 2) / count).cast_signed();
        self.0.store(if sum > 0 { mean } else { mean.wrapping_neg() })
    }
}

/// Returns the average within bounds.
#[inline(always)]
const fn average<T>(min: i32, max: i32) -> MeanStored<T> {
    MeanStored(Within { min, max }, PhantomData)
}

/// Average of int8 by way of float32, as onnxruntime: `rne(sum of (q - z) * s / n / s') + z'`.
#[derive(Clone, Copy)]
struct MeanReal<'a>(&'a AverageReal);

impl Fold for MeanReal<'_> {
    type Input = i8;
    type Output = i8;
    type Sum = f32;
    type Scale = f32;

    #[inline(always)]
    fn start(&self) -> f32 {
        0.0
    }

    #[inline(always)]
    fn step(&self, sum: f32, value: i8) -> f32 {
        sum + i32::from(value).wrapping_sub(self.0.input_zero_point) as f32 * self.0.input_scale
    }

    #[inline(always)]
    fn begin_line(&self, sum: f32) -> f32 {
        if self.0.by_columns { 0.0 } else { sum }
    }

    #[inline(always)]
    fn end_line(&self, sum: f32, line: f32) -> f32 {
        if self.0.by_columns { sum + line } else { line }
    }

    #[inline(always)]
    fn scale(&self, count: usize) -> f32 {
        count.max(1) as f32
    }

    #[inline(always)]
    fn finish(&self, sum: f32, count: f32) -> i8 {
        // The bounds are integers and lie within +-512 of zero, so clamping before rounding changes nothing.
        let real = clamp(sum / count / self.0.output_scale, -1024.0, 1024.0);
        self.0.bounds.store(round_ties_even(real))
    }
}

/// Defines a kernel: the fields of all, those of its own, and its fold.
macro_rules! kernel {
    (
        $(#[$doc:meta])* $name:ident, $input:ty $([$($place:tt)+])?, |$self:ident| counted $counted:expr, by_columns $by:expr, fold $fold:expr;
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input image.
            pub input: Image,
            /// Output image.
            pub output: Image,
            /// Window over the input.
            pub window: Window,
            $($(#[$field_doc])* pub $field: $type,)*
            /// How tiles are cut.
            pub axis: Axis,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and shapes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$input>(arena_bytes);
                self.output.check_output::<$input>(arena_bytes);
                self.window.check(&self.output, 1);
                assert!(self.input.channels == self.output.channels, "channels of input and output differ");
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::WindowOfChannels;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                work(self.axis, &self.output, 4)
            }

            /// Computes one tile.
            ///
            /// # Safety
            /// As for `run`.
            #[inline(always)]
            unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
                let $self = self;
                let Self { input, output, window, axis, .. } = self;
                let shape = Shape { input, output, window, axis: *axis, counted: $counted, by_columns: $by };
                // SAFETY: forwarded to the caller.
                unsafe { shape.compute(memory, tile, $fold) }
            }
        }
        instantiate!($($($place)+)? $name);
    };
}

kernel! {
    /// Maximum of int8, where input and output are quantised alike.
    MaxInt8, i8, |this| counted [0; 4], by_columns false, fold MaximumInt8(Within { min: this.min, max: this.max });
    /// Least stored value.
    min: i32,
    /// Greatest stored value.
    max: i32,
}

kernel! {
    /// Maximum of int16, where input and output are quantised alike.
    MaxInt16, i16 [without dsp:], |this| counted [0; 4], by_columns false, fold MaximumInt16(Within { min: this.min, max: this.max });
    /// Least stored value.
    min: i32,
    /// Greatest stored value.
    max: i32,
}

#[cfg(feature = "float")]
kernel! {
    /// Maximum of float32.
    MaxF32, f32, |this| counted [0; 4], by_columns false, fold MaximumF32(Within { min: this.min, max: this.max });
    /// Lower bound of the fused activation.
    min: f32,
    /// Upper bound of the fused activation.
    max: f32,
}

kernel! {
    /// Average of int8 as TFLite computes it, where input and output are quantised alike.
    AverageInt8, i8, |this| counted this.counted, by_columns false, fold average::<i8>(this.min, this.max);
    /// Padding that counts.
    counted: Counted,
    /// Least stored value.
    min: i32,
    /// Greatest stored value.
    max: i32,
}

kernel! {
    /// Average of int16 as TFLite computes it, where input and output are quantised alike.
    AverageInt16, i16 [without dsp:], |this| counted this.counted, by_columns false, fold average::<i16>(this.min, this.max);
    /// Padding that counts.
    counted: Counted,
    /// Least stored value.
    min: i32,
    /// Greatest stored value.
    max: i32,
}

kernel! {
    /// Average of int8 as onnxruntime computes it, in float32.
    AverageReal, i8 [where called:], |this| counted this.counted, by_columns this.by_columns, fold MeanReal(this);
    /// Padding that counts.
    counted: Counted,
    /// Whether each column is summed first, and then the columns: the order decides about halves.
    by_columns: bool,
    /// Zero point of the input.
    input_zero_point: i32,
    /// Scale of the input.
    input_scale: f32,
    /// Scale of the output.
    output_scale: f32,
    /// Zero point and bounds of the output.
    bounds: Bounds,
}

#[cfg(feature = "float")]
kernel! {
    /// Average of float32.
    AverageF32, f32, |this| counted this.counted, by_columns false, fold MeanF32(Within { min: this.min, max: this.max });
    /// Padding that counts.
    counted: Counted,
    /// Lower bound of the fused activation.
    min: f32,
    /// Upper bound of the fused activation.
    max: f32,
}
