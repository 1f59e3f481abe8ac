//! Reductions of plain numbers of any type but float32: which one is a field, so that each type is one kernel.

use super::Walk;
use super::folds::Fold;
use crate::kernels::map2::Plain;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

/// What becomes of many numbers; integers wrap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their sum divided by their count, of integers rounded towards zero.
    Mean,
    /// Their product.
    Prod,
    /// The greatest; what is not a number is passed over.
    Max,
    /// The least; what is not a number is passed over.
    Min,
}

/// How they fold: a pointer, so that one loop serves all.
#[derive(Clone, Copy)]
struct Folding<T> {
    start: T,
    step: fn(T, T) -> T,
    divides: bool,
}

impl<T: Plain> Folding<T> {
    fn of(reduction: Reduction) -> Self {
        let (start, step): (T, fn(T, T) -> T) = match reduction {
            Reduction::Sum | Reduction::Mean => (T::ZERO, T::add),
            Reduction::Prod => (T::ONE, T::mul),
            Reduction::Max => (T::LEAST, |a, b| if b > a { b } else { a }),
            Reduction::Min => (T::GREATEST, |a, b| if b < a { b } else { a }),
        };
        Self { start, step, divides: matches!(reduction, Reduction::Mean) }
    }
}

impl<T: Plain> Fold for Folding<T> {
    type Input = T;
    type Output = T;
    type Sum = T;
    type Scale = T;

    #[inline(always)]
    fn start(&self) -> T {
        self.start
    }

    #[inline(always)]
    fn step(&self, sum: T, value: T) -> T {
        (self.step)(sum, value)
    }

    #[inline(always)]
    fn scale(&self, count: usize) -> T {
        T::of(count)
    }

    #[inline(always)]
    fn finish(&self, sum: T, count: T) -> T {
        if self.divides { sum.div(count) } else { sum }
    }
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        folding! {
            $(#[$doc])* $name: $element {
                /// What becomes of the numbers.
                reduction: Reduction
            }
            |this| Folding::<$element>::of(this.reduction)
        }
    )+ };
}

kernels! {
    /// Reductions of int8 without a scale.
    PlainI8: i8;
    /// Reductions of uint8 without a scale, and of booleans.
    PlainU8: u8;
    /// Reductions of int16 without a scale.
    PlainI16: i16;
    /// Reductions of uint16.
    PlainU16: u16;
    /// Reductions of int32.
    PlainI32: i32;
    /// Reductions of uint32.
    PlainU32: u32;
    /// Reductions of int64.
    PlainI64: i64;
    /// Reductions of uint64.
    PlainU64: u64;
    /// Reductions of float64.
    PlainF64: f64;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold<T: Plain>(reduction: Reduction, numbers: &[T]) -> T {
        let fold = Folding::<T>::of(reduction);
        let sum = numbers.iter().fold(fold.start(), |sum, &value| fold.step(sum, value));
        fold.finish(sum, fold.scale(numbers.len()))
    }

    #[test]
    fn numbers_fold() {
        let numbers = [5_i32, -9, 3, -10];
        let all = [Reduction::Sum, Reduction::Mean, Reduction::Prod, Reduction::Max, Reduction::Min];
        assert_eq!(all.map(|reduction| fold(reduction, &numbers)), [-11, -2, 1350, 5, -10]);
        assert_eq!(fold(Reduction::Sum, &[200_u8, 100]), 44);
        assert_eq!(fold::<u64>(Reduction::Min, &[]), u64::MAX);
        let odd = [f64::NAN, 2.5, -1.0];
        assert!(fold(Reduction::Max, &odd).total_cmp(&2.5).is_eq() && fold(Reduction::Sum, &odd).is_nan());
        assert!(fold(Reduction::Mean, &odd[1..]).total_cmp(&0.75).is_eq());
    }
}
