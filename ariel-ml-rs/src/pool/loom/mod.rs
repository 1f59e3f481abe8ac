//! loom's proofs of the pool: whole inferences of small graphs by two or three workers.
#![expect(clippy::undocumented_unsafe_blocks, reason = "what is promised here is what loom and the assertions check")]

mod cancelled;
mod complete;
mod images;
mod several;
mod tasks;

use super::{ANY, GATE, Graph, Job, Pool, Room, Run, Seats};
use crate::flow::{Looks, Op};
use crate::sync::park::{Loom, Park, Spot};
use crate::sync::primitive::{Ordering, PlainBool};
use crate::tile::Cursor;
use core::future::Future;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};
use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle};
use std::sync::Arc;

/// A graph, and for each unit with work those whose results it reads: what the tests believe, apart from `needs` and `next`.
#[derive(Clone, Copy, Debug)]
struct Case<const UNITS: usize> {
    graph: Graph,
    reads: &'static [&'static [u16]; UNITS],
}

/// Two units after another.
static CHAIN: Case<2> = Case { graph: Graph::new::<2>(&[0, 1], &[0, 1, 1], &[1], &[ANY; 2]), reads: &[&[], &[0]] };

/// One, two side by side, one.
static DIAMOND: Case<4> = Case {
    graph: Graph::new::<4>(&[0, 1, 1, 2], &[0, 2, 3, 4, 4], &[1, 2, 3, 3], &[ANY; 4]),
    reads: &[&[], &[0], &[0], &[1, 2]],
};

/// The same, with a home for each of the two.
static AT_HOME: Case<4> = Case {
    graph: Graph::new::<4>(&[0, 1, 1, 2], &[0, 2, 3, 4, 4], &[1, 2, 3, 3], &[ANY, 1, 0, 1]),
    reads: &[&[], &[0], &[0], &[1, 2]],
};

/// Two side by side, and again, with gates around.
static GATES: Case<7> = Case {
    graph: Graph::new::<7>(
        &[0, 1, 1, 2, 1, 1, 2],
        &[0, 2, 3, 4, 6, 7, 8, 8],
        &[1, 2, 3, 3, 4, 5, 6, 6],
        &[GATE, ANY, ANY, GATE, ANY, ANY, GATE],
    ),
    reads: &[&[], &[], &[], &[], &[1, 2], &[1, 2], &[4, 5]],
};

/// Three side by side: more than find room in a deque of one slot.
static WIDE: Case<5> = Case {
    graph: Graph::new::<5>(&[0, 1, 1, 1, 3], &[0, 3, 4, 5, 6, 6], &[1, 2, 3, 4, 4, 4], &[ANY; 5]),
    reads: &[&[], &[0], &[0], &[0], &[1, 2, 3]],
};

/// Two chains as blocks, each of which the helper may end; the second reads what the first made.
static BLOCKS: Case<4> = Case {
    graph: Graph::new::<4>(&[0, 1, 0, 1], &[0, 1, 1, 2, 2], &[1, 3], &[ANY, 1, ANY, 1]),
    reads: &[&[], &[0], &[1], &[2]],
};

/// Goes from the first block of `BLOCKS` to the second: the leader reads what units wrote, as a condition.
unsafe fn follow(context: NonNull<()>, at: &mut Cursor) -> Option<u16> {
    let memory = unsafe { context.cast::<Memory>().as_ref() };
    for ran in &memory.ran {
        ran.with(|_| ());
    }
    // Nothing is looked at: there are steps only.
    let looks = unsafe { Looks::new(crate::memory::Memory::of_worker(context.cast(), 0)) };
    at.follow_blocks(&[Op::Step(0), Op::Step(1)], &[(0, 1, 0), (1, 1, 2)], looks)
}

/// What the units work on: loom finds every pair of accesses that nothing orders.
struct Memory {
    /// Which inference it is: written by the leader alone, between inferences.
    inference: UnsafeCell<u32>,
    /// The last inference in which each unit ran.
    ran: Vec<UnsafeCell<u32>>,
    reads: &'static [&'static [u16]],
    /// Workers other than the leader that ran something: also tells that the cases do what they are meant to.
    helped: std::sync::atomic::AtomicUsize,
}

