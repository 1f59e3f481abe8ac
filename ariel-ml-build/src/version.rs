//! Versions: the Python package and the crates work together when major and minor agree.

use std::fmt;

/// Major and minor part of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Minor(pub(crate) u32, pub(crate) u32);

impl Minor {
    /// Returns this crate's.
    pub(crate) fn own() -> Self {
        // Cargo has checked the version that it gives; 0.0 would refuse every package, so that it would be seen.
        Self::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Self(0, 0))
    }

    /// Reads `0.1.0`, `0.1.0.dev3+g12ab`, `0.1rc1`; `None` for what does not begin with two numbers.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?;
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        Some(Self(major, minor[..digits].parse().ok()?))
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::Minor;

    #[test]
    fn two_numbers_are_read_from_what_python_packages_call_themselves() {
        assert_eq!(Minor::parse("0.1.0"), Some(Minor(0, 1)));
        assert_eq!(Minor::parse("12.34.5.dev3+g12ab\n"), Some(Minor(12, 34)));
        assert_eq!(Minor::parse("1.2rc1"), Some(Minor(1, 2)));
        assert_eq!(Minor::parse("1"), None);
        assert_eq!(Minor::parse("1.x"), None);
        assert_eq!(Minor::parse(""), None);
    }

    #[test]
    fn minors_are_ordered_as_numbers() {
        assert!(Minor(0, 9) < Minor(0, 10));
        assert!(Minor(0, 10) < Minor(1, 0));
        assert_eq!(Minor::own().to_string(), "0.1");
    }
}
