//! Marks: one of many set, the places of those that are set, and triangles.

use super::{copy, index, width};
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// `output[o, d, ..] = indices[o, ..] == d ? on : off`.
#[derive(Clone, Copy)]
pub struct OneHot {
    /// The indices.
    pub indices: Source<u8>,
    /// The element that is off, and the one that is on.
    pub values: Source<u8>,
    /// Output.
    pub output: Region,
    /// Bytes of an element.
    pub element: u32,
    /// Indices in front of the new axis.
    pub outer: u32,
    /// Elements along it.
    pub depth: u32,
    /// Indices behind it.
    pub inner: u32,
    /// Whether indices have 64 bits.
    pub wide: bool,
    /// Whether negative ones count from the end.
    pub wraps: bool,
}

impl OneHot {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let count = (self.outer as usize).saturating_mul(self.inner as usize);
        assert!(self.depth > 0, "an axis without elements");
        self.indices.check(arena_bytes, count.saturating_mul(width(self.wide)));
        self.values.check(arena_bytes, (self.element as usize).saturating_mul(2));
        let elements = count.saturating_mul(self.depth as usize);
        self.output.check::<u8>(arena_bytes, elements.saturating_mul(self.element as usize));
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
        Work::of((self.outer as usize).saturating_mul(self.depth as usize))
    }

    /// Computes one tile of the output: a range of rows behind the new axis.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (element, inner) = (self.element as usize, self.inner as usize);
        // SAFETY: there is an index for each element of a row, and the tile lies inside the output (`check`).
        unsafe {
            let (indices, off) = (memory.source(self.indices), memory.source(self.values));
            let on = off.add(element);
            let mut to = memory.at::<u8>(self.output).add(tile.start().wrapping_mul(inner).wrapping_mul(element));
            for row in tile.start..tile.end {
                // `check` proved that the divisor is not 0.
                let outer = row.checked_div(self.depth).unwrap_or(0);
                let at = i64::from(row.wrapping_sub(outer.wrapping_mul(self.depth)));
                for behind in 0..inner {
                    let found = index(indices, (outer as usize).wrapping_mul(inner).wrapping_add(behind), self.wide);
                    let wrapped =
                        if found < 0 && self.wraps { found.wrapping_add(i64::from(self.depth)) } else { found };
                    copy(if wrapped == at { on } else { off }, to, element);
                    to = to.wrapping_add(element);
                }
            }
        }
    }
}

/// A triangle of each matrix, zeros elsewhere.
#[derive(Clone, Copy)]
pub struct Triangle {
    /// Matrices.
    pub input: Source<u8>,
    /// The diagonal up to which, or from which, elements stay.
    pub diagonal: Source<u8>,
    /// Output.
    pub output: Region,
    /// Bytes of an element.
    pub element: u32,
    /// Matrices.
    pub count: u32,
    /// Rows of a matrix.
    pub rows: u32,
    /// Its columns.
    pub columns: u32,
    /// Whether the diagonal has 64 bits.
    pub wide: bool,
    /// Whether what lies above the diagonal stays, and not what lies below.
    pub upper: bool,
}

impl Triangle {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let rows = (self.count as usize).saturating_mul(self.rows as usize);
        let bytes = rows.saturating_mul(self.columns as usize).saturating_mul(self.element as usize);
        assert!(self.rows > 0, "matrices without rows");
        self.input.check(arena_bytes, bytes);
        self.diagonal.check(arena_bytes, width(self.wide));
        self.output.check::<u8>(arena_bytes, bytes);
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
        Work::of((self.count as usize).saturating_mul(self.rows as usize))
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (element, columns) = (self.element as usize, i64::from(self.columns));
        let bytes = (self.columns as usize).wrapping_mul(element);
        // SAFETY: the tile lies inside input and output (`check`), and cuts inside a row.
        unsafe {
            let diagonal = index(memory.source(self.diagonal), 0, self.wide).clamp(i64::MIN / 2, i64::MAX / 2);
            let (input, output) = (memory.source(self.input), memory.at::<u8>(self.output));
            for row in tile.start..tile.end {
                // `check` proved that the divisor is not 0.
                let matrix = row.checked_div(self.rows).unwrap_or(0);
                let at = i64::from(row.wrapping_sub(matrix.wrapping_mul(self.rows)));
                let edge = at.wrapping_add(diagonal).wrapping_add(i64::from(!self.upper)).max(0).min(columns);
                let cut = (edge as usize).wrapping_mul(element);
                let place = (row as usize).wrapping_mul(bytes);
                let (from, to) = (input.add(place), output.add(place));
                let (start, end) = if self.upper { (cut, bytes) } else { (0, cut) };
                core::ptr::copy(from.add(start), to.add(start), end.wrapping_sub(start));
                to.write_bytes(0, start);
                to.add(end).write_bytes(0, bytes.wrapping_sub(end));
            }
        }
    }
}

/// The places of bytes that are not 0, in order; where there are fewer than are asked for, 0 stands for the others.
#[derive(Clone, Copy)]
pub struct Found {
    /// Bytes.
    pub input: Source<u8>,
    /// The int32 index of each along each axis, axis by axis.
    pub output: Region,
    /// Extents of the input, those in front 1 where there are fewer axes.
    pub extents: [u32; 6],
    /// Axes.
    pub rank: u32,
    /// How many places are asked for.
    pub count: u32,
}

impl Found {
    /// Bytes of the input.
    const fn bytes(&self) -> usize {
        let (mut bytes, mut axis) = (1_usize, 0);
        while axis < 6 {
            bytes = bytes.saturating_mul(self.extents[axis] as usize);
            axis += 1;
        }
        bytes
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and shapes do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        assert!(self.rank <= 6 && self.bytes() <= i32::MAX as usize, "more axes or elements than there are");
        self.input.check(arena_bytes, self.bytes());
        self.output.check::<i32>(arena_bytes, (self.rank as usize).saturating_mul(self.count as usize));
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// One unit: where a place is written depends on all before it.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(1)
    }

    /// Computes the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), and no other tile
    /// in flight writes what this one reads or writes (memory invariant 2).
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, _: Tile) {
        let memory = memory.into();
        let (count, rank) = (self.count as usize, self.rank as usize);
        // SAFETY: `check` proved both sizes; up to `count` places are written along each axis.
        unsafe {
            let (input, output) = (memory.source(self.input), memory.at::<i32>(self.output));
            output.write_bytes(0, count.wrapping_mul(rank));
            let mut found = 0_usize;
            for place in 0..self.bytes() {
                if *input.add(place) == 0 {
                    continue;
                }
                if found >= count {
                    return;
                }
                let mut rest = place;
                for (axis, &extent) in (0..rank).rev().zip(self.extents.iter().rev()) {
                    let outer = rest.checked_div(extent as usize).unwrap_or(0);
                    let at = rest.wrapping_sub(outer.wrapping_mul(extent as usize));
                    output.add(axis.wrapping_mul(count).wrapping_add(found)).write(at as i32);
                    rest = outer;
                }
                found = found.wrapping_add(1);
            }
        }
    }
}
