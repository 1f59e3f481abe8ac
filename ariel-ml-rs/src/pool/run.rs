//! One inference, as its leader sees it: worker 0, the only one that may wait.

use super::Priority;
use super::job::Job;
use super::lost;
use super::settle::is_settled;
use super::shared::{IDLE_ROUNDS, Pool, Turn};
use super::stats::Count;
use crate::sync::primitive::{Ordering, is_abandoned, spin_loop};
use crate::tell::tell;
use crate::tile::Cursor;
use crate::{Budget, Error};
use core::future::Future;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};

/// How many polls in a row a task lets more urgent jobs go first. Bounded, since such a job may be one that was forgotten, which
/// stays posted: then each unit costs so many polls more, and nothing stops.
#[cfg(not(all(test, loom)))]
const PATIENCE: u32 = 16;
/// Waiting touches nothing that is shared, so that in a model it would only be more of the same.
#[cfg(all(test, loom))]
const PATIENCE: u32 = 0;

/// What a step of the leader did.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Ran one unit.
    Ran,
    /// Found none: the others are at it.
    Waiting,
    /// All units are complete, and what they wrote is seen.
    Done,
}

/// How far the inference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Helpers may still be at the inference before, which was dropped or forgotten.
    Settling,
    /// Posted: the helpers may take units.
    Shared,
    /// The pool is busy with another job: all units in order, here.
    Alone,
    /// Complete, in time.
    Over,
    /// Given up, or complete too late.
    Missed,
    /// Given up: a helper was reset in the middle of it.
    Bereft,
}

/// One inference: a future, or [`Run::wait`] where there is no executor.
///
/// Nothing happens before the first poll or `wait`. Dropping it half-way is sound, and so is forgetting it: helpers touch
/// `'static` memory only. Units that are not begun are discarded; those in flight end, and the next inference of the same job
/// waits for them ([`super::settle`] does so without an inference).
#[derive(Debug)]
#[must_use = "an inference does nothing unless it is awaited or waited for"]
pub struct Run {
    pool: &'static Pool,
    job: &'static Job,
    context: NonNull<()>,
    priority: Priority,
    budget: Option<Budget>,
    stage: Stage,
    /// The unit to go on with, which no queue has.
    next: Option<u16>,
    /// Which block is under way; `None` before the first.
    at: Option<Cursor>,
    /// How often in a row this leader let more urgent ones go first.
    deferred: u32,
}

// SAFETY: the context is only handed to the job's `run`, which is sound from any core (`Job::new`).
unsafe impl Send for Run {}

impl Run {
    /// An inference of `job` by `pool` over `context`.
    ///
    /// # Safety
    /// `context` is what the job's `run` expects, for ever. From the first poll or `wait` to the end, or after a drop or a forget
    /// to the end of the next `Run` or [`super::settle`] of this job, what units reach through it is nobody else's. One `Run` of a
    /// job is used at a time. The job is used with one pool only.
    pub const unsafe fn new(pool: &'static Pool, job: &'static Job, context: NonNull<()>) -> Self {
        Self {
            pool,
            job,
            context,
            priority: Priority::Normal,
            budget: None,
            stage: Stage::Settling,
            next: None,
            at: None,
            deferred: 0,
        }
    }

    /// The same with this priority.
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same with a budget, which is looked at between units: the inference ends at most one tile after the deadline.
    pub const fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Runs to the end. The calling core works too, and sleeps when others have all that is left.
    ///
    /// Do not call it where it keeps a helper from running, as in an interrupt on a helper's core: it may wait for that helper.
    ///
    /// # Errors
    /// [`Error::DeadlineMissed`] where the budget is spent.
    pub fn wait(mut self) -> Result<(), Error> {
        let (bell, park) = (&self.job.room.desk.leader, self.pool.park());
        bell.attend();
        let mut idle = 0;
        loop {
            match self.advance(u32::MAX)? {
                Progress::Done => return Ok(()),
                Progress::Ran => idle = 0,
                Progress::Waiting => {
                    idle += 1;
                    if idle < IDLE_ROUNDS {
                        spin_loop();
                        continue;
                    }
                    idle = 0;
                    if bell.lie_down(park) {
                        if !self.seems_wanted() {
                            self.pool.count(0, Count::Sleeps);
                            bell.sleep(park);
                        }
                        bell.rise();
                    }
                }
            }
        }
    }

    /// Runs at most one unit on the calling core, and the gates before and behind it.
    ///
    /// # Errors
    /// [`Error::DeadlineMissed`] where the budget is spent: the inference is then given up.
    pub fn step(&mut self) -> Result<Progress, Error> {
        self.advance(1)
    }

    /// Runs at most so many units on the calling core.
    #[inline(never)]
    fn advance(&mut self, units: u32) -> Result<Progress, Error> {
        if !matches!(self.stage, Stage::Over | Stage::Bereft) && self.is_late() {
            self.miss();
        }
        if self.stage == Stage::Settling {
            if !is_settled(self.pool, self.job) {
                return Ok(Progress::Waiting);
            }
            self.begin();
        }
        let progress = match self.stage {
            Stage::Shared => self.work(units),
            Stage::Alone => self.work_alone(),
            Stage::Settling | Stage::Over => return Ok(Progress::Done),
            Stage::Missed => return Err(Error::DeadlineMissed),
            Stage::Bereft => return Err(Error::HelperLost),
        };
        if progress == Progress::Done {
            self.stage = if self.is_late() { Stage::Missed } else { Stage::Over };
        }
        if progress == Progress::Waiting && lost::is_bereft(self.pool, self.job) {
            self.mourn();
            return Err(Error::HelperLost);
        }
        if self.stage == Stage::Missed { Err(Error::DeadlineMissed) } else { Ok(progress) }
    }

