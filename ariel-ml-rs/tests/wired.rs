//! The handles of `wire!`: budgets, priorities, and futures that are dropped half-way, on one core and on several threads.
//!
//! The model is written by hand as the compiler writes one: three steps of four tiles, and a state that is kept.

mod polling;

use ariel_ml_rs::memory::Memory;
use ariel_ml_rs::plan::Work;
use ariel_ml_rs::tile::Tile;
use ariel_ml_rs::{Clock, Error, Infer};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use polling::{finish, poll};
use std::cell::{Cell, RefCell};

thread_local! {
    /// The time of this thread: every tile takes one tick.
    static TICKS: Cell<u64> = const { Cell::new(0) };
    /// The tiles that this thread computed, each by the address of its model.
    static TILES_OF: RefCell<Vec<usize>> = const { RefCell::new(vec![]) };
    /// What happens next while a tile is computed, as by an interrupt.
    static DURING_A_TILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Reads the time of this thread.
fn now() -> u64 {
    TICKS.get()
}

struct Ticks;

impl Clock for Ticks {
    const HERTZ: u64 = 1000;

    fn now() -> u64 {
        now()
    }
}

/// `to[i] = from[i] + to[i]` of 16 bytes, or `to[i] + 1` where there is nothing to add.
struct Add {
    from: Option<usize>,
    to: usize,
}

impl Add {
    const fn check(&self, arena: usize) {
        assert!(self.to + 16 <= arena);
    }

    #[expect(clippy::unused_self, reason = "kernels have this method")]
    const fn work(&self) -> Work {
        Work::of(4)
    }

    /// # Safety
    /// `memory` is an arena of that size, and nobody else uses the bytes of this tile.
    unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        TICKS.set(TICKS.get() + 1);
        // SAFETY: inside the arena (`check`).
        let model = unsafe { memory.at::<i8>(ariel_ml_rs::memory::Region::new(0, 64)) }.addr();
        TILES_OF.with_borrow_mut(|tiles| tiles.push(model));
        if let Some(happens) = DURING_A_TILE.take() {
            happens();
        }
        for index in 4 * tile.start()..4 * tile.end() {
            // SAFETY: inside the arena (`check`).
            unsafe {
                let base = memory.at::<i8>(ariel_ml_rs::memory::Region::new(0, 64));
                let term = self.from.map_or(1, |from| *base.add(from + index));
                let to = base.add(self.to + index);
                *to = (*to).wrapping_add(term);
            }
        }
    }
}

/// What the compiler would generate: `output = state + input + 1`, which is the next state.
mod sums {
    use super::Add;

    ariel_ml_rs::tensor! {
        /// The input.
        pub struct Input([i8; 16]);
        shape [16];
    }
    ariel_ml_rs::tensor! {
        /// The output.
        pub struct Output([i8; 16]);
        shape [16];
    }
    static CLEAR: Clear = Clear { to: 16 };
    static STATE: Add = Add { from: Some(32), to: 16 };
    static INPUT: Add = Add { from: Some(0), to: 16 };

    /// `output = 1`: makes an inference that was cut short, and left something behind, visible.
    struct Clear {
        to: u32,
    }

    impl Clear {
        const fn check(&self, arena: usize) {
            assert!(self.to as usize + 16 <= arena);
        }

        #[expect(clippy::unused_self, reason = "kernels have this method")]
        const fn work(&self) -> ariel_ml_rs::plan::Work {
            ariel_ml_rs::plan::Work::of(4)
        }

        unsafe fn run(&self, memory: ariel_ml_rs::memory::Memory<'_>, tile: ariel_ml_rs::tile::Tile) {
            for index in 4 * tile.start()..4 * tile.end() {
                // SAFETY: inside the arena.
                unsafe { *memory.at::<i8>(ariel_ml_rs::memory::Region::new(self.to, 16)).add(index) = 0 };
            }
            // SAFETY: as the caller promises.
            unsafe { Add { from: None, to: self.to as usize }.run(memory, tile) };
        }
    }

    ariel_ml_rs::model! {
        /// A model.
        pub struct Model;
        arena 64, resets 1;
        input Input = 0;
        output Output = 16;
        states [32, 16 = &[7; 16];];
        keeps [16 to 32, 16;];
        steps [
            0 => CLEAR, 4 by 1;
            1 => STATE, 4 by 1;
            2 => INPUT, 4 by 1;
        ];
        pieces [];
    }

