//! Which translation blocks were executed between two markers, and how often: for tools that model a core's time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A translation block that was executed so many times since the section began; lives for ever.
pub struct Counted {
    /// Address, and instructions.
    place: (u64, usize),
    times: AtomicU64,
}

static ALL: Mutex<Vec<&'static Counted>> = Mutex::new(Vec::new());

/// A block of `count` instructions from `start` on, which [`enter`] counts.
pub fn new(start: u64, count: usize) -> Option<&'static Counted> {
    let block: &Counted = Box::leak(Box::new(Counted { place: (start, count), times: AtomicU64::new(0) }));
    ALL.lock().ok()?.push(block);
    Some(block)
}

/// A core starts the block.
pub fn enter(block: &Counted) {
    block.times.fetch_add(1, Relaxed);
}

/// Address, instructions and times of each block that was executed since this was called last: whole blocks, the one with the
/// marker among them.
pub fn take() -> Vec<[u64; 3]> {
    let mut found = BTreeMap::new();
    // QEMU may translate a block again: both are the same one.
    for block in ALL.lock().iter().flat_map(|all| all.iter()) {
        *found.entry(block.place).or_insert(0) += block.times.swap(0, Relaxed);
    }
    let executed = found.into_iter().filter(|(_, times)| *times > 0);
    executed.map(|((start, count), times)| [start, count as u64, times]).collect()
}
