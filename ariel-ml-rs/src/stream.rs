//! Inputs that come row by row, as a camera or a microphone gives them: `stream = true` in the metadata of a model.
//!
//! Of such an input there need only be the rows under the windows: each row is taken by [`Stream::push`], which computes all that the
//! rows until then allow. In the plan a [`Feed`] stands for who gives rows. It is a step like any other, so that the compiler's
//! checker proves of these rows what it proves of all values: none is read before it was given, or after it moved away.
//!
//! ```ignore
//! let mut stream = model.stream();
//! while stream.rows_left() > 0 {
//!     stream.push(&faces::Row::from_u8(camera.next_row()))?;
//! }
//! let scores = stream.finish()?;
//! ```

use crate::infer::{Stepped, Tiles, Yield};
use crate::memory::{Memory, Region};
use crate::plan::{Step, Work};
use crate::tile::{Cursor, Piece, Tile};
use crate::{Error, Tensor};
use core::fmt;
use core::future::Future;

/// Where rows of the input go that are given one by one: its units are rows, and it computes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// All of the rows that are given to it.
    pub output: Region,
    /// Bytes of a row.
    pub row: u32,
}

impl Feed {
    /// Checks the rows against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where they reach outside, or are no whole rows.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        assert!(self.row > 0 && self.output.bytes.is_multiple_of(self.row), "rows of another size than their room");
        self.output.check::<u8>(arena_bytes, self.output.bytes as usize);
    }

    /// A unit for each row.
    #[must_use]
    pub const fn work(&self) -> Work {
        let rows = match self.output.bytes.checked_div(self.row) {
            Some(rows) => rows as usize,
            None => 0,
        };
        Work::of(rows).feeding(*self)
    }

    /// Where rows go.
    pub(crate) const fn place(&self, rows: Tile) -> Region {
        let start = self.output.offset.saturating_add(rows.start.saturating_mul(self.row));
        Region::new(start, rows.end.saturating_sub(rows.start).saturating_mul(self.row))
    }

    /// Nothing is left to do: the rows are there.
    ///
    /// # Safety
    /// None: a step has it for the others' sake.
    #[inline]
    pub const unsafe fn run(&self, _: Memory<'_>, _: Tile) {}
}

/// How many of the steps stand for who gives rows.
#[must_use]
pub const fn count<const STEPS: usize>(steps: &[Step; STEPS]) -> usize {
    let (mut found, mut step) = (0, 0);
    while step < STEPS {
        if steps[step].feed().is_some() {
            found += 1;
        }
        step += 1;
    }
    found
}

/// Returns where their rows go: they are the first of all steps.
///
/// # Panics
/// Where they are not: evaluated in a constant, this is a compile error.
#[must_use]
pub const fn feeds<const STEPS: usize, const FEEDS: usize>(steps: &[Step; STEPS]) -> [Feed; FEEDS] {
    let mut table = [Feed { output: Region::new(0, 0), row: 0 }; FEEDS];
    let mut step = 0;
    while step < FEEDS {
        match steps[step].feed() {
            Some(feed) => table[step] = feed,
            None => panic!("steps that stand for who gives rows are not the first"),
        }
        step += 1;
    }
    table
}

/// Where the next row goes, if one is wanted next.
#[inline]
#[must_use]
pub fn wanted(feeds: &[Feed], pieces: &[Piece], cursor: &mut Cursor) -> Option<Region> {
    let (piece, _) = cursor.rest(pieces)?;
    let row = Tile::new(piece.tile.start, piece.tile.start + 1);
    feeds.get(piece.step()).map(|feed| feed.place(row))
}

/// The next piece with its time, which the cursor passes; `None` behind the last, and where a row is wanted.
#[inline]
#[must_use]
pub fn next(feeds: &[Feed], pieces: &[Piece], cursor: &mut Cursor) -> Option<(Piece, u32)> {
    let (piece, time) = cursor.rest(pieces)?;
    if piece.step() < feeds.len() {
        return None;
    }
    cursor.pass(piece);
    Some((piece, time))
}

/// Checks that pieces, which passed `check_pieces`, take as many rows as the input has, each of so many bytes.
///
/// # Panics
/// Where they do not: evaluated in a constant, this is a compile error.
pub const fn check_rows<const STEPS: usize>(steps: &[Step; STEPS], pieces: &[Piece], rows: usize, bytes: usize) {
    let (mut taken, mut index) = (0, 0);
    while index < pieces.len() {
        let (first, times) = match pieces[index].again() {
            Some((count, times)) => (index.saturating_sub(count), times),
            None => (index, 1),
        };
        let mut piece = first;
        while piece <= index {
            let Piece { step, tile, .. } = pieces[piece];
            if (step as usize) < STEPS
                && let Some(feed) = steps[step as usize].feed()
            {
                assert!(feed.row as usize == bytes, "rows of another size than those of the input");
                taken += (tile.end as usize - tile.start as usize).saturating_mul(times as usize);
            }
            piece += 1;
        }
        index += 1;
    }
    assert!(taken == rows, "the rows are not those of the input");
}