    ariel_ml_rs::parallel! {
        workers 3, slots 4;
        units [
            (0, 0, 0), (0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 3, 4), (1, 0, 1), (1, 1, 2), (1, 2, 3), (1, 3, 4), (2, 0, 1),
            (2, 1, 2), (2, 2, 3), (2, 3, 4), (0, 0, 0),
        ];
        needs [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4];
        first [0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16];
        next [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13, 13, 13];
        homes [254, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 254];
    }
}

/// Tiles of an inference.
const TILES: u64 = 12;

/// The inferences of any handle give the sums of `inputs`, the state before them being `before`.
fn assert_sums<M: Infer<Input = sums::Input, Output = sums::Output>>(model: &mut M, before: i8, inputs: &[i8]) {
    let mut sum = before;
    for &input in inputs {
        sum += input + 1;
        assert_eq!(model.infer(&sums::Input([input; 16])).unwrap().0, [sum; 16]);
    }
}

#[test]
fn a_model_is_wired_once() {
    let wire = || ariel_ml_rs::wire!(sums);
    let mut model = wire().unwrap();
    assert_eq!(wire().unwrap_err(), Error::AlreadyWired);
    assert_sums(&mut model, 7, &[1, 2, 3]);
}

#[test]
fn in_time_is_as_without_a_budget() {
    let mut model = ariel_ml_rs::wire!(sums).unwrap().with_budget(now, TILES);
    assert_sums(&mut model, 7, &[1, 2]);
    assert_eq!(finish(model.infer_async(&sums::Input([3; 16]))).0.unwrap().0, [16; 16]);
    assert_sums(&mut model.into_wired(), 16, &[4]);
}

#[test]
fn what_misses_its_deadline_is_given_up_and_changes_no_state() {
    let mut model = ariel_ml_rs::wire!(sums).unwrap().with_budget(now, 5);
    let start = now();
    assert_eq!(model.infer(&sums::Input([1; 16])), Err(Error::DeadlineMissed));
    assert_eq!(now() - start, 6, "given up at most one tile after the deadline");
    let (answer, polls) = finish(model.infer_async(&sums::Input([1; 16])));
    assert_eq!((answer, polls), (Err(Error::DeadlineMissed), 7));
    model.set_budget(TILES);
    assert_sums(&mut model, 7, &[1, 2]);
    // The last tile is late: so is the inference.
    model.set_budget(TILES - 1);
    assert_eq!(model.infer(&sums::Input([1; 16])), Err(Error::DeadlineMissed));
}

#[test]
fn time_that_other_tasks_take_counts() {
    let mut model = ariel_ml_rs::wire!(sums).unwrap().within::<Ticks>(Duration::from_millis(20));
    let input = sums::Input([1; 16]);
    let mut inference = pin!(model.infer_async(&input));
    assert!(poll(inference.as_mut()).is_pending());
    TICKS.set(now() + 20);
    assert_eq!(poll(inference.as_mut()), Poll::Ready(Err(Error::DeadlineMissed)));
}

#[test]
fn a_future_that_is_dropped_half_way_leaves_the_model_usable() {
    let mut model = ariel_ml_rs::wire!(sums).unwrap();
    for polls in 0..TILES {
        let input = sums::Input([99; 16]);
        let mut inference = pin!(model.infer_async(&input));
        for _ in 0..polls {
            assert!(poll(inference.as_mut()).is_pending());
        }
    }
    assert_sums(&mut model, 7, &[1, 2]);
    model.reset();
    assert_sums(&mut model, 7, &[3]);
}

#[cfg(all(feature = "multicore", feature = "std"))]
mod several {
    use super::*;
    use ariel_ml_rs::pool::Priority;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn threads_start_with_the_first_wire_and_budgets_hold() {
        ariel_ml_rs::pool!(static POOL: 2 threads);
        /// Goes on by one with every reading: the leader reads it between units.
        fn readings() -> u64 {
            static READINGS: AtomicU64 = AtomicU64::new(0);
            READINGS.fetch_add(1, Ordering::Relaxed)
        }
        assert!(POOL.seat(1).is_some(), "nobody has started the helpers yet");
        let mut model = ariel_ml_rs::wire!(sums, pool = POOL).unwrap();
        assert!(POOL.seat(1).is_none() && POOL.seat(2).is_none());
        assert_sums(&mut model, 7, &[1, 2, 3]);
        let mut model = model.with_budget(readings, 0);
        assert_eq!(model.infer(&sums::Input([1; 16])), Err(Error::DeadlineMissed));
        model.set_budget(None);
        assert_sums(&mut model, 16, &[4]);
        let mut model = model.within::<ariel_ml_rs::clock::Std>(Duration::from_secs(60));
        assert_sums(&mut model, 21, &[5]);
    }

