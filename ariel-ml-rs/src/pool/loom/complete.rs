//! Inferences that run to their end: every unit once, none before its predecessors, no wake-up lost.

use super::{AT_HOME, BLOCKS, CHAIN, Case, DIAMOND, GATES, Model, WIDE, World};
use crate::pool::Room;
use crate::sync::loom::bounded;
use crate::sync::planted::{Bug, assert_found};

/// `times` inferences by the leader and one helper.
fn two<const UNITS: usize, const SLOTS: usize, const WORDS: usize>(case: &Case<UNITS>, times: usize) {
    let world = World::new::<1>(1);
    let model = Model::new(case, Room::<UNITS, 2, SLOTS, WORDS>::new());
    for _ in 0..times {
        model.infer(&world);
    }
    world.end();
}

/// One inference by the leader and two helpers.
fn three<const UNITS: usize, const SLOTS: usize, const WORDS: usize>(case: &Case<UNITS>) {
    let world = World::new::<2>(2);
    let model = Model::new(case, Room::<UNITS, 3, SLOTS, WORDS>::new());
    model.infer(&world);
    world.end();
}

#[test]
fn loom_chain() {
    bounded(3, || two::<2, 2, 0>(&CHAIN, 1));
}

#[test]
fn loom_diamond() {
    bounded(4, || two::<4, 4, 0>(&DIAMOND, 1));
}

#[test]
fn loom_homes() {
    bounded(3, || two::<4, 2, 1>(&AT_HOME, 1));
}

#[test]
fn loom_gates() {
    bounded(3, || two::<7, 2, 1>(&GATES, 1));
}

#[test]
fn loom_full_deque_spills() {
    bounded(2, || two::<5, 1, 1>(&WIDE, 1));
}

#[test]
fn loom_second_inference_while_a_helper_still_looks() {
    bounded(2, || two::<4, 4, 0>(&DIAMOND, 2));
}

#[test]
fn loom_blocks() {
    bounded(3, || {
        let world = World::new::<1>(1);
        let model = Model::new(&BLOCKS, Room::<4, 2, 2, 1>::new()).following();
        model.infer(&world);
        world.end();
    });
}

#[test]
fn loom_blocks_again() {
    bounded(2, || {
        let world = World::new::<1>(1);
        let model = Model::new(&BLOCKS, Room::<4, 2, 2, 1>::new()).following();
        model.infer(&world);
        model.infer(&world);
        world.end();
    });
}

#[test]
fn loom_three_workers() {
    bounded(2, || three::<4, 4, 0>(&DIAMOND));
    bounded(2, || three::<4, 2, 1>(&AT_HOME));
}

#[test]
fn loom_helper_that_was_never_started() {
    bounded(2, || {
        let world = World::new::<2>(1);
        let model = Model::new(&AT_HOME, Room::<4, 3, 2, 1>::new());
        model.infer(&world);
        world.end();
    });
}

#[test]
fn loom_planted_bugs_are_found() {
    assert_found(Bug::ArriveRelease, "Causality", || bounded(2, || two::<4, 4, 0>(&DIAMOND, 1)));
    assert_found(Bug::InboxRelease, "Causality", || bounded(3, || two::<4, 2, 1>(&AT_HOME, 1)));
    assert_found(Bug::DoneRelease, "Causality", || bounded(3, || two::<4, 4, 0>(&DIAMOND, 1)));
    assert_found(Bug::LieDownFence, "deadlock", || bounded(2, || two::<4, 4, 0>(&DIAMOND, 1)));
}
