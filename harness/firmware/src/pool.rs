//! The pool of this firmware's cores: what `wire!` adds to an application.

use crate::platform::{CORES, PARK};
use ariel_ml_rs::pool::{Parallel, Pool, Seats, Stats};
use core::ptr::NonNull;

/// A seat for each core behind the first: a firmware's own, whatever models it has, and here with counters.
#[cfg_attr(target_os = "none", unsafe(link_section = ".harness.seats"))]
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

/// What each core has done for models so far. Counting takes a load, an addition and a store per unit.
pub fn stats() -> [Stats; CORES as usize] {
    core::array::from_fn(|worker| POOL.stats(worker))
}

/// Runs a unit of a model.
///
/// # Safety
/// That of `Parallel::unit`.
#[cfg(not(feature = "timeline"))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "the model's own function, by another name")]
pub unsafe fn run_unit<M: Parallel>(context: NonNull<()>, unit: u16, worker: u32) {
    // SAFETY: forwarded to the caller.
    unsafe { M::unit(context, unit, worker) };
}

/// A byte for the beginning and one for the end of each unit: the counter sees who writes to which, and when.
#[cfg(feature = "timeline")]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".harness.timeline")]
static ARIEL_TIMELINE: [core::sync::atomic::AtomicU8; 1 << 14] =
    [const { core::sync::atomic::AtomicU8::new(0) }; 1 << 14];

/// Runs a unit of a model, and tells the counter of it.
///
/// # Safety
/// That of `Parallel::unit`.
#[cfg(feature = "timeline")]
pub unsafe fn run_unit<M: Parallel>(context: NonNull<()>, unit: u16, worker: u32) {
    let tell = |at: usize| {
        if let Some(place) = ARIEL_TIMELINE.get(at) {
            place.store(0, core::sync::atomic::Ordering::Relaxed);
        }
    };
    tell(2 * usize::from(unit));
    // SAFETY: forwarded to the caller.
    unsafe { M::unit(context, unit, worker) };
    tell(2 * usize::from(unit) + 1);
}

/// Defines `serve` of a compiled model: as `serve::serve`, with all cores at the model. What `wire!` with a pool expands to.
macro_rules! serve_with_pool {
    () => {
        /// Runs the model on the samples, on all cores.
        pub fn serve(
            model: &'static mut Model,
            input: &mut <Model as ariel_ml_rs::Infer>::Input,
        ) -> Result<(), crate::platform::Status> {
            use ariel_ml_rs::pool::{Job, Parallel, WiredPool};
            // A section of its own: else LLVM may put it and a small model into one static, with a gap in between.
            #[cfg_attr(target_os = "none", unsafe(link_section = ".bss.room"))]
            static ROOM: <Model as Parallel>::Room = <Model as Parallel>::ROOM;
            // SAFETY: the room is visible here only, and `Parallel` promises that `unit` is sound from any core.
            static JOB: Job = unsafe {
                Job::new(<Model as Parallel>::GRAPH, &ROOM, crate::pool::run_unit::<Model>)
                    .following(<Model as Parallel>::FOLLOW)
            };
            // SAFETY: the job is made of this model's parts and visible here only; `serve` is called once.
            let mut wired = unsafe { WiredPool::new(model, &crate::pool::POOL, &JOB) };
            crate::serve::serve(&mut wired, input)
        }
    };
}
pub(crate) use serve_with_pool;
