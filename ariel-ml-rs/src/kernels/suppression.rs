//! Non-maximum suppression: of boxes that overlap, the one with the greatest score remains.

use super::detection::overlap;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// The best boxes of those that overlap little with better ones: their indices and scores, zeros behind the last one.
///
/// A box that overlaps a chosen one a little has its score lowered by `e^(decay * overlap^2)`, and must wait for its turn. One
/// without area is hidden by none, not by itself either, and is chosen again and again: TFLite does so.
#[derive(Clone, Copy, Debug)]
pub struct Suppress {
    /// float32 boxes, of each two opposite corners: y, x, y, x.
    pub boxes: Source<f32>,
    /// float32 scores.
    pub scores: Source<f32>,
    /// int32 indices of those that remain, the best first.
    pub selected: Region,
    /// Their scores.
    pub values: Region,
    /// How many there are.
    pub count: Region,
    /// Boxes.
    pub candidates: u32,
    /// Boxes that remain at most.
    pub most: u32,
    /// What a score must exceed.
    pub score: f32,
    /// The part of their union from which on a box hides another.
    pub overlap: f32,
    /// How fast scores of boxes that overlap are lowered: 0 or less.
    pub decay: f32,
    /// A score and a number for each box.
    pub scratch: Region,
}

/// What the scratch holds of each box: its score, and the first of the chosen boxes that it was not yet compared with.
#[derive(Clone, Copy)]
struct Room {
    scores: *mut f32,
    begins: *mut u32,
}

/// The number of a box that can no longer be chosen.
const CLOSED: u32 = u32::MAX;

impl Suppress {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and sizes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (candidates, most) = (self.candidates as usize, self.most as usize);
        assert!(candidates > 0 && candidates <= i32::MAX as usize && most > 0, "nothing to choose");
        self.boxes.check(arena_bytes, candidates.saturating_mul(4));
        self.scores.check(arena_bytes, candidates);
        self.selected.check::<i32>(arena_bytes, most);
        self.values.check::<f32>(arena_bytes, most);
        self.count.check::<i32>(arena_bytes, 1);
        self.scratch.check::<f32>(arena_bytes, 0);
        assert!(self.scratch.bytes as usize >= candidates.saturating_mul(8), "scratch too small");
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// One unit: each choice depends on all before it.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(1).with_scratch(self.scratch)
    }

    /// Computes the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), and no other
    /// tile in flight writes what this one reads or writes (memory invariant 2).
    #[inline(never)]
    #[expect(clippy::cast_possible_wrap, reason = "`check`: indices fit int32")]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, _: Tile) {
        let memory = memory.into();
        let (candidates, most) = (self.candidates as usize, self.most as usize);
        // SAFETY: `check` proved the scratch, in which scores and numbers follow each other, and all regions; what is chosen is
        // counted up to what they have room for.
        unsafe {
            let start = memory.scratch::<f32>(self.scratch);
            let room = Room { scores: start, begins: start.add(candidates).cast() };
            let (selected, values) = (memory.at::<i32>(self.selected), memory.at::<f32>(self.values));
            selected.write_bytes(0, most);
            values.write_bytes(0, most);
            let scores = memory.source(self.scores);
            let mut open = 0;
            for index in 0..candidates {
                let score = *scores.add(index);
                open += usize::from(score > self.score);
                room.scores.add(index).write(score);
                room.begins.add(index).write(if score > self.score { 0 } else { CLOSED });
            }
            let mut count = 0;
            while count < most.min(open) {
                let Some(index) = self.best(room) else { break };
                let before = *room.scores.add(index);
                let left = self.compared(memory, room, index, count);
                if left == Some(before) {
                    selected.add(count).write(index as i32);
                    values.add(count).write(before);
                    // It may be chosen again, but for itself: TFLite puts it back.
                    room.begins.add(index).write(count as u32);
                    count += 1;
                } else if let Some(score) = left.filter(|&score| score > self.score) {
                    room.scores.add(index).write(score);
                    room.begins.add(index).write(count as u32);
                } else {
                    room.begins.add(index).write(CLOSED);
                }
            }
            memory.at::<i32>(self.count).write(count as i32);
        }
    }

    /// The box with the greatest score that can be chosen, the first of equal ones.
    ///
    /// # Safety
    /// As for [`Self::run`]; the scratch holds all boxes.
    unsafe fn best(&self, room: Room) -> Option<usize> {
        let mut best = None;
        for index in 0..self.candidates as usize {
            // SAFETY: there is room for each box.
            unsafe {
                let better = best.is_none_or(|best: usize| *room.scores.add(index) > *room.scores.add(best));
                if *room.begins.add(index) != CLOSED && better {
                    best = Some(index);
                }
            }
        }
        best
    }

    /// The score of a box after it is compared with the chosen ones that are new to it, the last one first; none where one of them
    /// hides it.
    ///
    /// # Safety
    /// As for [`Self::best`]; so many are chosen.
    unsafe fn compared(&self, memory: Memory<'_>, room: Room, index: usize, count: usize) -> Option<f32> {
        // SAFETY: `check` proved the regions and the scratch. What is read of them again need not be what was written, where a
        // module's regions overlap: an index is brought inside.
        unsafe {
            let mut score = *room.scores.add(index);
            let own = self.corners(memory, index);
            for chosen in (*room.begins.add(index) as usize..count).rev() {
                let other = *memory.at::<u32>(self.selected).add(chosen);
                let shared = overlap(&own, &self.corners(memory, other.min(self.candidates - 1) as usize));
                if shared >= self.overlap {
                    return None;
                }
                if self.decay != 0.0 {
                    score *= libm::expf(self.decay * shared * shared);
                }
                if score <= self.score {
                    break;
                }
            }
            Some(score)
        }
    }

    /// Top, left, bottom and right of a box.
    ///
    /// # Safety
    /// As for [`Self::run`]; there is such a box.
    unsafe fn corners(&self, memory: Memory<'_>, index: usize) -> [f32; 4] {
        // SAFETY: `check` proved the boxes.
        let [y, x, other_y, other_x] = unsafe { *memory.source(self.boxes).add(4 * index).cast::<[f32; 4]>() };
        [y.min(other_y), x.min(other_x), y.max(other_y), x.max(other_x)]
    }
}