    /// Whether the budget is spent.
    fn is_late(&self) -> bool {
        self.budget.is_some_and(Budget::is_spent)
    }

    /// Posts the job, with the first unit in hand.
    #[inline(never)]
    fn begin(&mut self) {
        let desk = self.job.room.desk;
        desk.context.store(self.context.as_ptr(), Ordering::Relaxed);
        self.stage = Stage::Alone;
        if !self.go_on() {
            return;
        }
        // Posted before the first unit becomes ready: whoever finds a unit also finds the job posted.
        if self.pool.post(self.priority, self.job) {
            desk.open.store(true, Ordering::Relaxed);
            self.stage = Stage::Shared;
        } else {
            tell!(debug, "the pool is busy with another model: this inference has one core");
        }
    }

    /// Takes the first unit of the next block in hand; false where there is none.
    fn go_on(&mut self) -> bool {
        // SAFETY: nothing is run: the inference begins, or all units of the block before are complete, and seen.
        self.next = unsafe { self.job.next_block(self.context, &mut self.at) };
        if self.next.is_some() {
            // Before a unit of the block becomes ready. Whoever looks meanwhile, and takes the job for complete, takes its helpers
            // away: the leader does the rest.
            self.job.room.desk.done.store(false, Ordering::Relaxed);
        }
        self.next.is_some()
    }

    fn work(&mut self, units: u32) -> Progress {
        let turn = Turn { units, priority: self.priority, budget: self.budget };
        // SAFETY: the first unit of a block, which is ready as nothing else of it is, or what the turn before left in hand; worker 0 is the leader, of
        // which there is one (`new`).
        let (next, left) = unsafe { self.pool.work(self.job, 0, self.next.take(), &turn) };
        self.next = next;
        if self.job.is_done() {
            if self.go_on() {
                return Progress::Ran;
            }
            self.end();
            return Progress::Done;
        }
        if left < units { Progress::Ran } else { Progress::Waiting }
    }

    fn work_alone(&mut self) -> Progress {
        let Some(unit) = self.next else { return Progress::Done };
        // SAFETY: ids are a topological order, so that all predecessors are complete, on this core; the context is the caller's
        // alone (`new`), and as the job is not posted no helper has it.
        let follows = unsafe { self.job.run_in_order(self.context, unit) };
        self.next = Some(unit + 1);
        if follows || self.go_on() { Progress::Ran } else { Progress::Done }
    }

    /// Puts what the leader would go on with where helpers find it: other tasks may hold this core for long.
    fn share(&mut self) {
        if self.stage == Stage::Shared
            && let Some(unit) = self.next.take()
        {
            // SAFETY: worker 0 is the leader, of which there is one (`new`).
            unsafe { self.job.keep(0, unit) };
        }
    }

    /// Whether to let the leader of a more urgent job, which may be a task of the same executor, go first this time.
    fn defers(&mut self) -> bool {
        let running = matches!(self.stage, Stage::Shared | Stage::Alone);
        self.deferred = if running && self.deferred < PATIENCE && self.pool.is_outranked(self.priority) {
            self.deferred + 1
        } else {
            0
        };
        self.deferred > 0
    }

    /// All is complete: takes the job down. Helpers that look for its units at this moment find none, and harm none: the queues
    /// are empty, and what they would find in them next is the next inference, as good as entered.
    fn end(&mut self) {
        self.pool.withdraw(self.job);
        self.job.room.desk.open.store(false, Ordering::Relaxed);
    }

    /// Takes the job down half-way. It stays open: the next inference settles it.
    fn give_up(&mut self) {
        if self.stage == Stage::Shared {
            self.pool.withdraw(self.job);
        }
        self.stage = Stage::Missed;
    }

    /// Gives up because the budget is spent.
    #[cold]
    fn miss(&mut self) {
        tell!(warn, "an inference was given up: its time budget is spent");
        self.give_up();
    }

    /// Gives up because a helper was reset, maybe with a unit in hand.
    #[cold]
    fn mourn(&mut self) {
        tell!(warn, "an inference was given up: a helper was reset in the middle of it");
        self.give_up();
        self.stage = Stage::Bereft;
    }

    /// Whether there seems to be something to do for the leader.
    fn seems_wanted(&self) -> bool {
        match self.stage {
            Stage::Settling => is_settled(self.pool, self.job),
            Stage::Shared => self.job.is_done() || self.job.seems_ready() || lost::is_bereft(self.pool, self.job),
            Stage::Alone | Stage::Over | Stage::Missed | Stage::Bereft => true,
        }
    }
}

impl Future for Run {
    type Output = Result<(), Error>;

    /// Runs one unit, and asks to be polled again; or returns with the waker at the bell.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let run = self.get_mut();
        let bell = &run.job.room.desk.leader;
        bell.attend();
        if run.defers() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let progress = run.step();
        run.share();
        match progress {
            Err(error) => return Poll::Ready(Err(error)),
            Ok(Progress::Done) => return Poll::Ready(Ok(())),
            Ok(Progress::Ran) => context.waker().wake_by_ref(),
            Ok(Progress::Waiting) => {
                if run.pool.is_of_images() || !bell.register(context.waker()) {
                    context.waker().wake_by_ref();
                } else if run.seems_wanted() {
                    bell.attend();
                    context.waker().wake_by_ref();
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !is_abandoned() {
            self.give_up();
            self.job.room.desk.leader.attend();
        }
    }
}
