//! Inputs and outputs of a model: plain data in the model's own layout and type, and what programs do with them.
//!
//! Every tensor of a generated module, integers or floats, has the same methods; what is not called takes no room:
//!
//! | method | does |
//! |---|---|
//! | `from_f32(&[f32; LEN])` | stores real numbers: `clamp(round(real / SCALE) + ZERO_POINT)`, halves away from zero |
//! | `from_i16(&[i16; LEN])` | takes samples of sound: each stands for `sample / 32768`, so from -1 to 1 |
//! | `from_u8(&[u8; LEN])` | takes pixels: each stands for `pixel / 255`, so from 0 to 1 |
//! | `from_scaled(&samples, unit)` | takes any of them, each standing for `sample * unit` |
//! | `fill_from(iterator)`, `fill_scaled(iterator, unit)` | do the same in place, sample by sample |
//! | `to_f32()`, `reals()` | give the real numbers, `SCALE * (stored - ZERO_POINT)`, as an array or one by one |
//! | `argmax()`, `top()` | give the place of the greatest element, and with it what it means |
//!
//! An array of another length does not compile; a slice gives a `Result`, which is [`Error::WrongLength`] where it does not fit.
//! Samples of integers become stored integers by integer arithmetic alone, exactly as the formula says, on cores without a
//! floating-point unit as well (`from_f32` rounds the quotient `real / SCALE` to float32 first, which can make a half of what is
//! none); a tensor of plain integers, without a scale, takes them as they are. Where the stored integers
//! are float32, `sample / 32768`, `pixel / 255` and `sample * unit` are rounded once.
//!
//! ```
//! // What a generated module holds; its user writes `keywords::Input`.
//! ariel_ml_rs::tensor! {
//!     /// Sound.
//!     pub struct Input([i8; 4]);
//!     shape [1, 4];
//!     scale 0.0078125; zero_point 0;
//! }
//!
//! let input = Input::from_f32(&[0.5, -0.25, 0.0, 2.0]);
//! assert_eq!(input.0, [64, -32, 0, 127]);
//! assert_eq!(input.to_f32(), [0.5, -0.25, 0.0, 0.9921875]);
//! assert_eq!(Input::from_i16(&[0, 256, -32768, 32767]).0, [0, 1, -128, 127]);
//!
//! // A slice may have any length.
//! let heard: &[i16] = &[1, 2, 3];
//! assert_eq!(Input::from_i16(heard), Err(ariel_ml_rs::Error::WrongLength));
//!
//! // In place, as the samples come: here a 12-bit converter around 2048.
//! let mut input = Input::zeroed();
//! input.fill_from([2048_i16, 4095, 0, 2049].iter().map(|sample| (sample - 2048) * 16))?;
//! assert_eq!(input.0, [0, 127, -128, 0]);
//! assert_eq!(input.top(), (1, 0.9921875));
//! # Ok::<(), ariel_ml_rs::Error>(())
//! ```
//!
//! An array that is too short does not compile:
//!
//! ```compile_fail,E0277
//! # ariel_ml_rs::tensor! {
//! #     /// Sound.
//! #     pub struct Input([i8; 4]);
//! #     shape [1, 4];
//! # }
//! Input::from_f32(&[0.5, -0.25, 0.0]);
//! ```
//!
//! With `labels` in the metadata, the output tells its class:
//!
//! ```
//! # ariel_ml_rs::classes! {
//! #     /// What is said.
//! #     pub enum Class {
//! #         /// `yes`.
//! #         Yes = "yes",
//! #         /// `no way`.
//! #         NoWay = "no way",
//! #     }
//! # }
//! # ariel_ml_rs::tensor! {
//! #     /// Scores.
//! #     pub struct Output([i8; 2]) of Class;
//! #     shape [1, 2];
//! #     scale 0.00390625; zero_point -128;
//! # }
//! # let output = Output([-64, 64]);
//! assert_eq!(output.class(), Class::NoWay);
//! assert_eq!(output.class().label(), "no way");
//! assert_eq!(output.top(), (Class::NoWay, 0.75));
//! assert_eq!(format!("{output:?} is {}", output.class()), "Output([-64, 64]) is no way");
//! ```

mod fold;
mod labels;
mod number;
mod samples;
mod show;
#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is stored is exact")]
mod tests;

use crate::Error;
use crate::memory::Element;

pub use fold::Fold;
pub use labels::Labelled;
pub use number::{Encoding, Number};
#[doc(hidden)]
pub use samples::Unit;
pub use samples::{Sample, Samples};
#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use show::format;
#[doc(hidden)]
pub use show::show;

