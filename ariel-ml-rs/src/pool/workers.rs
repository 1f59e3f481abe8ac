//! The workers of a chip: `pool!`, and what starts them.

/// Defines the workers of a chip. `park` tells how the cores sleep, see [`crate::sync::park`]; `start`, where it is given, is a
/// function `fn(Seat)` that starts the helper of a seat: the first `wire!` with this pool calls it for each.
///
/// ```ignore
/// // Threads of a host, which start by themselves (feature `std`).
/// ariel_ml_rs::pool!(static POOL: 3 threads);
/// // The other cores of a chip: `start_core` has the next one begin, which then calls `seat.work()`.
/// ariel_ml_rs::pool!(static POOL: 1 helpers, park = &ArmWfe, start = start_core);
/// // The application starts the other cores, and each takes its seat: `POOL.seat(1)`, then `work()`, or `assist().await` as a
/// // task of an executor of its own.
/// ariel_ml_rs::pool!(static POOL: 1 helpers, park = &ArmWfe);
/// ```
///
/// In an Ariel OS application `ariel_os_pool!` does it all (feature `ariel-os`).
#[macro_export]
macro_rules! pool {
    ($(#[$doc:meta])* $vis:vis static $name:ident: $helpers:literal threads $(;)?) => {
        $crate::pool! {
            $(#[$doc])*
            $vis static $name: $helpers helpers, park = &$crate::sync::park::Threads, start = $crate::pool::start_thread
        }
    };
    (
        $(#[$doc:meta])* $vis:vis static $name:ident: $helpers:literal helpers, park = $park:expr
        $(, start = $start:expr)? $(,)? $(;)?
    ) => {
        $(#[$doc])*
        $vis static $name: $crate::pool::Pool = {
            static SEATS: $crate::pool::Seats<$helpers> = $crate::pool::Seats::new();
            // SAFETY: the seats are visible here only.
            unsafe { $crate::pool::Pool::new(&SEATS, $park) }$(.with_start($start))?
        };
    };
}

/// Has a new thread of the host be the helper of this seat, for ever.
///
/// # Panics
/// Where the operating system has no more threads.
#[cfg(feature = "std")]
pub fn start_thread(seat: super::Seat) {
    std::thread::spawn(|| seat.work());
}
