//! What a generated module says of its plan, checked while the firmware compiles.
//!
//! A generated module has no `unsafe`: the macros that it calls have. So they may believe nothing that they do not check, and a
//! module that was edited by hand is refused, or gives wrong numbers, but touches nothing outside its arena and its constants:
//!
//! - `check` of every kernel proves that its regions lie inside the arena, that its constants have the lengths that its shapes
//!   ask for, and that its scratch is not part of what it reads or writes;
//! - `work` of every kernel tells the units of its output and the granules that tiles consist of: what a step, a piece or a unit
//!   says of its extent, its tiles and its place must agree with that, and so must the room for every worker's scratch;
//! - inputs, outputs, states and what is copied at the end lie inside the arena.
//!
//! What is read is initialised: an arena begins as zeros, kernels write numbers, and the padding of inputs is written before every
//! inference ([`crate::tensor::Tensor::clear_padding`]).
//!
//! Asserts in constants that are no items of their own (`const {}` in a generic function) are looked at only where code is made:
//! so the checks of a module are in `const _`, where `cargo check` sees them.

use crate::memory::{Arena, Region};
use crate::tile::{Piece, Tile};
use core::mem::MaybeUninit;

/// The work of a kernel: how many units its output has, and how it may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    units: u32,
    granule: u32,
    scratch: Region,
}

impl Work {
    /// So many units, of which any range is a tile.
    ///
    /// # Panics
    /// Where a tile cannot count them: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn of(units: usize) -> Self {
        assert!(units <= u32::MAX as usize, "more units than a tile can count");
        Self { units: units as u32, granule: 1, scratch: Region::new(0, 0) }
    }

    /// The same, in tiles that begin and end at multiples of `granule`, or end with the last unit.
    ///
    /// # Panics
    /// Where there is no such multiple: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn in_granules(mut self, granule: usize) -> Self {
        assert!(granule > 0 && granule <= u32::MAX as usize, "granules without units");
        self.granule = granule as u32;
        self
    }

    /// The same, with scratch for each worker.
    #[must_use]
    pub const fn with_scratch(mut self, scratch: Region) -> Self {
        self.scratch = scratch;
        self
    }

    /// Whether a tile, a piece or a unit may end there.
    const fn is_edge(&self, unit: u32) -> bool {
        unit == self.units || unit.is_multiple_of(self.granule)
    }

    /// Checks a range of units.
    const fn check(&self, tile: Tile) {
        assert!(tile.start < tile.end, "a tile without units");
        assert!(tile.end <= self.units, "a tile outside its step");
        assert!(self.is_edge(tile.start) && self.is_edge(tile.end), "a tile that is no multiple of its granule");
    }
}

/// A step as the module says it: `KERNEL, extent by tile`.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    work: Work,
    extent: u32,
    tile: u32,
}

impl Step {
    /// A kernel's work, its units as the module counts them, and those of a tile.
    #[must_use]
    pub const fn new(work: Work, extent: u32, tile: u32) -> Self {
        Self { work, extent, tile }
    }
}

/// Checks that steps are counted from 0, that each extent is the kernel's, and that tiles consist of granules.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
pub const fn check_steps(steps: &[Step], indices: &[u32]) {
    let mut index = 0;
    while index < steps.len() {
        let Step { work, extent, tile } = &steps[index];
        assert!(indices[index] as usize == index, "steps are not counted from 0");
        assert!(*extent == work.units, "the extent of a step is not the number of its kernel's units");
        assert!(*tile > 0 && *tile <= *extent, "a tile has units, and not more than its step");
        assert!(work.is_edge(*tile), "the tile of a step is no multiple of its kernel's granule");
        index += 1;
    }
}

/// Checks that the pieces cut each step into ranges of whole granules, in ascending order, and leave nothing out; no pieces at all
/// stand for whole steps.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
pub const fn check_pieces<const STEPS: usize>(steps: &[Step; STEPS], pieces: &[Piece]) {
    let mut reached = [0; STEPS];
    let mut index = 0;
    while index < pieces.len() {
        follow(steps, &mut reached, pieces[index].step(), pieces[index].tile);
        index += 1;
    }
    check_whole(steps, &reached, pieces.is_empty());
}

