//! The pool of this firmware's cores: what `wire!` adds to an application.

use crate::platform::{CORES, PARK};
use ariel_ml_rs::pool::{Pool, Seats};

/// A seat for each core behind the first.
static SEATS: Seats<{ CORES as usize - 1 }> = Seats::new();

/// The pool that models on several cores run with.
// SAFETY: no other pool has these seats.
pub static POOL: Pool = unsafe { Pool::new(&SEATS, &PARK) };

/// What the cores behind the first do, for ever.
pub fn worker(worker: u32) -> ! {
    match POOL.seat(worker as usize) {
        Some(seat) => seat.work(),
        None => unreachable!("each core takes its own seat, once"),
    }
}
