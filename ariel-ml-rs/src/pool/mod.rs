//! All the cores: a lock-free work-stealing pool with static storage.
//!
//! The compiler cuts a model into units: tiles of its steps, and gates where many tiles wait for many. A [`Graph`] of constant
//! tables tells which units wait for which. One inference is a [`Run`]: its leader, the task or thread that runs it, is worker
//! 0, and works; the other cores are helpers, each in a [`Seat`] for ever. Nothing is created per inference, nothing is
//! allocated, and all that helpers touch is `'static`.
//!
//! ```text
//!  leader: Run            Pool: one post per priority        helpers: Seat
//!   begin --- post job -->  [Normal]  [High]  <-- posted ---  visit
//!   take, run, complete                                       take, run, complete      until none is found
//!     |                    Room: one per model                  |
//!     +--- deque 0, inbox 0 ... deque n, inbox n, arrivals -----+
//!   end: last unit complete, job taken down                   leave, look a few times, sleep
//! ```
//!
//! - A unit is complete: the counters of those that wait for it go up. The first that has all its predecessors is what the same
//!   worker goes on with; others go into its deque, or into the inbox of the worker that is their home. Sleepers are rung
//!   for, one per unit that waits.
//! - A worker without work takes from its deque, its inbox, and then steals from the others. After [`IDLE_ROUNDS`] rounds it
//!   sleeps, as [`crate::sync::park`] says: nothing spins longer than that.
//! - The last unit is complete when all are (a property of the graph), so that no counter of all units is needed.
//! - Where control flow decides, the graph has blocks. The last unit of one is complete: the leader looks which is next, and
//!   begins it as it begins an inference, but that the job stays posted.
//! - Cores may run programs of their own: `images` has names of jobs in place of their addresses, and `lost` what becomes of jobs
//!   when a core is reset.
//! - Dropped or forgotten: the job is taken down, helpers leave it after the unit they are at, and the next inference waits
//!   for them. The pool busy with another model: all units run on the caller's core.
//!
//! What is proved, by loom over all interleavings of small cases (`nox -s loom`): each unit runs once, after its predecessors
//! and with what they wrote; no wake-up is lost; the leader returns when nobody works on its memory; and the same where either of
//! two images is reset between any two steps.
//!
//! # Example
//!
//! Two cores, as threads: units 1 to 4 are tiles of a sum of squares between two gates.
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use ariel_ml_rs::pool::{ANY, GATE, Graph, Job, Pool, Room, Run, Seats, slots};
//! use ariel_ml_rs::sync::park::Threads;
//! use core::ptr::NonNull;
//! use core::sync::atomic::{AtomicU32, Ordering};
//!
//! // What the compiler emits:     gate 0   -> tiles 1 to 4 ->  gate 5
//! const UNITS: usize = 6;
//! static GRAPH: Graph = Graph::new::<UNITS>(
//!     &[0, 1, 1, 1, 1, 4],
//!     &[0, 4, 5, 6, 7, 8, 8],
//!     &[1, 2, 3, 4, 5, 5, 5, 5],
//!     &[GATE, ANY, ANY, ANY, ANY, GATE],
//! );
//! static ROOM: Room<UNITS, 2, { slots(4) }, { ariel_ml_rs::pool::words(UNITS) }> = Room::new();
//! // SAFETY: nothing else uses the room, and `run` is sound from any core.
//! static JOB: Job = unsafe { Job::new(GRAPH, &ROOM, run) };
//!
//! /// The memory of the model: one cell per tile.
//! struct Squares([AtomicU32; 4]);
//!
//! unsafe fn run(context: NonNull<()>, unit: u16, _worker: u32) {
//!     // SAFETY: the context is a `Squares`.
//!     let squares = unsafe { context.cast::<Squares>().as_ref() };
//!     squares.0[usize::from(unit - 1)].store(u32::from(unit).pow(2), Ordering::Relaxed);
//! }
//!
//! // What `wire!` adds, for the chip: one helper beside the leader.
//! static SEATS: Seats<1> = Seats::new();
//! // SAFETY: no other pool has these seats.
//! static POOL: Pool = unsafe { Pool::new(&SEATS, &Threads) };
//!
//! // The other core, for ever.
//! let seat = POOL.seat(1).expect("nobody has it yet");
//! std::thread::spawn(|| seat.work());
//!
//! // This core.
//! static SQUARES: Squares = Squares([const { AtomicU32::new(0) }; 4]);
//! // SAFETY: `run` expects a `Squares`, and nobody else uses it.
//! unsafe { Run::new(&POOL, &JOB, NonNull::from(&SQUARES).cast()) }.wait()?;
//! assert_eq!(SQUARES.0.iter().map(|square| square.load(Ordering::Relaxed)).sum::<u32>(), 1 + 4 + 9 + 16);
//! # Ok::<(), ariel_ml_rs::Error>(())
//! ```

#[cfg(feature = "ariel-os")]
mod ariel_os;
mod graph;
#[cfg(not(all(test, loom)))]
mod images;
mod job;
mod lost;
mod parallel;
mod room;
mod run;
mod seat;
mod seats;
mod settle;
mod shared;
mod stats;
mod workers;

pub use crate::budget::Budget;
pub use graph::{ANY, GATE, Graph};
#[cfg(not(all(test, loom)))]
pub use images::{Header, Images, Refused, Shared, Span, job, layout, plan};
pub use job::{Follow, Job, RunUnit};
pub use parallel::{Parallel, WiredPool};
pub use room::{Room, slots, words};
pub use run::{Progress, Run};
pub use seat::Seat;
pub use seats::Seats;
pub use settle::settle;
pub use shared::{IDLE_ROUNDS, Pool};
pub use stats::Stats;
#[cfg(feature = "std")]
pub use workers::start_thread;

/// How urgent an inference is: helpers go to the most urgent job that has units for them, and look between units.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// One job at a time, as long as no other has a higher priority.
    #[default]
    Normal = 0,
    /// Before those of normal priority.
    High = 1,
}

impl Priority {
    /// All of them, the highest first.
    const ALL: [Self; 2] = [Self::High, Self::Normal];
}

#[cfg(all(test, loom))]
mod loom;
