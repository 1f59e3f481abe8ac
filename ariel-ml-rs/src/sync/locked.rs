//! Atomics for cores without compare-and-swap: loads are the core's own, whatever writes takes a critical section.
//!
//! The critical section has to hold across cores: on the RP2040 that of `embassy-rp` or `rp2040-hal` (a hardware spinlock, and
//! interrupts off). One that only masks interrupts would be unsound with two cores.
//!
//! `portable-atomic` takes its critical section for loads as well. Here the loads outnumber the writes three to one, and a load
//! of an aligned word is atomic on every such core, so that only writers have to exclude each other: a read-modify-write is a
//! load and a store between which no other store can come. A release sequence holds too: each writer acquires, by the critical
//! section, what the writer before released.

use core::sync::atomic::Ordering;

macro_rules! locked {
    ($(#[$doc:meta])* $name:ident $(<$t:ident>)?, $value:ty, $bits:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[repr(transparent)]
        pub(crate) struct $name $(<$t>)? ($bits);

        impl $(<$t>)? $name $(<$t>)? {
            /// As `core`'s.
            pub(crate) const fn new(value: $value) -> Self {
                Self(<$bits>::new(value))
            }

            /// As `core`'s: a plain load.
            #[inline]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }

            /// As `core`'s, at least `Release`.
            pub(crate) fn store(&self, value: $value, _order: Ordering) {
                self.update(|_| value);
            }

            /// As `core`'s, at least `AcqRel`.
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                _success: Ordering,
                _failure: Ordering,
            ) -> Result<$value, $value> {
                let old = self.update(|old| if old == current { new } else { old });
                if old == current { Ok(old) } else { Err(old) }
            }

            /// Replaces the value by `f` of it, and returns what it was.
            fn update(&self, f: impl FnOnce($value) -> $value) -> $value {
                critical_section::with(|_| {
                    let old = self.0.load(Ordering::Acquire);
                    self.0.store(f(old), Ordering::Release);
                    old
                })
            }
        }
    };
}

locked!(
    /// A byte.
    AtomicU8, u8, core::sync::atomic::AtomicU8
);
locked!(
    /// A word.
    AtomicU32, u32, core::sync::atomic::AtomicU32
);
locked!(
    /// An address.
    AtomicPtr<T>, *mut T, core::sync::atomic::AtomicPtr<T>
);

impl AtomicU8 {
    /// As `core`'s, at least `AcqRel`.
    pub(crate) fn fetch_add(&self, value: u8, _order: Ordering) -> u8 {
        self.update(|old| old.wrapping_add(value))
    }
}

impl AtomicU32 {
    /// As `core`'s, at least `AcqRel`.
    pub(crate) fn fetch_or(&self, value: u32, _order: Ordering) -> u32 {
        self.update(|old| old | value)
    }

    /// As `core`'s, at least `AcqRel`.
    pub(crate) fn fetch_and(&self, value: u32, _order: Ordering) -> u32 {
        self.update(|old| old & value)
    }
}
