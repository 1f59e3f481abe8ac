//! The classes of an output: an enum with the labels that the user gave.

/// Classes in the order of an output's elements: implemented by the enum `Class` of a generated module.
pub trait Labelled: Copy + 'static {
    /// All of them, in the order of the output's elements.
    const ALL: &'static [Self];

    /// The text that the user gave.
    fn label(self) -> &'static str;

    /// The class of an element of the output.
    #[doc(hidden)]
    fn of(place: usize) -> Self;
}

/// Defines the classes of a model's output.
#[doc(hidden)]
#[macro_export]
macro_rules! classes {
    (
        $(#[$doc:meta])*
        pub enum $name:ident {
            $(#[$first_doc:meta])* $first:ident = $first_label:literal,
            $($(#[$variant_doc:meta])* $variant:ident = $label:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[allow(clippy::enum_variant_names, clippy::upper_case_acronyms, non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[$first_doc])*
            $first,
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All classes, in the order of the output's elements.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$variant),*];

            /// The label as it was given.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    Self::$first => $first_label,
                    $(Self::$variant => $label,)*
                }
            }

            /// The class of an element of the output, by its place.
            #[must_use]
            pub const fn from_index(place: usize) -> ::core::option::Option<Self> {
                if place < Self::ALL.len() { ::core::option::Option::Some(Self::ALL[place]) } else { ::core::option::Option::None }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.label())
            }
        }

        impl $crate::tensor::Labelled for $name {
            const ALL: &'static [Self] = Self::ALL;

            fn label(self) -> &'static str {
                Self::label(self)
            }

            fn of(place: usize) -> Self {
                Self::from_index(place).unwrap_or(Self::$first)
            }
        }

        $crate::class_format!($name);
    };
}
