//! What a generated module says of its plan, checked while the firmware compiles.
//!
//! A generated module has no `unsafe`: the macros that it calls have. So they may believe nothing that they do not check, and a
//! module that was edited by hand is refused, or gives wrong numbers, but touches nothing outside its arena and its constants:
//!
//! - `check` of every kernel proves that its regions lie inside the arena, and that its constants have the lengths that its shapes
//!   ask for;
//! - `work` of every kernel tells the units of its output and the granules that tiles consist of: what a step, a piece or a unit
//!   says of its extent and its tiles must agree with that, and so must the room for every worker's scratch. Where a kernel keeps
//!   addresses in its scratch, the scratch has no byte in common with what a tile writes;
//! - inputs, outputs, states and what is copied at the end lie inside the arena.
//!
//! What is read is initialised: an arena begins as zeros, kernels write numbers, and the padding of inputs is written before every
//! inference ([`crate::tensor::Tensor::clear_padding`]).
//!
//! Asserts in constants that are no items of their own (`const {}` in a generic function) are looked at only where code is made:
//! so the checks of a module are in `const _`, where `cargo check` sees them.

use crate::memory::{Arena, Element, Image, Region};
use crate::sizes::{Shorter, Size};
use crate::stream::Feed;
use crate::tile::{Axis, Piece, Tile};
use core::mem::MaybeUninit;

/// The work of a kernel: how many units its output has, and how it may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    extent: u32,
    granule: u32,
    scratch: Region,
    spared: Spared,
    /// Where rows of the input go, if they are given one by one.
    feed: Option<Feed>,
}

/// What a tile writes of an image, where that must not be the scratch: whole rows from `start` on, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spared {
    start: u32,
    /// Units of a row; 0 where the scratch holds nothing but numbers.
    units: u32,
    /// From a row to the next.
    stride: usize,
    /// Of a row, from its first element to its last.
    bytes: usize,
}

impl Work {
    /// So many units, of which any range is a tile.
    ///
    /// # Panics
    /// Where a tile cannot count them: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn of(units: usize) -> Self {
        assert!(units <= u32::MAX as usize, "more units than a tile can count");
        let spared = Spared { start: 0, units: 0, stride: 0, bytes: 0 };
        Self { extent: units as u32, granule: 1, scratch: Region::new(0, 0), spared, feed: None }
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

    /// The same, of which each unit is a row that is given.
    #[must_use]
    pub const fn feeding(mut self, feed: Feed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// The same, with scratch for each worker.
    #[must_use]
    pub const fn with_scratch(mut self, scratch: Region) -> Self {
        self.scratch = scratch;
        self
    }

    /// The same, with addresses in the scratch of each worker, which no tile of the output may overwrite.
    ///
    /// # Panics
    /// Where the scratch is in fast memory: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn with_places<T: Element>(mut self, scratch: Region, axis: Axis, output: &Image) -> Self {
        let row =
            (output.width as usize - 1).saturating_mul(output.pixel as usize).saturating_add(output.channels as usize);
        let stride = (output.row as usize).saturating_mul(size_of::<T>());
        let all = (output.height as usize - 1).saturating_mul(stride);
        let bytes = row.saturating_mul(size_of::<T>());
        let (units, bytes) = match axis {
            Axis::Pixels => (output.width, bytes),
            Axis::Rows => (1, bytes),
            Axis::Channels => (self.extent, bytes.saturating_add(all)),
        };
        assert!(!scratch.is_fast(), "scratch with addresses in the arena, which is not there");
        self.spared = Spared { start: output.region.offset, units, stride, bytes };
        self.with_scratch(scratch)
    }

