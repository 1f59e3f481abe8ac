//! Several models in one arena: each has it for the time of a session, and the borrow checker sees to it that no two do.
//!
//! `arena = "name"` in `[package.metadata.ariel.models.<model>]` gives each of the models a `SharedModel` and makes
//! `name::SharedArena`, as large as the largest of them needs. What a model keeps between inferences stays in its
//! `SharedModel`:
//!
//! ```ignore
//! let arena: &'static mut vision::SharedArena = /* a static cell, or a local variable of a `main` that never returns */;
//! let (mut faces, mut signs) = (faces::SharedModel::new(), signs::SharedModel::new());
//! let seen = faces.on(arena).infer(&image)?.0[1] > 0;
//! signs.on(arena).infer(&image)?;
//! ```

use crate::Infer;
use crate::delegate::{infer_by_methods, methods_of_model};
use crate::memory::{Arena, Region};
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, size_of};

/// Memory for one model at a time, all bytes zero at first: a `static` lands in `.bss`.
#[derive(Debug)]
pub struct SharedArena<const N: usize> {
    arena: Arena<N>,
}

impl<const N: usize> SharedArena<N> {
    /// Memory that nobody has used yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { arena: Arena::new() }
    }
}

impl<const N: usize> Default for SharedArena<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The largest of some sizes.
#[must_use]
pub const fn largest(sizes: &[usize]) -> usize {
    let (mut most, mut index) = (0, 0);
    while index < sizes.len() {
        if sizes[index] > most {
            most = sizes[index];
        }
        index += 1;
    }
    most
}

/// A generated model that may live in memory which others use at other times.
///
/// # Safety
/// Once `rest` has run, initialised memory of any content that has the type's size and alignment is a model at rest.
pub unsafe trait Shareable: Infer {
    /// Where in the arena the states are.
    const STATES: &'static [Region];

    /// Writes what must not be of any content.
    ///
    /// # Safety
    /// `at` is valid for writes of a model, and aligned.
    unsafe fn rest(at: *mut Self);

    /// Takes the states that [`Shareable::save`] stored.
    fn load(&mut self, states: &[MaybeUninit<u8>]);

    /// Stores the states, one behind the other; `false` where there are none yet.
    fn save(&self, states: &mut [MaybeUninit<u8>]) -> bool;
}

/// What a model keeps while others use its memory: its states, of `S` bytes.
#[derive(Debug)]
pub struct SharedModel<M, const S: usize> {
    states: [MaybeUninit<u8>; S],
    is_kept: bool,
    model: PhantomData<fn() -> M>,
}

impl<M: Shareable, const S: usize> SharedModel<M, S> {
    /// A model that has not run yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { states: [MaybeUninit::new(0); S], is_kept: false, model: PhantomData }
    }

    /// The model in the arena, for one or more inferences. Its input holds anything until it is written.
    pub fn on<'a, const N: usize>(&'a mut self, arena: &'a mut SharedArena<N>) -> Session<'a, M, S> {
        const { assert!(size_of::<M>() <= N && align_of::<M>() <= align_of::<Arena<N>>(), "the arena is too small") };
        let at = arena.arena.base().cast::<M>();
        // SAFETY: the arena is large and aligned enough (above), initialised, and borrowed for as long as the session
        // lives; after `rest` any content is a model.
        let model = unsafe {
            M::rest(at.as_ptr());
            &mut *at.as_ptr()
        };
        if self.is_kept {
            model.load(&self.states);
        }
        Session { model, home: self }
    }

    /// Forgets what the model keeps between inferences.
    pub const fn reset(&mut self) {
        self.is_kept = false;
    }
}

impl<M: Shareable, const S: usize> Default for SharedModel<M, S> {
    fn default() -> Self {
        Self::new()
    }
}

/// A model that has the shared arena; its states go home when it is dropped.
#[derive(Debug)]
pub struct Session<'a, M: Shareable, const S: usize> {
    model: &'a mut M,
    home: &'a mut SharedModel<M, S>,
}

impl<M: Shareable, const S: usize> Drop for Session<'_, M, S> {
    fn drop(&mut self) {
        if self.model.save(&mut self.home.states) {
            self.home.is_kept = true;
        }
    }
}

methods_of_model!([M: Shareable, const S: usize] Session<'_, M, S>, M);
infer_by_methods!([M: Shareable, const S: usize] Session<'_, M, S>, M);

/// Makes a generated `Model` one that may share its arena: `bytes` are those of its states.
#[doc(hidden)]
#[macro_export]
macro_rules! shared {
    (
        bytes $bytes:literal;
        states [$(($offset:literal, $size:literal)),* $(,)?];
    ) => {
        /// The model, for an arena that it shares with others.
        pub type SharedModel = $crate::SharedModel<Model, $bytes>;

        const _: () = {
            let sizes: &[usize] = &[$($size),*];
            let (mut total, mut index) = (0, 0);
            while index < sizes.len() {
                total += sizes[index];
                index += 1;
            }
            assert!(total == $bytes, "the states have another size than all of them together");
            $($crate::memory::Region::new($offset, $size).check::<u8>(Model::ARENA_SIZE, 0);)*
        };

        // SAFETY: besides the arena, which is plain bytes, a model holds `ready` and `sizes` alone, and `rest` writes these.
        unsafe impl $crate::shared::Shareable for Model {
            const STATES: &'static [$crate::memory::Region] = &[$($crate::memory::Region::new($offset, $size)),*];

            unsafe fn rest(at: *mut Self) {
                // SAFETY: forwarded to the caller.
                unsafe {
                    (&raw mut (*at).ready).write(::core::default::Default::default());
                    (&raw mut (*at).sizes).write(::core::default::Default::default());
                }
            }

            fn load(&mut self, states: &[::core::mem::MaybeUninit<u8>]) {
                let mut rest = states;
                for region in Self::STATES {
                    let (state, behind) = rest.split_at(rest.len().min(region.bytes as usize));
                    self.arena.write(*region, state);
                    rest = behind;
                }
                self.ready.fill(true);
            }

            fn save(&self, states: &mut [::core::mem::MaybeUninit<u8>]) -> bool {
                let mut rest = states;
                for region in Self::STATES {
                    let room = rest.len().min(region.bytes as usize);
                    let (state, behind) = rest.split_at_mut(room);
                    self.arena.read(*region, state);
                    rest = behind;
                }
                !self.ready.is_empty() && !self.ready.contains(&false)
            }
        }
    };
}
