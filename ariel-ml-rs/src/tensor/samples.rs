//! What tensors are filled with.

use super::{Encoding, Fold, Number};
use crate::Error;

/// A number that a tensor can be filled with: real (`f32`), a sample of sound (`i16`), a pixel (`u8`), or a reference to one.
pub trait Sample: Copy {
    /// The real number that one step stands for: 1 / 32768 of `i16`, 1 / 255 of `u8`.
    const UNIT: f32;

    /// Stores it in an element; `fold` is made of `unit` and the scale.
    #[doc(hidden)]
    fn store<T: Number>(self, unit: f32, fold: &Fold, encoding: Encoding) -> T;
}

impl Sample for f32 {
    const UNIT: f32 = 1.0;

    #[inline]
    fn store<T: Number>(self, unit: f32, _: &Fold, encoding: Encoding) -> T {
        T::store(self * unit, encoding)
    }
}

impl Sample for i16 {
    const UNIT: f32 = 1.0 / 32768.0;

    #[inline]
    fn store<T: Number>(self, unit: f32, fold: &Fold, encoding: Encoding) -> T {
        T::store_steps(i32::from(self), unit, fold, encoding)
    }
}

impl Sample for u8 {
    const UNIT: f32 = 1.0 / 255.0;

    #[inline]
    fn store<T: Number>(self, unit: f32, fold: &Fold, encoding: Encoding) -> T {
        T::store_steps(i32::from(self), unit, fold, encoding)
    }
}

impl<S: Sample> Sample for &S {
    const UNIT: f32 = S::UNIT;

    #[inline]
    fn store<T: Number>(self, unit: f32, fold: &Fold, encoding: Encoding) -> T {
        (*self).store(unit, fold, encoding)
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
