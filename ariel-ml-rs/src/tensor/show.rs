//! How tensors are printed: their first elements, by `Debug` and by `defmt`.

use core::fmt;

/// Elements that are printed; a log is no place for a picture.
const SHOWN: usize = 8;

/// Prints the name and the first elements: `Output([1, 2, 3])`, `Input([0, 0, 0, 0, 0, 0, 0, 0, .. 8 of 64])`.
#[doc(hidden)]
pub fn show<T: fmt::Debug>(f: &mut fmt::Formatter<'_>, name: &str, elements: &[T]) -> fmt::Result {
    write!(f, "{name}([")?;
    for (index, element) in elements.iter().take(SHOWN).enumerate() {
        write!(f, "{}{element:?}", if index > 0 { ", " } else { "" })?;
    }
    if elements.len() > SHOWN {
        write!(f, ", .. {SHOWN} of {}", elements.len())?;
    }
    f.write_str("])")
}

/// As [`show`], for `defmt`.
#[cfg(feature = "defmt")]
#[doc(hidden)]
pub fn format<T: defmt::Format>(f: defmt::Formatter<'_>, name: &str, elements: &[T]) {
    let first = elements.get(..SHOWN).unwrap_or(elements);
    if elements.len() > SHOWN {
        defmt::write!(f, "{=str}({=[?]} of {=usize})", name, first, elements.len());
    } else {
        defmt::write!(f, "{=str}({=[?]})", name, first);
    }
}

/// `defmt::Format` of a tensor.
#[cfg(feature = "defmt")]
#[doc(hidden)]
#[macro_export]
macro_rules! tensor_format {
    ($name:ident) => {
        impl $crate::__defmt::Format for $name {
            fn format(&self, f: $crate::__defmt::Formatter<'_>) {
                $crate::tensor::format(f, stringify!($name), &self.0);
            }
        }
    };
}

/// `defmt::Format` of several tensors.
#[cfg(feature = "defmt")]
#[doc(hidden)]
#[macro_export]
macro_rules! tensors_format {
    ($name:ident { $($field:ident),+ }) => {
        impl $crate::__defmt::Format for $name {
            fn format(&self, f: $crate::__defmt::Formatter<'_>) {
                $($crate::tensor::format(f, stringify!($field), &self.$field.0);)+
            }
        }
    };
}

/// `defmt::Format` of an enum of classes: the label.
#[cfg(feature = "defmt")]
#[doc(hidden)]
#[macro_export]
macro_rules! class_format {
    ($name:ident) => {
        impl $crate::__defmt::Format for $name {
            fn format(&self, f: $crate::__defmt::Formatter<'_>) {
                $crate::__defmt::Format::format($name::label(*self), f);
            }
        }
    };
}

/// Without the feature `defmt`, nothing.
#[cfg(not(feature = "defmt"))]
#[doc(hidden)]
#[macro_export]
macro_rules! tensor_format {
    ($($any:tt)*) => {};
}

/// Without the feature `defmt`, nothing.
#[cfg(not(feature = "defmt"))]
#[doc(hidden)]
#[macro_export]
macro_rules! tensors_format {
    ($($any:tt)*) => {};
}

/// Without the feature `defmt`, nothing.
#[cfg(not(feature = "defmt"))]
#[doc(hidden)]
#[macro_export]
macro_rules! class_format {
    ($($any:tt)*) => {};
}
