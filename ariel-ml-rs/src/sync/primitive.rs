//! The atomics that `sync` and `pool` are written with, in two kinds.
//!
//! `Plain*` are only loaded and stored: every core can. `Atomic*` are also read, modified and written in one step; on cores
//! without compare-and-swap (Cortex-M0) these come from `locked`, and with the feature of that name on all.
//!
//! In loom's tests both kinds are loom's, which explores what the memory model allows. It takes `SeqCst` of a load or a store
//! for acquire and release, so that total order is asked for by fences only, there and in the firmware.

pub(crate) use core::sync::atomic::Ordering;

#[cfg(all(test, loom))]
mod chosen {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{
        AtomicBool as PlainBool, AtomicPtr as PlainPtr, AtomicU16 as PlainU16, AtomicU32 as PlainU32,
    };
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, fence};
}

#[cfg(not(all(test, loom)))]
mod chosen {
    #[cfg(any(feature = "locked", not(target_has_atomic = "32")))]
    pub(crate) use crate::sync::locked::{AtomicPtr, AtomicU8, AtomicU32};
    pub(crate) use core::hint::spin_loop;
    pub(crate) use core::sync::atomic::fence;
    pub(crate) use core::sync::atomic::{
        AtomicBool as PlainBool, AtomicPtr as PlainPtr, AtomicU16 as PlainU16, AtomicU32 as PlainU32,
    };
    #[cfg(not(any(feature = "locked", not(target_has_atomic = "32"))))]
    pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32};

    /// A cell with loom's way in, so that its tests see every access.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        /// Calls `f` with the address of the content; what it may do there is for its SAFETY comment to say.
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

pub(crate) use chosen::*;

/// Whether a model has failed: its atomics are gone then, and nothing is to be put in order any more.
#[inline]
pub(crate) fn is_abandoned() -> bool {
    #[cfg(all(test, loom))]
    return std::thread::panicking();
    #[cfg(not(all(test, loom)))]
    false
}

/// A function that is `const`, except in loom's tests: loom's atomics are made at run time.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(all(test, loom)))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(all(test, loom))]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// An array of equal values that are no `Copy`.
#[cfg(not(all(test, loom)))]
macro_rules! array {
    ($value:expr) => {
        [const { $value }; _]
    };
}
#[cfg(all(test, loom))]
macro_rules! array {
    ($value:expr) => {
        core::array::from_fn(|_| $value)
    };
}
pub(crate) use array;

/// `planted!(Bug, right, wrong)` is `right`; in loom's tests it is `wrong` while a test has planted that bug, to see that loom
/// finds it.
#[cfg(not(all(test, loom)))]
macro_rules! planted {
    ($bug:ident, $right:expr, $wrong:expr) => {
        $right
    };
}
#[cfg(all(test, loom))]
macro_rules! planted {
    ($bug:ident, $right:expr, $wrong:expr) => {
        if $crate::sync::planted::is($crate::sync::planted::Bug::$bug) { $wrong } else { $right }
    };
}
pub(crate) use planted;
