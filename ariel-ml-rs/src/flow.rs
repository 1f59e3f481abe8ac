//! Control flow: which steps of a model run, as its own numbers decide.
//!
//! A generated module writes it once, in `model!`: steps by their numbers, `(if 128 [2 3] else [4])`, which runs steps 2 and 3
//! where byte 128 of the arena is not 0, else step 4, `(for 20 at 64 [5])`, which runs step 5 twenty times, and
//! `(while [6] 192 [7])`, which runs step 6 and, where byte 192 is not 0 then, step 7, and begins again. A blocking run is made of
//! that as Rust's own `if`, `for` and `while`. A run that stops between tiles, or that several cores share, has to know where it
//! is: for it the same is a list of [`Op`]s, and it counts at byte 64.

use crate::memory::{Memory, Region};
use crate::plan::Step;
use crate::tile::{Cursor, Tile};

/// What a module says of its flow, as a tree.
#[derive(Clone, Copy, Debug)]
pub enum Flow {
    /// Runs a step.
    Step(u16),
    /// Runs the first part where that byte of the arena is not 0, else the second.
    If(u32, &'static [Self], &'static [Self]),
    /// Runs the part so many times, once at least, and counts there.
    For(u32, u32, &'static [Self]),
    /// Runs the first part and, where that byte of the arena is not 0 then, the second, and begins again.
    While(&'static [Self], u32, &'static [Self]),
}

/// The same as a list: what comes next, but where an operation leads elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Runs a step.
    Step(u16),
    /// Goes on with operation `to` where that byte of the arena is 0.
    Unless {
        /// The byte.
        condition: u32,
        /// Where to.
        to: u16,
    },
    /// Goes on with operation `to`.
    Jump {
        /// Where to.
        to: u16,
    },
    /// Sets the counter at that place of the arena.
    Count {
        /// The place.
        counter: u32,
        /// The number.
        times: u32,
    },
    /// Takes 1 off the counter, and goes on with operation `to` unless it is 0 then.
    Again {
        /// The place.
        counter: u32,
        /// Where to.
        to: u16,
    },
}

/// The bytes of an arena that the operations of a flow look at.
#[derive(Clone, Copy, Debug)]
pub struct Looks<'a>(Memory<'a>);

impl<'a> Looks<'a> {
    /// Those of `memory`.
    ///
    /// # Safety
    /// It is used with operations that passed [`check`] for this arena, all of which is initialised, and no step of it runs as long
    /// as this is used.
    #[must_use]
    pub const unsafe fn new(memory: Memory<'a>) -> Self {
        Self(memory)
    }

    /// Whether a byte is not 0.
    fn is_set(self, offset: u32) -> bool {
        // SAFETY: inside the arena, and nobody writes it meanwhile, as `new` was promised.
        unsafe { self.0.is_set(offset) }
    }

    /// The counter there.
    fn counter(self, offset: u32) -> *mut u32 {
        // SAFETY: inside the arena, and aligned, as `new` was promised.
        unsafe { self.0.at(Region::new(offset, 4)) }
    }

    /// Sets a counter.
    fn count(self, offset: u32, times: u32) {
        // SAFETY: as in `counter`; nobody else looks meanwhile.
        unsafe { *self.counter(offset) = times };
    }

    /// Takes 1 off a counter, and tells whether something is left.
    fn again(self, offset: u32) -> bool {
        // SAFETY: as in `count`.
        unsafe {
            let left = (*self.counter(offset)).saturating_sub(1);
            *self.counter(offset) = left;
            left > 0
        }
    }
}

/// Steps that run one after the other without a decision, where several cores share them: the first, how many, and their first
/// unit.
pub type Block = (u16, u16, u16);

/// How many operations a flow has as a list.
#[must_use]
pub const fn count(flow: &[Flow]) -> usize {
    let (mut total, mut index) = (0, 0);
    while index < flow.len() {
        total += match flow[index] {
            Flow::Step(_) => 1,
            Flow::If(_, first, second) | Flow::While(first, _, second) => count(first) + count(second) + 2,
            Flow::For(_, _, body) => count(body) + 2,
        };
        index += 1;
    }
    total
}

/// Returns the flow as a list of as many operations as [`count`] says.
///
/// # Panics
/// Where there are more than a number of 16 bits can tell: evaluated in a constant, this is a compile error.
#[must_use]
pub const fn flatten<const OPS: usize>(flow: &[Flow]) -> [Op; OPS] {
    assert!(OPS < u16::MAX as usize, "a flow of more operations than can be told apart");
    let mut ops = [Op::Jump { to: 0 }; OPS];
    let end = write(&mut ops, 0, flow);
    assert!(end == OPS, "another number of operations");
    ops
}