/// Checks units for several cores: the tiles of each step cut it into ranges of whole granules in ascending order, so that no two of
/// them share a unit, and leave nothing out; gates have none; homes are workers; and there is scratch for every worker.
///
/// With the checks of [`crate::pool::Graph`] this leaves one thing to the compiler's own checker: that of two units of different
/// steps one waits for the other where their bytes meet.
///
/// # Panics
/// Where something does not hold: evaluated in a constant, this is a compile error.
#[cfg(feature = "multicore")]
pub const fn check_units<const STEPS: usize>(
    steps: &[Step; STEPS],
    units: &[(u16, Tile)],
    homes: &[u8],
    workers: usize,
    arena_bytes: usize,
) {
    use crate::pool::{ANY, GATE};
    assert!(homes.len() == units.len(), "a home for each unit");
    let mut reached = [0; STEPS];
    let mut index = 0;
    while index < units.len() {
        let (step, tile) = units[index];
        if homes[index] == GATE {
            assert!(step == 0 && tile.start == 0 && tile.end == 0, "a gate is without work");
        } else {
            assert!(homes[index] == ANY || (homes[index] as usize) < workers, "the home of a unit is no worker");
            follow(steps, &mut reached, step as usize, tile);
        }
        index += 1;
    }
    check_whole(steps, &reached, false);
    index = 0;
    while index < STEPS {
        let Region { offset, bytes } = steps[index].work.scratch;
        let each = (bytes as usize).saturating_add(15) & !15;
        let room = each.saturating_mul(workers);
        assert!(bytes == 0 || room <= arena_bytes.saturating_sub(offset as usize), "no scratch for every worker");
        index += 1;
    }
}

/// Takes the next range of units of a step.
const fn follow<const STEPS: usize>(steps: &[Step; STEPS], reached: &mut [u32; STEPS], step: usize, tile: Tile) {
    assert!(step < STEPS, "there is no such step");
    steps[step].work.check(tile);
    assert!(tile.start == reached[step], "the ranges of a step overlap, or leave something out");
    reached[step] = tile.end;
}

/// Checks that every step was reached to its end.
const fn check_whole<const STEPS: usize>(steps: &[Step; STEPS], reached: &[u32; STEPS], may_be_none: bool) {
    let mut step = 0;
    while step < STEPS {
        assert!(may_be_none || reached[step] == steps[step].work.units, "the ranges of a step leave something out");
        step += 1;
    }
}

/// Where the bytes are that outlive an inference.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The states.
    pub states: &'a [Region],
    /// What is copied at the end: from, to, bytes.
    pub copies: &'a [(usize, usize, usize)],
}

impl Kept<'_> {
    /// Checks that all lies inside the arena, and that states overlap neither each other nor the input.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    pub const fn check(&self, arena_bytes: usize, input: Region) {
        let mut index = 0;
        while index < self.copies.len() {
            let (from, to, bytes) = self.copies[index];
            let furthest = if from > to { from } else { to };
            assert!(furthest <= arena_bytes && bytes <= arena_bytes - furthest, "a copy outside the arena");
            index += 1;
        }
        index = 0;
        while index < self.states.len() {
            self.states[index].check::<u8>(arena_bytes, 0);
            assert!(self.states[index].is_apart(&input), "a state in the place of the input");
            let mut other = index + 1;
            while other < self.states.len() {
                assert!(self.states[index].is_apart(&self.states[other]), "states overlap");
                other += 1;
            }
            index += 1;
        }
    }

    /// Bytes of the states that steps write in place, all others being copied at the end.
    #[must_use]
    pub const fn bytes_in_place(&self) -> usize {
        let (mut total, mut index) = (0, 0);
        while index < self.states.len() {
            if self.is_in_place(index) {
                total += self.states[index].bytes as usize;
            }
            index += 1;
        }
        total
    }

    /// Copies the states that steps write in place out of the arena, one behind the other.
    pub fn save<const N: usize>(&self, arena: &Arena<N>, mut room: &mut [MaybeUninit<u8>]) {
        for (index, state) in self.states.iter().enumerate() {
            if self.is_in_place(index) {
                let (own, rest) = room.split_at_mut_checked(state.bytes as usize).unwrap_or_default();
                arena.read(*state, own);
                room = rest;
            }
        }
    }

    /// Copies them back.
    pub fn restore<const N: usize>(&self, arena: &mut Arena<N>, mut saved: &[MaybeUninit<u8>]) {
        for (index, state) in self.states.iter().enumerate() {
            if self.is_in_place(index) {
                let (own, rest) = saved.split_at_checked(state.bytes as usize).unwrap_or_default();
                arena.write(*state, own);
                saved = rest;
            }
        }
    }

    /// Whether steps write state `index` in place.
    #[must_use]
    pub const fn is_in_place(&self, index: usize) -> bool {
        let mut copy = 0;
        while copy < self.copies.len() {
            if self.copies[copy].1 == self.states[index].offset as usize {
                return false;
            }
            copy += 1;
        }
        true
    }
}

/// Checks the arena's size and the place of an input or an output, and returns it.
///
/// # Panics
/// Where it does not lie inside the arena, or is not aligned to 16: evaluated in a constant, this is a compile error.
#[must_use]
pub const fn check_tensor<T: crate::Tensor>(arena_bytes: usize, offset: usize) -> Region {
    assert!(arena_bytes <= i32::MAX as usize, "an arena is smaller than 2 GB");
    assert!(offset.is_multiple_of(16) && align_of::<T>() <= 16, "an input or output is not aligned to 16");
    assert!(offset <= arena_bytes && size_of::<T>() <= arena_bytes - offset, "an input or output outside the arena");
    Region::new(offset as u32, size_of::<T>() as u32)
}