/// Stores a sample for each element, as `store` does it; [`Error::WrongLength`] where there are fewer samples than elements.
#[doc(hidden)]
#[inline]
pub fn fill<T, S>(
    elements: &mut [T],
    samples: impl IntoIterator<Item = S>,
    store: impl Fn(S) -> T,
) -> Result<(), Error> {
    let mut samples = samples.into_iter();
    for element in elements {
        *element = store(samples.next().ok_or(Error::WrongLength)?);
    }
    Ok(())
}

/// The place of the greatest element, of equals the first; what is not a number is never the greatest.
#[doc(hidden)]
#[inline]
#[must_use]
pub fn argmax<T: PartialOrd + Copy>(elements: &[T]) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (index, &element) in elements.iter().enumerate() {
        // What compares with itself is a number.
        if best.map_or(element.partial_cmp(&element).is_some(), |(_, greatest)| element > greatest) {
            best = Some((index, element));
        }
    }
    best.map_or(0, |(index, _)| index)
}

/// Plain data that lives in an arena: the `Input` and `Output` of a generated model.
///
/// A tensor has one part (the newtype over `[T; N]`), or several where the model has several inputs or outputs (a struct
/// with a named field for each, in the model's order).
///
/// # Safety
/// Implementors are `repr(C)`, aligned to at most 16, and every bit pattern is a value. Where a model has them in its arena and they
/// have padding, `clear_padding` writes it.
pub unsafe trait Tensor: Sized + 'static {
    /// Number of parts.
    const PARTS: usize;

    /// The bytes of part `index`, little-endian elements in the model's order; empty behind the last part.
    fn part(&self, index: usize) -> &[u8];

    /// The bytes of part `index` for writing; empty behind the last part.
    fn part_mut(&mut self, index: usize) -> &mut [u8];

    /// Writes zeros to the padding, which an assignment copies as it is, uninitialised maybe. Nothing to do where there is none.
    fn clear_padding(&mut self) {}
}

/// Writes zeros behind the `DATA` bytes of elements with which `tensor` begins: at most five stores.
#[inline]
#[expect(clippy::cast_ptr_alignment, reason = "a tensor is aligned to 16")]
pub fn clear_behind<T: Tensor, const DATA: usize>(tensor: &mut T) {
    const { assert!(size_of::<T>() == DATA.next_multiple_of(16) && align_of::<T>() == 16, "a tensor is padded to 16") };
    let first = core::ptr::from_mut(tensor).cast::<u8>();
    // SAFETY: these bytes of the tensor are nobody's value: padding of a `repr(C)` struct (trait Tensor). It is aligned to 16, so
    // that words and halfwords are aligned.
    unsafe {
        let (half, word) = (const { DATA.next_multiple_of(2) }, const { DATA.next_multiple_of(4) });
        if DATA < half {
            first.add(DATA).write(0);
        }
        if half < word {
            first.add(half).cast::<u16>().write(0);
        }
        // The optimiser would put all of it together, and call memset for 15 bytes without alignment.
        #[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
        core::arch::asm!("", options(nostack, preserves_flags));
        let mut at = word;
        while at < size_of::<T>() {
            first.add(at).cast::<u32>().write(0);
            at += 4;
        }
    }
}

/// The bytes of a slice of elements.
#[must_use]
pub fn bytes_of<T: Element>(elements: &[T]) -> &[u8] {
    // SAFETY: elements are plain data without padding (trait Element); u8 has no alignment.
    unsafe { core::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

/// The bytes of a slice of elements, for writing: any bytes are valid elements.
#[must_use]
pub fn bytes_of_mut<T: Element>(elements: &mut [T]) -> &mut [u8] {
    // SAFETY: as in `bytes_of`, and any bit pattern is a valid element (trait Element).
    unsafe { core::slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), size_of_val(elements)) }
}

/// Copies a tensor from memory to memory: an assignment would pass by the stack in a build without optimisation.
pub const fn copy<T: Tensor + Copy>(from: &T, to: &mut T) {
    // SAFETY: both are valid for one T, and a unique reference overlaps no other.
    unsafe { core::ptr::copy_nonoverlapping(from, to, 1) };
}

