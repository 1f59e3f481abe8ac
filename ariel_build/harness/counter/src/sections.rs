//! The sections that the markers START and STOP cut out of the program.

use crate::core_clock::{CLOCKS, CORES, Reading};
use std::fmt::Write;

/// What one section took: the time on the core with the markers, and what each core did meanwhile.
struct Section {
    makespan: u64,
    executed: [u64; CORES],
    idle: [u64; CORES],
}

/// What lay between markers.
pub struct Sections {
    open: Option<[Reading; CORES]>,
    done: Vec<Section>,
}

/// All clocks now, that of `core` with `ahead` instructions of its block done.
///
/// The others stand between two blocks, since they do not run while `core` does.
fn read(core: usize, ahead: u64) -> [Reading; CORES] {
    core::array::from_fn(|other| CLOCKS[other].read(if other == core { ahead } else { 0 }))
}

impl Sections {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { open: None, done: Vec::new() }
    }

    /// A START marker behind `ahead` instructions of its block: the section begins behind it.
    pub fn start(&mut self, core: usize, ahead: u64) {
        self.open = Some(read(core, ahead + 1));
    }

    /// A STOP marker: the section ends before it. Without a START before it, it means nothing.
    pub fn stop(&mut self, core: usize, ahead: u64) {
        let end = read(core, ahead);
        if let Some(start) = self.open.take() {
            self.done.push(Section {
                makespan: end[core].time - start[core].time,
                executed: core::array::from_fn(|core| end[core].executed - start[core].executed),
                idle: core::array::from_fn(|core| end[core].idle - start[core].idle),
            });
        }
    }

    /// `{"sections": [{"makespan": .., "executed": [core 0, ..], "idle": [core 0, ..]}, ..], "unheard": ..}`
    pub fn json(&self, cores: usize, unheard: u64) -> String {
        let mut text = String::from("{\"sections\": [");
        for (index, section) in self.done.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let (executed, idle) = (&section.executed[..cores], &section.idle[..cores]);
            // Writing to a String cannot fail; a list prints as JSON writes it.
            let _ = write!(
                text,
                "{comma}{{\"makespan\": {}, \"executed\": {executed:?}, \"idle\": {idle:?}}}",
                section.makespan
            );
        }
        let _ = writeln!(text, "], \"unheard\": {unheard}}}");
        text
    }
}