    /// Checks that scratch in fast memory, of which each core has so many bytes, lies inside.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check_fast(&self, fast_bytes: usize) {
        if self.scratch.is_fast() {
            let end = (self.scratch.offset - Region::FAST) as u64 + self.scratch.bytes as u64;
            assert!(end <= fast_bytes as u64, "scratch outside the fast memory");
        }
    }

    /// Bytes of the scratch of so many workers.
    const fn room(&self, workers: usize) -> usize {
        ((self.scratch.bytes as usize).saturating_add(15) & !15).saturating_mul(workers)
    }

    /// Whether a tile, a piece or a unit may end there.
    const fn is_edge(&self, unit: u32) -> bool {
        unit == self.extent || unit.is_multiple_of(self.granule)
    }

    /// Checks a range of units, and what it writes against the scratch of all workers.
    #[inline]
    const fn check(&self, tile: Tile, workers: usize) {
        assert!(tile.start < tile.end, "a tile without units");
        assert!(tile.end <= self.extent, "a tile outside its step");
        assert!(self.is_edge(tile.start) && self.is_edge(tile.end), "a tile that is no multiple of its granule");
        let Spared { start, units, stride, bytes } = self.spared;
        if let (Some(first), Some(last)) = (tile.start.checked_div(units), (tile.end - 1).checked_div(units)) {
            let first = (first as usize).saturating_mul(stride).saturating_add(start as usize);
            let end = (last as usize).saturating_mul(stride).saturating_add(start as usize).saturating_add(bytes);
            let scratch = self.scratch.offset as usize;
            let is_apart = end <= scratch || scratch.saturating_add(self.room(workers)) <= first;
            assert!(is_apart, "a tile that overwrites scratch");
        }
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

    /// All of its units.
    #[must_use]
    pub const fn whole(&self) -> Tile {
        Tile::new(0, self.extent)
    }

    /// Where rows of the input go, if that is what the step stands for.
    #[must_use]
    pub(crate) const fn feed(&self) -> Option<Feed> {
        self.work.feed
    }

    /// The next tile once so many units are done, or `None` where that is all.
    #[must_use]
    pub fn tile_from(&self, done: u32) -> Option<Tile> {
        (done < self.extent).then(|| Tile::new(done, done.saturating_add(self.tile.max(1)).min(self.extent)))
    }
}

/// Checks that steps are counted from 0, that each extent is the kernel's, that tiles consist of granules, and that scratch in fast
/// memory, of which each core has `fast_bytes`, lies inside.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
#[inline]
pub const fn check_steps(steps: &[Step], indices: &[u32], fast_bytes: usize) {
    let mut index = 0;
    while index < steps.len() {
        let Step { work, extent, tile } = &steps[index];
        assert!(indices[index] as usize == index, "steps are not counted from 0");
        assert!(*extent == work.extent, "the extent of a step is not the number of its kernel's units");
        assert!(*tile > 0 && *tile <= *extent, "a tile has units, and not more than its step");
        assert!(work.is_edge(*tile), "the tile of a step is no multiple of its kernel's granule");
        work.check_fast(fast_bytes);
        index += 1;
    }
}

/// Returns for each step how its units follow from sizes: `parts` are (step, dimension, units for each of its elements, units of what
/// other steps make before).
///
/// # Panics
/// Where there is no such step or dimension: evaluated in a constant, this is a compile error.
#[must_use]
pub const fn shorter<const STEPS: usize>(
    steps: &[Step; STEPS],
    sizes: &[Size],
    parts: &[(usize, usize, u32, u32)],
) -> [Shorter; STEPS] {
    let mut table = [Shorter::WHOLE; STEPS];
    let mut index = 0;
    while index < parts.len() {
        let (step, size, each, before) = parts[index];
        assert!(step < STEPS, "a shorter step that is not there");
        assert!(size < sizes.len(), "a dimension that is not there");
        let Step { work, extent, .. } = &steps[step];
        table[step] = Shorter::new(&sizes[size], (each, before), *extent, work.granule);
        index += 1;
    }
    table
}

/// Checks that the pieces cut each step into ranges of whole granules, each beside those before it, and leave nothing out; or that
/// they are all of it, each time; no pieces at all stand for whole steps. What runs again are pieces since the last such place.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
#[inline]
pub const fn check_pieces<const STEPS: usize>(steps: &[Step; STEPS], pieces: &[Piece]) {
    let mut reached = [NOTHING; STEPS];
    let (mut index, mut begin) = (0, 0);
    while index < pieces.len() {
        if let Some((count, times)) = pieces[index].again() {
            assert!(count > 0 && count <= index - begin && times > 0, "pieces that run again");
            begin = index + 1;
        } else {
            follow(steps, &mut reached, pieces[index].step(), pieces[index].tile);
        }
        index += 1;
    }
    index = 0;
    while index < STEPS && pieces.is_empty() {
        follow(steps, &mut reached, index, Tile::new(0, steps[index].work.extent));
        index += 1;
    }
    check_whole(steps, &reached);
}

