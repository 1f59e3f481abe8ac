//! The memory in which the workers of one pool meet: static, all bytes zero at first.

use super::Priority;
use super::job::Job;
use super::stats::Counts;
use crate::sync::bell::Bell;
use crate::sync::primitive::{AtomicPtr, AtomicU8, PlainPtr, array, const_fn};

/// One post per priority: where a leader puts its job, and workers find it.
pub(super) const POSTS: usize = Priority::High as usize + 1;

/// The seat of one helper.
#[derive(Debug)]
pub(super) struct Place {
    /// The job in which the helper is, or null; only the helper writes.
    pub(super) inside: PlainPtr<Job>,
    /// 1 while somebody is this helper.
    pub(super) taken: AtomicU8,
    /// Where it sleeps.
    pub(super) bell: Bell,
    /// What it did.
    pub(super) counts: Counts,
}

/// The memory of one pool: a seat for each of its `HELPERS`, the workers beside the leader.
#[derive(Debug)]
pub struct Seats<const HELPERS: usize> {
    posts: [AtomicPtr<Job>; POSTS],
    places: [Place; HELPERS],
    leader: Counts,
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
                    taken: AtomicU8::new(0),
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
