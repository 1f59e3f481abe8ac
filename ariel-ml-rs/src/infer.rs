//! What generated models can do, for code that is generic over them: whole inferences, and tile by tile.

use crate::tile::Cursor;
use crate::{Error, Tensor};
use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::task::{Context, Poll};

/// A model that infers: implemented by every generated `Model` whose input is there in whole, and by the handle of
/// [`crate::wire!`].
pub trait Infer {
    /// What the model takes.
    type Input: Tensor;
    /// What the model gives.
    type Output: Tensor;

    /// The input inside the arena, to be filled in place (by a driver or a DMA); a run consumes it.
    fn input_mut(&mut self) -> &mut Self::Input;

    /// Runs on what is in [`Infer::input_mut`].
    ///
    /// # Errors
    /// [`Error::ScratchInUse`] where scratch is in fast memory, and another model of the same module is at work; else none on one
    /// core. The type is open for what executors add.
    fn run(&mut self) -> Result<&Self::Output, Error>;

    /// Copies `input` into the arena and runs.
    ///
    /// # Errors
    /// As [`Infer::run`].
    fn infer(&mut self, input: &Self::Input) -> Result<&Self::Output, Error>;

    /// As [`Infer::run`], and yields to the executor between tiles.
    ///
    /// # Errors
    /// As [`Infer::run`].
    fn run_async(&mut self) -> impl Future<Output = Result<&Self::Output, Error>>;

    /// As [`Infer::infer`], and yields to the executor between tiles.
    ///
    /// # Errors
    /// As [`Infer::run`].
    fn infer_async(&mut self, input: &Self::Input) -> impl Future<Output = Result<&Self::Output, Error>>;

    /// Forgets what the model keeps between inferences.
    fn reset(&mut self);

    /// Says how much there is of each bounded dimension, in the order of the module's `Sizes`, for the inferences from the next
    /// on; at first it is the bound. `Model::set_sizes` says it by name.
    ///
    /// # Errors
    /// [`Error::WrongSize`] where a size is 0 or beyond its bound, or they are not as many as the model's bounded dimensions; then
    /// nothing has changed.
    fn resize(&mut self, sizes: &[usize]) -> Result<(), Error> {
        if sizes.is_empty() { Ok(()) } else { Err(Error::WrongSize) }
    }
}

/// A model that can be run tile by tile: implemented by every generated `Model`.
///
/// What it keeps between inferences is that of the last complete one: see [`Tiles`].
pub trait Stepped: Sized {
    /// What the model gives.
    type Given: Tensor;
    /// Room for the states that steps write in place, before the inference is complete.
    type States;

    /// Prepares the model for an inference, and returns the states as they are. Until [`Stepped::conclude`] or [`Stepped::restore`]
    /// the model takes its states for lost, and would begin with their initial values.
    fn begin(&mut self) -> Self::States;

    /// Computes the tile at the cursor, which goes on to the next; false, and nothing is computed, at the end.
    ///
    /// # Errors
    /// [`Error::ScratchInUse`], and nothing is computed.
    ///
    /// # Safety
    /// The cursor was new after `begin`, and every tile before it was computed by this, since then, and nothing else was done
    /// with the model, but that rows of its input were given ([`crate::stream`]).
    unsafe fn advance(&mut self, cursor: &mut Cursor) -> Result<bool, Error>;

    /// Stores what the next inference finds in the states, and returns the output: once the cursor is at its end.
    fn conclude(&mut self) -> &Self::Given;

    /// Puts the states back as they were at [`Stepped::begin`]: where the inference ends before it is complete.
    fn restore(&mut self, states: &Self::States);
}

/// A model whose input is there in whole, and that can be run tile by tile, so that a budget is looked at in between.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take its input in whole",
    note = "with `stream = true` it comes row by row: `model.stream()` takes the rows, `Profile::stream` measures, and who drops a \
            `Stream` gives the inference up, which is what a time budget would do"
)]
pub trait Tiled: Infer<Output = <Self as Stepped>::Given> + Stepped {}

impl<M: Stepped + Infer<Output = M::Given>> Tiled for M {}

/// One inference, tile by tile. Dropped before it is concluded it leaves the states as the last complete inference left them; if it
/// is forgotten, which nobody can notice, they begin anew.
#[derive(Debug)]
pub struct Tiles<'a, M: Stepped> {
    pub(crate) model: &'a mut M,
    states: M::States,
    pub(crate) cursor: Cursor,
}

impl<'a, M: Stepped> Tiles<'a, M> {
    /// The inference over what is in the model's input.
    pub fn new(model: &'a mut M) -> Self {
        let states = model.begin();
        Self { model, states, cursor: Cursor::new() }
    }

    /// Computes the next tile; false, and nothing is computed, behind the last.
    ///
    /// # Errors
    /// [`Error::ScratchInUse`], and nothing is computed: the same tile is still to come.
    pub fn advance(&mut self) -> Result<bool, Error> {
        // SAFETY: one cursor from its beginning on, and the model is borrowed from `begin` to the end.
        unsafe { self.model.advance(&mut self.cursor) }
    }

    /// Makes the states those of this inference, and returns the output: behind the last tile.
    pub fn conclude(self) -> &'a M::Given {
        let this = ManuallyDrop::new(self);
        // SAFETY: moves the reference out of what is neither used nor dropped any more; the states are plain bytes.
        let model: &'a mut M = unsafe { core::ptr::read(&raw const this.model) };
        model.conclude()
    }
}

impl<M: Stepped> Drop for Tiles<'_, M> {
    fn drop(&mut self) {
        self.model.restore(&self.states);
    }
}

/// Pending once, and at once ready to go on: lets the executor run its other tasks.
#[derive(Debug, Default)]
pub struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
