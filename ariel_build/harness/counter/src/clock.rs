//! One clock per core, in instructions, and the sections that markers cut out of them.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::fmt::Write;

/// More cores than any board that we emulate.
const CORES: usize = 16;

/// Instructions executed by each core. A clock is written by its own core's thread only, so no increment is lost; a reader on
/// another core may be one block behind.
static CLOCKS: [AtomicU64; CORES] = [const { AtomicU64::new(0) }; CORES];
/// One more than the highest core that has run.
static SEEN: AtomicUsize = AtomicUsize::new(0);

/// Adds a block of `count` instructions to a core's clock.
pub fn advance(vcpu: u32, count: u64) {
    let core = vcpu as usize;
    if let Some(clock) = CLOCKS.get(core) {
        let before = clock.load(Relaxed);
        clock.store(before + count, Relaxed);
        if before == 0 {
            SEEN.fetch_max(core + 1, Relaxed);
        }
    }
}

/// All clocks now; `own` of core `vcpu` replaced by `own - back`, which is exact within its block.
fn read(vcpu: u32, back: u64) -> [u64; CORES] {
    let mut clocks = core::array::from_fn(|core| CLOCKS[core].load(Relaxed));
    if let Some(own) = clocks.get_mut(vcpu as usize) {
        *own -= back;
    }
    clocks
}

/// What lay between markers.
pub struct Sections {
    open: Option<[u64; CORES]>,
    done: Vec<[u64; CORES]>,
}

impl Sections {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { open: None, done: Vec::new() }
    }

    /// A START marker with `behind` instructions behind it in its block: the section begins after it.
    pub fn start(&mut self, vcpu: u32, behind: u64) {
        self.open = Some(read(vcpu, behind));
    }

    /// A STOP marker: the section ends before it. Without a START before it, it means nothing.
    pub fn stop(&mut self, vcpu: u32, behind: u64) {
        let end = read(vcpu, behind + 1);
        if let Some(start) = self.open.take() {
            self.done.push(core::array::from_fn(|core| end[core].saturating_sub(start[core])));
        }
    }

    /// `{"sections": [[core 0, ..], ..], "executed": [core 0, ..]}`, for the cores that ran.
    pub fn json(&self) -> String {
        let cores = SEEN.load(Relaxed).max(1);
        let sections: Vec<String> = self.done.iter().map(|clocks| list(&clocks[..cores])).collect();
        format!("{{\"sections\": [{}], \"executed\": {}}}\n", sections.join(", "), list(&read(u32::MAX, 0)[..cores]))
    }
}

/// `[1, 2]`
fn list(numbers: &[u64]) -> String {
    let mut text = String::from("[");
    for (index, number) in numbers.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{number}", if index == 0 { "" } else { ", " });
    }
    text + "]"
}