impl Memory {
    fn new<const UNITS: usize>(case: &Case<UNITS>) -> Self {
        Self {
            inference: UnsafeCell::new(0),
            ran: (0..UNITS).map(|_| UnsafeCell::new(0)).collect(),
            reads: case.reads,
            helped: std::sync::atomic::AtomicUsize::new(0),
        }
    }
}

/// Runs a unit: it must not have run in this inference, and what it reads must have.
unsafe fn run(context: NonNull<()>, unit: u16, worker: u32) {
    let memory = unsafe { context.cast::<Memory>().as_ref() };
    let inference = memory.inference.with(|inference| unsafe { *inference });
    for &read in memory.reads[usize::from(unit)] {
        let ran = memory.ran[usize::from(read)].with(|ran| unsafe { *ran });
        assert_eq!(ran, inference, "unit {unit} ran before unit {read}");
    }
    memory.ran[usize::from(unit)].with_mut(|ran| unsafe {
        assert_ne!(*ran, inference, "unit {unit} ran twice");
        *ran = inference;
    });
    if worker > 0 {
        memory.helped.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A pool that the threads of one execution share, and its helpers.
struct World {
    pool: &'static Pool,
    stop: Arc<PlainBool>,
    helpers: Vec<JoinHandle<()>>,
}

/// A model on that pool.
struct Model {
    job: &'static Job,
    memory: &'static Memory,
    gates: Vec<bool>,
}

// Everything lives as long as its execution, which is what `'static` stands for here. It is leaked: a panic must not drop what
// other threads use, and loom ends the process's use of an execution's objects with it.
fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

impl World {
    /// A pool with this number of helpers, of which the first `awake` are at work.
    fn new<const HELPERS: usize>(awake: usize) -> Self {
        let pool = leak(unsafe { Pool::new(leak(Seats::<HELPERS>::new()), &Loom) });
        let stop = Arc::new(PlainBool::new(false));
        let helpers = (1..=awake)
            .map(|worker| {
                let stop = stop.clone();
                thread::spawn(move || {
                    pool.seat(worker).unwrap().work_until(|| stop.load(Ordering::Relaxed));
                })
            })
            .collect();
        Self { pool, stop, helpers }
    }

    /// Sends the helpers home.
    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.pool.wake_all();
        for helper in self.helpers {
            helper.join().unwrap();
        }
    }
}

impl Model {
    fn new<const UNITS: usize, const WORKERS: usize, const SLOTS: usize, const WORDS: usize>(
        case: &Case<UNITS>,
        room: Room<UNITS, WORKERS, SLOTS, WORDS>,
    ) -> Self {
        let memory = leak(Memory::new(case));
        let gates = (0..UNITS as u16).map(|unit| unsafe { case.graph.home(unit) } == GATE).collect();
        Self { job: leak(unsafe { Job::new(case.graph, leak(room), run) }), memory, gates }
    }

    /// The same model, whose blocks run as `follow` says.
    fn following(self) -> Self {
        Self { job: leak(unsafe { (*self.job).following(Some(follow)) }), ..self }
    }

    /// The next inference, not begun. Nobody may be at the memory.
    fn prepare(&self, world: &World) -> Run {
        unsafe { super::settle(world.pool, self.job) };
        self.memory.inference.with_mut(|inference| unsafe { *inference += 1 });
        unsafe { Run::new(world.pool, self.job, NonNull::from(self.memory).cast()) }
    }

    /// Checks that all units ran, and that the memory is the leader's again.
    fn assert_complete(&self) {
        let inference = self.memory.inference.with(|inference| unsafe { *inference });
        for (unit, ran) in self.memory.ran.iter().enumerate().filter(|&(unit, _)| !self.gates[unit]) {
            assert_eq!(ran.with_mut(|ran| unsafe { *ran }), inference, "unit {unit} did not run");
        }
    }

    /// Checks that the memory is the leader's.
    fn assert_still(&self) {
        for ran in &self.memory.ran {
            ran.with_mut(|_| ());
        }
    }

    /// One inference from the beginning to the end.
    fn infer(&self, world: &World) {
        self.prepare(world).wait().unwrap();
        self.assert_complete();
    }
}

/// Polls `future` to its end; sleeps where it is pending until its waker is used.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let spot = Arc::new(Spot::new());
    let waker = crate::sync::loom::waker(&spot);
    loop {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        Loom.park(&spot);
    }
}
