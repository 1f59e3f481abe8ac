//! A model on several cores: what generated code tells of its units, and the handle through which the pool runs them.

use super::{Budget, Follow, Graph, Job, Pool, Priority, Run, settle};
use crate::delegate::infer_by_methods;
use crate::{Clock, Error, Infer};
use core::fmt;
use core::ptr::NonNull;
use core::time::Duration;

/// A model whose plan has units for several cores: implemented by generated code.
///
/// # Safety
/// `unit` computes the tile of that unit of `GRAPH` over the model behind `context`, and touches nothing else; two units that
/// `GRAPH` does not order touch no byte together unless both only read it, and a unit's inputs are complete when those are
/// that it waits for (`ariel_build/cores/check_units.py` proves both). Worker numbers are below `WORKERS`. `FOLLOW` gives first
/// units of blocks of `GRAPH`.
pub unsafe trait Parallel: Infer {
    /// How many workers may take part, the leader included.
    const WORKERS: usize;
    /// The units, and which wait for which.
    const GRAPH: Graph;
    /// Which of its blocks run, where control flow decides that.
    const FOLLOW: Option<Follow> = None;
    /// The digest of the plan, where cores run images of their own (`image = ".."`); else 0.
    const PLAN: u64 = 0;
    /// The memory in which units wait: a [`super::Room`].
    type Room: Sync + 'static;
    /// A room where nothing waits.
    const ROOM: Self::Room;

    /// Runs one unit that has work.
    ///
    /// # Safety
    /// As for [`super::RunUnit`], with a context of [`Parallel::context`].
    unsafe fn unit(context: NonNull<()>, unit: u16, worker: u32);

    /// Prepares the model for an inference, and returns what `unit` takes.
    ///
    /// # Errors
    /// [`Error::ScratchInUse`] where scratch is in fast memory, and another model of the same module is at work.
    fn context(&mut self) -> Result<NonNull<()>, Error>;

    /// Stores what the next inference finds in the states, and returns the output.
    fn finish(&mut self) -> &Self::Output;
}

/// A model in static memory, run by all workers of a pool: what `wire!(model, pool = POOL)` gives.
///
/// Helpers may still be at a tile when a future was dropped or forgotten; every method waits for them first.
pub struct WiredPool<M: 'static> {
    /// A pointer, for a reference would promise that nobody else writes, also where the handle is only moved or looked at.
    model: NonNull<M>,
    pool: &'static Pool,
    job: &'static Job,
    priority: Priority,
    budget: Option<(fn() -> u64, u64)>,
}

// SAFETY: the handle is the only way to the model but for the units, which are sound from any core (`Job::new`).
unsafe impl<M: Send> Send for WiredPool<M> {}
// SAFETY: a shared handle gives nobody the model.
unsafe impl<M> Sync for WiredPool<M> {}

/// Tells nothing of the model, which helpers may be writing.
impl<M> fmt::Debug for WiredPool<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut handle = f.debug_struct("WiredPool");
        handle.field("priority", &self.priority).field("budget", &self.budget.map(|(_, ticks)| ticks));
        handle.finish_non_exhaustive()
    }
}

impl<M: Parallel> WiredPool<M> {
    /// The handle of `model`.
    ///
    /// # Safety
    /// `job` was made of `M`'s graph, `unit` and `FOLLOW`, with a room of its own, and is used by this handle and with this pool only.
    #[must_use]
    pub const unsafe fn new(model: &'static mut M, pool: &'static Pool, job: &'static Job) -> Self {
        // SAFETY: made of a reference, which is not null.
        let model = unsafe { NonNull::new_unchecked(core::ptr::from_mut(model)) };
        Self { model, pool, job, priority: Priority::Normal, budget: None }
    }

    /// The same model, its inferences this urgent: helpers leave those of a less urgent model between two tiles, and so do
    /// less urgent inferences that are tasks of the same executor.
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same model, every inference with a budget: `ticks` of the clock `now`, from its call on. One that takes longer is
    /// given up, and answers [`Error::DeadlineMissed`].
    #[must_use]
    pub const fn with_budget(mut self, now: fn() -> u64, ticks: u64) -> Self {
        self.budget = Some((now, ticks));
        self
    }

    /// The same model, every inference with a budget, by the clock of an executor or of the application.
    #[must_use]
    pub fn within<C: Clock>(self, limit: Duration) -> Self {
        self.with_budget(C::now, C::ticks(limit))
    }

