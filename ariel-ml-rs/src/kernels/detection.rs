//! Boxes of a detector: decoded from encodings and anchors, the best of those that overlap little; and images cut out by boxes.

use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// Top, left, bottom and right.
pub(super) type Corners = [f32; 4];

/// `TFLite_Detection_PostProcess`: the best boxes, their classes and scores, zeros behind the last one.
#[derive(Clone, Copy)]
pub struct Postprocess {
    /// float32 encodings, the first four of each row those of y, x, height and width.
    pub boxes: Region,
    /// float32 scores, those of the classes at the end of each row.
    pub scores: Region,
    /// y, x, height and width of each anchor.
    pub anchors: Source<f32>,
    /// Four corners of each detection.
    pub found: Region,
    /// Class of each detection.
    pub kinds: Region,
    /// Score of each detection.
    pub values: Region,
    /// How many there are.
    pub count: Region,
    /// Boxes.
    pub candidates: u32,
    /// Numbers of an encoding.
    pub box_row: u32,
    /// Scores of a box.
    pub score_row: u32,
    /// Classes.
    pub classes: u32,
    /// Detections at most.
    pub detections: u32,
    /// Detections of a class at most, each class by itself; 0 where each box has its best class only.
    pub per_class: u32,
    /// The least score.
    pub score: f32,
    /// The greatest part of their union that two boxes may have in common.
    pub overlap: f32,
    /// By what encodings are divided.
    pub scales: [f32; 4],
    /// Corners, a score and a byte for each box.
    pub scratch: Region,
}

/// What lies in the scratch: of each box its corners, its score, and whether it can still be chosen.
#[derive(Clone, Copy)]
struct Room {
    corners: *mut Corners,
    scores: *mut f32,
    open: *mut u8,
}

