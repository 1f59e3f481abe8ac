//! Time budgets: until when an inference is worth its while, and the handle that holds one core to it.

use crate::clock::Clock;
use crate::delegate::infer_by_methods;
use crate::infer::{Tiled, Tiles, Yield};
use crate::tell::tell;
use crate::{Error, Wired};
use core::time::Duration;

/// Until when an inference is worth its while.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Reads a clock that does not go back, in any unit.
    pub now: fn() -> u64,
    /// The last reading that is in time.
    pub deadline: u64,
}

impl Budget {
    /// The budget of an inference that begins now and may take so many ticks of the clock.
    #[must_use]
    pub fn from_now(now: fn() -> u64, ticks: u64) -> Self {
        Self { now, deadline: now().saturating_add(ticks) }
    }

    /// Whether the deadline is over.
    #[must_use]
    pub fn is_spent(self) -> bool {
        (self.now)() > self.deadline
    }
}

/// A wired model whose inferences have a time budget: what [`Wired::with_budget`] and [`Wired::within`] give.
///
/// The clock is looked at between tiles, also by the blocking `run`. An inference that is not complete in time is given up at
/// most one tile after its deadline and answers [`Error::DeadlineMissed`], as does one whose last tile is late. The model is then
/// as after a dropped future: its states are those of the last complete inference, its input is to be filled again. For that the
/// inference takes room on the stack, or in its future, for the states that the plan writes in place.
#[derive(Debug)]
pub struct Timed<M: 'static> {
    wired: Wired<M>,
    now: fn() -> u64,
    ticks: u64,
}

impl<M> Wired<M> {
    /// Gives every inference a budget: `ticks` of the clock `now`, from its call on.
    ///
    /// ```ignore
    /// let mut model = ariel_ml_rs::wire!(keywords)?.with_budget(timer::now, 20_000);
    /// ```
    ///
    /// Not for inputs that come row by row: who drops a [`Stream`](crate::Stream) gives its inference up.
    ///
    /// ```compile_fail,E0277
    /// fn begin<M: ariel_ml_rs::Streamed>(model: ariel_ml_rs::Wired<M>) {
    ///     let _ = model.with_budget(|| 0, 20);
    /// }
    /// ```
    #[must_use]
    pub const fn with_budget(self, now: fn() -> u64, ticks: u64) -> Timed<M>
    where
        M: Tiled,
    {
        Timed { wired: self, now, ticks }
    }

    /// Gives every inference a budget, by the clock of an executor or of the application.
    ///
    /// ```ignore
    /// let mut model = ariel_ml_rs::wire!(keywords)?.within::<clock::Embassy>(Duration::from_millis(20));
    /// match model.infer_async(&input).await {
    ///     Ok(scores) => act_on(scores),
    ///     Err(Error::DeadlineMissed) => skip_this_window(),
    ///     Err(_) => {}
    /// }
    /// ```
    #[must_use]
    pub fn within<C: Clock>(self, limit: Duration) -> Timed<M>
    where
        M: Tiled,
    {
        self.with_budget(C::now, C::ticks(limit))
    }
}

impl<M: Tiled> Timed<M> {
    /// Gives the inferences from the next on another budget: ticks of the same clock.
    pub const fn set_budget(&mut self, ticks: u64) {
        self.ticks = ticks;
    }

    /// Takes the budget away.
    #[must_use]
    pub fn into_wired(self) -> Wired<M> {
        self.wired
    }

    /// The input inside the arena, to be filled in place (by a driver or a DMA); a run consumes it.
    pub fn input_mut(&mut self) -> &mut M::Input {
        self.wired.input_mut()
    }

    /// Runs on what is in [`Timed::input_mut`] and returns the output.
    ///
    /// # Errors
    /// [`Error::DeadlineMissed`] where the budget is spent; [`Error::ScratchInUse`] as [`crate::Infer::run`].
    pub fn run(&mut self) -> Result<&M::Output, Error> {
        let budget = Budget::from_now(self.now, self.ticks);
        let mut tiles = Tiles::new(self.wired.model());
        while tiles.advance()? {
            check(budget)?;
        }
        Ok(tiles.conclude())
    }

    /// Copies `input` into the arena, runs, and returns the output.
    ///
    /// # Errors
    /// As [`Timed::run`].
    pub fn infer(&mut self, input: &M::Input) -> Result<&M::Output, Error>
    where
        M::Input: Copy,
    {
        crate::tensor::copy(input, self.input_mut());
        self.run()
    }

    /// As [`Timed::run`], and yields to the executor between tiles.
    ///
    /// # Errors
    /// As [`Timed::run`].
    pub async fn run_async(&mut self) -> Result<&M::Output, Error> {
        let budget = Budget::from_now(self.now, self.ticks);
        let mut tiles = Tiles::new(self.wired.model());
        while tiles.advance()? {
            Yield::default().await;
            // Behind the other tasks: what they took counts.
            check(budget)?;
        }
        Ok(tiles.conclude())
    }

    /// As [`Timed::infer`], and yields to the executor between tiles.
    ///
    /// # Errors
    /// As [`Timed::run`].
    pub async fn infer_async(&mut self, input: &M::Input) -> Result<&M::Output, Error>
    where
        M::Input: Copy,
    {
        crate::tensor::copy(input, self.input_mut());
        self.run_async().await
    }

    /// Forgets what the model keeps between inferences.
    pub fn reset(&mut self) {
        self.wired.reset();
    }

    /// Says how much there is of each bounded dimension: `Sizes { .. }.as_array()` of the model's module.
    ///
    /// # Errors
    /// As [`Infer::resize`](crate::Infer::resize).
    pub fn resize(&mut self, sizes: &[usize]) -> Result<(), Error> {
        self.wired.resize(sizes)
    }
}

/// Refuses to go on where the budget is spent.
fn check(budget: Budget) -> Result<(), Error> {
    if budget.is_spent() {
        tell!(warn, "an inference was given up: its time budget is spent");
        return Err(Error::DeadlineMissed);
    }
    Ok(())
}

infer_by_methods!([M: Tiled] Timed<M>, M where M::Input: Copy);
