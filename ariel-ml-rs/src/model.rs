//! What a generated `Model` can do: the macro that it is made of, and the trait for code that is generic over models.

use crate::tile::Cursor;
use crate::{Error, Tensor};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// A model that infers: implemented by every generated `Model` and by the handle of [`crate::wire!`].
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
    /// None on one core; the type is open for what executors add.
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
}

/// A model that can be run tile by tile, so that a budget is looked at in between: implemented by every generated `Model`.
pub trait Tiled: Infer {
    /// Prepares the model for an inference.
    fn begin(&mut self);

    /// Computes the tile at the cursor, which goes on to the next; false, and nothing is computed, at the end.
    ///
    /// # Safety
    /// The cursor was new after `begin`, and every tile before it was computed by this, since then, and nothing else was done
    /// with the model.
    unsafe fn advance(&mut self, cursor: &mut Cursor) -> bool;

    /// Stores what the next inference finds in the states, and returns the output: once the cursor is at its end.
    fn conclude(&mut self) -> &Self::Output;
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

/// Refuses, while compiling, code that another minor version of the compiler generated.
///
/// # Panics
/// Where the versions differ: evaluated in a constant, this is a compile error.
pub const fn check_version(minor: &str) {
    let (ours, theirs) = (crate::VERSION.as_bytes(), minor.as_bytes());
    assert!(
        ours.len() > theirs.len() && ours[theirs.len()] == b'.',
        "ariel-ml-rs and the Python package ariel_build differ in version: pip install --upgrade 'ariel-build~=<version of ariel-ml-rs>'"
    );
    let mut index = 0;
    while index < theirs.len() {
        assert!(
            ours[index] == theirs[index],
            "ariel-ml-rs and the Python package ariel_build differ in version: pip install --upgrade 'ariel-build~=<version of ariel-ml-rs>'"
        );
        index += 1;
    }
}

/// Without the feature `multicore`, a model runs on the caller's core only.
#[cfg(not(feature = "multicore"))]
#[doc(hidden)]
#[macro_export]
macro_rules! parallel {
    ($($units:tt)*) => {};
}

/// Defines the `Model` of a generated module.
///
/// The plan lists the steps: `index => kernel, extent by tile`. They run whole and in this order, unless `pieces` lists in which
/// pieces they run: (step, first unit, one past the last). That running it is sound rests on the compiler's memory plan, which
/// its checker proves; `check` of every kernel holds it against the arena once more while the firmware compiles.
#[doc(hidden)]
#[macro_export]
macro_rules! model {
    (
        $(#[$doc:meta])*
        pub struct Model;
        arena $arena:literal, resets $resets:literal;
        input $input:ty = $input_offset:literal;
        output $output:ty = $output_offset:literal;
        states [$($state_offset:literal, $state_bytes:literal = $initial:expr;)*];
        keeps [$($from:literal to $to:literal, $bytes:literal;)*];
        steps [$($index:literal => $step:ident, $extent:literal by $tile:literal;)*];
        pieces [$(($piece:literal, $start:literal, $end:literal)),* $(,)?];
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[repr(C, align(16))]
        pub struct Model {
            arena: $crate::memory::Arena<$arena>,
            /// Whether the states hold their initial values; no element where there are no states.
            ready: [bool; $resets],
        }

        const _: () = {
            $($step.check($arena);)*
        };

        impl Model {
            /// The pieces of streamed steps and the steps between them, in order; nothing where all steps run whole.
            const STREAM: &'static [$crate::tile::Piece] = &[$($crate::tile::Piece::new($piece, $start, $end)),*];

            /// All that runs, in order.
            const PIECES: &'static [$crate::tile::Piece] =
                if Self::STREAM.is_empty() { &[$($crate::tile::Piece::new($index, 0, $extent)),*] } else { Self::STREAM };

            /// Units of the tiles of each step.
            const TILES: &'static [u32] = &[$($tile),*];

            /// A model at rest: all bytes zero, so that a `static` lands in `.bss`.
            #[must_use]
            pub const fn new() -> Self {
                Self { arena: $crate::memory::Arena::new(), ready: [false; $resets] }
            }

            /// Forgets what the model keeps between inferences.
            pub fn reset(&mut self) {
                $(
                    self.arena.fill($crate::memory::Region::new($state_offset, $state_bytes), $initial);
                )*
                self.ready = [true; $resets];
            }

            /// Resets before the first inference: state need not start at zero bytes.
            fn prepare(&mut self) {
                if self.ready != [true; $resets] {
                    self.reset();
                }
            }

            /// The input inside the arena, to be filled in place (by a driver or a DMA); a run consumes it.
            pub const fn input_mut(&mut self) -> &mut $input {
                self.arena.tensor_mut::<$input, $input_offset>()
            }

            /// Runs on what is in [`Model::input_mut`] and returns the output.
            ///
            /// # Errors
            /// None on one core; the type is open for what executors add.
            pub fn run(&mut self) -> ::core::result::Result<&$output, $crate::Error> {
                self.prepare();
                let memory = self.arena.memory();
                if Self::STREAM.is_empty() {
                    $(
                        $crate::trace::step::<$index>();
                        // SAFETY: the step passed `check` against this arena; the compiler's checker proved the plan (memory
                        // invariants 1 to 3), and `&mut self` keeps every other run away.
                        unsafe { $step.run(memory, $crate::tile::Tile::new(0, $extent)) };
                    )*
                }
                for piece in Self::STREAM {
                    // SAFETY: as above; the pieces before are complete.
                    unsafe { Self::tile(memory, piece.step(), piece.tile) };
                }
                self.keep();
                ::core::result::Result::Ok(self.output())
            }

            /// Copies `input` into the arena, runs, and returns the output.
            ///
            /// # Errors
            /// As [`Model::run`].
            pub fn infer(&mut self, input: &$input) -> ::core::result::Result<&$output, $crate::Error> {
                $crate::tensor::copy(input, self.input_mut());
                self.run()
            }

            /// What the last inference computed.
            const fn output(&self) -> &$output {
                self.arena.tensor::<$output, $output_offset>()
            }

            /// Stores what the next inference finds in the states.
            const fn keep(&mut self) {
                $(
                    self.arena.keep::<$from, $to, $bytes>();
                )*
            }

            /// Computes one tile of one step; nothing where there is no such step.
            ///
            /// # Safety
            /// All pieces before are complete, and `memory` is this model's.
            unsafe fn tile(memory: $crate::memory::Memory<'_>, step: usize, tile: $crate::tile::Tile) {
                match step {
                    $(
                        $index => {
                            $crate::trace::step::<$index>();
                            // SAFETY: as in `run`; the pieces before are complete, as the caller promises.
                            unsafe { $step.run(memory, tile) };
                        }
                    )*
                    _ => {}
                }
            }

            /// As [`Model::run`], and yields to the executor between tiles. Dropping the future half-way leaves the model
            /// usable: the next inference starts afresh.
            ///
            /// # Errors
            /// As [`Model::run`].
            pub async fn run_async(&mut self) -> ::core::result::Result<&$output, $crate::Error> {
                self.prepare();
                let mut cursor = $crate::tile::Cursor::new();
                // SAFETY: one cursor from its beginning on, and `&mut self` keeps every other run away.
                while unsafe { $crate::model::Tiled::advance(self, &mut cursor) } {
                    <$crate::model::Yield as ::core::default::Default>::default().await;
                }
                self.keep();
                ::core::result::Result::Ok(self.output())
            }

            /// As [`Model::infer`], and yields to the executor between tiles.
            ///
            /// # Errors
            /// As [`Model::run`].
            pub async fn infer_async(&mut self, input: &$input) -> ::core::result::Result<&$output, $crate::Error> {
                $crate::tensor::copy(input, self.input_mut());
                self.run_async().await
            }
        }

        impl ::core::default::Default for Model {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $crate::Infer for Model {
            type Input = $input;
            type Output = $output;

            fn input_mut(&mut self) -> &mut $input {
                Self::input_mut(self)
            }

            fn run(&mut self) -> ::core::result::Result<&$output, $crate::Error> {
                Self::run(self)
            }

            fn infer(&mut self, input: &$input) -> ::core::result::Result<&$output, $crate::Error> {
                Self::infer(self, input)
            }

            async fn run_async(&mut self) -> ::core::result::Result<&$output, $crate::Error> {
                Self::run_async(self).await
            }

            async fn infer_async(&mut self, input: &$input) -> ::core::result::Result<&$output, $crate::Error> {
                Self::infer_async(self, input).await
            }

            fn reset(&mut self) {
                Self::reset(self);
            }
        }

        impl $crate::model::Tiled for Model {
            fn begin(&mut self) {
                self.prepare();
            }

            unsafe fn advance(&mut self, cursor: &mut $crate::tile::Cursor) -> bool {
                let ::core::option::Option::Some((step, tile)) = cursor.next(Self::PIECES, Self::TILES) else { return false };
                // SAFETY: the tiles before are complete, in order, as the caller promises.
                unsafe { Self::tile(self.arena.memory(), step, tile) };
                true
            }

            fn conclude(&mut self) -> &$output {
                self.keep();
                self.output()
            }
        }
    };
}
