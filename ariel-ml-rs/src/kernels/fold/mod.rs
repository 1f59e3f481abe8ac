//! Reductions: `output[kept] = mean, sum, maximum, minimum or product of input over the reduced axes`.
//!
//! Neighbouring axes of a kind are merged, which leaves at most three groups that are kept and three that are reduced.
//! Tiles are ranges of output elements. The reductions are rows of `ariel_build/ops/fold_rows.py`; what they share is here.

pub(in crate::kernels) mod folds;

use self::folds::{Fold, Stored};
use super::access::Access;
use super::divide::divide;
use super::quantized;
use super::sizes::sizes;
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Requantize};
use crate::tile::Tile;

/// The elements of a reduction: extents and strides, in elements, the last group fastest.
#[derive(Clone, Copy)]
pub struct Walk {
    /// Extents of the groups that are kept; their product counts the output's elements.
    pub kept: [u32; 3],
    /// Their strides in the input.
    pub kept_strides: [u32; 3],
    /// Extents of the groups that are reduced.
    pub reduced: [u32; 3],
    /// Their strides in the input.
    pub reduced_strides: [u32; 3],
}

impl Walk {
    /// Checks that the walk stays inside the input and fills the output.
    #[inline]
    const fn check<T: Element>(&self, arena_bytes: usize, input: Region, output: Region) {
        let (mut last, mut outputs, mut inputs, mut group) = (0, 1, 1, 0);
        while group < 3 {
            assert!(self.kept[group] > 0 && self.reduced[group] > 0, "group without elements");
            let kept = (self.kept[group] as usize - 1).saturating_mul(self.kept_strides[group] as usize);
            let reduced = (self.reduced[group] as usize - 1).saturating_mul(self.reduced_strides[group] as usize);
            last = kept.saturating_add(reduced).saturating_add(last);
            outputs = (self.kept[group] as usize).saturating_mul(outputs);
            inputs = (self.reduced[group] as usize).saturating_mul(inputs);
            group += 1;
        }
        assert!(inputs <= input.bytes as usize / size_of::<T>(), "walk that reads elements twice");
        input.check::<T>(arena_bytes, last.saturating_add(1));
        output.check::<T>(arena_bytes, outputs);
    }

    /// The tiles: ranges of elements of the output.
    #[inline]
    const fn work(&self) -> Work {
        let [a, b, c] = self.kept;
        Work::of((a as usize).saturating_mul(b as usize).saturating_mul(c as usize))
    }

    /// Computes one tile.
    ///
    /// # Safety
    /// `input` and `output` are the regions that passed `check`; otherwise as for the kernel's `run`.
    #[inline(always)]
    unsafe fn compute<F: Fold>(&self, memory: Memory<'_>, (input, output): (Region, Region), tile: Tile, fold: F) {
        // SAFETY: `check` proved both regions.
        let (input, output) = unsafe { (memory.at::<F::Input>(input).cast_const(), memory.at::<F::Output>(output)) };
        let [_, count_1, count_2] = self.kept;
        let [stride_0, stride_1, stride_2] = sizes(self.kept_strides);
        let scale =
            fold.scale(self.reduced.iter().fold(1, |count: usize, &extent| count.wrapping_mul(extent as usize)));
        let (rest, mut index_2) = divide(tile.start(), count_2);
        let (mut index_0, mut index_1) = divide(rest, count_1);
        for element in tile.start()..tile.end() {
            let place = index_0 * stride_0 + index_1 * stride_1 + index_2 * stride_2;
            // SAFETY: the element is one of the tile's, and the walk stays inside the input (`check`).
            unsafe { output.add(element).write(fold.finish(self.reduce(input.add(place), fold), scale)) };
            index_2 += 1;
            if index_2 >= count_2 as usize {
                index_2 = 0;
                index_1 += 1;
                if index_1 >= count_1 as usize {
                    index_1 = 0;
                    index_0 += 1;
                }
            }
        }
    }