/// Writes a flow from operation `at` on, and returns the number of the next.
const fn write(ops: &mut [Op], mut at: usize, flow: &[Flow]) -> usize {
    let mut index = 0;
    while index < flow.len() {
        match flow[index] {
            Flow::Step(step) => {
                ops[at] = Op::Step(step);
                at += 1;
            }
            Flow::If(condition, then, otherwise) => {
                let jump = write(ops, at + 1, then);
                ops[at] = Op::Unless { condition, to: jump as u16 + 1 };
                at = write(ops, jump + 1, otherwise);
                ops[jump] = Op::Jump { to: at as u16 };
            }
            Flow::For(times, counter, body) => {
                ops[at] = Op::Count { counter, times };
                let end = write(ops, at + 1, body);
                ops[end] = Op::Again { counter, to: at as u16 + 1 };
                at = end + 1;
            }
            Flow::While(test, condition, body) => {
                let asks = write(ops, at, test);
                let jump = write(ops, asks + 1, body);
                ops[asks] = Op::Unless { condition, to: jump as u16 + 1 };
                ops[jump] = Op::Jump { to: at as u16 };
                at = jump + 1;
            }
        }
        index += 1;
    }
    at
}

/// Checks that all steps are there, and that conditions and counters lie inside the arena.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
#[inline]
pub const fn check(ops: &[Op], steps: &[Step], arena_bytes: usize) {
    let mut index = 0;
    while index < ops.len() {
        match ops[index] {
            Op::Step(step) => assert!((step as usize) < steps.len(), "the flow has a step that is not there"),
            Op::Unless { condition, .. } => {
                assert!((condition as usize) < arena_bytes, "a condition outside the arena");
            }
            Op::Count { counter, times } => {
                Region::new(counter, 4).check::<u32>(arena_bytes, 1);
                assert!(times > 0, "a loop runs once at least");
            }
            Op::Again { counter, .. } => Region::new(counter, 4).check::<u32>(arena_bytes, 1),
            Op::Jump { .. } => {}
        }
        index += 1;
    }
}

impl Cursor {
    /// The next tile and the step that it belongs to, or `None` at the end.
    pub fn follow(&mut self, ops: &[Op], steps: &[Step], looks: Looks<'_>) -> Option<(usize, Tile)> {
        loop {
            let step = usize::from(self.decide(ops, looks)?);
            if let Some(tile) = steps.get(step)?.tile_from(self.done) {
                self.done = tile.end;
                return Some((step, tile));
            }
            self.go(self.piece.saturating_add(1));
        }
    }

    /// The first unit of the next block, or `None` at the end.
    pub fn follow_blocks(&mut self, ops: &[Op], blocks: &[Block], looks: Looks<'_>) -> Option<u16> {
        let step = self.decide(ops, looks)?;
        let (_, steps, unit) = blocks.iter().find(|(first, _, _)| *first == step)?;
        self.go(self.piece.saturating_add(usize::from(*steps)));
        Some(*unit)
    }

    /// Goes on to the next operation that runs a step, and returns which.
    fn decide(&mut self, ops: &[Op], looks: Looks<'_>) -> Option<u16> {
        loop {
            let next = self.piece.saturating_add(1);
            match *ops.get(self.piece)? {
                Op::Step(step) => return Some(step),
                Op::Unless { condition, to } => self.go(if looks.is_set(condition) { next } else { usize::from(to) }),
                Op::Jump { to } => self.go(usize::from(to)),
                Op::Count { counter, times } => {
                    looks.count(counter, times);
                    self.go(next);
                }
                Op::Again { counter, to } => self.go(if looks.again(counter) { usize::from(to) } else { next }),
            }
        }
    }

    /// Goes to the beginning of an operation.
    const fn go(&mut self, operation: usize) {
        *self = Self { piece: operation, done: 0, again: 0 };
    }
}