/// Returns for each step the latest time of its pieces, which passed `check_pieces`.
#[must_use]
pub const fn latest<const STEPS: usize>(pieces: &[Piece]) -> [u32; STEPS] {
    let mut table = [0; STEPS];
    let mut index = 0;
    while index < pieces.len() {
        let (first, times) = match pieces[index].again() {
            Some((count, times)) => (index.saturating_sub(count), times),
            None => (index, 0),
        };
        let mut piece = first;
        while piece <= index {
            let (step, time) = (pieces[piece].step(), pieces[piece].time(times));
            if pieces[piece].again().is_none() && step < STEPS && time > table[step] {
                table[step] = time;
            }
            piece += 1;
        }
        index += 1;
    }
    table
}

/// Returns the units of the tiles of each step; of rows that are given, one at a time.
#[must_use]
pub const fn tiles<const STEPS: usize>(steps: &[Step; STEPS]) -> [u32; STEPS] {
    let mut table = [1; STEPS];
    let mut step = 0;
    while step < STEPS {
        if steps[step].work.feed.is_none() {
            table[step] = steps[step].tile;
        }
        step += 1;
    }
    table
}

/// Checks that a step may run whole: one whose operands lie elsewhere than the first time.
///
/// # Panics
/// Where it may not: evaluated in a constant, this is a compile error.
#[inline]
pub const fn check_later(work: Work, extent: u32, fast_bytes: usize) {
    assert!(work.extent == extent, "a step that has other units at another time");
    work.check(Tile::new(0, extent), 1);
    work.check_fast(fast_bytes);
}

/// No unit yet.
const NOTHING: Tile = Tile::new(0, 0);

/// Checks units for several cores: they are the pieces in their order, each cut into tiles of whole granules that follow each other,
/// so that no two tiles of a piece share a unit; gates have none; homes are workers; and there is scratch for every worker, which no
/// tile overwrites. `units` are step, time and tile, `works` the work of that step at that time.
///
/// With the checks of [`crate::pool::Graph`] this leaves one thing to the compiler's own checker: that of two units one waits for the
/// other where one of them writes a byte that the other reads or writes.
///
/// # Panics
/// Where something does not hold: evaluated in a constant, this is a compile error.
#[cfg(feature = "multicore")]
#[inline]
pub const fn check_units<const UNITS: usize>(
    pieces: &[Piece],
    units: &[(u16, u8, Tile); UNITS],
    works: &[Work; UNITS],
    homes: &[u8],
    workers: usize,
    arena_bytes: usize,
) {
    use crate::pool::{ANY, GATE};
    assert!(workers >= 1 && workers <= 32, "1 to 32 workers");
    assert!(homes.len() == UNITS, "a home for each unit");
    let (mut cursor, mut piece, mut at) = (crate::tile::Cursor::new(), None, 0);
    let mut index = 0;
    while index < UNITS {
        let ((step, time, tile), work) = (units[index], &works[index]);
        if homes[index] == GATE {
            assert!(step == 0 && time == 0 && tile.start == 0 && tile.end == 0, "a gate is without work");
        } else {
            assert!(homes[index] == ANY || (homes[index] as usize) < workers, "the home of a unit is no worker");
            if piece.is_none() {
                piece = cursor.next_piece(pieces);
                at = if let Some((next, _)) = piece { next.tile.start } else { 0 };
            }
            let Some((of, when)) = piece else { panic!("a unit behind the last piece") };
            assert!(step as usize == of.step() && time as u32 == when, "units are not in the order of the pieces");
            work.check(tile, workers);
            assert!(tile.start == at && tile.end <= of.tile.end, "ranges of a piece overlap, or leave something out");
            let behind = arena_bytes.saturating_sub(work.scratch.offset as usize);
            let is_there = work.room(workers) == 0 || work.room(workers) <= behind;
            // In fast memory each has its own, which `check_steps` and `check_later` have looked at.
            assert!(work.scratch.is_fast() || is_there, "no scratch for every worker");
            at = tile.end;
            if at == of.tile.end {
                piece = None;
            }
        }
        index += 1;
    }
    assert!(piece.is_none() && cursor.next_piece(pieces).is_none(), "the units leave something out");
}

