//! The numbers that a tensor holds, and what they stand for.

use super::{Fold, Sample, Unit};
use crate::half::{Bf16, F16};
use crate::memory::Element;
use core::convert::identity;

/// How the elements of a tensor stand for real numbers: `real = scale * (stored - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoding {
    /// Real value of one step.
    pub scale: f32,
    /// Stored number that means 0.
    pub zero_point: i32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    Quantized,
    Logical,
}

impl Encoding {
    /// Each element stands for itself.
    pub const PLAIN: Self = Self { scale: 1.0, zero_point: 0, kind: Kind::Plain };

    /// Truth values: 0 or 1; any number but 0 is true.
    pub const LOGICAL: Self = Self { scale: 1.0, zero_point: 0, kind: Kind::Logical };

    /// Integers that stand for `scale * (stored - zero_point)`.
    #[must_use]
    pub const fn quantized(scale: f32, zero_point: i32) -> Self {
        Self { scale, zero_point, kind: Kind::Quantized }
    }

    /// What one step of a sample stands for in a tensor of these elements, unless the caller says so: nothing but itself where the
    /// elements are plain integers.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub const fn unit_in<T: Number, S: Sample>(self) -> Unit {
        match self.kind {
            Kind::Quantized => Unit::Over(S::STEPS),
            Kind::Plain if T::IS_REAL => Unit::Over(S::STEPS),
            Kind::Plain | Kind::Logical => Unit::Times(1.0),
        }
    }

    /// Whether any number but 0 is stored as 1.
    #[inline]
    const fn is_logical(self) -> bool {
        matches!(self.kind, Kind::Logical)
    }
}

/// An element that stands for a real number.
pub trait Number: Element + PartialOrd {
    /// Whether it is a floating-point number.
    const IS_REAL: bool;

    /// What all bits being 0 stands for.
    const ZERO: Self;

    /// What stands for a real number: `clamp(round(real / scale) + zero_point)`, halves away from zero.
    fn of_real(real: f32, encoding: Encoding) -> Self;

    /// What stands for `steps * unit`, with `fold` made of `unit` and the scale; `|steps| <= 2^15`.
    fn of_steps(steps: i32, unit: Unit, fold: &Fold, encoding: Encoding) -> Self;

    /// The real number that it stands for: `scale * (stored - zero_point)`.
    fn real(self, encoding: Encoding) -> f32;
}

macro_rules! reals {
    ($($t:ty: $zero:expr, $of:expr, $real:expr;)*) => { $(
        impl Number for $t {
            const IS_REAL: bool = true;
            const ZERO: Self = $zero;

            #[inline]
            fn of_real(real: f32, _: Encoding) -> Self {
                $of(real)
            }

            #[inline]
            fn of_steps(steps: i32, unit: Unit, _: &Fold, _: Encoding) -> Self {
                $of(unit.of(steps as f32))
            }

            #[inline]
            fn real(self, _: Encoding) -> f32 {
                $real(self)
            }
        }
    )* };
}
reals! {
    f32: 0.0, identity, identity;
    // Samples are float32: they fit, and what comes out is rounded to one.
    f64: 0.0, f64::from, |wide| wide as f32;
    F16: F16(0), F16::from_f32, F16::to_f32;
    Bf16: Bf16(0), Bf16::from_f32, Bf16::to_f32;
}

/// A whole number for conversion to an integer, which cuts off what is behind the point: the nearest, of halves that away from zero.
fn nearest(real: f32) -> f32 {
    real + (0.5 - 0.25 * f32::EPSILON).copysign(real)
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Number for $t {
            const IS_REAL: bool = false;
            const ZERO: Self = 0;

            #[inline]
            fn of_real(real: f32, encoding: Encoding) -> Self {
                if encoding.is_logical() {
                    return Self::from(real != 0.0);
                }
                // Conversion saturates, and makes 0 of what is not a number.
                narrow(i64::from(encoding.zero_point).saturating_add(nearest(real / encoding.scale) as i64))
            }

            #[inline]
            fn of_steps(steps: i32, unit: Unit, fold: &Fold, encoding: Encoding) -> Self {
                if encoding.is_logical() {
                    return Self::from(steps != 0);
                }
                // A fold saturates beyond 16 bits; wider integers have no scale, and their product is exact in f64.
                let rounded = if size_of::<Self>() <= 2 {
                    i64::from(fold.apply(steps))
                } else {
                    unit.rounded(steps)
                };
                narrow(rounded.saturating_add(i64::from(encoding.zero_point)))
            }

            #[inline]
            #[expect(clippy::allow_attributes, reason = "of some types only")]
            #[allow(clippy::cast_lossless, reason = "each type of integer becomes i64")]
            fn real(self, encoding: Encoding) -> f32 {
                (self as i64 - i64::from(encoding.zero_point)) as f32 * encoding.scale
            }
        }

        impl Narrow for $t {
            #[inline]
            fn narrow(wide: i64) -> Self {
                const LEAST: i64 = <$t>::MIN as i64;
                const MOST: i64 = <$t>::MAX as i64;
                wide.max(LEAST).min(MOST) as Self
            }
        }
    )* };
}
integers!(i8, u8, i16, u16, i32, u32, i64);

/// Has no scale, and is not one of what i64 can hold.
impl Number for u64 {
    const IS_REAL: bool = false;
    const ZERO: Self = 0;

    #[inline]
    fn of_real(real: f32, _: Encoding) -> Self {
        nearest(real) as Self
    }

    #[inline]
    fn of_steps(steps: i32, unit: Unit, _: &Fold, _: Encoding) -> Self {
        unit.rounded(steps).max(0).cast_unsigned()
    }

    #[inline]
    fn real(self, _: Encoding) -> f32 {
        self as f32
    }
}

/// An integer of at most 64 bits.
trait Narrow {
    /// The closest number of the type.
    fn narrow(wide: i64) -> Self;
}

#[inline]
fn narrow<T: Narrow>(wide: i64) -> T {
    T::narrow(wide)
}