/// A model whose input comes row by row: implemented by every generated `Model` with `stream = true`, which has the methods that
/// are for its users under the same names.
#[diagnostic::on_unimplemented(
    message = "the input of `{Self}` does not come row by row",
    note = "`stream = true` in [package.metadata.ariel.models.<model>] makes it so"
)]
pub trait Streamed: Stepped {
    /// What the model takes, all rows.
    type Input: Tensor;
    /// One of them.
    type Row: Tensor;
    /// How many there are.
    const ROWS: usize;

    /// Whether a row is wanted next.
    fn waits(cursor: &Cursor) -> bool;

    /// Takes a row, if one is wanted next; else false, and nothing has changed.
    fn take(&mut self, cursor: &mut Cursor, row: &[u8]) -> bool;

    /// As [`Stepped::advance`], a whole piece at a time, until a row is wanted or all is done.
    ///
    /// # Errors
    /// As for [`Stepped::advance`].
    ///
    /// # Safety
    /// As for [`Stepped::advance`].
    unsafe fn catch_up(&mut self, cursor: &mut Cursor) -> Result<(), Error>;

    /// Forgets what the model keeps between inferences.
    fn reset(&mut self);

    /// Begins an inference whose rows are given one by one.
    fn stream(&mut self) -> Stream<'_, Self> {
        Stream { tiles: Tiles::new(self), given: 0 }
    }

    /// Takes all rows of `input`, and returns the output.
    ///
    /// # Errors
    /// [`Error::ScratchInUse`] as [`Stream::push`].
    fn infer(&mut self, input: &Self::Input) -> Result<&Self::Given, Error> {
        let mut stream = self.stream();
        stream.catch_up()?;
        for row in rows::<Self>(input) {
            stream.take(row)?;
            stream.catch_up()?;
        }
        stream.finish()
    }

    /// As [`Streamed::infer`], and yields to the executor between tiles.
    ///
    /// # Errors
    /// As [`Streamed::infer`].
    fn infer_async(&mut self, input: &Self::Input) -> impl Future<Output = Result<&Self::Given, Error>> {
        async {
            let mut stream = self.stream();
            stream.catch_up_async().await?;
            for row in rows::<Self>(input) {
                stream.take(row)?;
                stream.catch_up_async().await?;
            }
            stream.finish()
        }
    }
}

/// The rows of an input, one after the other.
pub(crate) fn rows<M: Streamed>(input: &M::Input) -> impl Iterator<Item = &[u8]> {
    let bytes = input.part(0);
    bytes.chunks_exact(bytes.len().checked_div(M::ROWS).unwrap_or(0).max(1))
}

/// One inference, whose rows are given one by one.
///
/// Dropped before it is finished it leaves the states as the last complete inference left them, and the next stream begins with the
/// first row.
pub struct Stream<'a, M: Streamed> {
    tiles: Tiles<'a, M>,
    given: usize,
}

/// Tells the rows that were given: the rest is the model's.
impl<M: Streamed> fmt::Debug for Stream<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({} of {} rows)", self.given, M::ROWS)
    }
}

impl<'a, M: Streamed> Stream<'a, M> {
    /// Takes the next row, and computes what the rows until now allow.
    ///
    /// # Errors
    /// [`Error::TooManyRows`] where all rows were given: nothing has changed. [`Error::ScratchInUse`] where scratch is in fast memory,
    /// and another model of the same module is at work: [`Stream::rows_left`] tells whether the row has been taken, and what is left
    /// to be computed for it is done with the next one.
    pub fn push(&mut self, row: &M::Row) -> Result<(), Error> {
        self.catch_up()?;
        self.take(row.part(0))?;
        self.catch_up()
    }

    /// As [`Stream::push`], and yields to the executor between tiles. If the future is dropped half-way, the row has been taken
    /// or not, as [`Stream::rows_left`] tells; what is left to be computed for it is done with the next one.
    ///
    /// # Errors
    /// As [`Stream::push`].
    pub async fn push_async(&mut self, row: &M::Row) -> Result<(), Error> {
        self.catch_up_async().await?;
        self.take(row.part(0))?;
        self.catch_up_async().await
    }

    /// How many rows are still to be given.
    #[must_use]
    pub const fn rows_left(&self) -> usize {
        M::ROWS.saturating_sub(self.given)
    }

