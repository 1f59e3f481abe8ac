//! What must hold whatever safe code does: nothing uninitialised is read, nothing is shown that others write, states are those of
//! the last complete inference, and a panic that is not ours leaves nobody waiting.
//!
//! The model is written by hand as the compiler writes one for a single core: its steps write both states in place, early.

mod polling;

use ariel_ml_rs::Error;
use ariel_ml_rs::memory::{Memory, Region};
use ariel_ml_rs::plan::Work;
use ariel_ml_rs::tile::Tile;
use core::pin::pin;
use core::task::Poll;
use polling::poll;
use std::cell::Cell;

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

fn now() -> u64 {
    TICKS.get()
}

/// `to[i] += from[i]` of 16 bytes; tiles are four bytes each.
struct Add {
    from: u32,
    to: u32,
}

impl Add {
    const fn check(&self, arena: usize) {
        Region::new(self.from, 16).check::<i8>(arena, 16);
        Region::new(self.to, 16).check::<i8>(arena, 16);
    }

    #[expect(clippy::unused_self, reason = "kernels have this method")]
    const fn work(&self) -> Work {
        Work::of(4)
    }

    unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        TICKS.set(TICKS.get() + 1);
        for index in 4 * tile.start()..4 * tile.end() {
            // SAFETY: inside the arena (`check`).
            unsafe {
                let to = memory.at::<i8>(Region::new(self.to, 16)).add(index);
                to.write((*to).wrapping_add(*memory.at::<i8>(Region::new(self.from, 16)).add(index)));
            }
        }
    }
}

/// `a += input; b += a; output = b` (what the output held is taken away first). The input has 4 elements and 12 bytes of padding,
/// which are summed like the elements, as a module that was edited by hand might.
mod sums {
    use super::{Add, Memory, Region, Tile, Work};

    ariel_ml_rs::tensor! {
        /// The input.
        pub struct Input([i8; 4]);
        shape [4];
    }
    ariel_ml_rs::tensor! {
        /// The output.
        pub struct Output([i8; 16]);
        shape [16];
    }

    /// `output = 0`.
    struct Clear;

    impl Clear {
        #[expect(clippy::unused_self, reason = "kernels have this method")]
        const fn check(&self, arena: usize) {
            Region::new(16, 16).check::<i8>(arena, 16);
        }

        #[expect(clippy::unused_self, reason = "kernels have this method")]
        const fn work(&self) -> Work {
            Work::of(1)
        }

        #[expect(clippy::unused_self, reason = "kernels have this method")]
        unsafe fn run(&self, memory: Memory<'_>, _: Tile) {
            // SAFETY: inside the arena (`check`).
            unsafe { memory.at::<i8>(Region::new(16, 16)).write_bytes(0, 16) };
        }
    }

    static FIRST: Add = Add { from: 0, to: 32 };
    static SECOND: Add = Add { from: 32, to: 48 };
    static CLEAR: Clear = Clear;
    static LAST: Add = Add { from: 48, to: 16 };

    ariel_ml_rs::model! {
        /// A model.
        pub struct Model;
        arena 64, resets 1;
        input Input = 0;
        output Output = 16;
        states [32, 16 = &[5; 16]; 48, 16 = &[1];];
        keeps [];
        steps [
            0 => FIRST, 4 by 1;
            1 => SECOND, 4 by 2;
            2 => CLEAR, 1 by 1;
            3 => LAST, 4 by 4;
        ];
        pieces [];
    }
}

/// Places at which an inference can be dropped: before each of its tiles, and before it is concluded.
const PLACES: usize = 8;

/// What the model computes of its elements, said in plain numbers.
#[derive(Clone, Copy)]
struct Want {
    a: i8,
    b: i8,
}

impl Want {
    const START: Self = Self { a: 5, b: 1 };

    fn next(&mut self, input: i8) -> [i8; 4] {
        self.a += input;
        self.b += self.a;
        [self.b; 4]
    }
}

#[test]
fn a_future_dropped_at_any_place_leaves_the_states_of_the_last_complete_inference() {
    let mut model = sums::Model::new();
    let mut want = Want::START;
    for places in 0..=PLACES {
        {
            let input = sums::Input([99; 4]);
            let mut inference = pin!(model.infer_async(&input));
            for _ in 0..places {
                assert!(poll(inference.as_mut()).is_pending());
            }
        }
        assert_eq!(model.infer(&sums::Input([1; 4])).unwrap()[..4], want.next(1), "dropped at place {places}");
    }
    let input = sums::Input([2; 4]);
    let mut inference = pin!(model.infer_async(&input));
    for _ in 0..PLACES {
        assert!(poll(inference.as_mut()).is_pending());
    }
    let Poll::Ready(Ok(output)) = poll(inference.as_mut()) else { panic!("it has {PLACES} tiles") };
    assert_eq!(output[..4], want.next(2));
}

