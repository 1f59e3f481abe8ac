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
    /// As `core`'s, at least `Release`.
    pub(crate) fn store(&self, value: u8, _order: Ordering) {
        self.update(|_| value);
    }

    /// As `core`'s, at least `AcqRel`.
    pub(crate) fn fetch_add(&self, value: u8, _order: Ordering) -> u8 {
        self.update(|old| old.wrapping_add(value))
    }
}

impl AtomicU32 {
    /// As `core`'s, at least `Release`.
    pub(crate) fn store(&self, value: u32, _order: Ordering) {
        self.update(|_| value);
    }

    /// As `core`'s, at least `AcqRel`.
    pub(crate) fn fetch_or(&self, value: u32, _order: Ordering) -> u32 {
        self.update(|old| old | value)
    }

    /// As `core`'s, at least `AcqRel`.
    pub(crate) fn fetch_and(&self, value: u32, _order: Ordering) -> u32 {
        self.update(|old| old & value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn updates_from_two_threads_exclude_each_other() {
        let (counter, bits) = (AtomicU8::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for half in 0..2 {
                let (counter, bits) = (&counter, &bits);
                scope.spawn(move || {
                    for bit in 0..16 {
                        counter.fetch_add(1, Ordering::Relaxed);
                        bits.fetch_or(1 << (16 * half + bit), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(counter.load(Ordering::Relaxed), 32);
        assert_eq!(bits.fetch_and(0xff, Ordering::Relaxed), u32::MAX);
        assert_eq!(bits.load(Ordering::Relaxed), 0xff);
        bits.store(1, Ordering::Relaxed);
        counter.store(2, Ordering::Relaxed);
        assert_eq!(bits.compare_exchange(1, 3, Ordering::AcqRel, Ordering::Relaxed), Ok(1));
        assert_eq!(counter.compare_exchange(1, 3, Ordering::AcqRel, Ordering::Relaxed), Err(2));
        assert_eq!((counter.load(Ordering::Relaxed), bits.load(Ordering::Relaxed)), (2, 3));
    }

    #[test]
    fn compare_and_swap_succeeds_where_the_value_is_the_expected_one() {
        let (mut one, mut two) = (1, 2);
        let (one, two) = (&raw mut one, &raw mut two);
        let pointer = AtomicPtr::new(one);
        assert_eq!(pointer.compare_exchange(two, one, Ordering::AcqRel, Ordering::Relaxed), Err(one));
        assert_eq!(pointer.compare_exchange(one, two, Ordering::AcqRel, Ordering::Relaxed), Ok(one));
        assert_eq!(pointer.load(Ordering::Relaxed), two);
    }
}