    /// Makes the states those of this inference, and returns the output.
    ///
    /// # Errors
    /// [`Error::TooFewRows`] where rows are still to be given: the inference is given up, and the states stay as they were; so for
    /// [`Error::ScratchInUse`], as of [`Stream::push`].
    pub fn finish(mut self) -> Result<&'a M::Given, Error> {
        self.catch_up()?;
        if M::waits(&self.tiles.cursor) { Err(Error::TooFewRows) } else { Ok(self.tiles.conclude()) }
    }

    /// Takes a row, once all is computed that comes before it.
    fn take(&mut self, row: &[u8]) -> Result<(), Error> {
        if !self.tiles.model.take(&mut self.tiles.cursor, row) {
            return Err(Error::TooManyRows);
        }
        self.given += 1;
        Ok(())
    }

    /// Computes until a row is wanted, or all is done.
    fn catch_up(&mut self) -> Result<(), Error> {
        // SAFETY: one cursor from its beginning on, and the model is borrowed from `begin` to the end.
        unsafe { self.tiles.model.catch_up(&mut self.tiles.cursor) }
    }

    /// The same, and yields between tiles.
    async fn catch_up_async(&mut self) -> Result<(), Error> {
        while !M::waits(&self.tiles.cursor) && self.tiles.advance()? {
            Yield::default().await;
        }
        Ok(())
    }
}

/// Adds to a generated `Model` what it has where its input comes row by row.
#[doc(hidden)]
#[macro_export]
macro_rules! streamed {
    ($input:ty, $row:ty, $output:ty) => {
        const _: () = {
            const ROW: usize = ::core::mem::size_of::<<$row as ::core::ops::Deref>::Target>();
            assert!(<$input>::LEN == <$row>::LEN * <Model as $crate::Streamed>::ROWS, "an input that is no rows");
            $crate::stream::check_rows(&Model::STEPS, Model::PIECES, <Model as $crate::Streamed>::ROWS, ROW);
        };

        impl Model {
            /// The steps that stand for who gives rows.
            const FEEDS: &'static [$crate::stream::Feed] =
                &$crate::stream::feeds::<{ Self::STEPS.len() }, { $crate::stream::count(&Self::STEPS) }>(&Self::STEPS);

            /// Begins an inference whose rows are given one by one: `push` each, then `finish`.
            pub fn stream(&mut self) -> $crate::Stream<'_, Self> {
                $crate::Streamed::stream(self)
            }

            /// Takes all rows of `input`, and returns the output.
            ///
            /// # Errors
            /// As [`ariel_ml_rs::Stream::push`].
            pub fn infer(&mut self, input: &$input) -> ::core::result::Result<&$output, $crate::Error> {
                $crate::Streamed::infer(self, input)
            }

            /// As [`Model::infer`], and yields to the executor between tiles. Dropping the future half-way leaves the model
            /// usable: the next inference starts afresh, with the states of the last complete one.
            ///
            /// # Errors
            /// As [`Model::infer`].
            pub async fn infer_async(&mut self, input: &$input) -> ::core::result::Result<&$output, $crate::Error> {
                $crate::Streamed::infer_async(self, input).await
            }
        }

        impl $crate::Streamed for Model {
            type Input = $input;
            type Row = $row;
            const ROWS: usize = <$input>::LEN / <$row>::LEN;

            fn waits(cursor: &$crate::tile::Cursor) -> bool {
                let mut ahead = *cursor;
                $crate::stream::wanted(Self::FEEDS, Self::PIECES, &mut ahead).is_some()
            }

            fn take(&mut self, cursor: &mut $crate::tile::Cursor, row: &[u8]) -> bool {
                let place = $crate::stream::wanted(Self::FEEDS, Self::PIECES, cursor);
                let ::core::option::Option::Some(place) = place else { return false };
                self.arena.put(place, row);
                cursor.pass_units(1);
                true
            }

            unsafe fn catch_up(
                &mut self,
                cursor: &mut $crate::tile::Cursor,
            ) -> ::core::result::Result<(), $crate::Error> {
                self.take_scratch()?;
                // SAFETY: `&mut self` keeps every other run away, and the scratch is taken.
                let memory = unsafe { Self::memory_of(self.arena.base(), 0) };
                let mut here = *cursor;
                let next = |here: &mut _| $crate::stream::next(Self::FEEDS, Self::PIECES, here);
                while let ::core::option::Option::Some((piece, time)) = next(&mut here) {
                    // SAFETY: as in `advance`, what is left of a piece at a time.
                    unsafe { Self::tile_at(memory, piece.step(), piece.tile, time) };
                }
                *cursor = here;
                Self::give_scratch();
                ::core::result::Result::Ok(())
            }

            fn reset(&mut self) {
                Self::reset(self);
            }
        }
    };
}