#[test]
fn a_missed_deadline_leaves_the_states_of_the_last_complete_inference() {
    let mut model = ariel_ml_rs::wire!(sums).unwrap().with_budget(now, 100);
    let mut want = Want::START;
    for ticks in 0..7 {
        model.set_budget(ticks);
        assert_eq!(model.infer(&sums::Input([99; 4])), Err(Error::DeadlineMissed));
        model.set_budget(100);
        assert_eq!(model.infer(&sums::Input([1; 4])).unwrap()[..4], want.next(1), "missed after {ticks} tiles");
    }
}

#[test]
fn a_future_that_is_forgotten_half_way_leaves_the_initial_states() {
    let mut model = sums::Model::new();
    let mut want = Want::START;
    assert_eq!(model.infer(&sums::Input([1; 4])).unwrap()[..4], want.next(1));
    let input = sums::Input([99; 4]);
    let mut inference = Box::pin(model.infer_async(&input));
    assert!(poll(inference.as_mut()).is_pending());
    core::mem::forget(inference);
    let mut want = Want::START;
    assert_eq!(model.infer(&sums::Input([3; 4])).unwrap()[..4], want.next(3));
}

#[test]
fn padding_is_written_before_anybody_reads_it() {
    let mut model = sums::Model::new();
    let padded = {
        let mut input = core::mem::MaybeUninit::<sums::Input>::uninit();
        // SAFETY: bytes of the tensor; its padding may hold anything.
        unsafe {
            input.as_mut_ptr().cast::<u8>().write_bytes(0x55, size_of::<sums::Input>());
            input.as_mut_ptr().cast::<[i8; 4]>().write([1; 4]);
        }
        input
    };
    for way in 0..3 {
        model.reset();
        let mut want = Want::START;
        // SAFETY: the elements are written, and the padding as well.
        unsafe { core::ptr::copy_nonoverlapping(padded.as_ptr(), model.input_mut(), 1) };
        let output = match way {
            0 => model.run().unwrap().0,
            1 => {
                let mut run = pin!(model.run_async());
                loop {
                    if let Poll::Ready(output) = poll(run.as_mut()) {
                        break output.unwrap().0;
                    }
                }
            }
            // SAFETY: as above.
            _ => model.infer(unsafe { padded.assume_init_ref() }).unwrap().0,
        };
        assert_eq!(output[..4], want.next(1));
        let mut still = Want::START;
        assert_eq!(output[4..8], still.next(0), "padding counts as zeros");
    }
}

/// No digit of what the arena holds is to be seen: it may be uninitialised, or be written by others at the moment.
#[test]
fn debug_shows_no_bytes_of_the_arena() {
    let mut model = sums::Model::new();
    model.infer(&sums::Input([1; 4])).unwrap();
    let before = format!("{model:?}");
    model.infer(&sums::Input([77; 4])).unwrap();
    assert_eq!(format!("{model:?}"), before);
    assert!(before.contains("Arena(64 bytes)"), "{before}");
    let wired = format!("{:?}", ariel_ml_rs::wire!(sums).unwrap());
    assert!(wired.contains("Arena(64 bytes)"), "{wired}");
}

