//! Threads of a loom model.

use super::{Park, Spot};

/// Threads sleep for good until they are woken: one that is never woken is a deadlock, which loom reports.
///
/// loom's `unpark` orders what its caller did before what the other thread does next, even if that is awake. No processor does
/// that, so that only threads that are about to block are unparked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loom;

impl Park for Loom {
    fn park(&self, spot: &Spot) {
        loop {
            // Not held while asleep: loom could not drop it when it ends a deadlock.
            let mut rung = spot.rung.lock().unwrap();
            if core::mem::take(&mut *rung) {
                return;
            }
            *spot.blocked.lock().unwrap() = Some(loom::thread::current());
            drop(rung);
            loom::thread::park();
        }
    }

    fn unpark(&self, spot: &Spot) {
        let mut rung = spot.rung.lock().unwrap();
        *rung = true;
        let thread = spot.blocked.lock().unwrap().take();
        drop(rung);
        if let Some(thread) = thread {
            thread.unpark();
        }
    }
}
