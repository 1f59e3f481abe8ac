//! The sections that the markers START and STOP cut out of the program.

use crate::blocks;
use crate::core_clock::{CLOCKS, CORES, Reading};
use crate::timing;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What one section took: the time on the core with the markers, its clock cycles where they are estimated, what each core
/// did meanwhile, and what each step took of it, in instructions and cycles.
struct Section {
    cycles: u64,
    steps: BTreeMap<u32, (u64, u64)>,
    makespan: u64,
    executed: [u64; CORES],
    idle: [u64; CORES],
    /// Core, time since START, and place of each store that tells of a tile.
    timeline: Vec<[u64; 3]>,
    /// Address, instructions and times of the blocks.
    blocks: Vec<[u64; 3]>,
}

/// What lay between markers.
pub struct Sections {
    /// Time and cycles at START; the step that runs, and instructions and cycles at its marker; what the steps before took.
    began: u64,
    started: u64,
    step: Option<(u32, u64, u64)>,
    steps: BTreeMap<u32, (u64, u64)>,
    open: Option<[Reading; CORES]>,
    timeline: Vec<[u64; 3]>,
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
        Self {
            began: 0,
            started: 0,
            step: None,
            steps: BTreeMap::new(),
            open: None,
            timeline: Vec::new(),
            done: Vec::new(),
        }
    }

    /// A START marker behind `ahead` instructions of its block: the section begins behind it.
    pub fn start(&mut self, core: usize, ahead: u64) {
        self.open = Some(read(core, ahead + 1));
        (self.started, self.step) = (timing::now(ahead + 1), None);
        self.began = CLOCKS[core].read(ahead + 1).time;
        self.steps.clear();
        blocks::take();
    }

    /// A core, with `ahead` instructions of its block done, stored at `offset` of the timeline's memory.
    pub fn told(&mut self, core: usize, ahead: u64, offset: u64) {
        if self.open.is_some() {
            let time = CLOCKS[core].read(ahead).time.saturating_sub(self.began);
            self.timeline.push([core as u64, time, offset]);
        }
    }

    /// The marker of a step: what follows is its work.
    pub fn step(&mut self, core: usize, ahead: u64, step: u32) {
        self.end_step(core, ahead);
        self.step = Some((step, CLOCKS[core].read(ahead + 1).executed, timing::now(ahead + 1)));
    }

    /// The work of the running step ends here.
    fn end_step(&mut self, core: usize, ahead: u64) {
        if let Some((step, executed, cycles)) = self.step.take() {
            let taken = self.steps.entry(step).or_default();
            taken.0 += CLOCKS[core].read(ahead).executed - executed;
            taken.1 += timing::now(ahead) - cycles;
        }
    }

    /// A STOP marker: the section ends before it, and before so many branches that led to it. Without a START before it, it means
    /// nothing.
    pub fn stop(&mut self, core: usize, ahead: u64, branches: u64) {
        self.end_step(core, ahead);
        let mut end = read(core, ahead);
        end[core].executed -= branches;
        end[core].time -= branches;
        if let Some(start) = self.open.take() {
            self.done.push(Section {
                // A branch that is taken takes two cycles.
                cycles: (timing::now(ahead) - self.started).saturating_sub(2 * branches),
                steps: core::mem::take(&mut self.steps),
                timeline: core::mem::take(&mut self.timeline),
                blocks: blocks::take(),
                makespan: end[core].time - start[core].time,
                executed: core::array::from_fn(|core| end[core].executed - start[core].executed),
                idle: core::array::from_fn(|core| end[core].idle - start[core].idle),
            });
        }
    }

    /// `{"sections": [{"makespan": .., "executed": [core 0, ..], "idle": [core 0, ..]}, ..], "unheard": ..}`, and where they
    /// are known in each section `"cycles": ..`, `"steps": [[step, instructions, cycles], ..]`, `"blocks": [[address, instructions, times], ..]` and `"timeline": [[core, time, offset], ..]`
    pub fn json(&self, cores: usize, timed: bool, unheard: u64) -> String {
        let mut text = String::from("{\"sections\": [");
        for (index, section) in self.done.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let (executed, idle) = (&section.executed[..cores], &section.idle[..cores]);
            // Writing to a String cannot fail; a list prints as JSON writes it.
            let _ = write!(
                text,
                "{comma}{{\"makespan\": {}, \"executed\": {executed:?}, \"idle\": {idle:?}",
                section.makespan
            );
            if timed {
                let _ = write!(text, ", \"cycles\": {}", section.cycles);
            }
            if !section.steps.is_empty() {
                let steps: Vec<_> =
                    section.steps.iter().map(|(&step, &(count, cycles))| [step.into(), count, cycles]).collect();
                let _ = write!(text, ", \"steps\": {steps:?}");
            }
            if !section.timeline.is_empty() {
                let _ = write!(text, ", \"timeline\": {:?}", section.timeline);
            }
            if !section.blocks.is_empty() {
                let _ = write!(text, ", \"blocks\": {:?}", section.blocks);
            }
            text.push('}');
        }
        let _ = writeln!(text, "], \"unheard\": {unheard}}}");
        text
    }
}
