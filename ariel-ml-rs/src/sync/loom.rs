//! loom's proofs of the parts: every interleaving of a few operations, under everything that the memory model allows.
#![expect(clippy::undocumented_unsafe_blocks, reason = "what is promised here is what loom and the assertions check")]

use super::bell::Bell;
use super::deque::{Deque, Ends, Steal};
use super::inbox::Inbox;
use super::park::Loom;
use super::planted::{Bug, assert_found};
use super::primitive::{AtomicU32, Ordering, PlainU16, PlainU32, fence};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A deque, what its pusher wrote before, and how often each unit was taken.
struct Lane {
    ends: Ends,
    slots: [PlainU16; 2],
    inbox: [AtomicU32; 1],
    written: [UnsafeCell<u32>; 4],
    taken: [AtomicUsize; 4],
}

// SAFETY: loom checks every access to the cells.
unsafe impl Sync for Lane {}

impl Lane {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            ends: Ends::new(),
            slots: core::array::from_fn(|_| PlainU16::new(0)),
            inbox: [AtomicU32::new(0)],
            written: core::array::from_fn(|_| UnsafeCell::new(0)),
            taken: Default::default(),
        })
    }

    fn deque(&self) -> Deque<'_> {
        Deque::new(&self.ends, &self.slots)
    }

    fn inbox(&self) -> Inbox<'_> {
        Inbox::new(&self.inbox)
    }

    fn write(&self, unit: u16) {
        self.written[usize::from(unit)].with_mut(|cell| unsafe { *cell = u32::from(unit) + 1 });
    }

    /// Sees what the pusher wrote, or loom finds a race.
    fn take(&self, unit: u16) {
        let unit = usize::from(unit);
        assert_eq!(self.written[unit].with(|cell| unsafe { *cell }), unit as u32 + 1);
        assert_eq!(self.taken[unit].fetch_add(1, Relaxed), 0, "unit {unit} was taken twice");
    }

    fn assert_all_taken(&self, units: usize) {
        assert!(self.taken[..units].iter().all(|taken| taken.load(Relaxed) == 1), "a unit was lost");
    }
}

/// The owner pushes three units through two slots and pops, one or two thieves steal.
fn deque(thieves: usize) {
    let lane = Lane::new();
    let thieves: Vec<_> = (0..thieves)
        .map(|_| {
            let lane = lane.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    if let Steal::Success(unit) = lane.deque().steal() {
                        lane.take(unit);
                    }
                }
            })
        })
        .collect();
    for unit in 0..2 {
        lane.write(unit);
        assert!(unsafe { lane.deque().push(unit) });
    }
    if let Some(unit) = unsafe { lane.deque().pop() } {
        lane.take(unit);
        lane.write(2);
        assert!(unsafe { lane.deque().push(2) }, "there is room after a pop");
    } else {
        lane.write(2);
        assert!(unsafe { lane.deque().push(2) }, "there is room after two steals");
    }
    while let Some(unit) = unsafe { lane.deque().pop() } {
        lane.take(unit);
    }
    for thief in thieves {
        thief.join().unwrap();
    }
    assert!(!lane.deque().seems_filled());
    lane.assert_all_taken(3);
}

#[test]
fn loom_deque_gives_each_unit_once() {
    loom::model(|| deque(1));
}

#[test]
fn loom_deque_gives_each_unit_once_to_two_thieves() {
    bounded(3, || deque(2));
}

#[test]
fn loom_deque_without_a_fence_is_found_out() {
    assert_found(Bug::PopFence, "taken twice", || loom::model(|| deque(1)));
    assert_found(Bug::PushRelease, "taken twice", || loom::model(|| deque(1)));
    assert_found(Bug::StealFence, "taken twice", || bounded(3, || deque(2)));
}

/// Two senders, two takers.
fn inbox() {
    let lane = Lane::new();
    let sender = thread::spawn({
        let lane = lane.clone();
        move || {
            lane.write(0);
            lane.inbox().insert(0);
        }
    });
    let taker = thread::spawn({
        let lane = lane.clone();
        move || {
            if let Some(unit) = lane.inbox().take() {
                lane.take(unit);
            }
        }
    });
    lane.write(1);
    assert!(lane.inbox().insert(1));
    if let Some(unit) = lane.inbox().take() {
        lane.take(unit);
    }
    sender.join().unwrap();
    taker.join().unwrap();
    while let Some(unit) = lane.inbox().take() {
        lane.take(unit);
    }
    lane.assert_all_taken(2);
}

