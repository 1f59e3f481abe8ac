//! The handle that [`crate::wire!`] gives: the one way to a model that lives in static memory.

use crate::delegate::{infer_by_methods, methods_of_model};
use crate::once::Once;
use crate::{Error, Infer, Streamed};
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// A model in static memory, wired to the application's executor.
///
/// Holds `&'static mut M`: workers may touch the model after a future was dropped or forgotten, since it never goes away.
#[derive(Debug)]
pub struct Wired<M: 'static> {
    model: &'static mut M,
}

methods_of_model!([M: Infer] Wired<M>, M);
infer_by_methods!([M: Infer] Wired<M>, M);

impl<M> Wired<M> {
    /// The model itself, for the handles of this crate.
    pub(crate) const fn model(&mut self) -> &mut M {
        self.model
    }
}

/// A model whose input comes row by row has its own methods at the handle: `stream`, `infer`, `infer_async`, `reset`.
///
/// It runs on one core, so that nobody else touches it.
impl<M: Streamed> Deref for Wired<M> {
    type Target = M;

    fn deref(&self) -> &M {
        self.model
    }
}

impl<M: Streamed> DerefMut for Wired<M> {
    fn deref_mut(&mut self) -> &mut M {
        self.model
    }
}

/// Static room for one model, handed out once: what `wire!` expands to.
#[doc(hidden)]
#[derive(Debug)]
pub struct Slot<M> {
    model: UnsafeCell<M>,
    taken: Once,
}

// SAFETY: the model inside is reached only through `take`, which succeeds once.
unsafe impl<M: Send> Sync for Slot<M> {}

impl<M> Slot<M> {
    /// A slot whose model nobody has yet.
    #[must_use]
    pub const fn new(model: M) -> Self {
        Self { model: UnsafeCell::new(model), taken: Once::new() }
    }

    /// Hands out the model, the first time.
    ///
    /// # Errors
    /// [`Error::AlreadyWired`] from the second time on.
    pub fn take(&'static self) -> Result<Wired<M>, Error> {
        if !self.taken.take() {
            return Err(Error::AlreadyWired);
        }
        // SAFETY: `taken` says yes once, so this is the only reference, for ever.
        Ok(Wired { model: unsafe { &mut *self.model.get() } })
    }
}

#[cfg(feature = "multicore")]
impl<M: crate::pool::Parallel> Slot<M> {
    /// Hands out the model, the first time, to be run by a pool.
    ///
    /// # Safety
    /// `job` was made of `M`'s graph, `unit` and `FOLLOW`, with a room of its own, and nobody else has it.
    ///
    /// # Errors
    /// [`Error::AlreadyWired`] from the second time on.
    pub unsafe fn take_for(
        &'static self,
        pool: &'static crate::pool::Pool,
        job: &'static crate::pool::Job,
    ) -> Result<crate::pool::WiredPool<M>, Error> {
        let wired = self.take()?;
        pool.start();
        // SAFETY: forwarded to the caller; the slot gives its model, and so its job, once.
        Ok(unsafe { crate::pool::WiredPool::new(wired.model, pool, job) })
    }
}

/// What `wire!(model)` expands to.
#[doc(hidden)]
#[macro_export]
macro_rules! wire_alone {
    ($($module:tt)+) => {{
        static SLOT: $crate::wired::Slot<$($module)+::Model> = $crate::wired::Slot::new($($module)+::Model::new());
        SLOT.take()
    }};
}

/// What `wire!(model, pool = POOL)` expands to.
#[doc(hidden)]
#[macro_export]
macro_rules! wire_pool {
    ([$($module:tt)+] [$($pool:tt)+]) => {{
        static ROOM: <$($module)+::Model as $crate::pool::Parallel>::Room =
            <$($module)+::Model as $crate::pool::Parallel>::ROOM;
        // SAFETY: the room is visible here only, and `Parallel` promises that `unit` is sound from any core.
        static JOB: $crate::pool::Job = unsafe {
            $crate::pool::Job::new(
                <$($module)+::Model as $crate::pool::Parallel>::GRAPH,
                &ROOM,
                <$($module)+::Model as $crate::pool::Parallel>::unit,
            )
            .following(<$($module)+::Model as $crate::pool::Parallel>::FOLLOW)
        };
        static SLOT: $crate::wired::Slot<$($module)+::Model> = $crate::wired::Slot::new($($module)+::Model::new());
        // SAFETY: the job is made of this model's parts, and visible here only.
        unsafe { SLOT.take_for(&$($pool)+, &JOB) }
    }};
}