    #[test]
    fn futures_dropped_at_every_place_leave_the_model_usable() {
        ariel_ml_rs::pool!(static POOL: 2 threads);
        let mut model = ariel_ml_rs::wire!(sums, pool = POOL).unwrap();
        for round in 0..200 {
            {
                let input = sums::Input([99; 16]);
                let mut inference = pin!(model.infer_async(&input));
                for _ in 0..round % 4 {
                    if poll(inference.as_mut()).is_ready() {
                        break;
                    }
                }
            }
            model.reset();
            assert_sums(&mut model, 7, &[1, 2]);
        }
    }

    /// Without helpers all is up to the leaders, two tasks of one executor.
    #[test]
    fn the_more_urgent_of_two_tasks_goes_first() {
        ariel_ml_rs::pool!(static POOL: 0 helpers, park = &ariel_ml_rs::sync::park::Threads);
        let mut normal = ariel_ml_rs::wire!(sums, pool = POOL).unwrap();
        let mut urgent = ariel_ml_rs::wire!(sums, pool = POOL).unwrap().with_priority(Priority::High);
        let (one, two) = (sums::Input([1; 16]), sums::Input([2; 16]));
        let mut slow = Box::pin(normal.infer_async(&one));
        let mut polls_of_slow = 1;
        assert!(poll(slow.as_mut()).is_pending());
        {
            let start = now();
            let mut fast = pin!(urgent.infer_async(&two));
            let answer = loop {
                if let Poll::Ready(answer) = poll(fast.as_mut()) {
                    break answer.unwrap().0;
                }
                assert!(poll(slow.as_mut()).is_pending());
                polls_of_slow += 1;
            };
            assert_eq!(answer, [10; 16]);
            assert_eq!(now() - start, TILES, "no tile of the other ran in between");
        }
        assert!(polls_of_slow > 10);
        assert_eq!(finish(slow).0.unwrap().0, [9; 16]);

        // One that was forgotten, and stays posted, does not keep the others for ever.
        let mut forgotten = Box::pin(urgent.infer_async(&two));
        assert!(poll(forgotten.as_mut()).is_pending());
        core::mem::forget(forgotten);
        let (answer, polls) = finish(normal.infer_async(&one));
        assert_eq!(answer.unwrap().0, [11; 16]);
        assert!(polls > 12 * 10 && polls < 12 * 20, "{polls}");
    }

    /// One thread plays the helper and both leaders, so that the order is known.
    #[test]
    fn a_helper_leaves_the_less_urgent_model_between_two_tiles() {
        ariel_ml_rs::pool!(static POOL: 1 helpers, park = &ariel_ml_rs::sync::park::Threads);
        let mut helper = POOL.seat(1).unwrap();
        let mut normal = ariel_ml_rs::wire!(sums, pool = POOL).unwrap();
        let urgent = Box::leak(Box::new(ariel_ml_rs::wire!(sums, pool = POOL).unwrap().with_priority(Priority::High)));
        let (one, two) = (sums::Input([1; 16]), Box::leak(Box::new(sums::Input([2; 16]))));
        let (slow_model, fast_model) = (normal.input_mut().as_ptr().addr(), urgent.input_mut().as_ptr().addr());

        let mut slow = Box::pin(normal.infer_async(&one));
        assert!(poll(slow.as_mut()).is_pending());
        // While the helper computes its first tile, the urgent inference begins.
        let fast = &*Box::leak(Box::new(RefCell::new(Box::pin(urgent.infer_async(two)))));
        DURING_A_TILE.set(Some(Box::new(|| assert!(poll(fast.borrow_mut().as_mut()).is_pending()))));
        TILES_OF.take();
        while helper.help() {}
        let tiles = TILES_OF.take();
        let urgent_tiles = TILES as usize;
        // One tile of the less urgent model, during which the other one begins, all of that, and then the rest.
        assert_eq!(tiles[0], slow_model);
        assert!(tiles[1..=urgent_tiles].iter().all(|&model| model == fast_model), "{tiles:?}");
        assert!(tiles[1 + urgent_tiles..].iter().all(|&model| model == slow_model), "{tiles:?}");
        assert_eq!(tiles.len(), 2 * urgent_tiles - 1, "the leader computed one");
        assert_eq!(finish(slow).0.unwrap().0, [9; 16]);
        let Poll::Ready(answer) = poll(fast.borrow_mut().as_mut()) else { panic!("the helper has done it all") };
        assert_eq!(answer.unwrap().0, [10; 16]);
    }
}
