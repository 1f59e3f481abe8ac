//! Products of stored integers, bit for bit as TFLite's reference kernel computes them: scaled after each factor.

use super::Walk;
use super::folds::{Fold, Stored};
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier};
use crate::tile::Tile;
use core::marker::PhantomData;

/// The fold: nothing yet, or the product so far, which each further number and the end scale.
struct Scaled<T> {
    zero_point: i32,
    factor: Multiplier,
    bounds: Bounds,
    element: PhantomData<T>,
}

impl<T> Clone for Scaled<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Scaled<T> {}

impl<T> Scaled<T> {
    /// `value * factor` with a mantissa of 16 bits, halves up; what does not fit 32 bits wraps.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "TFLite too keeps the low 32 bits")]
    fn scaled(&self, value: i64) -> i32 {
        let by = 15_i32.wrapping_sub(self.factor.shift).cast_unsigned();
        let half = 1_i64.wrapping_shl(by.wrapping_sub(1));
        value.wrapping_mul(i64::from(self.factor.multiplier)).wrapping_add(half).wrapping_shr(by) as i32
    }
}

impl<T: Stored> Fold for Scaled<T> {
    type Input = T;
    type Output = T;
    type Sum = Option<i32>;
    type Scale = ();

    #[inline(always)]
    fn start(&self) -> Option<i32> {
        None
    }

    #[inline(always)]
    fn step(&self, product: Option<i32>, value: T) -> Option<i32> {
        let value: i32 = value.into();
        let value = value.wrapping_sub(self.zero_point);
        Some(product.map_or(value, |product| self.scaled(i64::from(product).wrapping_mul(i64::from(value)))))
    }

    #[inline(always)]
    fn scale(&self, _: usize) {}

    #[inline(always)]
    fn finish(&self, product: Option<i32>, (): ()) -> T {
        let stored = self.scaled(i64::from(product.unwrap_or(0))).wrapping_add(self.bounds.zero_point);
        T::narrowed(stored.max(self.bounds.min).min(self.bounds.max))
    }
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        folding! {
            $(#[$doc])* $name: $element {
                /// Zero point of the input.
                zero_point: i32,
                /// What each factor but the first, and the end, multiply by: mantissa in Q0.15, and shift.
                factor: Multiplier,
                /// Zero point and bounds of the output.
                bounds: Bounds
            }
            |this| {
                let Self { zero_point, factor, bounds, .. } = *this;
                Scaled::<$element> { zero_point, factor, bounds, element: PhantomData }
            }
        }
    )+ };
}

kernels! {
    /// Product of int8 with a scale.
    ProdInt8: i8;
    /// Product of int16 with a scale.
    ProdInt16: i16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_scaled_after_each_factor() {
        let bounds = Bounds { zero_point: 3, min: -128, max: 127 };
        // A factor of 1/2: the mantissa 2^14 in Q0.15 without a shift.
        let factor = Multiplier { multiplier: 1 << 14, shift: 0 };
        let fold = Scaled::<i8> { zero_point: 1, factor, bounds, element: PhantomData };
        let product = |numbers: &[i8]| {
            let made = numbers.iter().fold(fold.start(), |made, &number| fold.step(made, number));
            fold.finish(made, ())
        };
        // 6 / 2; 6 * 7 / 2 = 21, 21 / 2 rounded up is 11; nine factors wrap, to 937,626,786 in the end.
        assert_eq!([product(&[7]), product(&[7, 8]), product(&[-128; 9])], [6, 14, 127]);
    }
}
