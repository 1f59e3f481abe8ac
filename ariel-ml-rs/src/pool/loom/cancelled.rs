//! Inferences that end half-way: the next one waits for units in flight, finds the queues empty, and runs all units.

use super::{DIAMOND, GATES, Model, World};
use crate::pool::{Progress, Room};
use crate::sync::loom::bounded;
use crate::sync::planted::{Bug, assert_found};

/// An inference of which the leader runs `steps` units before it is dropped, or forgotten; then a whole one.
fn cancelled(steps: usize, forgotten: bool) {
    let world = World::new::<1>(1);
    let model = Model::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
    let mut run = model.prepare(&world);
    for _ in 0..steps {
        if run.step() == Ok(Progress::Done) {
            break;
        }
    }
    if forgotten {
        core::mem::forget(run);
    } else {
        drop(run);
    }
    unsafe { crate::pool::settle(world.pool, model.job) };
    model.assert_still();
    model.infer(&world);
    world.end();
}

#[test]
fn loom_dropped() {
    bounded(2, || cancelled(1, false));
    bounded(1, || cancelled(2, false));
}

#[test]
fn loom_forgotten() {
    bounded(2, || cancelled(1, true));
}

#[test]
fn loom_planted_bugs_are_found() {
    assert_found(Bug::SettleWait, "Causality", || bounded(2, || cancelled(1, false)));
    assert_found(Bug::EnterFence, "Causality", || bounded(2, || cancelled(1, false)));
    assert_found(Bug::LeaveRing, "deadlock", || bounded(2, || cancelled(1, false)));
}

#[test]
fn loom_out_of_time() {
    fn now() -> u64 {
        1
    }
    bounded(1, || {
        let world = World::new::<1>(1);
        let model = Model::new(&GATES, Room::<7, 2, 2, 1>::new());
        let late = model.prepare(&world).with_budget(crate::pool::Budget { now, deadline: 0 });
        assert_eq!(late.wait(), Err(crate::Error::DeadlineMissed));
        let in_time = model.prepare(&world).with_budget(crate::pool::Budget { now, deadline: 1 });
        assert_eq!(in_time.wait(), Ok(()));
        model.assert_complete();
        world.end();
    });
}