/// Writes one item of a flow: as Rust (`run`), or as a [`Flow`] (`tree`).
#[doc(hidden)]
#[macro_export]
macro_rules! flow {
    (run $memory:ident $step:literal) => {
        // SAFETY: as the model's own run promises for all of its steps.
        unsafe { Model::whole::<$step>($memory) };
    };
    (run $memory:ident (if $condition:literal [$($then:tt)*] else [$($otherwise:tt)*])) => {
        // SAFETY: the byte lies inside the arena (`flow::check`) and is initialised, as all of it.
        if unsafe { $memory.is_set($condition) } {
            $($crate::flow!(run $memory $then);)*
        } else {
            $($crate::flow!(run $memory $otherwise);)*
        }
    };
    (run $memory:ident (for $times:literal at $counter:literal [$($body:tt)*])) => {
        for _ in 0..$times {
            $($crate::flow!(run $memory $body);)*
        }
    };
    (run $memory:ident (while [$($test:tt)*] $condition:literal [$($body:tt)*])) => {
        loop {
            $($crate::flow!(run $memory $test);)*
            // SAFETY: as in `if`.
            if !unsafe { $memory.is_set($condition) } {
                break;
            }
            $($crate::flow!(run $memory $body);)*
        }
    };
    (tree (while [$($test:tt)*] $condition:literal [$($body:tt)*])) => {
        $crate::flow::Flow::While(&[$($crate::flow!(tree $test)),*], $condition, &[$($crate::flow!(tree $body)),*])
    };
    (tree (for $times:literal at $counter:literal [$($body:tt)*])) => {
        $crate::flow::Flow::For($times, $counter, &[$($crate::flow!(tree $body)),*])
    };
    (tree $step:literal) => { $crate::flow::Flow::Step($step) };
    (tree (if $condition:literal [$($then:tt)*] else [$($otherwise:tt)*])) => {
        $crate::flow::Flow::If($condition, &[$($crate::flow!(tree $then)),*], &[$($crate::flow!(tree $otherwise)),*])
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Arena;
    use crate::plan::Work;
    use std::vec::Vec;

    /// `0; if 7 { 1; if 8 { 2 } else { } } else { 3 }; for 3 { 4; for 2 { 5 } }`
    const FLOW: &[Flow] = &[
        Flow::Step(0),
        Flow::If(7, &[Flow::Step(1), Flow::If(8, &[Flow::Step(2)], &[])], &[Flow::Step(3)]),
        Flow::For(3, 12, &[Flow::Step(4), Flow::For(2, 16, &[Flow::Step(5)])]),
    ];
    const OPS: [Op; count(FLOW)] = flatten(FLOW);
    const STEPS: [Step; 6] = [Step::new(Work::of(3), 3, 2); 6];
    const BLOCKS: [Block; 6] = [(0, 1, 0), (1, 1, 10), (2, 1, 20), (3, 1, 30), (4, 1, 40), (5, 1, 50)];

    fn arena(set: &[u32]) -> Arena<32> {
        let mut arena = Arena::new();
        for &offset in set {
            arena.fill(Region::new(offset, 1), &[1]);
        }
        arena
    }

    fn steps(set: &[u32]) -> Vec<usize> {
        let (mut arena, mut cursor) = (arena(set), Cursor::new());
        // SAFETY: the operations pass `check` for an arena of 32 bytes (below).
        let looks = unsafe { Looks::new(arena.memory()) };
        let tiles: Vec<_> = core::iter::from_fn(|| cursor.follow(&OPS, &STEPS, looks)).collect();
        let found: Vec<_> = tiles.chunks(2).map(|tiles| tiles[0].0).collect();
        let wanted: Vec<_> = found.iter().flat_map(|&s| [(s, Tile::new(0, 2)), (s, Tile::new(2, 3))]).collect();
        assert_eq!(tiles, wanted);
        found
    }

    #[test]
    fn a_cursor_passes_the_tiles_of_the_chosen_steps() {
        check(&OPS, &STEPS, 32);
        let loops = [4, 5, 5, 4, 5, 5, 4, 5, 5];
        assert_eq!(steps(&[7, 8]), [&[0, 1, 2][..], &loops].concat());
        assert_eq!(steps(&[7]), [&[0, 1][..], &loops].concat());
        assert_eq!(steps(&[8]), [&[0, 3][..], &loops].concat());
        assert_eq!(steps(&[]), [&[0, 3][..], &loops].concat());
    }

    #[test]
    fn a_loop_is_tested_before_each_iteration() {
        /// `while { 0; 7 } { 1; if 8 { 2 } else { } }; 3`
        const FLOW: &[Flow] =
            &[Flow::While(&[Flow::Step(0)], 7, &[Flow::Step(1), Flow::If(8, &[Flow::Step(2)], &[])]), Flow::Step(3)];
        const OPS: [Op; count(FLOW)] = flatten(FLOW);
        let (mut arena, mut cursor) = (arena(&[7, 8]), Cursor::new());
        check(&OPS, &STEPS, 32);
        let mut blocks = Vec::new();
        for turn in 0..10 {
            if turn == 6 {
                arena.fill(Region::new(7, 1), &[0]);
            }
            // SAFETY: as above.
            let looks = unsafe { Looks::new(arena.memory()) };
            blocks.extend(cursor.follow_blocks(&OPS, &BLOCKS, looks));
        }
        assert_eq!(blocks, [0, 10, 20, 0, 10, 20, 0, 30]);
    }

    #[test]
    fn blocks_are_entered_at_their_first_unit() {
        let (mut arena, mut cursor) = (arena(&[7]), Cursor::new());
        // SAFETY: as above.
        let looks = unsafe { Looks::new(arena.memory()) };
        let units = core::iter::from_fn(|| cursor.follow_blocks(&OPS, &BLOCKS, looks));
        assert_eq!(units.collect::<Vec<_>>(), [0, 10, 40, 50, 50, 40, 50, 50, 40, 50, 50]);
    }

    #[test]
    #[should_panic = "a step that is not there"]
    fn a_step_must_be_there() {
        check(&OPS, &STEPS[..4], 32);
    }

    #[test]
    #[should_panic = "outside the arena"]
    fn a_condition_must_lie_in_the_arena() {
        check(&OPS, &STEPS, 8);
    }

    #[test]
    #[should_panic = "outside the arena"]
    fn a_counter_must_lie_in_the_arena() {
        check(&OPS, &STEPS, 16);
    }
}
