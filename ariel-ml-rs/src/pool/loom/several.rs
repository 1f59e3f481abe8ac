//! Two models at one pool: one has it, the other runs alone; or the more urgent one gets the helpers.

use super::{AT_HOME, CHAIN, DIAMOND, Model, World};
use crate::pool::{Priority, Room};
use crate::sync::loom::bounded;
use loom::thread;

/// Two leaders at the same time, the second with this priority, and a helper if there is one.
fn both(priority: Priority, helpers: usize) {
    let world = World::new::<1>(helpers);
    let one = Model::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
    let two = Model::new(&CHAIN, Room::<2, 2, 2, 0>::new());
    let run = two.prepare(&world).with_priority(priority);
    let leader = thread::spawn(move || {
        run.wait().unwrap();
        two.assert_complete();
    });
    one.infer(&world);
    leader.join().unwrap();
    world.end();
}

#[test]
fn loom_busy_pool() {
    bounded(2, || both(Priority::Normal, 0));
    bounded(2, || both(Priority::Normal, 1));
}

#[test]
fn loom_priorities() {
    bounded(2, || both(Priority::High, 1));
}

#[test]
fn loom_place_of_a_forgotten_inference_that_is_complete() {
    bounded(2, || {
        let world = World::new::<1>(1);
        let one = Model::new(&AT_HOME, Room::<4, 2, 2, 1>::new());
        let mut run = one.prepare(&world);
        let _ = run.step();
        core::mem::forget(run);
        // One's units may all be done by the helper; then two takes the post over.
        let two = Model::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
        two.infer(&world);
        one.infer(&world);
        world.end();
    });
}