    /// Sets how urgent the inferences of this model are.
    pub const fn set_priority(&mut self, priority: Priority) {
        self.priority = priority;
    }

    /// Gives every inference a budget: `ticks` of the clock `now` from its call on. An inference that takes longer is given up,
    /// and answers [`Error::DeadlineMissed`]. `None` takes the budget away.
    pub const fn set_budget(&mut self, budget: Option<(fn() -> u64, u64)>) {
        self.budget = budget;
    }

    /// The model, once no helper is at it any more.
    fn settled(&mut self) -> &mut M {
        // SAFETY: every `Run` of this job borrows this handle, so that none is in use; the pool is the job's (`new`).
        unsafe { settle(self.pool, self.job) };
        // SAFETY: it was a `&'static mut M` (`new`), and nobody else has one; helpers touch the model during a run only, and
        // that is over.
        unsafe { self.model.as_mut() }
    }

    /// The inference over what is in the model's input.
    fn start(&mut self) -> Result<Run, Error> {
        let context = self.settled().context()?;
        // SAFETY: the model lives for ever and is this handle's alone; `settled` is the only way to it, and runs borrow the
        // handle, so that there is one at a time.
        let mut run = unsafe { Run::new(self.pool, self.job, context) }.with_priority(self.priority);
        if let Some((now, ticks)) = self.budget {
            run = run.with_budget(Budget::from_now(now, ticks));
        }
        Ok(run)
    }

    /// Whether no helper is at an inference that was given up. The other methods wait for that; where cores run images of their
    /// own, a helper that does not answer any more lets them wait for ever, so that who has a budget asks this first, and resets
    /// that core if the answer stays no.
    #[must_use]
    pub fn is_settled(&mut self) -> bool {
        super::settle::is_settled(self.pool, self.job)
    }

    /// The input inside the arena, to be filled in place (by a driver or a DMA); a run consumes it.
    pub fn input_mut(&mut self) -> &mut M::Input {
        self.settled().input_mut()
    }

    /// Runs on what is in [`WiredPool::input_mut`] and returns the output.
    ///
    /// # Errors
    /// [`Error::DeadlineMissed`] where there is a budget and it is spent; [`Error::ScratchInUse`] as [`Infer::run`].
    pub fn run(&mut self) -> Result<&M::Output, Error> {
        self.start()?.wait()?;
        Ok(self.settled().finish())
    }

    /// Copies `input` into the arena, runs, and returns the output.
    ///
    /// # Errors
    /// As [`WiredPool::run`].
    pub fn infer(&mut self, input: &M::Input) -> Result<&M::Output, Error>
    where
        M::Input: Copy,
    {
        crate::tensor::copy(input, self.input_mut());
        self.run()
    }

    /// As [`WiredPool::run`], and yields to the executor between tiles.
    ///
    /// # Errors
    /// As [`WiredPool::run`].
    pub async fn run_async(&mut self) -> Result<&M::Output, Error> {
        self.start()?.await?;
        Ok(self.settled().finish())
    }

    /// As [`WiredPool::infer`], and yields to the executor between tiles.
    ///
    /// # Errors
    /// As [`WiredPool::run`].
    pub async fn infer_async(&mut self, input: &M::Input) -> Result<&M::Output, Error>
    where
        M::Input: Copy,
    {
        crate::tensor::copy(input, self.input_mut());
        self.run_async().await
    }

    /// Forgets what the model keeps between inferences.
    pub fn reset(&mut self) {
        self.settled().reset();
    }

    /// Says how much there is of each bounded dimension: `Sizes { .. }.as_array()` of the model's module.
    ///
    /// # Errors
    /// As [`Infer::resize`].
    pub fn resize(&mut self, sizes: &[usize]) -> Result<(), Error> {
        self.settled().resize(sizes)
    }
}

infer_by_methods!([M: Parallel] WiredPool<M>, M where M::Input: Copy);

