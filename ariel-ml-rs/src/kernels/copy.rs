//! Moves of elements: transposes, slices, concatenations, padding, broadcasts and plain copies.
//!
//! The output is `rows` rows of `row` elements. It is filled with one element, where the operator pads, and then each move
//! writes a box of it from a strided walk over its input. A tile is a range of rows.

use super::access::Access;
use super::rolled::rolled;
use super::sizes::sizes;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// Elements of a run that are copied one by one: what copies memory spends more before it begins.
const FEW: usize = 8;

/// What a copy writes where no move does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The moves cover everything.
    Nothing,
    /// This element, little-endian in the first bytes.
    Element([u8; 8]),
}

/// A box of the output and the strided walk over the input that fills it; counts and strides are in elements.
#[derive(Clone, Copy)]
pub struct Move {
    /// Where the elements come from.
    pub input: Source<u8>,
    /// First element of the walk.
    pub input_start: i32,
    /// Stride of the input from an output row to the next.
    pub input_row: i32,
    /// First output row of the box.
    pub first: u32,
    /// Output rows of the box.
    pub rows: u32,
    /// First element of the box within a row.
    pub output_start: u32,
    /// Elements along each axis inside a row, the last axis fastest.
    pub counts: [u32; 5],
    /// Strides of the input.
    pub input_strides: [i32; 5],
    /// Strides of the output.
    pub output_strides: [u32; 5],
}

/// A copy of strided boxes.
#[derive(Clone, Copy)]
pub struct Copy {
    /// Output region.
    pub output: Region,
    /// Bytes of an element: 1, 2, 4 or 8.
    pub element: u32,
    /// Rows of the output.
    pub rows: u32,
    /// Elements of a row.
    pub row: u32,
    /// What is written first.
    pub fill: Fill,
    /// The boxes.
    pub moves: &'static [Move],
}

impl Move {
    /// Checks that the walk stays inside the input and the box inside the output.
    #[inline]
    const fn check(&self, arena_bytes: usize, copy: &Copy) {
        // 128 bits hold every product of two counts, and sums of them.
        let (mut low, mut high) = (self.input_start as i128, self.input_start as i128);
        let mut last = self.output_start as u128;
        let (mut axis, mut elements) = (0, 1);
        while axis < 5 {
            assert!(self.counts[axis] > 0, "move without elements");
            elements = (self.counts[axis] as usize).saturating_mul(elements);
            let reach = (self.counts[axis] as i128 - 1) * self.input_strides[axis] as i128;
            if reach < 0 {
                low += reach;
            } else {
                high += reach;
            }
            last += (self.counts[axis] as u128 - 1) * self.output_strides[axis] as u128;
            axis += 1;
        }
        assert!(self.rows > 0 && self.first as u64 + self.rows as u64 <= copy.rows as u64, "move outside the rows");
        let reach = (self.rows as i128 - 1) * self.input_row as i128;
        if reach < 0 {
            low += reach;
        } else {
            high += reach;
        }
        assert!(last < copy.row as u128, "move outside a row");
        assert!(elements <= copy.row as usize, "move that writes elements twice");
        assert!(low >= 0 && high < i32::MAX as i128, "move outside its input");
        #[expect(clippy::cast_sign_loss, reason = "not negative, and checked against the arena")]
        self.input.check(arena_bytes, (high as usize + 1).saturating_mul(copy.element as usize));
        if let Source::Arena(region) = &self.input {
            assert!(region.offset.is_multiple_of(copy.element), "input misaligned");
        }
    }

    /// Copies the box's rows among `start..end`.
    ///
    /// # Safety
    /// `T` has the element's size, and the copy passed `check`.
    #[inline(always)]
    #[expect(clippy::cast_possible_wrap, reason = "counts of elements in memory fit isize")]
    unsafe fn rows<T: Copyable>(&self, memory: Memory<'_>, output: *mut T, row: usize, start: u32, end: u32) {
        // SAFETY: `check` proved that the walk stays inside the input and the box inside the output's rows.
        unsafe {
            let input = memory.source::<u8>(self.input).cast::<T>();
            // Constants lie at multiples of 16 in the weights; bytes that stand elsewhere need not be elements.
            if !input.is_aligned() {
                return;
            }
            let first = start.max(self.first);
            let end = end.min(self.first.saturating_add(self.rows));
            for y in first..end {
                let from =
                    input.offset(self.input_start as isize + (y - self.first) as isize * self.input_row as isize);
                let to = output.add(y as usize * row + self.output_start as usize);
                self.inner(from, to);
            }
        }
    }

