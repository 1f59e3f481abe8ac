//! Control flow: which steps of a model run, as its own numbers decide.
//!
//! A generated module writes it once, in `model!`: steps by their numbers, and `(if 128 [2 3] else [4])`, which runs steps 2 and 3
//! where byte 128 of the arena is not 0, else step 4. A blocking run is made of that as Rust's own `if`. A run that stops between
//! tiles, or that several cores share, has to know where it is: for it the same is a list of [`Op`]s.

use crate::plan::Step;
use crate::tile::{Cursor, Tile};

/// What a module says of its flow, as a tree.
#[derive(Clone, Copy, Debug)]
pub enum Flow {
    /// Runs a step.
    Step(u16),
    /// Runs the first part where that byte of the arena is not 0, else the second.
    If(u32, &'static [Self], &'static [Self]),
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
            Flow::If(_, then, otherwise) => count(then) + count(otherwise) + 2,
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
        }
        index += 1;
    }
    at
}

/// Checks that all steps are there, and that conditions lie inside the arena.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
pub const fn check(ops: &[Op], steps: &[Step], arena_bytes: usize) {
    let mut index = 0;
    while index < ops.len() {
        match ops[index] {
            Op::Step(step) => assert!((step as usize) < steps.len(), "the flow has a step that is not there"),
            Op::Unless { condition, .. } => {
                assert!((condition as usize) < arena_bytes, "a condition outside the arena");
            }
            Op::Jump { .. } => {}
        }
        index += 1;
    }
}

impl Cursor {
    /// The next tile and the step that it belongs to, or `None` at the end. `is_set` tells whether a byte of the arena is not 0.
    pub fn follow(&mut self, ops: &[Op], steps: &[Step], is_set: impl Fn(u32) -> bool) -> Option<(usize, Tile)> {
        loop {
            let step = usize::from(self.decide(ops, &is_set)?);
            if let Some(tile) = steps.get(step)?.tile_from(self.done) {
                self.done = tile.end;
                return Some((step, tile));
            }
            self.skip(1);
        }
    }

    /// The first unit of the next block, or `None` at the end.
    pub fn follow_blocks(&mut self, ops: &[Op], blocks: &[Block], is_set: impl Fn(u32) -> bool) -> Option<u16> {
        let step = self.decide(ops, &is_set)?;
        let (_, steps, unit) = blocks.iter().find(|(first, _, _)| *first == step)?;
        self.skip(usize::from(*steps));
        Some(*unit)
    }

    /// Goes on to the next operation that runs a step, and returns which.
    fn decide(&mut self, ops: &[Op], is_set: &impl Fn(u32) -> bool) -> Option<u16> {
        loop {
            match *ops.get(self.piece)? {
                Op::Step(step) => return Some(step),
                Op::Unless { condition, .. } if is_set(condition) => self.skip(1),
                Op::Unless { to, .. } | Op::Jump { to } => *self = Self { piece: usize::from(to), done: 0 },
            }
        }
    }

    /// Leaves so many operations behind.
    const fn skip(&mut self, operations: usize) {
        *self = Self { piece: self.piece.saturating_add(operations), done: 0 };
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
    (tree $step:literal) => { $crate::flow::Flow::Step($step) };
    (tree (if $condition:literal [$($then:tt)*] else [$($otherwise:tt)*])) => {
        $crate::flow::Flow::If($condition, &[$($crate::flow!(tree $then)),*], &[$($crate::flow!(tree $otherwise)),*])
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Work;
    use std::vec::Vec;

    /// `0; if 7 { 1; if 8 { 2 } else { } } else { 3 }; 4`
    const FLOW: &[Flow] = &[
        Flow::Step(0),
        Flow::If(7, &[Flow::Step(1), Flow::If(8, &[Flow::Step(2)], &[])], &[Flow::Step(3)]),
        Flow::Step(4),
    ];
    const OPS: [Op; count(FLOW)] = flatten(FLOW);
    const STEPS: [Step; 5] = [Step::new(Work::of(3), 3, 2); 5];

    fn steps(set: &[u32]) -> Vec<(usize, u32, u32)> {
        let mut cursor = Cursor::new();
        let tiles = core::iter::from_fn(|| cursor.follow(&OPS, &STEPS, |byte| set.contains(&byte)));
        tiles.map(|(step, tile)| (step, tile.start, tile.end)).collect()
    }

    #[test]
    fn a_cursor_passes_the_tiles_of_the_chosen_steps() {
        let of = |steps: &[usize]| steps.iter().flat_map(|&s| [(s, 0, 2), (s, 2, 3)]).collect::<Vec<_>>();
        assert_eq!(steps(&[7, 8]), of(&[0, 1, 2, 4]));
        assert_eq!(steps(&[7]), of(&[0, 1, 4]));
        assert_eq!(steps(&[8]), of(&[0, 3, 4]));
        assert_eq!(steps(&[]), of(&[0, 3, 4]));
    }

    #[test]
    fn blocks_are_entered_at_their_first_unit() {
        let blocks = [(0, 1, 0), (1, 1, 10), (2, 1, 20), (3, 1, 30), (4, 1, 40)];
        let mut cursor = Cursor::new();
        let units = core::iter::from_fn(|| cursor.follow_blocks(&OPS, &blocks, |byte| byte == 7));
        assert_eq!(units.collect::<Vec<_>>(), [0, 10, 40]);
    }

    #[test]
    #[should_panic = "a step that is not there"]
    fn a_step_must_be_there() {
        check(&OPS, &STEPS[..4], 16);
    }

    #[test]
    #[should_panic = "outside the arena"]
    fn a_condition_must_lie_in_the_arena() {
        check(&OPS, &STEPS, 8);
    }
}
