//! Tiles: the parts of an operator's output that one call of a kernel computes.

/// Along which part of its output a kernel is cut into tiles.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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

/// Where an inference is that runs tile by tile, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    step: usize,
    start: u32,
}

impl Cursor {
    /// Before the first tile.
    #[must_use]
    pub const fn new() -> Self {
        Self { step: 0, start: 0 }
    }

    /// The next tile and the step that it belongs to, or `None` behind the last.
    pub fn next(&mut self, steps: &[Tiles]) -> Option<(usize, Tile)> {
        loop {
            if let Some(tile) = steps.get(self.step)?.at(self.start) {
                self.start = tile.end;
                return Some((self.step, tile));
            }
            *self = Self { step: self.step + 1, start: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_passes_every_tile_once_and_in_order() {
        let steps = [Tiles { extent: 5, tile: 2 }, Tiles { extent: 0, tile: 1 }, Tiles { extent: 3, tile: 3 }];
        let mut cursor = Cursor::new();
        let passed: Vec<_> = core::iter::from_fn(|| cursor.next(&steps)).collect();
        assert_eq!(passed, [(0, Tile::new(0, 2)), (0, Tile::new(2, 4)), (0, Tile::new(4, 5)), (2, Tile::new(0, 3))]);
        assert_eq!(cursor.next(&steps), None);
    }
}