/// Defines an input or output tensor of a generated model.
#[doc(hidden)]
#[macro_export]
macro_rules! tensor {
    (
        $(#[$doc:meta])*
        pub struct $name:ident([$t:ty; $n:literal]) $(of $class:ident)?;
        shape $shape:expr;
        $($encoding:tt)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq)]
        #[repr(C, align(16))]
        pub struct $name(pub [$t; $n]);

        impl $name {
            /// Number of elements.
            pub const LEN: usize = $n;
            /// Shape, the last axis fastest.
            pub const SHAPE: &'static [usize] = &$shape;

            /// All elements zero.
            #[must_use]
            pub const fn zeroed() -> Self {
                Self([<$t as $crate::tensor::Number>::ZERO; $n])
            }

            /// How the elements stand for real numbers.
            pub const ENCODING: $crate::tensor::Encoding = $crate::encoding!($($encoding)*);
            /// Real value of one step of the stored number.
            pub const SCALE: f32 = Self::ENCODING.scale;
            /// Stored number that means 0.
            pub const ZERO_POINT: i32 = Self::ENCODING.zero_point;

            /// Stores real numbers: `clamp(round(real / SCALE) + ZERO_POINT)`, halves away from zero. An array has
            /// [`Self::LEN`] of them; a slice gives a `Result`.
            #[inline]
            #[must_use]
            pub fn from_f32<A: $crate::tensor::Samples<f32, $n> + ?Sized>(reals: &A) -> A::Made<Self> {
                reals.make(|reals| {
                    let mut tensor = Self::zeroed();
                    let _ = tensor.fill_from(reals);
                    tensor
                })
            }

            /// Takes samples of sound: each stands for `sample / 32768`, or in a tensor of plain integers for itself. An array
            /// has [`Self::LEN`] of them; a slice gives a `Result`.
            #[inline]
            #[must_use]
            pub fn from_i16<A: $crate::tensor::Samples<i16, $n> + ?Sized>(samples: &A) -> A::Made<Self> {
                samples.make(|samples| {
                    let mut tensor = Self::zeroed();
                    let _ = tensor.fill_from(samples);
                    tensor
                })
            }

            /// Takes pixels: each stands for `pixel / 255`, or in a tensor of plain integers for itself. An array has
            /// [`Self::LEN`] of them; a slice gives a `Result`.
            #[inline]
            #[must_use]
            pub fn from_u8<A: $crate::tensor::Samples<u8, $n> + ?Sized>(pixels: &A) -> A::Made<Self> {
                pixels.make(|pixels| {
                    let mut tensor = Self::zeroed();
                    let _ = tensor.fill_from(pixels);
                    tensor
                })
            }

            /// Takes samples (`f32`, `i16` or `u8`) that stand for `sample * unit` each. An array has [`Self::LEN`] of
            /// them; a slice gives a `Result`.
            #[inline]
            #[must_use]
            pub fn from_scaled<S, A>(samples: &A, unit: f32) -> A::Made<Self>
            where
                S: $crate::tensor::Sample,
                A: $crate::tensor::Samples<S, $n> + ?Sized,
            {
                samples.make(|samples| {
                    let mut tensor = Self::zeroed();
                    let _ = tensor.fill_scaled(samples, unit);
                    tensor
                })
            }

            /// Stores samples (`f32`, `i16`, `u8`, or references to them) in place, as `from_f32`, `from_i16` and `from_u8`
            /// do; takes no more than there are elements.
            ///
            /// # Errors
            /// `Error::WrongLength` where there are fewer; elements without a sample stay as they
            /// are.
            #[inline]
            pub fn fill_from<S: $crate::tensor::Sample>(
                &mut self,
                samples: impl ::core::iter::IntoIterator<Item = S>,
            ) -> ::core::result::Result<(), $crate::Error> {
                let unit = const { Self::ENCODING.unit_in::<$t, S>() };
                let fold = const { Self::ENCODING.unit_in::<$t, S>().fold::<S>(Self::SCALE) };
                $crate::tensor::fill(&mut self.0, samples, |sample| sample.store(unit, &fold, Self::ENCODING))
            }

            /// As [`Self::fill_from`], of samples that stand for `sample * unit` each.
            ///
            /// # Errors
            /// As [`Self::fill_from`].
            #[inline]
            pub fn fill_scaled<S: $crate::tensor::Sample>(
                &mut self,
                samples: impl ::core::iter::IntoIterator<Item = S>,
                unit: f32,
            ) -> ::core::result::Result<(), $crate::Error> {
                let unit = $crate::tensor::Unit::Times(unit);
                let fold = unit.fold::<S>(Self::SCALE);
                $crate::tensor::fill(&mut self.0, samples, |sample| sample.store(unit, &fold, Self::ENCODING))
            }

            /// The real numbers that the elements stand for: `SCALE * (stored - ZERO_POINT)`.
            #[allow(clippy::wrong_self_convention, reason = "a tensor may be large")]
            #[inline]
            #[must_use]
            pub fn to_f32(&self) -> [f32; $n] {
                self.0.map(|stored| $crate::tensor::Number::real(stored, Self::ENCODING))
            }

            /// As [`Self::to_f32`], one by one: takes no room.
            #[inline]
            pub fn reals(
                &self,
            ) -> impl ::core::iter::ExactSizeIterator<Item = f32> + ::core::iter::DoubleEndedIterator + '_ {
                self.0.iter().map(|&stored| $crate::tensor::Number::real(stored, Self::ENCODING))
            }

            /// The place of the greatest element, of equals the first; what is not a number is never the greatest.
            #[inline]
            #[must_use]
            pub fn argmax(&self) -> usize {
                $crate::tensor::argmax(&self.0)
            }
        }

        $crate::top!($name, $($class)?);

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::tensor::show(f, stringify!($name), &self.0)
            }
        }

        $crate::tensor_format!($name);

        impl ::core::ops::Deref for $name {
            type Target = [$t; $n];

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl ::core::ops::DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }

        // SAFETY: `repr(C, align(16))` over an array of plain numbers.
        unsafe impl $crate::tensor::Tensor for $name {
            const PARTS: usize = 1;

            fn part(&self, index: usize) -> &[u8] {
                if index == 0 { $crate::tensor::bytes_of(&self.0) } else { &[] }
            }

            fn part_mut(&mut self, index: usize) -> &mut [u8] {
                if index == 0 { $crate::tensor::bytes_of_mut(&mut self.0) } else { &mut [] }
            }

            fn clear_padding(&mut self) {
                $crate::tensor::clear_behind::<Self, { ::core::mem::size_of::<[$t; $n]>() }>(self);
            }
        }
    };
}

