//! Clocks, by which inferences are held to their time budgets: one per executor, each with the feature of its name.
//!
//! | clock | feature | reads |
//! |---|---|---|
//! | `Embassy` | `embassy` | the time driver that `embassy-time` reads, too |
//! | `Embassy` | `ariel-os` | the same: Ariel OS keeps time with `embassy-time` |
//! | `Rtic` | `rtic` | a monotonic of `rtic-monotonics`, or one of the application's |
//! | `Std` | `std` | the host's monotonic clock |
//!
//! An application with a timer of its own implements [`Clock`], or gives its function to `with_budget`.

use core::time::Duration;

/// A clock that does not go back.
pub trait Clock {
    /// Ticks of a second.
    const HERTZ: u64;

    /// The reading, in ticks.
    fn now() -> u64;

    /// The ticks of a span of time, rounded down.
    #[must_use]
    fn ticks(span: Duration) -> u64 {
        let seconds = span.as_secs().saturating_mul(Self::HERTZ);
        let rest = u64::from(span.subsec_nanos()).saturating_mul(Self::HERTZ) / 1_000_000_000;
        seconds.saturating_add(rest)
    }
}

/// The time driver of an Embassy application, which `embassy-time` reads, too.
#[cfg(feature = "embassy")]
#[derive(Clone, Copy, Debug)]
pub struct Embassy;

#[cfg(feature = "embassy")]
impl Clock for Embassy {
    const HERTZ: u64 = embassy_time_driver::TICK_HZ;

    fn now() -> u64 {
        embassy_time_driver::now()
    }
}

/// A monotonic of RTIC whose instants are fugit's, with 64 bits: `Rtic<Mono>`.
#[cfg(feature = "rtic")]
#[derive(Clone, Copy, Debug)]
pub struct Rtic<M>(core::marker::PhantomData<M>);

#[cfg(feature = "rtic")]
impl<M, const NOMINATOR: u64, const DENOMINATOR: u64, Kind> Clock for Rtic<M>
where
    M: rtic_time::Timebase<Instant = rtic_time::fugit::Instant<u64, NOMINATOR, DENOMINATOR, Kind>>,
    Kind: rtic_time::fugit::kind::Kind,
{
    const HERTZ: u64 = DENOMINATOR / NOMINATOR;

    fn now() -> u64 {
        M::now().as_ticks()
    }
}

/// The host's monotonic clock, from the first reading on.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Std;

#[cfg(feature = "std")]
impl Clock for Std {
    const HERTZ: u64 = 1_000_000_000;

    fn now() -> u64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        // 584 years fit.
        START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Slow;

    impl Clock for Slow {
        const HERTZ: u64 = 32_768;

        fn now() -> u64 {
            0
        }
    }

    #[test]
    fn spans_become_ticks() {
        assert_eq!(Slow::ticks(Duration::from_secs(2)), 65_536);
        assert_eq!(Slow::ticks(Duration::from_millis(1500)), 49_152);
        assert_eq!(Slow::ticks(Duration::from_nanos(1)), 0);
        assert_eq!(Slow::ticks(Duration::MAX), u64::MAX);
    }

    #[test]
    #[cfg(feature = "std")]
    fn the_hosts_clock_goes_on() {
        let before = Std::now();
        while Std::now() == before {}
        assert!(Std::now() > before);
        assert_eq!(Std::ticks(Duration::from_micros(3)), 3000);
    }
}