    /// Folds the reduced groups from `input` on.
    ///
    /// # Safety
    /// The walk stays inside the input.
    #[inline(always)]
    unsafe fn reduce<F: Fold>(&self, input: *const F::Input, fold: F) -> F::Sum {
        let [stride_0, stride_1, stride_2] = sizes(self.reduced_strides);
        let mut sum = fold.start();
        let mut from_0 = input;
        for _ in 0..self.reduced[0] {
            let mut from_1 = from_0;
            for _ in 0..self.reduced[1] {
                let mut from_2 = from_1;
                for _ in 0..self.reduced[2] {
                    // SAFETY: in bounds, as the caller promises.
                    sum = fold.step(sum, unsafe { *from_2 });
                    from_2 = from_2.wrapping_add(stride_2);
                }
                from_1 = from_1.wrapping_add(stride_1);
            }
            from_0 = from_0.wrapping_add(stride_0);
        }
        sum
    }
}

/// Mean or sum of int8 or int16: `requantise(sum + offset)`; the count of a mean is part of the multiplier.
#[derive(Clone, Copy)]
pub struct SumStored<R: Requantize> {
    /// Input.
    pub input: Region,
    /// Output.
    pub output: Region,
    /// What is kept and what reduced.
    pub walk: Walk,
    /// The one multiplier.
    pub requantize: R,
    /// Zero point of the input times the elements of a sum, negated.
    pub offset: i32,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
}

/// The sum behind [`SumStored`].
#[derive(Clone, Copy)]
struct Total<'a, R: Requantize>(&'a SumStored<R>);

impl<R: Requantize<Element: Stored, Sum = i32>> Fold for Total<'_, R> {
    type Input = R::Element;
    type Output = R::Element;
    type Sum = i32;
    type Scale = ();

    #[inline(always)]
    fn start(&self) -> i32 {
        self.0.offset
    }

    #[inline(always)]
    fn step(&self, sum: i32, value: R::Element) -> i32 {
        sum.wrapping_add(value.into())
    }

    #[inline(always)]
    fn scale(&self, _: usize) {}

    #[inline(always)]
    fn finish(&self, sum: i32, (): ()) -> R::Element {
        self.0.requantize.apply(sum, 0, &self.0.bounds)
    }
}

impl<R: Requantize> SumStored<R> {
    /// One multiplier serves all.
    #[expect(clippy::unused_self, reason = "the same question to every kernel")]
    const fn channels(&self) -> usize {
        1
    }

    #[inline]
    const fn check_shapes(&self, arena_bytes: usize) {
        self.walk.check::<R::Element>(arena_bytes, self.input, self.output);
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
        self.walk.work()
    }
}
quantized!(SumStored);
quantized!(SumStored<crate::quant::DoubleRounding16>, without dsp:);

impl<R: Requantize<Element: Stored, Sum = i32>> SumStored<R> {
    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller.
        unsafe { self.walk.compute(memory, (self.input, self.output), tile, Total(self)) }
    }
}

/// Defines the kernel of a fold whose input and output have one type, with fields of its own.
macro_rules! folding {
    (
        $(#[$doc:meta])* $name:ident: $element:ty { $($(#[$field_doc:meta])* $field:ident: $type:ty),* }
        |$this:ident| $fold:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output.
            pub output: Region,
            /// What is kept and what reduced.
            pub walk: Walk,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and shapes do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.walk.check::<$element>(arena_bytes, self.input, self.output);
            }

            /// What tiles read.
            pub const ACCESS: $crate::kernels::access::Access = $crate::kernels::access::Access::Whole;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                self.walk.work()
            }

            /// Computes one tile of the output.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its input is complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let $this = self;
                let fold = $fold;
                // SAFETY: forwarded to the caller.
                unsafe { self.walk.compute(memory, (self.input, self.output), tile, fold) }
            }
        }
    };
}

/// Defines the kernel of a row: its fold is clamped, to numbers that may be a field.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $element:ty, |$this:ident| $min:expr, $max:expr; $($(#[$field_doc:meta])* $field:ident)?) => {
        folding! {
            $(#[$doc])* $name: $element { $($(#[$field_doc])* $field: $element)? }
            |$this| steps::$name(Within { min: $min, max: $max })
        }
    };
}

#[cfg(feature = "elementwise")]
mod plain;
mod product;
mod rows;

#[cfg(feature = "elementwise")]
pub use plain::*;
pub use product::*;
pub use rows::*;
