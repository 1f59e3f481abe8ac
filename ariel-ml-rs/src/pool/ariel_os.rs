//! Ariel OS: threads pinned to the other cores as helpers.
//!
//! Its crates are not on crates.io, so that this crate cannot name them: the macro's result names them, in the application's crate.

/// Defines the workers of an Ariel OS application: for each of `cores`, which are all but core 0, in order, a thread that is
/// pinned to it and starts by itself. Needs the laze modules `sw/threading` and `multi-core` and the feature `core-affinity` of
/// `ariel-os`.
///
/// ```ignore
/// ariel_ml_rs::ariel_os_pool!(static POOL: cores [1], stacksize = 4096, priority = 1);
///
/// #[ariel_os::task(autostart)]
/// async fn classify() {
///     let mut model = ariel_ml_rs::wire!(keywords, pool = POOL).unwrap();
///     // ...
/// }
/// ```
///
/// A worker without work sleeps on thread flag 15 of its thread, which is the pool's then. Threads of higher priority on its core
/// interrupt it.
#[macro_export]
macro_rules! ariel_os_pool {
    (
        $(#[$doc:meta])* $vis:vis static $name:ident: cores [$($core:literal),+ $(,)?],
        stacksize = $stack_bytes:expr, priority = $priority:expr $(,)? $(;)?
    ) => {
        $(#[$doc])*
        $vis static $name: $crate::pool::Pool = {
            static SEATS: $crate::pool::Seats<{ [$($core),+].len() }> = $crate::pool::Seats::new();

            /// Sleeps on a flag of the thread.
            #[derive(Debug)]
            struct OnThreadFlag;

            const FLAG: ::ariel_os::thread::thread_flags::ThreadFlags = 1 << 15;
            /// Who is no thread, as the executor of interrupts, does not sleep here.
            const NOBODY: u32 = u32::MAX;

            impl $crate::sync::park::Park for OnThreadFlag {
                fn core(&self) -> u32 {
                    ::ariel_os::thread::current_tid().map_or(NOBODY, |thread| usize::from(thread) as u32)
                }

                fn park(&self, spot: &$crate::sync::park::Spot) {
                    if spot.core() != NOBODY {
                        ::ariel_os::thread::thread_flags::wait_any(FLAG);
                    }
                }

                fn unpark(&self, spot: &$crate::sync::park::Spot) {
                    if spot.core() != NOBODY {
                        let thread = ::ariel_os::thread::ThreadId::new(spot.core() as u8);
                        ::ariel_os::thread::thread_flags::set(thread, FLAG);
                    }
                }
            }

            // SAFETY: the seats are visible here only.
            unsafe { $crate::pool::Pool::new(&SEATS, &OnThreadFlag) }
        };

        $(
            const _: () = {
                #[::ariel_os::thread(
                    autostart,
                    stacksize = $stack_bytes,
                    priority = $priority,
                    affinity = ::ariel_os::thread::CoreAffinity::one(::ariel_os::thread::CoreId::new($core))
                )]
                fn ariel_ml_worker() {
                    // Nobody else takes it, but if so there is a worker.
                    if let ::core::option::Option::Some(seat) = $name.seat($core) {
                        seat.work();
                    }
                }
            };
        )+
    };
}
