//! The memory in which the workers of one pool meet: static, all bytes zero at first.
//!
//! Its order is C's, as that of all in it and in a [`super::Room`]: two images read the same bytes (`images.rs`).

use super::Priority;
use super::job::Job;
use super::stats::Counts;
use crate::sync::bell::Bell;
use crate::sync::primitive::{AtomicPtr, AtomicU8, Ordering, PlainPtr, array, const_fn};

/// One post per priority: where a leader puts its job, and workers find it.
pub(super) const POSTS: usize = Priority::High as usize + 1;

/// What a seat is: nobody's.
pub(super) const FREE: u8 = 0;
/// Some helper's.
pub(super) const TAKEN: u8 = 1;
/// That of a helper which was reset inside a job, and says so: the leader has to settle the job first.
pub(super) const LOST: u8 = 2;

/// The seat of one helper.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Place {
    /// The name of the job in which the helper is, or null; only the helper writes, or the leader where it is `LOST`.
    pub(super) inside: PlainPtr<Job>,
    /// `FREE`, `TAKEN` or `LOST`.
    pub(super) taken: AtomicU8,
    /// Where it sleeps.
    pub(super) bell: Bell,
    /// What it did.
    pub(super) counts: Counts,
}

/// The memory of one pool: a seat for each of its `HELPERS`, the workers beside the leader.
#[derive(Debug)]
#[repr(C)]
pub struct Seats<const HELPERS: usize> {
    /// The names of the jobs ([`Job::name`]).
    posts: [AtomicPtr<Job>; POSTS],
    places: [Place; HELPERS],
    leader: Counts,
}

impl Place {
    /// Whether the helper of before was reset inside the job of this name, and waits to be seated again.
    pub(super) fn is_lost_in(&self, name: *const Job) -> bool {
        // Acquire pairs with Release in `Pool::resume`: what is inside is what its life before left.
        self.taken.load(Ordering::Acquire) == LOST && self.inside.load(Ordering::Relaxed).cast_const() == name
    }
}

impl<const HELPERS: usize> Seats<HELPERS> {
    const_fn! {
        /// Empty seats: as a `static` they land in `.bss`.
        #[must_use]
        pub fn new() -> Self {
            const { assert!(HELPERS < 32, "at most 31 helpers") };
            Self {
                posts: array!(AtomicPtr::new(core::ptr::null_mut())),
                places: array!(Place {
                    inside: PlainPtr::new(core::ptr::null_mut()),
                    taken: AtomicU8::new(FREE),
                    bell: Bell::new(),
                    counts: Counts::new(),
                }),
                leader: Counts::new(),
            }
        }
    }

    /// The seats without their number.
    pub(super) const fn view(&'static self) -> View {
        View { posts: &self.posts, places: &self.places, leader: &self.leader }
    }
}

impl<const HELPERS: usize> Default for Seats<HELPERS> {
    fn default() -> Self {
        Self::new()
    }
}

/// Seats of any number.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) posts: &'static [AtomicPtr<Job>; POSTS],
    /// Helper `worker` sits at `worker - 1`.
    pub(super) places: &'static [Place],
    leader: &'static Counts,
}

impl View {
    /// What `worker` did.
    pub(super) fn counts(&self, worker: usize) -> &'static Counts {
        worker.checked_sub(1).and_then(|place| self.places.get(place)).map_or(self.leader, |place| &place.counts)
    }
}