#[test]
fn loom_inbox_gives_each_unit_once() {
    loom::model(inbox);
    assert_found(Bug::InboxRelease, "Causality", || loom::model(inbox));
}

/// Work for a sleeper from two others; it sleeps when it sees none.
struct Bed {
    bell: Bell,
    work: PlainU32,
    more: PlainU32,
}

impl Bed {
    fn new() -> Arc<Self> {
        Arc::new(Self { bell: Bell::new(), work: PlainU32::new(0), more: PlainU32::new(0) })
    }

    fn seems_wanted(&self) -> bool {
        self.work.load(Ordering::Relaxed) + self.more.load(Ordering::Relaxed) == 2
    }

    fn give(&self, work: &PlainU32) {
        work.store(1, Ordering::Relaxed);
        super::primitive::planted!(WakeFence, fence(Ordering::SeqCst), ());
        self.bell.ring(&Loom);
    }
}

/// A core sleeps until both have given work.
fn parked() {
    let bed = Bed::new();
    let other = thread::spawn({
        let bed = bed.clone();
        move || bed.give(&bed.more)
    });
    let one = thread::spawn({
        let bed = bed.clone();
        move || bed.give(&bed.work)
    });
    while !bed.seems_wanted() {
        if bed.bell.lie_down(&Loom) {
            if !bed.seems_wanted() {
                bed.bell.sleep(&Loom);
            }
            bed.bell.rise();
        } else {
            thread::yield_now();
        }
    }
    other.join().unwrap();
    one.join().unwrap();
}

#[test]
fn loom_bell_loses_no_wake_up_of_a_core() {
    bounded(3, parked);
    for bug in [Bug::LieDownFence, Bug::WakeFence] {
        assert_found(bug, "deadlock", || bounded(3, parked));
    }
}

/// A task sleeps until both have given work, `hasty` as one that is also polled for other reasons; then as a core.
fn task(hasty: bool) {
    let bed = Bed::new();
    let others = [false, true].map(|more| {
        let bed = bed.clone();
        thread::spawn(move || bed.give(if more { &bed.more } else { &bed.work }))
    });
    let executor = Arc::new(super::park::Spot::new());
    let waker = waker(&executor);
    let mut polls = 0;
    loop {
        bed.bell.attend();
        if bed.seems_wanted() {
            break;
        }
        polls += 1;
        if !bed.bell.register(&waker) {
            thread::yield_now();
        } else if bed.seems_wanted() {
            break;
        } else if !hasty || polls > 1 {
            super::park::Park::park(&Loom, &executor);
        }
    }
    bed.bell.attend();
    for other in others {
        other.join().unwrap();
    }
}

#[test]
fn loom_bell_loses_no_wake_up_of_a_task() {
    bounded(3, || task(false));
    bounded(3, || task(true));
    for bug in [Bug::LieDownFence, Bug::WakeFence] {
        assert_found(bug, "deadlock", || bounded(3, || task(false)));
    }
    assert_found(Bug::RingTask, "Causality", || bounded(3, || task(true)));
}

/// A leader that was a task, and whose future is gone, goes to sleep as a core.
fn task_then_parked() {
    let bed = Bed::new();
    let others = [false, true].map(|more| {
        let bed = bed.clone();
        thread::spawn(move || bed.give(if more { &bed.more } else { &bed.work }))
    });
    let waker = waker(&Arc::new(super::park::Spot::new()));
    bed.bell.register(&waker);
    bed.bell.attend();
    while !bed.seems_wanted() {
        if bed.bell.lie_down(&Loom) {
            if !bed.seems_wanted() {
                bed.bell.sleep(&Loom);
            }
            bed.bell.rise();
        } else {
            thread::yield_now();
        }
    }
    for other in others {
        other.join().unwrap();
    }
}

#[test]
fn loom_bell_of_a_task_may_become_that_of_a_core() {
    bounded(3, task_then_parked);
    assert_found(Bug::RingOver, "deadlock", || bounded(3, task_then_parked));
}

/// Explores `model` with at most `preemptions` switches where a thread could have gone on.
pub(crate) fn bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// A waker that ends the sleep of an executor at `spot`.
pub(crate) fn waker(spot: &Arc<super::park::Spot>) -> std::task::Waker {
    struct Wake(Arc<super::park::Spot>);
    impl std::task::Wake for Wake {
        fn wake(self: Arc<Self>) {
            super::park::Park::unpark(&Loom, &self.0);
        }
    }
    Arc::new(Wake(spot.clone())).into()
}
