//! Stress of the pool by threads: random graphs, whose results are compared with those of one thread that knows no pool.
//!
//! loom proves small cases under every interleaving (`nox -s loom`); this looks for what only large ones have: full deques, many
//! wake-ups, inferences cut short at every place, and two models that fight for the helpers.

use ariel_ml_rs::Error;
use ariel_ml_rs::pool::{
    ANY, Budget, GATE, Graph, Job, Pool, Priority, Progress, Room, Run, Seats, settle, slots, words,
};
use ariel_ml_rs::sync::park::Threads;
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::task::{Context, Poll};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Splitmix64: every test names its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A random graph, as who runs its units knows it.
struct Dag {
    predecessors: Vec<Vec<usize>>,
    gates: Vec<bool>,
}

impl Dag {
    fn new(random: &mut Random, units: usize) -> Self {
        let mut predecessors: Vec<Vec<usize>> = vec![vec![]];
        let reach = 1 + random.below(units.max(2));
        for unit in 1..units {
            let mut of_unit: Vec<usize> =
                (0..=random.below(3)).map(|_| unit - 1 - random.below(reach.min(unit))).collect();
            of_unit.sort_unstable();
            of_unit.dedup();
            predecessors.push(of_unit);
        }
        let waited_for: Vec<usize> = predecessors.iter().flatten().copied().collect();
        let last = units - 1;
        predecessors[last].extend((0..last).filter(|unit| !waited_for.contains(unit)));
        predecessors[last].sort_unstable();
        predecessors[last].dedup();
        Self { predecessors, gates: (0..units).map(|_| random.below(4) == 0).collect() }
    }

    /// The tables that the compiler would emit, with a random home for some units.
    fn graph<const UNITS: usize>(&self, random: &mut Random) -> Graph {
        let needs: [u8; UNITS] = core::array::from_fn(|unit| u8::try_from(self.predecessors[unit].len()).unwrap());
        let home: [u8; UNITS] = core::array::from_fn(|unit| match random.below(3) {
            _ if self.gates[unit] => GATE,
            0 => random.below(5) as u8,
            _ => ANY,
        });
        let (mut first, mut next) = (vec![0], vec![]);
        for unit in 0..UNITS {
            next.extend((unit..UNITS).filter(|&other| self.predecessors[other].contains(&unit)).map(|to| to as u16));
            first.push(next.len() as u16);
        }
        Graph::new(leak(needs), first.leak(), next.leak(), leak(home))
    }

    /// What `unit` computes: a gate nothing, others something of all before them.
    fn value(&self, unit: usize, input: u64, value: impl Fn(usize) -> u64) -> u64 {
        let sum = self.predecessors[unit].iter().fold(input, |sum, &before| mix(sum ^ value(before)));
        if self.gates[unit] { 0 } else { mix(sum + unit as u64) }
    }

    /// All values, in order, by one thread.
    fn oracle(&self, input: u64) -> Vec<u64> {
        let mut values = vec![];
        for unit in 0..self.predecessors.len() {
            values.push(self.value(unit, input, |before| values[before]));
        }
        values
    }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// What units work on: plain memory, which a second writer or an early reader would garble.
struct Memory {
    dag: Dag,
    input: UnsafeCell<u64>,
    values: Vec<UnsafeCell<u64>>,
    scratch: [UnsafeCell<u64>; 8],
    spin: u64,
}

// SAFETY: that nobody writes what another uses is what is tested.
unsafe impl Sync for Memory {}

unsafe fn run(context: NonNull<()>, unit: u16, worker: u32) {
    // SAFETY: the context is a `Memory`; predecessors are complete, and nobody else has this unit, or this worker's scratch.
    unsafe {
        let memory = context.cast::<Memory>().as_ref();
        let unit = usize::from(unit);
        let scratch = memory.scratch[worker as usize].get();
        *scratch = memory.dag.value(unit, *memory.input.get(), |before| *memory.values[before].get());
        for _ in 0..*scratch % memory.spin {
            core::hint::spin_loop();
        }
        *memory.values[unit].get() = *scratch;
    }
}

/// A model on a pool.
struct Model {
    pool: &'static Pool,
    job: &'static Job,
    memory: &'static Memory,
    random: Random,
}

impl Model {
    fn new<const UNITS: usize, const WORKERS: usize, const SLOTS: usize, const WORDS: usize>(
        pool: &'static Pool,
        mut random: Random,
    ) -> Self {
        let dag = Dag::new(&mut random, UNITS);
        let graph = dag.graph::<UNITS>(&mut random);
        let room = leak(Room::<UNITS, WORKERS, SLOTS, WORDS>::new());
        let memory = leak(Memory {
            dag,
            input: UnsafeCell::new(0),
            values: (0..UNITS).map(|_| UnsafeCell::new(0)).collect(),
            scratch: Default::default(),
            spin: 1 + random.below(400) as u64,
        });
        // SAFETY: the room is this job's; `run` needs nothing but its contract.
        Self { pool, job: leak(unsafe { Job::new(graph, room, run) }), memory, random }
    }

