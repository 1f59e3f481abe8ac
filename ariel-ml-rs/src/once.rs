//! What is handed out once, to whoever comes first: one flag, on cores with compare-and-swap and on those without.

#[cfg(any(target_has_atomic = "8", feature = "multicore"))]
pub(crate) use flag::Once;
#[cfg(not(any(target_has_atomic = "8", feature = "multicore")))]
pub(crate) use splitter::Once;

/// A flag that is looked at and set in one step: by the core, or in a critical section that holds across cores.
#[cfg(any(target_has_atomic = "8", feature = "multicore"))]
mod flag {
    use core::sync::atomic::{AtomicBool, Ordering};

    /// Says yes once.
    #[derive(Debug)]
    pub(crate) struct Once(AtomicBool);

    impl Once {
        /// Nobody has come yet.
        pub(crate) const fn new() -> Self {
            Self(AtomicBool::new(false))
        }

        /// Whether the caller is the first.
        pub(crate) fn take(&self) -> bool {
            #[cfg(target_has_atomic = "8")]
            // Relaxed: nobody writes what is handed out before it is.
            let was = self.0.swap(true, Ordering::Relaxed);
            #[cfg(not(target_has_atomic = "8"))]
            let was = critical_section::with(|_| {
                let was = self.0.load(Ordering::Relaxed);
                self.0.store(true, Ordering::Relaxed);
                was
            });
            !was
        }
    }
}

/// Loads and stores alone, for cores without compare-and-swap whose application provides no critical section: Lamport's splitter
/// ("A Fast Mutual Exclusion Algorithm", 1987; as a splitter in Moir and Anderson, 1995).
///
/// Everyone writes a name, leaves if the door is closed, closes it, and wins whose name still stands there. Of two winners one
/// would have written its name first: it closed the door before it found its own name, so before the other wrote its own, which
/// found the door closed. Where several come within these few instructions it may be that none wins.
#[cfg(any(test, not(any(target_has_atomic = "8", feature = "multicore"))))]
mod splitter {
    use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

    /// Says yes at most once.
    #[derive(Debug)]
    pub(crate) struct Once {
        name: AtomicPtr<u8>,
        closed: AtomicBool,
    }

    impl Once {
        /// Nobody has come yet.
        pub(crate) const fn new() -> Self {
            Self { name: AtomicPtr::new(core::ptr::null_mut()), closed: AtomicBool::new(false) }
        }

        /// Whether the caller is the first.
        pub(crate) fn take(&self) -> bool {
            // Whoever is here at the same time, on another core or below an interrupt, has another place on a stack.
            let mut mine = 0_u8;
            self.take_as(&raw mut mine)
        }

        /// As `take`, with a name that nobody else has at the same time.
        fn take_as(&self, name: *mut u8) -> bool {
            // All `SeqCst`: the argument above is about one order of these four.
            self.name.store(name, Ordering::SeqCst);
            if self.closed.load(Ordering::SeqCst) {
                return false;
            }
            self.closed.store(true, Ordering::SeqCst);
            self.name.load(Ordering::SeqCst) == name
        }
    }

    #[cfg(test)]
    mod tests {
        use super::Once;
        use std::sync::Barrier;
        use std::thread;

        #[test]
        fn who_comes_alone_wins_once() {
            let once = Once::new();
            assert!(once.take());
            assert!(!once.take());
        }

        #[test]
        fn of_four_threads_at_most_one_wins() {
            let rounds = if cfg!(miri) { 20 } else { 3000 };
            let (slots, barrier) = ((0..rounds).map(|_| Once::new()).collect::<Vec<_>>(), Barrier::new(4));
            let wins: usize = thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            let mut won = vec![];
                            for (index, slot) in slots.iter().enumerate() {
                                if index % 100 == 0 {
                                    barrier.wait();
                                }
                                if slot.take() {
                                    won.push(index);
                                }
                            }
                            won
                        })
                    })
                    .collect();
                let mut won: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
                won.sort_unstable();
                let count = won.len();
                won.dedup();
                assert_eq!(won.len(), count, "a slot was taken twice");
                count
            });
            assert!(wins > 0, "nobody ever won");
        }

        /// Every interleaving of the steps of two.
        #[test]
        fn no_interleaving_of_two_has_two_winners() {
            let mut outcomes = [0; 3];
            for order in 0_u32..1 << 8 {
                if order.count_ones() != 4 {
                    continue;
                }
                let (mut name, mut closed) = (0, false);
                // Which step comes next, and how it ended.
                let mut at = [0; 2];
                let mut won = [None; 2];
                for turn in 0..8 {
                    let who = (order >> turn & 1) as usize;
                    if won[who].is_some() {
                        continue;
                    }
                    match at[who] {
                        0 => name = who + 1,
                        1 if closed => won[who] = Some(false),
                        1 => {}
                        2 => closed = true,
                        _ => won[who] = Some(name == who + 1),
                    }
                    at[who] += 1;
                }
                outcomes[won.iter().filter(|won| **won == Some(true)).count()] += 1;
            }
            assert_eq!(outcomes[2], 0);
            assert!(outcomes[1] > outcomes[0] && outcomes[0] > 0);
        }
    }
}
