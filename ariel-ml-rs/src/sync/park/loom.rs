//! Threads of a loom model.

use super::{Park, Spot};

/// Threads sleep on loom's condition variable: one that is never woken is a deadlock, which loom reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loom;

impl Park for Loom {
    fn park(&self, spot: &Spot) {
        let mut rung = spot.rung.lock().unwrap();
        while !*rung {
            rung = spot.bell.wait(rung).unwrap();
        }
        *rung = false;
    }

    fn unpark(&self, spot: &Spot) {
        *spot.rung.lock().unwrap() = true;
        spot.bell.notify_one();
    }
}