/// Implements [`Parallel`] for a generated `Model`: its units by step, tile and time (0 where none is given), and their graph.
#[doc(hidden)]
#[macro_export]
macro_rules! parallel {
    (
        workers $workers:literal, slots $slots:literal;
        units [$(($step:literal, $start:literal, $end:literal $(, $time:literal)?)),* $(,)?];
        needs [$($needs:literal),* $(,)?];
        first [$($first:literal),* $(,)?];
        next [$($next:literal),* $(,)?];
        homes [$($home:literal),* $(,)?];
        $(blocks [$($block:tt),* $(,)?];)?
        $(plan $plan:literal;)?
    ) => {
        /// Units of the plan.
        const UNITS: usize = [$($needs),*].len();
        /// Step, time and tile of each unit; a gate has none.
        static UNIT_TILES: [(u16, u8, $crate::tile::Tile); UNITS] =
            [$(($step, 0 $(+ $time)?, $crate::tile::Tile::new($start, $end))),*];

        /// The blocks, where control flow decides which of them run.
        static BLOCKS: &[$crate::flow::Block] = &[$($($block),*)?];

        const _: () = {
            $crate::plan::check_blocks(BLOCKS, Model::OPS, &<Model as $crate::pool::Parallel>::GRAPH);
            let (mut works, mut unit) = ([$crate::plan::Work::of(0); UNITS], 0);
            while unit < UNITS {
                works[unit] = Model::work_at(UNIT_TILES[unit].0 as usize, UNIT_TILES[unit].1 as u32);
                unit += 1;
            }
            $crate::plan::check_units(Model::PIECES, &UNIT_TILES, &works, &[$($home),*], $workers, Model::ARENA_SIZE);
            assert!(Model::FAST_SIZE == 0 || Model::FAST_WORKERS >= $workers, "no scratch for every worker");
            assert!(Model::KEPT.bytes_in_place() == 0, "several cores write no state before the inference is complete");
            assert!(<Model as $crate::pool::Parallel>::GRAPH.units() == UNITS);
        };

        // SAFETY: a unit is a tile inside its step, in whole granules, at a time that was checked; tiles of one piece have no unit of
        // the step in common; there is scratch for each worker (`check_units`). That units are ordered where their bytes meet, the compiler's checker has
        // proved over this model's memory plan (see `model!`).
        unsafe impl $crate::pool::Parallel for Model {
            const WORKERS: usize = $workers;
            const GRAPH: $crate::pool::Graph =
                $crate::pool::Graph::new::<UNITS>(&[$($needs),*], &[$($first),*], &[$($next),*], &[$($home),*]);
            const FOLLOW: ::core::option::Option<$crate::pool::Follow> =
                if Model::OPS.is_empty() { ::core::option::Option::None } else { ::core::option::Option::Some(Model::follow) };
            $(const PLAN: u64 = $plan;)?
            type Room =
                $crate::pool::Room<UNITS, $workers, { $crate::pool::slots($slots) }, { $crate::pool::words(UNITS) }>;
            const ROOM: Self::Room = $crate::pool::Room::new();

            unsafe fn unit(context: ::core::ptr::NonNull<()>, unit: u16, worker: u32) {
                if let ::core::option::Option::Some(&(step, time, tile)) = UNIT_TILES.get(usize::from(unit)) {
                    // SAFETY: the context is this model's arena (`context`), and the rest is forwarded to the caller.
                    unsafe {
                        let memory = Self::memory_of(context.cast(), worker);
                        Self::tile_at(memory, usize::from(step), tile, u32::from(time));
                    }
                }
            }

            fn context(&mut self) -> ::core::result::Result<::core::ptr::NonNull<()>, $crate::Error> {
                self.take_scratch()?;
                self.prepare();
                ::core::result::Result::Ok(self.arena.base().cast())
            }

            fn finish(&mut self) -> &Self::Output {
                Self::give_scratch();
                self.keep();
                self.output()
            }
        }

        impl Model {
            /// Tells the first unit of the next block.
            ///
            /// # Safety
            /// That of [`ariel_ml_rs::pool::Follow`]; the context is this model's arena.
            unsafe fn follow(
                context: ::core::ptr::NonNull<()>,
                at: &mut $crate::tile::Cursor,
            ) -> ::core::option::Option<u16> {
                // SAFETY: as the caller promises.
                let memory = unsafe { $crate::memory::Memory::of_worker(context.cast(), 0) };
                // SAFETY: the operations passed `flow::check`, all of the arena is initialised, and no unit is being run.
                at.follow_blocks(Self::OPS, BLOCKS, unsafe { $crate::flow::Looks::new(memory) })
            }
        }
    };
}