/// Defines the struct that holds several inputs or outputs of a generated model.
#[doc(hidden)]
#[macro_export]
macro_rules! tensors {
    (
        $(#[$doc:meta])*
        pub struct $name:ident { $($(#[$field_doc:meta])* $index:literal => $field:ident: $t:ty),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[repr(C, align(16))]
        pub struct $name { $($(#[$field_doc])* pub $field: $t),+ }

        impl $name {
            /// All elements zero.
            #[must_use]
            pub const fn zeroed() -> Self {
                Self { $($field: <$t>::zeroed()),+ }
            }
        }

        $crate::tensors_format!($name { $($field),+ });

        // SAFETY: `repr(C, align(16))` over tensors.
        unsafe impl $crate::tensor::Tensor for $name {
            const PARTS: usize = [$($index),+].len();

            fn part(&self, index: usize) -> &[u8] {
                match index {
                    $($index => $crate::tensor::Tensor::part(&self.$field, 0),)+
                    _ => &[],
                }
            }

            fn part_mut(&mut self, index: usize) -> &mut [u8] {
                match index {
                    $($index => $crate::tensor::Tensor::part_mut(&mut self.$field, 0),)+
                    _ => &mut [],
                }
            }

            fn clear_padding(&mut self) {
                $($crate::tensor::Tensor::clear_padding(&mut self.$field);)+
            }
        }
    };
}

/// How the elements of a tensor stand for real numbers: with a scale, as a truth value, or by themselves.
#[doc(hidden)]
#[macro_export]
macro_rules! encoding {
    (scale $scale:literal; zero_point $zero_point:literal;) => {
        $crate::tensor::Encoding::quantized($scale, $zero_point)
    };
    (logical;) => {
        $crate::tensor::Encoding::LOGICAL
    };
    () => {
        $crate::tensor::Encoding::PLAIN
    };
}

/// The method `top` of a tensor, and `class` where it has classes.
#[doc(hidden)]
#[macro_export]
macro_rules! top {
    ($name:ident,) => {
        impl $name {
            /// The place of the greatest element ([`Self::argmax`]), and what it means: a probability, where the model ends in a
            /// softmax or a sigmoid.
            #[inline]
            #[must_use]
            pub fn top(&self) -> (usize, f32) {
                let place = self.argmax();
                (place, self.0.get(place).map_or(0.0, |&stored| $crate::tensor::Number::real(stored, Self::ENCODING)))
            }
        }
    };
    ($name:ident, $class:ident) => {
        impl $name {
            /// The class of the greatest element ([`Self::argmax`]).
            #[inline]
            #[must_use]
            pub fn class(&self) -> $class {
                <$class as $crate::tensor::Labelled>::of(self.argmax())
            }

            /// The class of the greatest element ([`Self::argmax`]), and what that means: a probability, where the model ends in a
            /// softmax or a sigmoid.
            #[inline]
            #[must_use]
            pub fn top(&self) -> ($class, f32) {
                let place = self.argmax();
                let score =
                    self.0.get(place).map_or(0.0, |&stored| $crate::tensor::Number::real(stored, Self::ENCODING));
                (<$class as $crate::tensor::Labelled>::of(place), score)
            }
        }
    };
}
