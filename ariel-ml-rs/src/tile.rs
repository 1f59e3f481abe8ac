//! Tiles: the parts of an operator's output that one call of a kernel computes.

/// Along which part of its output a kernel is cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Rows of the output.
    Rows,
    /// Pixels of the output image, row by row: large images, small filters.
    Pixels,
    /// Channels of the output: each core reads only its share of the weights.
    Channels,
}

/// A half-open range of units (rows, channels or elements, as the kernel says) of a kernel's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// First unit.
    pub start: u32,
    /// One past the last unit.
    pub end: u32,
}

impl Tile {
    /// The tile from `start` up to, not including, `end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// First unit, as an index.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last unit, as an index.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end as usize
    }
}

/// How the generated plan cuts one step: `extent` units in tiles of `tile` units (the last one may be shorter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Units of the whole output.
    pub extent: u32,
    /// Units of one tile, at least 1.
    pub tile: u32,
}

impl Tiles {
    /// All of the output in one tile.
    #[must_use]
    pub const fn whole(self) -> Tile {
        Tile::new(0, self.extent)
    }

    /// The tile that starts at `start`, or `None` behind the end.
    #[must_use]
    pub const fn at(self, start: u32) -> Option<Tile> {
        if start >= self.extent {
            return None;
        }
        let end = start.saturating_add(if self.tile == 0 { 1 } else { self.tile });
        Some(Tile::new(start, if end < self.extent { end } else { self.extent }))
    }
}
