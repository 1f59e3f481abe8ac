//! Non-maximum suppression: of boxes that overlap, the one with the greatest score remains.

use super::detection::{Corners, overlap};
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// The best boxes of those that overlap little with better ones: their indices and scores, zeros behind the last one.
///
/// A box that overlaps a chosen one a little has its score lowered by `e^(decay * overlap^2)`, and must wait for its turn. One
/// without area is hidden by none, not by itself either, and is chosen again and again: TFLite does so.
#[derive(Clone, Copy)]
pub struct SoftSuppress {
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

impl SoftSuppress {
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
        self.scratch.check_room::<f32>(arena_bytes, 0);
        self.scratch.check_scratch::<u8>(arena_bytes, candidates.saturating_mul(8));
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
    unsafe fn corners(&self, memory: Memory<'_>, index: usize) -> Corners {
        // SAFETY: `check` proved the boxes.
        in_order(unsafe { &*memory.source(self.boxes).add(4 * index).cast::<Corners>() })
    }
}

/// The best boxes of each class of each image that overlap little: rows of image, class and box, then rows of -1.
#[derive(Clone, Copy)]
pub struct Suppress {
    /// Two corners, or centre and size, of each box, `[images][candidates][4]`.
    pub boxes: Source<f32>,
    /// Scores, `[images][classes][candidates]`.
    pub scores: Source<f32>,
    /// How many boxes of a class are chosen at most.
    pub most: Source<i64>,
    /// The greatest part of their union that two boxes may have in common.
    pub overlap: Source<f32>,
    /// What scores must exceed.
    pub score: Source<f32>,
    /// `[rows][3]` of int64.
    pub output: Region,
    /// Images.
    pub images: u32,
    /// Classes.
    pub classes: u32,
    /// Boxes of an image.
    pub candidates: u32,
    /// Rows of the output.
    pub rows: u32,
    /// Whether a box has centre and size, x first, and not two corners.
    pub centred: bool,
    /// A byte for each box of an image: whether it can still be chosen.
    pub scratch: Region,
}

impl Suppress {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and sizes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (images, classes, candidates) = (self.images as usize, self.classes as usize, self.candidates as usize);
        assert!(images > 0 && classes > 0 && candidates > 0 && self.rows > 0, "no boxes, or no rows for them");
        self.boxes.check(arena_bytes, images.saturating_mul(candidates).saturating_mul(4));
        self.scores.check(arena_bytes, images.saturating_mul(classes).saturating_mul(candidates));
        self.most.check(arena_bytes, 1);
        self.overlap.check(arena_bytes, 1);
        self.score.check(arena_bytes, 1);
        self.output.check::<i64>(arena_bytes, (self.rows as usize).saturating_mul(3));
        self.scratch.check_scratch::<u8>(arena_bytes, candidates);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// One unit: where a row is depends on how many there are before it.
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
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, _: Tile) {
        let memory = memory.into();
        let (classes, candidates) = (self.classes as usize, self.candidates as usize);
        // SAFETY: `check` proved all regions; rows are counted up to what the output has room for.
        unsafe {
            let output = memory.at::<i64>(self.output).cast::<[i64; 3]>();
            let open = memory.scratch::<u8>(self.scratch);
            let (most, overlap) = (*memory.source(self.most), *memory.source(self.overlap));
            let least = *memory.source(self.score);
            let mut count = 0;
            for image in 0..self.images as usize {
                let boxes = memory.source(self.boxes).cast::<Corners>().add(image * candidates);
                for class in 0..classes {
                    let scores = memory.source(self.scores).add((image * classes + class) * candidates);
                    for index in 0..candidates {
                        open.add(index).write(u8::from(*scores.add(index) > least));
                    }
                    let mut left = most;
                    while left > 0 && count < self.rows as usize {
                        let Some(chosen) = best(scores, open, candidates) else { break };
                        let corners = self.corners(&*boxes.add(chosen));
                        open.add(chosen).write(0);
                        for index in 0..candidates {
                            if *open.add(index) != 0
                                && self::overlap(&corners, &self.corners(&*boxes.add(index))) > overlap
                            {
                                open.add(index).write(0);
                            }
                        }
                        output.add(count).write([image as i64, class as i64, chosen as i64]);
                        count += 1;
                        left -= 1;
                    }
                }
            }
            for row in count..self.rows as usize {
                output.add(row).write([-1; 3]);
            }
        }
    }

    /// The lesser corner of a box, then the greater one.
    fn corners(&self, numbers: &Corners) -> Corners {
        if self.centred {
            let [x, y, width, height] = *numbers;
            let (half_width, half_height) = (width / 2.0, height / 2.0);
            return [x - half_width, y - half_height, x + half_width, y + half_height];
        }
        in_order(numbers)
    }
}

/// The open box with the best score, the first of equal ones.
///
/// # Safety
/// There are `count` of both.
unsafe fn best(scores: *const f32, open: *const u8, count: usize) -> Option<usize> {
    let mut best = None;
    for index in 0..count {
        // SAFETY: as the caller promises.
        unsafe {
            if *open.add(index) != 0 && best.is_none_or(|best: usize| *scores.add(index) > *scores.add(best)) {
                best = Some(index);
            }
        }
    }
    best
}

/// The lesser corner of a box, then the greater one, of two opposite corners in any order.
fn in_order([a, b, c, d]: &Corners) -> Corners {
    [a.min(*c), b.min(*d), a.max(*c), b.max(*d)]
}
