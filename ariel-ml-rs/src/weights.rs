//! Constant data of a model: one blob, aligned to 16, in a section of its own.

use crate::memory::Element;
use core::mem::{align_of, size_of};

/// The bytes of a model's constants, aligned to 16.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Weights<const N: usize>(pub [u8; N]);

impl<const N: usize> Weights<N> {
    /// Returns `len` elements at byte `offset`.
    ///
    /// # Panics
    /// Where they lie outside the blob or misaligned: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn slice<T: Element>(&'static self, offset: usize, len: usize) -> &'static [T] {
        // All of them lie at such offsets: bytes may be elements of any size.
        assert!(offset.is_multiple_of(16) && align_of::<T>() <= 16, "constant misaligned");
        let bytes = len.saturating_mul(size_of::<T>());
        assert!(offset <= N && bytes <= N - offset, "constant outside the weights");
        // SAFETY: in bounds and aligned (checked above); `T` is plain data; the blob is never written.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().add(offset).cast::<T>(), len) }
    }
}

/// Returns the bytes of a file from one on, as many as are asked for.
///
/// # Panics
/// Where there are not so many: evaluated in a constant, this is a compile error.
#[doc(hidden)]
#[must_use]
pub const fn part<const N: usize>(file: &[u8], from: usize) -> [u8; N] {
    assert!(from <= file.len(), "weights behind the file");
    match file.split_at(from).1.first_chunk() {
        Some(part) => *part,
        None => panic!("weights that are not in the file"),
    }
}

/// Defines the weights of a model in a section of their own, so that a linker script can place them.
#[doc(hidden)]
#[macro_export]
macro_rules! weights {
    ($(#[$doc:meta])* $visibility:vis static $name:ident: $bytes:literal = $data:expr, from $from:literal, section $section:literal;) => {
        $(#[$doc])*
        #[cfg_attr(target_os = "none", unsafe(link_section = $section))]
        $visibility static $name: $crate::weights::Weights<$bytes> =
            $crate::weights::Weights($crate::weights::part::<$bytes>($data, $from));
    };
    ($(#[$doc:meta])* $visibility:vis static $name:ident: $bytes:literal = $data:expr, section $section:literal;) => {
        $(#[$doc])*
        #[cfg_attr(target_os = "none", unsafe(link_section = $section))]
        $visibility static $name: $crate::weights::Weights<$bytes> = $crate::weights::Weights(*$data);
    };
}
