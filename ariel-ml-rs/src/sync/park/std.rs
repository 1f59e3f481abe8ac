//! Threads of a host.

use super::{Park, Spot};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Threads sleep on a condition variable.
#[derive(Clone, Copy, Debug)]
pub struct Threads;

/// A flag is never half written: a panic elsewhere leaves it usable.
fn lock(flag: &Mutex<bool>) -> MutexGuard<'_, bool> {
    flag.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Park for Threads {
    fn park(&self, spot: &Spot) {
        let mut rung = lock(&spot.rung);
        while !*rung {
            rung = spot.bell.wait(rung).unwrap_or_else(PoisonError::into_inner);
        }
        *rung = false;
    }

    fn unpark(&self, spot: &Spot) {
        *lock(&spot.rung) = true;
        spot.bell.notify_one();
    }
}
