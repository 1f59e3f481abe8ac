//! Messages for the developer, through `defmt` or `log`, whichever feature is on; without both they cost nothing.
//!
//! Few, and only where something did not go as planned: a budget was spent, or a pool was busy with another model.

/// `tell!(warn, "text")`: `defmt::warn!` or `log::warn!`, or nothing.
macro_rules! tell {
    ($level:ident, $text:literal) => {{
        #[cfg(feature = "defmt")]
        ::defmt::$level!($text);
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        ::log::$level!($text);
    }};
}
pub(crate) use tell;