    /// The next inference over a new input, and what has to come of it.
    fn prepare(&mut self) -> (Run, Vec<u64>) {
        let input = self.random.next();
        // SAFETY: one run at a time; whatever helpers are still at is waited for before the memory is written.
        unsafe {
            settle(self.pool, self.job);
            *self.memory.input.get() = input;
            for value in &self.memory.values {
                *value.get() = 0;
            }
            (Run::new(self.pool, self.job, NonNull::from(self.memory).cast()), self.memory.dag.oracle(input))
        }
    }

    fn assert_values(&self, expected: &[u64]) {
        // SAFETY: the inference is over.
        let values: Vec<u64> = self.memory.values.iter().map(|value| unsafe { *value.get() }).collect();
        assert_eq!(values, expected);
    }

    /// One inference of a random kind.
    fn infer(&mut self, priority: Priority) {
        let (run, expected) = self.prepare();
        let mut run = run.with_priority(priority);
        let steps = self.random.below(1 + expected.len());
        match self.random.below(6) {
            0 | 1 => run.wait().unwrap(),
            2 => block_on(run).unwrap(),
            kind @ (3 | 4) => {
                for _ in 0..steps {
                    if run.step() == Ok(Progress::Done) {
                        break;
                    }
                }
                if kind == 3 {
                    drop(run);
                } else {
                    core::mem::forget(run);
                }
                return;
            }
            _ => {
                static TICKS: AtomicU64 = AtomicU64::new(0);
                let budget = Budget {
                    now: || TICKS.fetch_add(1, Ordering::Relaxed),
                    deadline: TICKS.load(Ordering::Relaxed) + steps as u64,
                };
                match run.with_budget(budget).wait() {
                    Ok(()) => {}
                    Err(Error::DeadlineMissed) => return,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        self.assert_values(&expected);
    }
}

/// Polls `future` to its end.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Runs `leaders` at the same time with these helpers, one of them a task, until all return; a hang fails.
fn with_helpers<const HELPERS: usize>(leaders: impl FnOnce(&'static Pool) + Send + 'static) -> &'static Pool {
    // SAFETY: the seats are this pool's.
    let pool = leak(unsafe { Pool::new(leak(Seats::<HELPERS>::new()), &Threads) });
    let stop = leak(AtomicBool::new(false));
    let helpers: Vec<_> = (1..=HELPERS)
        .map(|worker| {
            let mut seat = pool.seat(worker).unwrap();
            assert!(pool.seat(worker).is_none(), "a seat is taken once");
            thread::spawn(move || seat.work_until(|| stop.load(Ordering::Relaxed)))
        })
        .collect();
    let leader = thread::spawn(move || leaders(pool));
    let start = Instant::now();
    while !leader.is_finished() {
        assert!(start.elapsed() < Duration::from_secs(120), "a wake-up was lost");
        thread::sleep(Duration::from_millis(5));
    }
    leader.join().unwrap();
    stop.store(true, Ordering::Relaxed);
    pool.wake_all();
    for helper in helpers {
        helper.join().unwrap();
    }
    pool
}

/// How long a test looks for something: under miri one round of each is all that there is time for.
fn rounds(duration: Duration) -> impl Iterator<Item = u64> {
    let start = Instant::now();
    (0..).take_while(move |&round| round == 0 || (!cfg!(miri) && start.elapsed() < duration))
}

/// Some inferences of a random model.
fn random_model<const UNITS: usize, const WORKERS: usize, const SLOTS: usize, const WORDS: usize>(
    pool: &'static Pool,
    seed: u64,
    priority: Priority,
) {
    let mut model = Model::new::<UNITS, WORKERS, SLOTS, WORDS>(pool, Random(seed));
    for _ in 0..if cfg!(miri) { 4 } else { 40 } {
        model.infer(priority);
    }
}

#[test]
fn random_graphs_give_what_one_thread_gives() {
    with_helpers::<3>(|pool| {
        for seed in rounds(Duration::from_millis(1500)) {
            random_model::<1, 4, 1, 1>(pool, seed, Priority::Normal);
            random_model::<40, 4, { slots(40) }, 0>(pool, seed, Priority::Normal);
            random_model::<40, 4, 1, { words(40) }>(pool, seed, Priority::Normal);
            random_model::<100, 2, 4, { words(100) }>(pool, seed, Priority::High);
        }
    });
}

#[test]
fn two_models_share_the_helpers() {
    with_helpers::<2>(|pool| {
        let other = thread::spawn(move || {
            for seed in rounds(Duration::from_millis(1500)) {
                random_model::<60, 3, 2, { words(60) }>(pool, seed, Priority::Normal);
            }
        });
        for seed in rounds(Duration::from_millis(1500)) {
            let priority = if seed % 2 == 0 { Priority::Normal } else { Priority::High };
            random_model::<33, 3, { slots(33) }, { words(33) }>(pool, 1000 + seed, priority);
        }
        other.join().unwrap();
    });
}

#[test]
fn without_helpers_the_leader_does_it_all() {
    with_helpers::<0>(|pool| {
        for seed in 0..20 {
            random_model::<50, 1, { slots(50) }, 0>(pool, seed, Priority::Normal);
            random_model::<50, 4, 2, { words(50) }>(pool, seed, Priority::Normal);
        }
    });
}

#[test]
fn helpers_may_be_tasks() {
    with_helpers::<0>(|_| {
        // SAFETY: the seats are this pool's.
        let pool: &'static Pool = leak(unsafe { Pool::new(leak(Seats::<1>::new()), &Threads) });
        thread::spawn(|| block_on(pool.seat(1).unwrap().assist()));
        for seed in rounds(Duration::from_millis(500)) {
            random_model::<40, 2, 4, { words(40) }>(pool, seed, Priority::Normal);
        }
    });
}

#[test]
fn alone_is_the_same() {
    with_helpers::<0>(|pool| {
        let mut model = Model::new::<40, 1, { slots(40) }, 0>(pool, Random(7));
        let (_, expected) = model.prepare();
        // SAFETY: no run is under way.
        unsafe { model.job.run_alone(NonNull::from(model.memory).cast()) };
        model.assert_values(&expected);
    });
}

#[test]
#[cfg(feature = "pool-stats")]
fn workers_count_what_they_do() {
    let pool = with_helpers::<1>(|pool| {
        let mut model = Model::new::<100, 2, 4, { words(100) }>(pool, Random(3));
        for _ in 0..50 {
            let (run, expected) = model.prepare();
            run.wait().unwrap();
            model.assert_values(&expected);
        }
    });
    let (leader, helper) = (pool.stats(0), pool.stats(1));
    assert_eq!(leader.units + helper.units, 5000, "{leader:?} {helper:?}");
    assert!(leader.steals <= leader.units && helper.steals <= helper.units, "{leader:?} {helper:?}");
}
