//! Not sleeping at all: where all who wait are tasks of executors.

use super::{Park, Spot};

/// Waits by looking again: for pools whose helpers are tasks ([`crate::pool::Seat::assist`]) and whose leaders await, on chips
/// without a way of their own here. Executors put their cores to sleep; what is left to wait for is a tile of a helper, after a
/// future was dropped half-way. A blocking `infer` spins while the helpers have the last tiles.
#[derive(Clone, Copy, Debug)]
pub struct Spin;

impl Park for Spin {
    fn park(&self, _spot: &Spot) {
        core::hint::spin_loop();
    }

    fn unpark(&self, _spot: &Spot) {}
}