#[cfg(all(feature = "multicore", feature = "std"))]
mod several {
    use super::*;
    use ariel_ml_rs::pool::{ANY, GATE, Graph, Job, Parallel, Pool, Progress, Room, Run, Seats, slots};
    use ariel_ml_rs::sync::park::Threads;
    use core::ptr::NonNull;
    use core::task::{Context, Waker};
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, mpsc};
    use std::task::Wake;
    use std::time::Duration;

    /// A task that cannot be woken, though it can ask to be polled again.
    struct Broken;

    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("a waker that is not ours");
        }

        fn wake_by_ref(self: &Arc<Self>) {}
    }

    thread_local! {
        /// What happens while this thread runs unit 2.
        static DURING: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    /// Ends the process where the test hangs: nobody can end a thread that waits.
    fn in_time<R: Send + 'static>(what: impl FnOnce() -> R + Send + 'static) -> R {
        let (done, result) = mpsc::channel();
        std::thread::spawn(move || done.send(what()));
        result.recv_timeout(Duration::from_secs(30)).expect("it waits for ever")
    }

    /// Unit 2 makes 3 and 4 ready, and wakes somebody for one of them.
    const UNITS: usize = 6;

    unsafe fn run(context: NonNull<()>, unit: u16, _worker: u32) {
        // SAFETY: the context is this counter.
        unsafe { context.cast::<AtomicU32>().as_ref() }.fetch_or(1 << unit, Ordering::Relaxed);
        if unit == 2
            && let Some(happens) = DURING.take()
        {
            happens();
        }
    }

    /// A waker that panics on a helper: the unit in the helper's hand is not lost, and the helper is not taken to be inside.
    #[test]
    fn a_waker_that_panics_on_a_helper_holds_nobody_up() {
        static GRAPH: Graph =
            Graph::new::<UNITS>(&[0, 1, 1, 1, 1, 3], &[0, 2, 3, 5, 6, 7, 7], &[1, 2, 5, 3, 4, 5, 5], &[ANY; UNITS]);
        static ROOM: Room<UNITS, 3, { slots(4) }, { ariel_ml_rs::pool::words(UNITS) }> = Room::new();
        // SAFETY: nothing else uses the room, and `run` is sound from any core.
        static JOB: Job = unsafe { Job::new(GRAPH, &ROOM, run) };
        static SEATS: Seats<2> = Seats::new();
        // SAFETY: no other pool has these seats.
        static POOL: Pool = unsafe { Pool::new(&SEATS, &Threads) };
        static RAN: AtomicU32 = AtomicU32::new(0);
        assert_ne!(ANY, GATE);
        in_time(|| {
            let mut helper = POOL.seat(1).unwrap();
            // SAFETY: `run` expects a counter, and nobody else uses the job.
            let mut leader = unsafe { Run::new(&POOL, &JOB, NonNull::from(&RAN).cast()) };
            assert_eq!(leader.step(), Ok(Progress::Ran), "unit 0; 1 is in the leader's hand, 2 for others");
            let other = Box::pin(POOL.seat(2).unwrap().assist());
            DURING.set(Some(Box::new(move || {
                // The other helper finds nothing, and leaves a waker.
                let mut other = other;
                let waker = Waker::from(Arc::new(Broken));
                assert!(other.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                core::mem::forget(other);
            })));
            assert!(catch_unwind(AssertUnwindSafe(|| helper.help())).is_err(), "the waker panics");
            assert_eq!(RAN.load(Ordering::Relaxed), 0b101);
            leader.wait().unwrap();
            assert_eq!(RAN.load(Ordering::Relaxed), 0b11_1111, "every unit ran");
            // A second inference, dropped at once, which the panicked helper is not inside of.
            // SAFETY: as above.
            let mut next = unsafe { Run::new(&POOL, &JOB, NonNull::from(&RAN).cast()) };
            assert_eq!(next.step(), Ok(Progress::Ran));
            drop(next);
            // SAFETY: no `Run` of the job is in use.
            unsafe { ariel_ml_rs::pool::settle(&POOL, &JOB) };
        });
    }

    /// A model of one step in two tiles, which the helper and the leader share.
    mod halves {
        use super::super::{Memory, Region, Tile, Work};

        ariel_ml_rs::tensor! {
            /// The input.
            pub struct Input([i8; 16]);
            shape [16];
        }

        /// `input[i] += 1`; the second half waits for what the test wants to happen.
        pub struct Count;

        impl Count {
            #[expect(clippy::unused_self, reason = "kernels have this method")]
            const fn check(&self, arena: usize) {
                Region::new(0, 16).check::<i8>(arena, 16);
            }

            #[expect(clippy::unused_self, reason = "kernels have this method")]
            const fn work(&self) -> Work {
                Work::of(2)
            }

            #[expect(clippy::unused_self, reason = "kernels have this method")]
            unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                for index in 8 * tile.start()..8 * tile.end() {
                    // SAFETY: inside the arena (`check`).
                    unsafe {
                        let to = memory.at::<i8>(Region::new(0, 16)).add(index);
                        to.write((*to).wrapping_add(1));
                    }
                    super::look();
                }
            }
        }

        static COUNT: Count = Count;

        ariel_ml_rs::model! {
            /// A model.
            pub struct Model;
            arena 16, resets 0;
            input Input = 0;
            output Input = 0;
            states [];
            keeps [];
            steps [
                0 => COUNT, 2 by 1;
            ];
            pieces [];
        }

        ariel_ml_rs::parallel! {
            workers 2, slots 2;
            units [(0, 0, 0), (0, 0, 1), (0, 1, 2), (0, 0, 0)];
            needs [0, 1, 1, 2];
            first [0, 2, 3, 4, 4];
            next [1, 2, 3, 3];
            homes [254, 255, 255, 254];
        }
    }

    thread_local! {
        /// Called between any two bytes that a tile writes, on the thread that plays all cores.
        static LOOK: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    }

    fn look() {
        LOOK.with_borrow(|look| look.iter().for_each(|look| look()));
    }

    /// A helper is at a tile of a future that was forgotten: what the handle shows does not change from byte to byte.
    #[test]
    fn debug_of_a_handle_shows_nothing_that_helpers_write() {
        ariel_ml_rs::pool!(static POOL: 1 helpers, park = &Threads);
        let mut helper = POOL.seat(1).unwrap();
        let handle: &'static mut _ = Box::leak(Box::new(ariel_ml_rs::wire!(halves, pool = POOL).unwrap()));
        {
            let mut inference = Box::pin(handle.run_async());
            assert!(poll(inference.as_mut()).is_pending());
            core::mem::forget(inference);
        }
        let handle = &*handle;
        let shown = format!("{handle:?}");
        assert!(!shown.contains("Arena") && !shown.contains("Model"), "{shown}");
        let looks = std::rc::Rc::new(Cell::new(0));
        let (counted, first) = (looks.clone(), shown.clone());
        LOOK.set(Some(Box::new(move || {
            assert_eq!(format!("{handle:?}"), first);
            counted.set(counted.get() + 1);
        })));
        helper.help();
        LOOK.take();
        assert_eq!(looks.get(), 8, "the helper had one tile");
        assert_eq!(<halves::Model as Parallel>::WORKERS, 2);
    }
}
