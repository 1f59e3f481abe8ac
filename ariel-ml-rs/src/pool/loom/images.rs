//! Images: each has a pool and jobs of its own over the same seats and rooms, finds jobs by their names, and may be reset between
//! any two steps. A reset is a thread that stops where it is and leaves all as it was (`forget`), and another that begins anew.

use super::{AT_HOME, Case, DIAMOND, Memory, Model, World, leak, run};
use crate::Error;
use crate::pool::{Job, Pool, Room, Run, Seats};
use crate::sync::loom::bounded;
use crate::sync::park::Loom;
use crate::sync::planted::{Bug, assert_found};
use crate::sync::primitive::{Ordering, PlainBool};
use core::ptr::NonNull;
use loom::thread;
use std::sync::Arc;

/// Two images: the leader's, and that of helper 1.
struct Chip {
    world: World,
    model: Model,
    helper: &'static Pool,
}

/// The name of the one job.
const NAME: usize = 0x4200 + 1;

impl Chip {
    fn new<const UNITS: usize, const SLOTS: usize, const WORDS: usize>(
        case: &Case<UNITS>,
        room: Room<UNITS, 2, SLOTS, WORDS>,
    ) -> Self {
        let (seats, room) = (leak(Seats::<1>::new()), leak(room));
        // The jobs of the two images lie in different places, and so would their code.
        let image = || {
            let jobs: &[Job] = leak(vec![unsafe { Job::new(case.graph, room, run) }.named(NAME)]);
            (jobs, leak(unsafe { Pool::new(seats, &Loom) }.with_jobs(jobs)))
        };
        let ((jobs, pool), (_, helper)) = (image(), image());
        let memory = leak(Memory::new(case));
        let world = World { pool, stop: Arc::new(PlainBool::new(false)), helpers: Vec::new() };
        Self { world, model: Model { job: &jobs[0], memory, gates: vec![false; UNITS] }, helper }
    }

    /// The core of the helper begins: it waits for the leader to settle what its life before left, and helps.
    fn begin(pool: &'static Pool, stop: &PlainBool) {
        loop {
            if let Some(mut seat) = unsafe { pool.resume(1, true) } {
                seat.work_until(|| stop.load(Ordering::Relaxed));
                return;
            }
            if stop.load(Ordering::Relaxed) {
                return;
            }
            thread::yield_now();
        }
    }

    fn start(&mut self) {
        let (pool, stop) = (self.helper, self.world.stop.clone());
        self.world.helpers.push(thread::spawn(move || Self::begin(pool, &stop)));
    }

    /// A helper that is reset in the job, with a unit in hand or none, and begins anew.
    fn start_and_reset(&mut self) {
        let (pool, stop) = (self.helper, self.world.stop.clone());
        self.world.helpers.push(thread::spawn(move || {
            let seat = unsafe { pool.resume(1, true) }.expect("it is the first life");
            seat.dies_inside();
            Self::begin(pool, &stop);
        }));
    }
}

#[test]
fn loom_images_find_jobs_by_name() {
    bounded(2, || {
        let mut chip = Chip::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
        chip.start();
        chip.model.infer(&chip.world);
        chip.model.infer(&chip.world);
        chip.world.end();
    });
    bounded(2, || {
        let mut chip = Chip::new(&AT_HOME, Room::<4, 2, 1, 1>::new());
        chip.start();
        chip.model.infer(&chip.world);
        chip.world.end();
    });
}

/// Two inferences, in one of which the helper is reset, or between them: that one is whole, or given up; the other is whole.
fn helper_reset() {
    let mut chip = Chip::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
    chip.start_and_reset();
    let mut lost = 0;
    for _ in 0..2 {
        match chip.model.prepare(&chip.world).wait() {
            Ok(()) => chip.model.assert_complete(),
            Err(error) => {
                assert_eq!(error, Error::HelperLost);
                lost += 1;
            }
        }
    }
    assert!(lost <= 1, "one reset ended two inferences");
    unsafe { crate::pool::settle(chip.world.pool, chip.model.job) };
    chip.model.assert_still();
    chip.world.end();
}

#[test]
fn loom_a_helper_is_reset() {
    bounded(2, helper_reset);
}

/// A leader that is reset after `steps` units, and begins anew, as `Images::lead` does.
fn leader_reset(steps: usize) {
    let mut chip = Chip::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
    chip.start();
    let mut run = chip.model.prepare(&chip.world);
    for _ in 0..steps {
        let _ = run.step();
    }
    core::mem::forget(run);
    let pool = chip.world.pool;
    while !pool.vacate() {
        thread::yield_now();
    }
    unsafe { chip.model.job.room.clear() };
    let desk = chip.model.job.room.desk;
    desk.open.store(false, Ordering::Relaxed);
    desk.done.store(false, Ordering::Relaxed);
    pool.readmit_all();
    pool.rouse_all();
    chip.model.assert_still();
    chip.model.infer(&chip.world);
    chip.world.end();
}

#[test]
fn loom_a_leader_is_reset() {
    bounded(2, || leader_reset(1));
    bounded(1, || leader_reset(2));
}

/// A job that a leader of another plan posts is nobody's.
#[test]
fn loom_names_of_another_plan_are_nobodys() {
    bounded(2, || {
        let mut chip = Chip::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
        let other: &[Job] = leak(vec![(*chip.model.job).named(NAME + 0x100)]);
        chip.world.pool = leak(chip.world.pool.renamed(other));
        chip.start();
        let memory: NonNull<()> = NonNull::from(chip.model.memory).cast();
        chip.model.memory.inference.with_mut(|inference| unsafe { *inference += 1 });
        unsafe { Run::new(chip.world.pool, &other[0], memory) }.wait().unwrap();
        chip.model.assert_complete();
        assert_eq!(chip.model.memory.helped.load(std::sync::atomic::Ordering::Relaxed), 0);
        chip.world.end();
    });
}

#[test]
fn loom_planted_bugs_of_resets_are_found() {
    assert_found(Bug::ResumeInside, "deadlock", || bounded(2, helper_reset));
    // The helper waits for a leader that sleeps: it looks again and again, which loom ends.
    assert_found(Bug::ResumeRouse, "maximum number of branches", || bounded(2, helper_reset));
    assert_found(Bug::EnterFence, "ran before unit", || bounded(2, || leader_reset(1)));
}
