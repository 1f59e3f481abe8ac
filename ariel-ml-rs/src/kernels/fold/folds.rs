//! What pools and reductions make of many elements: their sum, mean, maximum, minimum or product.

use crate::memory::Element;

/// Stored integers that are folded: int8 or int16.
pub trait Stored: Element + Into<i32> {
    /// Takes what is within the bounds of the type.
    fn narrowed(value: i32) -> Self;
}

macro_rules! narrowed {
    ($($element:ty),+) => { $(
        impl Stored for $element {
            #[inline]
            fn narrowed(value: i32) -> $element {
                value as $element
            }
        }
    )+ };
}
narrowed!(i8, i16);

/// Folds elements into one.
pub(crate) trait Fold: Copy {
    /// What is read.
    type Input: Element;
    /// What is written.
    type Output: Element;
    /// What is kept in between.
    type Sum: Copy;
    /// What depends on the number of elements only.
    type Scale: Copy;

    /// Nothing yet.
    fn start(&self) -> Self::Sum;

    /// Takes one more element.
    fn step(&self, sum: Self::Sum, value: Self::Input) -> Self::Sum;

    /// What a line of elements starts from, when `sum` was made of the lines before.
    #[inline(always)]
    fn begin_line(&self, sum: Self::Sum) -> Self::Sum {
        sum
    }

    /// What the lines before and this one make together.
    #[inline(always)]
    fn end_line(&self, _sum: Self::Sum, line: Self::Sum) -> Self::Sum {
        line
    }

    /// What `finish` needs for `count` elements.
    fn scale(&self, count: usize) -> Self::Scale;

    /// The result.
    fn finish(&self, sum: Self::Sum, scale: Self::Scale) -> Self::Output;
}

/// The bounds of a fused activation.
#[derive(Clone, Copy)]
pub(crate) struct Within<T> {
    /// Lower bound.
    pub min: T,
    /// Upper bound.
    pub max: T,
}

impl Within<i32> {
    /// Clamps to the bounds of an output of integers.
    #[inline]
    pub fn store<T: Stored>(self, value: i32) -> T {
        T::narrowed(value.max(self.min).min(self.max))
    }
}

/// Defines a fold that keeps the element which `$better` than the one kept.
macro_rules! select {
    ($(#[$doc:meta])* $name:ident, $element:ty, $bound:ty, |$within:ident| $start:expr, $better:tt, $store:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name(pub Within<$bound>);

        impl Fold for $name {
            type Input = $element;
            type Output = $element;
            type Sum = $bound;
            type Scale = ();

            #[inline(always)]
            fn start(&self) -> $bound {
                let $within = &self.0;
                $start
            }

            #[inline(always)]
            fn step(&self, sum: $bound, value: $element) -> $bound {
                let value = <$bound>::from(value);
                if value $better sum { value } else { sum }
            }

            #[inline(always)]
            fn scale(&self, _: usize) {}

            #[inline(always)]
            fn finish(&self, sum: $bound, (): ()) -> $element {
                let store: fn(Within<$bound>, $bound) -> $element = $store;
                store(self.0, sum)
            }
        }
    };
}

pub(super) use select;

/// Defines a fold of float32 by an arithmetic operator.
macro_rules! arithmetic {
    ($(#[$doc:meta])* $name:ident, $start:expr, $op:tt, $scale:ty, $count:expr, $finish:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name(pub Within<f32>);

        impl Fold for $name {
            type Input = f32;
            type Output = f32;
            type Sum = f32;
            type Scale = $scale;

            #[inline(always)]
            fn start(&self) -> f32 {
                $start
            }

            #[inline(always)]
            fn step(&self, sum: f32, value: f32) -> f32 {
                sum $op value
            }

            #[inline(always)]
            fn scale(&self, count: usize) -> $scale {
                let scale: fn(usize) -> $scale = $count;
                scale(count)
            }

            #[inline(always)]
            fn finish(&self, sum: f32, scale: $scale) -> f32 {
                let finish: fn(f32, $scale) -> f32 = $finish;
                clamp(finish(sum, scale), self.0.min, self.0.max)
            }
        }
    };
}
pub(super) use arithmetic;
