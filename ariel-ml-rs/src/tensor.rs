//! Inputs and outputs of a model: plain data in the model's own layout and type.

use crate::memory::Element;

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

/// An integer that stores a quantised real number.
pub trait Quantized: Element {
    /// `clamp(round(real / scale) + zero_point)`, halves away from zero.
    fn quantize(real: f32, scale: f32, zero_point: i32) -> Self;

    /// `scale * (stored - zero_point)`.
    fn dequantize(self, scale: f32, zero_point: i32) -> f32;
}

macro_rules! quantized {
    ($($t:ty),*) => { $(
        impl Quantized for $t {
            fn quantize(real: f32, scale: f32, zero_point: i32) -> Self {
                let stored = (libm::roundf(real / scale) as i32).saturating_add(zero_point);
                stored.max(i32::from(Self::MIN)).min(i32::from(Self::MAX)) as Self
            }

            fn dequantize(self, scale: f32, zero_point: i32) -> f32 {
                (i32::from(self) - zero_point) as f32 * scale
            }
        }
    )* };
}
quantized!(i8, u8, i16);

/// Defines an input or output tensor of a generated model.
#[doc(hidden)]
#[macro_export]
macro_rules! tensor {
    (
        $(#[$doc:meta])*
        pub struct $name:ident([$t:ty; $n:literal]);
        shape $shape:expr;
        $(scale $scale:literal; zero_point $zero_point:literal;)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
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
                Self([0 as $t; $n])
            }

            $(
                /// Real value of one step of the stored integer.
                pub const SCALE: f32 = $scale;
                /// Stored integer that means 0.
                pub const ZERO_POINT: i32 = $zero_point;

                /// Quantises real numbers: `clamp(round(real / SCALE) + ZERO_POINT)`.
                #[must_use]
                pub fn from_f32(reals: &[f32; $n]) -> Self {
                    Self(reals.map(|real| $crate::tensor::Quantized::quantize(real, Self::SCALE, Self::ZERO_POINT)))
                }

                /// The real numbers that the elements mean: `SCALE * (stored - ZERO_POINT)`.
                #[must_use]
                pub fn to_f32(&self) -> [f32; $n] {
                    self.0.map(|stored| $crate::tensor::Quantized::dequantize(stored, Self::SCALE, Self::ZERO_POINT))
                }
            )?
        }

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