    /// Copies the box's rows among `start..end` where they are whole rows of `row` elements of `size` bytes that follow one
    /// another in the input, too, one run of memory; returns whether they are.
    ///
    /// # Safety
    /// The copy passed `check`.
    #[inline(never)]
    #[expect(clippy::cast_sign_loss, reason = "`check` proved that the walk begins inside the input")]
    unsafe fn run(&self, memory: Memory<'_>, output: *mut u8, row: u32, size: usize, start: u32, end: u32) -> bool {
        let [n0, n1, n2, n3, n4] = self.counts;
        let steps = n4 == 1 || (self.input_strides[4] == 1 && self.output_strides[4] == 1);
        // Whole rows leave no room for another start of the output.
        if (n0 | n1 | n2 | n3) != 1 || n4 != row || !steps || u32::try_from(self.input_row) != Ok(row) {
            return false;
        }
        let bytes = row as usize * size;
        let first = start.max(self.first);
        let end = end.min(self.first.saturating_add(self.rows));
        if first < end {
            // SAFETY: `check` proved that the walk stays inside the input and the box inside the output's rows; with these
            // strides the walk over rows `first..end` is as many bytes in a row. They may overlap, as far as `check` knows.
            unsafe {
                let skipped = self.input_start as usize * size + (first - self.first) as usize * bytes;
                let from = memory.source::<u8>(self.input).add(skipped);
                core::ptr::copy(from, output.add(first as usize * bytes), (end - first) as usize * bytes);
            }
        }
        true
    }

    /// Walks the axes inside a row.
    ///
    /// # Safety
    /// As for `rows`.
    #[inline(always)]
    unsafe fn inner<T: Copyable>(&self, from: *const T, to: *mut T) {
        let [n0, n1, n2, n3, n4] = self.counts;
        let [i0, i1, i2, i3, i4] = self.input_strides.map(|stride| stride as isize);
        let [o0, o1, o2, o3, o4] = sizes(self.output_strides);
        // SAFETY: `check` proved the reach of the walk.
        unsafe {
            let (mut from0, mut to0) = (from, to);
            for _ in 0..n0 {
                let (mut from1, mut to1) = (from0, to0);
                for _ in 0..n1 {
                    let (mut from2, mut to2) = (from1, to1);
                    for _ in 0..n2 {
                        let (mut from3, mut to3) = (from2, to2);
                        for _ in 0..n3 {
                            if i4 == 1 && o4 == 1 {
                                run(from3, to3, n4 as usize);
                            } else {
                                let (mut from4, mut to4) = (from3, to3);
                                for _ in 0..n4 {
                                    to4.write(from4.read());
                                    from4 = from4.wrapping_offset(i4);
                                    to4 = to4.wrapping_add(o4);
                                }
                            }
                            from3 = from3.wrapping_offset(i3);
                            to3 = to3.wrapping_add(o3);
                        }
                        from2 = from2.wrapping_offset(i2);
                        to2 = to2.wrapping_add(o2);
                    }
                    from1 = from1.wrapping_offset(i1);
                    to1 = to1.wrapping_add(o1);
                }
                from0 = from0.wrapping_offset(i0);
                to0 = to0.wrapping_add(o0);
            }
        }
    }
}

/// Copies a run of elements. Not inlined: one copy serves all loops around it.
///
/// # Safety
/// There are `count` elements at both places. They may overlap, as far as [`Move::check`] knows.
#[inline(never)]
unsafe fn run<T: Copyable>(from: *const T, to: *mut T, count: usize) {
    // SAFETY: forwarded to the caller.
    unsafe {
        if count > FEW {
            core::ptr::copy(from, to, count);
        } else {
            for index in 0..count {
                rolled();
                to.add(index).write(from.add(index).read());
            }
        }
    }
}

/// Elements by size.
trait Copyable: core::marker::Copy {
    /// The element in the first bytes of a fill.
    fn of(bytes: [u8; 8]) -> Self;
}

impl Copyable for u8 {
    fn of([byte, ..]: [u8; 8]) -> Self {
        byte
    }
}

impl Copyable for u16 {
    fn of([a, b, ..]: [u8; 8]) -> Self {
        Self::from_le_bytes([a, b])
    }
}

impl Copyable for u32 {
    fn of([a, b, c, d, ..]: [u8; 8]) -> Self {
        Self::from_le_bytes([a, b, c, d])
    }
}

impl Copyable for u64 {
    fn of(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Copy {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and strides do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        assert!(matches!(self.element, 1 | 2 | 4 | 8), "element size");
        let elements = (self.rows as usize).saturating_mul(self.row as usize);
        self.output.check::<u8>(arena_bytes, elements.saturating_mul(self.element as usize));
        assert!(self.output.offset.is_multiple_of(self.element), "output misaligned");
        let mut index = 0;
        while index < self.moves.len() {
            self.moves[index].check(arena_bytes, self);
            index += 1;
        }
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        // SAFETY: forwarded to the caller; regions are aligned to 16 (memory invariant 1) or, as parts of one, to the element.
        unsafe {
            match self.element {
                1 => self.compute::<u8>(memory, tile),
                2 => self.compute::<u16>(memory, tile),
                4 => self.compute::<u32>(memory, tile),
                _ => self.compute::<u64>(memory, tile),
            }
        }
    }

    #[inline(always)]
    unsafe fn compute<T: Copyable>(&self, memory: Memory<'_>, tile: Tile) {
        let row = self.row as usize;
        // SAFETY: the tile's rows lie inside the output (`check`).
        unsafe {
            let output = memory.at::<u8>(self.output).cast::<T>();
            if let Fill::Element(bytes) = self.fill {
                let element = T::of(bytes);
                for index in tile.start() * row..tile.end() * row {
                    output.add(index).write(element);
                }
            }
            for part in self.moves {
                if !part.run(memory, output.cast(), self.row, size_of::<T>(), tile.start, tile.end) {
                    part.rows::<T>(memory, output, row, tile.start, tile.end);
                }
            }
        }
    }
}
