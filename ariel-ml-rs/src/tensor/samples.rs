//! What tensors are filled with.

use super::{Encoding, Fold, Number};
use crate::Error;

/// A number that a tensor can be filled with: real (`f32`), a sample of sound (`i16`), a pixel (`u8`), or a reference to one.
pub trait Sample: Copy {
    /// How many steps stand for 1: 32768 of `i16`, 255 of `u8`.
    const STEPS: u16;

    /// Samples go up to 2 to the power of this.
    #[doc(hidden)]
    const BITS: u32;

    /// Stores it in an element; `fold` is made of `unit` and the scale.
    #[doc(hidden)]
    fn store<T: Number>(self, unit: Unit, fold: &Fold, encoding: Encoding) -> T;
}

impl Sample for f32 {
    const STEPS: u16 = 1;
    const BITS: u32 = 0;

    #[inline]
    fn store<T: Number>(self, unit: Unit, _: &Fold, encoding: Encoding) -> T {
        T::of_real(unit.of(self), encoding)
    }
}

impl Sample for i16 {
    const STEPS: u16 = 32768;
    const BITS: u32 = 15;

    #[inline]
    fn store<T: Number>(self, unit: Unit, fold: &Fold, encoding: Encoding) -> T {
        T::of_steps(i32::from(self), unit, fold, encoding)
    }
}

impl Sample for u8 {
    const STEPS: u16 = 255;
    const BITS: u32 = 8;

    #[inline]
    fn store<T: Number>(self, unit: Unit, fold: &Fold, encoding: Encoding) -> T {
        T::of_steps(i32::from(self), unit, fold, encoding)
    }
}

impl<S: Sample> Sample for &S {
    const STEPS: u16 = S::STEPS;
    const BITS: u32 = S::BITS;

    #[inline]
    fn store<T: Number>(self, unit: Unit, fold: &Fold, encoding: Encoding) -> T {
        (*self).store(unit, fold, encoding)
    }
}

/// What a step of a sample stands for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// So much.
    Times(f32),
    /// One divided by so much: a float32 is rounded once then, as programs divide that train networks.
    Over(u16),
}

impl Unit {
    /// The real number that so many steps stand for.
    #[inline]
    pub(super) fn of(self, steps: f32) -> f32 {
        match self {
            Self::Times(unit) => steps * unit,
            Self::Over(steps_of_1) => steps / f32::from(steps_of_1),
        }
    }

    /// The whole number closest to what so many steps stand for.
    #[inline]
    pub(super) fn rounded(self, steps: i32) -> i64 {
        let steps = f64::from(steps);
        let real = match self {
            Self::Times(unit) => steps * f64::from(unit),
            Self::Over(steps_of_1) => steps / f64::from(steps_of_1),
        };
        // As `nearest` of `number.rs` does.
        (real + (0.5 - 0.25 * f64::EPSILON).copysign(real)) as i64
    }

    /// Integers that do for samples of type `S` what this and a scale ask.
    #[inline]
    #[must_use]
    pub const fn fold<S: Sample>(self, scale: f32) -> Fold {
        match self {
            Self::Times(unit) => Fold::new(unit, 1, scale, S::BITS),
            Self::Over(steps_of_1) => Fold::new(1.0, steps_of_1, scale, S::BITS),
        }
    }
}

/// `LEN` samples: an array, whose length the compiler knows, or a slice, whose length is looked at.
#[diagnostic::on_unimplemented(
    message = "the tensor takes {LEN} numbers of type `{S}`, and `{Self}` is something else",
    label = "not `[{S}; {LEN}]`",
    note = "an array has as many as the tensor; a slice of any length, such as `buffer.as_slice()` or `&samples[..]`, gives a `Result`"
)]
pub trait Samples<S: Copy, const LEN: usize> {
    /// What comes of making a `T` from the samples.
    type Made<T>;

    /// Makes something of them; `make` gets `LEN`.
    fn make<T>(&self, make: impl FnOnce(&[S]) -> T) -> Self::Made<T>;
}

impl<S: Copy, const LEN: usize> Samples<S, LEN> for [S; LEN] {
    type Made<T> = T;

    #[inline]
    fn make<T>(&self, make: impl FnOnce(&[S]) -> T) -> T {
        make(self)
    }
}

impl<S: Copy, const LEN: usize> Samples<S, LEN> for [S] {
    /// [`Error::WrongLength`] where the slice has another length.
    type Made<T> = Result<T, Error>;

    #[inline]
    fn make<T>(&self, make: impl FnOnce(&[S]) -> T) -> Result<T, Error> {
        if self.len() == LEN { Ok(make(self)) } else { Err(Error::WrongLength) }
    }
}
