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

/// Units of one step that run before the next piece does: a step runs whole, or in pieces between those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index of the step.
    pub step: u16,
    /// How many times further on operands lie that move from one time to the next.
    pub at: u8,
    /// How many times more each time that the piece runs again.
    pub by: u8,
    /// Its units.
    pub tile: Tile,
}

impl Piece {
    /// In place of a step: so many pieces before this one run so many times more.
    pub const AGAIN: u16 = u16::MAX;

    /// Units `start .. end` of step `step`.
    #[must_use]
    pub const fn new(step: u16, start: u32, end: u32) -> Self {
        Self { step, at: 0, by: 0, tile: Tile::new(start, end) }
    }

    /// The same for the time `at`, and `by` later each time that it runs again.
    #[must_use]
    pub const fn later(mut self, at: u8, by: u8) -> Self {
        (self.at, self.by) = (at, by);
        self
    }

    /// The time, where it has run again so often.
    #[must_use]
    pub const fn time(self, again: u32) -> u32 {
        (self.at as u32).saturating_add((self.by as u32).saturating_mul(again))
    }

    /// Index of the step.
    #[must_use]
    pub const fn step(self) -> usize {
        self.step as usize
    }

    /// How many pieces before this one run again, and how many times, where it is no piece itself.
    #[must_use]
    pub const fn again(self) -> Option<(usize, u32)> {
        if self.step == Self::AGAIN { Some((self.tile.start as usize, self.tile.end)) } else { None }
    }
}

/// Where an inference is that runs tile by tile, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which piece, or which operation of a flow.
    pub(crate) piece: usize,
    /// Units of it that are done.
    pub(crate) done: u32,
    /// How many times the pieces in front have run again, of those times that the next repetition asks for.
    pub(crate) again: u32,
}

impl Cursor {
    /// Before the first tile.
    #[must_use]
    pub const fn new() -> Self {
        Self { piece: 0, done: 0, again: 0 }
    }

    /// So many units more of the piece at the cursor are done.
    #[doc(hidden)]
    #[inline]
    pub const fn pass_units(&mut self, units: u32) {
        self.done = self.done.saturating_add(units);
    }

    /// Goes on to the next piece, or back to those that run again.
    #[inline]
    pub(crate) const fn pass(&mut self, piece: Piece) {
        (self.piece, self.again) = match piece.again() {
            Some((count, times)) if self.again < times => (self.piece.saturating_sub(count), self.again + 1),
            Some(_) => (self.piece + 1, 0),
            None => (self.piece + 1, self.again),
        };
        self.done = 0;
    }

    /// What is left of the piece that comes next, with its time, or `None` behind the last: the cursor stays before it.
    #[inline]
    pub(crate) const fn rest(&mut self, pieces: &[Piece]) -> Option<(Piece, u32)> {
        while self.piece < pieces.len() {
            let mut piece = pieces[self.piece];
            piece.tile.start = piece.tile.start.saturating_add(self.done);
            if piece.again().is_none() && piece.tile.start < piece.tile.end {
                return Some((piece, piece.time(self.again)));
            }
            self.pass(pieces[self.piece]);
        }
        None
    }

    /// The next piece, as a whole, with its time, or `None` behind the last.
    #[inline]
    pub const fn next_piece(&mut self, pieces: &[Piece]) -> Option<(Piece, u32)> {
        while self.piece < pieces.len() {
            let (piece, time) = (pieces[self.piece], pieces[self.piece].time(self.again));
            self.pass(piece);
            if piece.again().is_none() {
                return Some((piece, time));
            }
        }
        None
    }

    /// The next tile, the step that it belongs to, and its time, or `None` behind the last: pieces in order, each in tiles of
    /// `tiles[step]` units.
    pub fn next(&mut self, pieces: &[Piece], tiles: &[u32]) -> Option<(usize, Tile, u32)> {
        loop {
            let piece = pieces.get(self.piece)?;
            let start = piece.tile.start.saturating_add(self.done);
            if start < piece.tile.end && piece.again().is_none() {
                let most = tiles.get(piece.step()).copied().unwrap_or(u32::MAX).max(1);
                let tile = Tile::new(start, start.saturating_add(most).min(piece.tile.end));
                self.done = tile.end - piece.tile.start;
                return Some((piece.step(), tile, piece.time(self.again)));
            }
            self.pass(*piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_passes_every_tile_once_and_in_order() {
        let pieces = [Piece::new(0, 4, 9), Piece::new(1, 0, 0), Piece::new(2, 0, 3), Piece::new(0, 0, 4)];
        let tiles = [2, 1, 3];
        let mut cursor = Cursor::new();
        let passed: Vec<_> = core::iter::from_fn(|| cursor.next(&pieces, &tiles)).collect();
        let wanted = [(0, 4, 6), (0, 6, 8), (0, 8, 9), (2, 0, 3), (0, 0, 2), (0, 2, 4)];
        assert_eq!(passed, wanted.map(|(step, start, end)| (step, Tile::new(start, end), 0)));
        assert_eq!(cursor.next(&pieces, &tiles), None);
    }

    #[test]
    fn pieces_run_again() {
        let again = |count, times| Piece::new(Piece::AGAIN, count, times);
        let (a, b, c) = (Piece::new(0, 0, 1), Piece::new(1, 0, 3).later(4, 3), Piece::new(2, 0, 1));
        let pieces = [a, b, again(1, 2), c, again(1, 1), a, c, again(2, 1)];
        let wanted = [(a, 0), (b, 4), (b, 7), (b, 10), (c, 0), (c, 0), (a, 0), (c, 0), (a, 0), (c, 0)];
        let mut cursor = Cursor::new();
        let passed: Vec<_> = core::iter::from_fn(|| cursor.next_piece(&pieces)).collect();
        assert_eq!(passed, wanted);
        let mut cursor = Cursor::new();
        let tiles: Vec<_> = core::iter::from_fn(|| cursor.next(&pieces, &[1, 2, 1])).collect();
        let cut = |(p, time): &(Piece, u32)| {
            let parts = if p.step == 1 { vec![Tile::new(0, 2), Tile::new(2, 3)] } else { vec![p.tile] };
            parts.into_iter().map(move |tile| (p.step(), tile, *time)).collect::<Vec<_>>()
        };
        assert_eq!(tiles, wanted.iter().flat_map(cut).collect::<Vec<_>>());
    }
}
