//! What a generated `Model` can do: the macro that it is made of, and the trait for code that is generic over models.

use crate::tile::Cursor;
use crate::{Error, Tensor};
use core::future::Future;
use core::mem::ManuallyDrop;
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

/// A model that can be run tile by tile, so that a budget is looked at in between: implemented by every generated `Model`.
///
/// What it keeps between inferences is that of the last complete one: see [`Tiles`].
pub trait Tiled: Infer {
    /// Room for the states that steps write in place, before the inference is complete.
    type States;

    /// Prepares the model for an inference, and returns the states as they are. Until [`Tiled::conclude`] or [`Tiled::restore`]
    /// the model takes its states for lost, and would begin with their initial values.
    fn begin(&mut self) -> Self::States;

    /// Computes the tile at the cursor, which goes on to the next; false, and nothing is computed, at the end.
    ///
    /// # Safety
    /// The cursor was new after `begin`, and every tile before it was computed by this, since then, and nothing else was done
    /// with the model.
    unsafe fn advance(&mut self, cursor: &mut Cursor) -> bool;

    /// Stores what the next inference finds in the states, and returns the output: once the cursor is at its end.
    fn conclude(&mut self) -> &Self::Output;

    /// Puts the states back as they were at [`Tiled::begin`]: where the inference ends before it is complete.
    fn restore(&mut self, states: &Self::States);
}

/// One inference, tile by tile. Dropped before it is concluded it leaves the states as the last complete inference left them; if it
/// is forgotten, which nobody can notice, they begin anew.
#[derive(Debug)]
pub struct Tiles<'a, M: Tiled> {
    model: &'a mut M,
    states: M::States,
    cursor: Cursor,
}

impl<'a, M: Tiled> Tiles<'a, M> {
    /// The inference over what is in the model's input.
    pub fn new(model: &'a mut M) -> Self {
        let states = model.begin();
        Self { model, states, cursor: Cursor::new() }
    }

    /// Computes the next tile; false, and nothing is computed, behind the last.
    pub fn advance(&mut self) -> bool {
        // SAFETY: one cursor from its beginning on, and the model is borrowed from `begin` to the end.
        unsafe { self.model.advance(&mut self.cursor) }
    }

    /// Makes the states those of this inference, and returns the output: behind the last tile.
    pub fn conclude(self) -> &'a M::Output {
        let this = ManuallyDrop::new(self);
        // SAFETY: moves the reference out of what is neither used nor dropped any more; the states are plain bytes.
        let model: &'a mut M = unsafe { core::ptr::read(&raw const this.model) };
        model.conclude()
    }
}

impl<M: Tiled> Drop for Tiles<'_, M> {
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

/// Refuses, while compiling, code that another minor version of the compiler generated.
///
/// # Panics
/// Where the versions differ: evaluated in a constant, this is a compile error.
#[inline]
pub const fn check_version(minor: &str) {
    let (ours, theirs) = (crate::VERSION.as_bytes(), minor.as_bytes());
    assert!(ours.len() > theirs.len() && ours[theirs.len()] == b'.', "{}", OTHER_VERSION);
    let mut index = 0;
    while index < theirs.len() {
        assert!(ours[index] == theirs[index], "{}", OTHER_VERSION);
        index += 1;
    }
}

