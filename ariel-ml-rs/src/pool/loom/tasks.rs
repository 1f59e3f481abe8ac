//! Leaders and helpers that are tasks of executors.

use super::{AT_HOME, DIAMOND, Model, World, block_on};
use crate::pool::Room;
use crate::sync::loom::{bounded, waker};
use crate::sync::park::{Loom, Park, Spot};
use crate::sync::planted::{Bug, assert_found};
use crate::sync::primitive::Ordering;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::Context;
use loom::thread;
use std::sync::Arc;

fn leader() {
    let world = World::new::<1>(1);
    let model = Model::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
    block_on(model.prepare(&world)).unwrap();
    model.assert_complete();
    world.end();
}

#[test]
fn loom_leader_is_a_task() {
    bounded(2, leader);
    assert_found(Bug::LieDownFence, "deadlock", || bounded(2, leader));
}

/// A future that is dropped after some polls, then an inference that blocks, then another that does not.
fn dropped(polls: usize) {
    let world = World::new::<1>(1);
    let model = Model::new(&DIAMOND, Room::<4, 2, 4, 0>::new());
    let mut run = model.prepare(&world);
    let waker = waker(&Arc::new(Spot::new()));
    for _ in 0..polls {
        if Pin::new(&mut run).poll(&mut Context::from_waker(&waker)).is_ready() {
            break;
        }
    }
    drop(run);
    model.infer(&world);
    world.end();
}

#[test]
fn loom_future_is_dropped() {
    bounded(2, || dropped(1));
    bounded(1, || dropped(3));
}

#[test]
fn loom_helper_is_a_task() {
    bounded(2, || {
        let world = World::new::<1>(0);
        let stop = world.stop.clone();
        let spot = Arc::new(Spot::new());
        let helper = thread::spawn({
            let (spot, pool) = (spot.clone(), world.pool);
            move || {
                let waker = waker(&spot);
                let mut assist = pin!(pool.seat(1).unwrap().assist());
                while !stop.load(Ordering::Acquire) {
                    let _ = assist.as_mut().poll(&mut Context::from_waker(&waker));
                    Loom.park(&spot);
                }
            }
        });
        let model = Model::new(&AT_HOME, Room::<4, 2, 2, 1>::new());
        model.infer(&world);
        world.stop.store(true, Ordering::Release);
        Loom.unpark(&spot);
        helper.join().unwrap();
    });
}