impl Postprocess {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and sizes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (candidates, detections) = (self.candidates as usize, self.detections as usize);
        assert!(self.box_row >= 4 && self.classes > 0 && self.score_row >= self.classes, "boxes without scores");
        assert!(self.score_row <= i32::MAX as u32 && candidates > 0, "no boxes, or too many scores");
        self.boxes.check::<f32>(arena_bytes, candidates.saturating_mul(self.box_row as usize));
        self.scores.check::<f32>(arena_bytes, candidates.saturating_mul(self.score_row as usize));
        self.anchors.check(arena_bytes, candidates.saturating_mul(4));
        self.found.check::<f32>(arena_bytes, detections.saturating_mul(4));
        self.kinds.check::<f32>(arena_bytes, detections);
        self.values.check::<f32>(arena_bytes, detections);
        self.count.check::<f32>(arena_bytes, 1);
        self.scratch.check_room::<f32>(arena_bytes, 0);
        self.scratch.check_scratch::<u8>(arena_bytes, candidates.saturating_mul(21));
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
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, _: Tile) {
        let memory = memory.into();
        let candidates = self.candidates as usize;
        // SAFETY: `check` proved the scratch, in which corners, scores and bytes follow each other, and all regions; detections are
        // counted up to what they have room for.
        unsafe {
            let start = memory.scratch::<f32>(self.scratch);
            let room = Room {
                corners: start.cast(),
                scores: start.add(4 * candidates),
                open: start.add(5 * candidates).cast(),
            };
            let detections = self.detections as usize;
            memory.at::<f32>(self.found).write_bytes(0, 4 * detections);
            memory.at::<f32>(self.kinds).write_bytes(0, detections);
            memory.at::<f32>(self.values).write_bytes(0, detections);
            let mut count = 0;
            if self.decode(memory, room) {
                if self.per_class == 0 {
                    count = self.best_classes(memory, room);
                } else {
                    for class in 0..self.classes as usize {
                        count = self.one_class(memory, room, class, count);
                    }
                }
            }
            memory.at::<f32>(self.count).write(count as f32);
        }
    }

    /// Decodes all boxes; false where one has no area.
    ///
    /// # Safety
    /// As for [`Self::run`].
    unsafe fn decode(&self, memory: Memory<'_>, room: Room) -> bool {
        let [scale_y, scale_x, scale_h, scale_w] = self.scales.map(f64::from);
        for index in 0..self.candidates as usize {
            // SAFETY: `check` proved the regions.
            let (encoded, anchor) = unsafe {
                let encoded = memory.at::<f32>(self.boxes).add(index * self.box_row as usize);
                let anchor = memory.source::<f32>(self.anchors).add(4 * index);
                ([0, 1, 2, 3].map(|k| f64::from(*encoded.add(k))), [0, 1, 2, 3].map(|k| f64::from(*anchor.add(k))))
            };
            let [y, x, h, w] = encoded;
            let [anchor_y, anchor_x, anchor_h, anchor_w] = anchor;
            let center_y = (y / scale_y * anchor_h + anchor_y) as f32;
            let center_x = (x / scale_x * anchor_w + anchor_x) as f32;
            let half_h = (0.5 * libm::exp(h / scale_h) * anchor_h) as f32;
            let half_w = (0.5 * libm::exp(w / scale_w) * anchor_w) as f32;
            let corners = [center_y - half_h, center_x - half_w, center_y + half_h, center_x + half_w];
            if corners[0] >= corners[2] || corners[1] >= corners[3] {
                return false;
            }
            // SAFETY: there is room for each box.
            unsafe { room.corners.add(index).write(corners) };
        }
        true
    }

    /// The score of a box for a class.
    ///
    /// # Safety
    /// As for [`Self::run`]; there are such a box and class.
    #[inline]
    unsafe fn score_of(&self, memory: Memory<'_>, index: usize, class: usize) -> f32 {
        let (row, offset) = (self.score_row as usize, (self.score_row - self.classes) as usize);
        // SAFETY: `check` proved the region.
        unsafe { *memory.at::<f32>(self.scores).add(index * row + offset + class) }
    }

    /// The best class of a box, the first of equal ones.
    ///
    /// # Safety
    /// As for [`Self::score_of`].
    unsafe fn class_of(&self, memory: Memory<'_>, index: usize) -> usize {
        let mut best = 0;
        for class in 1..self.classes as usize {
            // SAFETY: forwarded to the caller.
            if unsafe { self.score_of(memory, index, class) > self.score_of(memory, index, best) } {
                best = class;
            }
        }
        best
    }

    /// Chooses among all boxes by their best class; returns how many there are.
    ///
    /// # Safety
    /// As for [`Self::run`]; the boxes are decoded.
    unsafe fn best_classes(&self, memory: Memory<'_>, room: Room) -> usize {
        let mut count = 0;
        // SAFETY: as the caller promises.
        unsafe {
            self.open(room, |index| self.score_of(memory, index, self.class_of(memory, index)));
            while count < self.detections as usize {
                let Some(index) = self.next(room) else { break };
                self.put(memory, count, (room, index), self.class_of(memory, index));
                count += 1;
            }
        }
        count
    }

    /// Chooses boxes of one class, and sorts them in among the `count` detections of others; returns how many there are then.
    ///
    /// # Safety
    /// As for [`Self::best_classes`].
    unsafe fn one_class(&self, memory: Memory<'_>, room: Room, class: usize, mut count: usize) -> usize {
        // SAFETY: as the caller promises.
        unsafe {
            self.open(room, |index| self.score_of(memory, index, class));
            let values = memory.at::<f32>(self.values);
            for _ in 0..self.per_class {
                let Some(index) = self.next(room) else { break };
                let score = *room.scores.add(index);
                // Behind those that are as good; the last one makes room where there is none.
                let place = (0..count).find(|&k| *values.add(k) < score).unwrap_or(count);
                if place >= self.detections as usize {
                    break;
                }
                let moved = (count - place).min(self.detections as usize - place - 1);
                let (found, kinds) = (memory.at::<f32>(self.found), memory.at::<f32>(self.kinds));
                found.add(4 * (place + 1)).copy_from(found.add(4 * place), 4 * moved);
                kinds.add(place + 1).copy_from(kinds.add(place), moved);
                values.add(place + 1).copy_from(values.add(place), moved);
                self.put(memory, place, (room, index), class);
                count = (count + 1).min(self.detections as usize);
            }
        }
        count
    }

    /// Notes the scores of all boxes, and that those can be chosen that have the least score.
    ///
    /// # Safety
    /// As for [`Self::run`].
    unsafe fn open(&self, room: Room, score: impl Fn(usize) -> f32) {
        for index in 0..self.candidates as usize {
            let score = score(index);
            // SAFETY: there is room for each box.
            unsafe {
                room.scores.add(index).write(score);
                room.open.add(index).write(u8::from(score >= self.score));
            }
        }
    }

    /// The best box that can be chosen, the first of equal ones; closes it and all that overlap it too much.
    ///
    /// # Safety
    /// As for [`Self::best_classes`]; the boxes were opened.
    unsafe fn next(&self, room: Room) -> Option<usize> {
        let mut best = None;
        // SAFETY: there is room for each box.
        unsafe {
            for index in 0..self.candidates as usize {
                let better = best.is_none_or(|best: usize| *room.scores.add(index) > *room.scores.add(best));
                if *room.open.add(index) != 0 && better {
                    best = Some(index);
                }
            }
            let chosen = best?;
            room.open.add(chosen).write(0);
            for index in 0..self.candidates as usize {
                if *room.open.add(index) != 0
                    && overlap(&*room.corners.add(chosen), &*room.corners.add(index)) > self.overlap
                {
                    room.open.add(index).write(0);
                }
            }
            Some(chosen)
        }
    }

    /// Writes a box as detection number `place`.
    ///
    /// # Safety
    /// As for [`Self::best_classes`]; there is room for it.
    unsafe fn put(&self, memory: Memory<'_>, place: usize, (room, index): (Room, usize), class: usize) {
        // SAFETY: as the caller promises.
        unsafe {
            memory.at::<f32>(self.found).add(4 * place).cast::<Corners>().write(*room.corners.add(index));
            memory.at::<f32>(self.kinds).add(place).write(class as f32);
            memory.at::<f32>(self.values).add(place).write(*room.scores.add(index));
        }
    }
}

/// The part of the union of two boxes that they have in common.
pub(super) fn overlap(a: &Corners, b: &Corners) -> f32 {
    let area = |[top, left, bottom, right]: &Corners| (bottom - top) * (right - left);
    let (area_a, area_b) = (area(a), area(b));
    if area_a <= 0.0 || area_b <= 0.0 {
        return 0.0;
    }
    let ([top_a, left_a, bottom_a, right_a], [top_b, left_b, bottom_b, right_b]) = (*a, *b);
    let side = |low_a: f32, low_b: f32, high_a: f32, high_b: f32| (high_a.min(high_b) - low_a.max(low_b)).max(0.0);
    let common = side(top_a, top_b, bottom_a, bottom_b) * side(left_a, left_b, right_a, right_b);
    common / (area_a + area_b - common)
}