/// What is wrong, and the command that mends it.
const OTHER_VERSION: &str = concat!(
    "this code was generated by another version of the Python package ariel-build than ariel-ml-rs ",
    env!("CARGO_PKG_VERSION"),
    " takes: python3 -m pip install --upgrade 'ariel-build==",
    env!("CARGO_PKG_VERSION_MAJOR"),
    ".",
    env!("CARGO_PKG_VERSION_MINOR"),
    ".*', and generate it anew"
);

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
/// pieces they run: (step, first unit, one past the last), or (0xffff, so many pieces before it, so many times more). Where a value
/// is never there in whole, several of them compute rows of one layer of the model, `of layer`, and run many times; `input.region every 96` moves an operand
/// by so many bytes from one time to the next, and a piece has its time behind its units, and by how much it is later each time that
/// it runs again: `4 by 2`. Where control flow decides which of them run, `flow` says so
/// ([`crate::flow`]), and nothing runs in pieces.
///
/// Nothing of that is believed. Kernels, extents, tiles, pieces, states and the places of inputs and outputs are checked while the
/// firmware compiles ([`crate::plan`]), so that on one core a module that is not the compiler's can give wrong numbers, but can
/// touch nothing outside its arena and its constants. What the compiler's own checker proves beyond that, as memory invariants 2
/// and 3, is that numbers are right: no kernel needs it to be sound where kernels run one after the other.
///
/// On several cores they do not. What `parallel!` adds is checked too: tiles of one step have no unit in common, and with that no
/// byte of the output; who waits for whom is a graph without circles in which every unit runs once; each worker has scratch of its
/// own. One thing is left that a data race could come of, and it rests on the compiler alone (`ariel_build/cores/check_units.py`):
/// that of two units, where one writes a byte that the other reads or writes, one waits for the other. To check it here, all
/// kernels would have to tell the bytes of every tile once more in a `const fn`, for all pairs of units. So whoever edits regions,
/// `units`, `needs`, `first` or `next` of a module for several cores by hand is on their own; and `Unequal` cores rest on the
/// board's word for which of them have the DSP extension.
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
        steps [$($index:literal => $step:ident, $extent:literal by $tile:literal $(of $layer:literal)?
            $(, $($moving:ident).+ every $stride:literal)*;)*];
        pieces [$(($piece:literal, $start:literal, $end:literal $(, $at:literal by $by:literal)?)),* $(,)?];
        $(flow [$($flow:tt)*];)?
        $(
            sizes [$($(#[$about:meta])* $dimension:ident $bound:literal at $size_offset:literal;)+];
            shorter [$($shorter:literal of $of:literal by $each:literal),* $(,)?];
        )?
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[repr(C, align(16))]
        pub struct Model {
            arena: $crate::memory::Arena<$arena>,
            /// Whether the states hold their initial values; no element where there are no states.
            ready: [bool; $resets],
            /// How much there is of each bounded dimension; 0 stands for the bound.
            sizes: [u32; <[u32]>::len(&[$($($bound),+)?])],
        }

        const _: () = {
            $($step.check($arena);)*
            $crate::plan::check_steps(&Model::STEPS, &[$($index),*]);
            $crate::plan::check_pieces(&Model::STEPS, Model::STREAM);
            const LATEST: [u32; Model::STEPS.len()] = $crate::plan::latest(Model::STREAM);
            $($crate::later!(check $step, $arena, $extent, LATEST[$index]; $($($moving).+ every $stride),*);)*
            $crate::flow::check(Model::OPS, &Model::STEPS, $arena);
            assert!(Model::OPS.is_empty() || Model::STREAM.is_empty(), "a flow of steps in pieces");
            $crate::sizes::check(Model::SIZES, $arena);
            let input = $crate::plan::check_tensor::<$input>($arena, $input_offset);
            let _ = $crate::plan::check_tensor::<$output>($arena, $output_offset);
            Model::KEPT.check($arena, input);
            let _: &[&[u8]] = &[$($initial),*];
        };

        impl Model {
            /// Bytes of the arena.
            const ARENA_SIZE: usize = $arena;

            /// The steps: the work of each kernel, and what the plan says of it.
            const STEPS: [$crate::plan::Step; <[u32]>::len(&[$($index),*])] =
                [$($crate::plan::Step::new($step.work(), $extent, $tile)),*];

            /// What outlives an inference.
            const KEPT: $crate::plan::Kept<'static> = $crate::plan::Kept {
                states: &[$($crate::memory::Region::new($state_offset, $state_bytes)),*],
                copies: &[$(($from, $to, $bytes)),*],
            };

            /// The pieces of streamed steps and the steps between them, in order; nothing where all steps run whole.
            const STREAM: &'static [$crate::tile::Piece] = &[$($crate::tile::Piece::new($piece, $start, $end)$(.later($at, $by))?),*];

            /// All that runs, in order.
            const PIECES: &'static [$crate::tile::Piece] =
                if Self::STREAM.is_empty() { &[$($crate::tile::Piece::new($index, 0, $extent)),*] } else { Self::STREAM };

            /// Which steps run, where that is decided at run time.
            const FLOW: &'static [$crate::flow::Flow] = &[$($($crate::flow!(tree $flow)),*)?];

            /// The same as a list.
            const OPS: &'static [$crate::flow::Op] =
                &$crate::flow::flatten::<{ $crate::flow::count(Model::FLOW) }>(Model::FLOW);

            /// The bounded dimensions.
            const SIZES: &'static [$crate::sizes::Size] =
                &[$($($crate::sizes::Size::new($bound, $size_offset)),+)?];

            /// Which steps leave out the units of what there is not.
            const SHORTER: [$crate::sizes::Shorter; Self::STEPS.len()] =
                $crate::plan::shorter(&Self::STEPS, Self::SIZES, &[$($(($shorter, $of, $each)),*)?]);

            /// Units of the tiles of each step.
            const TILES: &'static [u32] = &[$($tile),*];

            /// A model at rest: all bytes zero, so that a `static` lands in `.bss`.
            #[must_use]
            pub const fn new() -> Self {
                Self { arena: $crate::memory::Arena::new(), ready: [false; $resets], sizes: [0; Self::SIZES.len()] }
            }

            /// Forgets what the model keeps between inferences.
            pub fn reset(&mut self) {
                $(
                    self.arena.fill($crate::memory::Region::new($state_offset, $state_bytes), const { $initial });
                )*
                self.ready = [true; $resets];
            }

            /// Resets before the first inference: state need not start at zero bytes.
            fn prepare(&mut self) {
                if self.ready != [true; $resets] {
                    self.reset();
                }
                $crate::Tensor::clear_padding(self.input_mut());
                $crate::sizes::tell(&mut self.arena, Self::SIZES, &self.sizes);
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
                $($($crate::flow!(run memory $flow);)*)?
                if Self::STREAM.is_empty() && Self::OPS.is_empty() {
                    $(
                        $crate::trace::step::<{ $crate::trace::layer!($index $($layer)?) }>();
                        // SAFETY: the step passed `check` against this arena, and the extent is that of its output
                        // (`check_steps`), or begins there and ends at a granule (`Shorter::of`); all bytes are initialised
                        // (`crate::plan`), and `&mut self` keeps every other run away.
                        unsafe {
                            let whole = $crate::tile::Tile::new(0, $extent);
                            if const { Self::SHORTER[$index].is_whole() } {
                                $step.run(memory, whole);
                            } else if let ::core::option::Option::Some(tile) = Self::SHORTER[$index].of(memory, whole) {
                                $step.run(memory, tile);
                            }
                        }
                    )*
                }
                let mut cursor = $crate::tile::Cursor::new();
                while let ::core::option::Option::Some((piece, time)) = cursor.next_piece(Self::STREAM) {
                    // SAFETY: as above; the piece lies inside its step (`check_pieces`), at a time that was checked (`later`).
                    unsafe { Self::tile_at(memory, piece.step(), piece.tile, time) };
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

            /// Computes one tile of one step, the first time; nothing where there is no such step.
            ///
            /// # Safety
            /// As for `tile_at`.
            #[inline]
            unsafe fn tile(memory: $crate::memory::Memory<'_>, step: usize, tile: $crate::tile::Tile) {
                // SAFETY: the first time is one of those that were checked; otherwise as the caller promises.
                unsafe { Self::tile_at(memory, step, tile, 0) };
            }

            /// Computes one tile of one step; nothing where there is no such step.
            ///
            /// # Safety
            /// The tile lies inside the step, in whole granules; `memory` is this model's, and no other tile in flight writes what
            /// this one reads or writes. The time is not later than the latest of a piece of the step.
            #[allow(unused_variables)]
            unsafe fn tile_at(memory: $crate::memory::Memory<'_>, step: usize, tile: $crate::tile::Tile, time: u32) {
                match step {
                    $(
                        $index => {
                            $crate::trace::step::<{ $crate::trace::layer!($index $($layer)?) }>();
                            // SAFETY: as in `run`, and as the caller promises.
                            unsafe {
                                if const { Self::SHORTER[$index].is_whole() } {
                                    $crate::later!(run $step, memory, tile, time; $($($moving).+ every $stride),*);
                                } else if let ::core::option::Option::Some(tile) = Self::SHORTER[$index].of(memory, tile) {
                                    $step.run(memory, tile);
                                }
                            }
                        }
                    )*
                    _ => {}
                }
            }

            /// Computes a whole step.
            ///
            /// # Safety
            /// `memory` is this model's, and nothing else of it runs.
            #[inline(always)]
            unsafe fn whole<const STEP: usize>(memory: $crate::memory::Memory<'_>) {
                // SAFETY: all units of a step are a tile of it (`check_steps`), and as the caller promises.
                unsafe { Self::tile(memory, STEP, const { Self::STEPS[STEP].whole() }) };
            }

            /// As [`Model::run`], and yields to the executor between tiles. Dropping the future half-way leaves the model
            /// usable: the next inference starts afresh, with the states of the last complete one.
            ///
            /// # Errors
            /// As [`Model::run`].
            pub async fn run_async(&mut self) -> ::core::result::Result<&$output, $crate::Error> {
                let mut tiles = $crate::model::Tiles::new(self);
                while tiles.advance() {
                    <$crate::model::Yield as ::core::default::Default>::default().await;
                }
                ::core::result::Result::Ok(tiles.conclude())
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

        $(
            /// How much there is of each bounded dimension.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct Sizes {
                $($(#[$about])* pub $dimension: usize,)+
            }

            impl Sizes {
                /// The bounds: the sizes of a model to which nobody has told others.
                pub const BOUNDS: Self = Self { $($dimension: $bound),+ };

                /// The sizes in their order, as `Infer::resize` takes them.
                #[must_use]
                pub const fn as_array(self) -> [usize; Model::SIZES.len()] {
                    [$(self.$dimension),+]
                }
            }

            impl ::core::default::Default for Sizes {
                fn default() -> Self {
                    Self::BOUNDS
                }
            }

            impl Model {
                /// How much there is of each bounded dimension.
                #[must_use]
                pub const fn sizes(&self) -> Sizes {
                    let [$($dimension),+] = $crate::sizes::told(Self::SIZES, self.sizes);
                    Sizes { $($dimension),+ }
                }

                /// Says how much there is of each bounded dimension, for the inferences from the next on. Inputs and outputs keep the
                /// shapes of the bounds: what there is of them stands in front (`valid`, `valid_mut`), what is behind may be anything.
                ///
                /// # Errors
                /// `WrongSize` where one is 0 or beyond its bound; then nothing has changed.
                pub fn set_sizes(&mut self, sizes: Sizes) -> ::core::result::Result<(), $crate::Error> {
                    $crate::sizes::set(Self::SIZES, &mut self.sizes, &sizes.as_array())
                }
            }
        )?

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

            fn resize(&mut self, sizes: &[usize]) -> ::core::result::Result<(), $crate::Error> {
                $crate::sizes::set(Self::SIZES, &mut self.sizes, sizes)
            }
        }

        impl $crate::model::Tiled for Model {
            type States = [::core::mem::MaybeUninit<u8>; Model::KEPT.bytes_in_place()];

            fn begin(&mut self) -> Self::States {
                self.prepare();
                let mut states = [::core::mem::MaybeUninit::uninit(); Model::KEPT.bytes_in_place()];
                Self::KEPT.save(&self.arena, &mut states);
                self.ready = [false; $resets];
                states
            }

            unsafe fn advance(&mut self, cursor: &mut $crate::tile::Cursor) -> bool {
                let memory = self.arena.memory();
                let next = if Self::OPS.is_empty() {
                    cursor.next(Self::PIECES, Self::TILES)
                } else {
                    // SAFETY: the operations passed `flow::check`, all of the arena is initialised, and no step runs.
                    let next = cursor.follow(Self::OPS, &Self::STEPS, unsafe { $crate::flow::Looks::new(memory) });
                    next.map(|(step, tile)| (step, tile, 0))
                };
                let ::core::option::Option::Some((step, tile, time)) = next else { return false };
                // SAFETY: the cursor cuts steps, or pieces, which lie inside their steps, at multiples of the step's tile, which
                // consists of granules (`check_steps`, `check_pieces`); their times are not later than the latest.
                unsafe { Self::tile_at(memory, step, tile, time) };
                true
            }

            fn conclude(&mut self) -> &$output {
                self.keep();
                self.ready = [true; $resets];
                self.output()
            }

            fn restore(&mut self, states: &Self::States) {
                Self::KEPT.restore(&mut self.arena, states);
                self.ready = [true; $resets];
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::check_version;

    #[test]
    fn this_minor_version_is_taken() {
        check_version(concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR")));
    }

    #[test]
    #[should_panic = "python3 -m pip install --upgrade 'ariel-build=="]
    fn another_is_refused_with_the_command_that_mends_it() {
        check_version("999.2");
    }

    #[test]
    #[should_panic = "by another version"]
    fn a_longer_number_is_another() {
        check_version(concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), "0"));
    }
}