/// Checks that blocks have steps, and begin with first units of the graph's blocks, which are as many: one without control flow.
///
/// # Panics
/// Where something does not hold: evaluated in a constant, this is a compile error.
#[cfg(feature = "multicore")]
#[inline]
pub const fn check_blocks(blocks: &[crate::flow::Block], ops: &[crate::flow::Op], graph: &crate::pool::Graph) {
    assert!(blocks.is_empty() == ops.is_empty(), "blocks and a flow, or neither");
    assert!(graph.blocks() == if blocks.is_empty() { 1 } else { blocks.len() }, "another number of blocks");
    let mut index = 0;
    while index < blocks.len() {
        let (_, steps, unit) = blocks[index];
        assert!(steps > 0 && graph.is_first(unit), "a block begins with its first unit");
        index += 1;
    }
}

/// Takes the next range of units of a step: behind all before, or in front of them.
const fn follow<const STEPS: usize>(steps: &[Step; STEPS], reached: &mut [Tile; STEPS], step: usize, tile: Tile) {
    assert!(step < STEPS, "there is no such step");
    steps[step].work.check(tile, 1);
    let before = reached[step];
    let is_whole = tile.start == 0 && tile.end == steps[step].work.extent;
    reached[step] = if before.end == 0 || (is_whole && before.end == tile.end) {
        tile
    } else if tile.start == before.end {
        Tile::new(before.start, tile.end)
    } else {
        assert!(tile.end == before.start, "ranges of a step overlap, or leave something out");
        Tile::new(tile.start, before.end)
    };
}

/// Checks that every step was reached from its beginning to its end.
#[inline]
const fn check_whole<const STEPS: usize>(steps: &[Step; STEPS], reached: &[Tile; STEPS]) {
    let mut step = 0;
    while step < STEPS {
        let is_whole = reached[step].start == 0 && reached[step].end == steps[step].work.extent;
        assert!(is_whole, "the ranges of a step leave something out");
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
    /// Checks that all lies inside the arena, and that states overlap neither each other nor the input, if that is there in whole.
    ///
    /// # Panics
    /// Where it does not: evaluated in a constant, this is a compile error.
    #[inline]
    pub const fn check(&self, arena_bytes: usize, input: &[Region]) {
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
            assert!(input.is_empty() || self.states[index].is_apart(&input[0]), "a state in the place of the input");
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
            if self.is_in_place(self.states[index]) {
                total += self.states[index].bytes as usize;
            }
            index += 1;
        }
        total
    }

    /// Copies the states that steps write in place out of the arena, one behind the other.
    pub fn save<const N: usize>(&self, arena: &Arena<N>, mut room: &mut [MaybeUninit<u8>]) {
        for state in self.states {
            if self.is_in_place(*state) {
                let (own, rest) = room.split_at_mut_checked(state.bytes as usize).unwrap_or_default();
                arena.read(*state, own);
                room = rest;
            }
        }
    }

    /// Copies them back.
    pub fn restore<const N: usize>(&self, arena: &mut Arena<N>, mut saved: &[MaybeUninit<u8>]) {
        for state in self.states {
            if self.is_in_place(*state) {
                let (own, rest) = saved.split_at_checked(state.bytes as usize).unwrap_or_default();
                arena.write(*state, own);
                saved = rest;
            }
        }
    }

    /// Whether steps write the state in place.
    const fn is_in_place(&self, state: Region) -> bool {
        let mut copy = 0;
        while copy < self.copies.len() {
            if self.copies[copy].1 == state.offset as usize {
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
#[inline]
pub const fn check_tensor<T: crate::Tensor>(arena_bytes: usize, offset: usize) -> Region {
    assert!(arena_bytes <= i32::MAX as usize, "an arena is smaller than 2 GB");
    assert!(offset.is_multiple_of(16) && align_of::<T>() <= 16, "an input or output is not aligned to 16");
    assert!(offset <= arena_bytes && size_of::<T>() <= arena_bytes - offset, "an input or output outside the arena");
    Region::new(offset as u32, size_of::<T>() as u32)
}
