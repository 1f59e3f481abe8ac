//! How long each step of a model takes on the device itself, by a counter of the application's: `cargo ariel profile` reads what a
//! [`Profile`] prints, and sets it beside the prediction.
//!
//! On one core. Without the feature `profile` there is none of it; with it, each tile stores the number of its step.

use crate::infer::{Stepped, Tiled, Tiles};
use crate::stream::rows;
use crate::{Clock, Streamed, Wired};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

/// The step that the tile in hand belongs to.
static STEP: AtomicU32 = AtomicU32::new(0);

/// What follows is the work of a step.
#[inline]
pub(crate) fn enter(step: u32) {
    STEP.store(step, Ordering::Relaxed);
}

/// What the tiles of a step took: how many there were, the ticks of all, and those of the one that took the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Tiles that were run.
    pub tiles: u32,
    /// Ticks of all of them.
    pub ticks: u64,
    /// Ticks of the longest.
    pub longest: u32,
}

impl Step {
    const NONE: Self = Self { tiles: 0, ticks: 0, longest: 0 };

    fn add(&mut self, ticks: u32) {
        self.tiles = self.tiles.saturating_add(1);
        self.ticks = self.ticks.saturating_add(ticks.into());
        self.longest = self.longest.max(ticks);
    }
}

/// What inferences of a model took, step by step; steps from `STEPS` on are added up.
///
/// ```ignore
/// let mut profile = Profile::<32>::new("keywords", DWT::cycle_count, 64_000_000);
/// for _ in 0..10 {
///     profile.run(&mut model);
/// }
/// info!("{}", profile);
/// ```
#[derive(Debug)]
pub struct Profile<const STEPS: usize = 64> {
    model: &'static str,
    now: fn() -> u32,
    hertz: u64,
    inferences: u32,
    steps: [Step; STEPS],
    rest: Step,
}

impl<const STEPS: usize> Profile<STEPS> {
    /// A profile of the model whose module has this name, by a counter of so many ticks a second, which counts up and goes on with
    /// zero behind `u32::MAX`: DWT's cycles, `mcycle`, a timer. A tile may take less than a round of it.
    #[must_use]
    pub const fn new(model: &'static str, now: fn() -> u32, hertz: u64) -> Self {
        Self { model, now, hertz, inferences: 0, steps: [Step::NONE; STEPS], rest: Step::NONE }
    }

    /// A profile by the clock of an executor, as fine as that is.
    #[must_use]
    pub const fn by<C: Clock>(model: &'static str) -> Self {
        Self::new(model, ticks::<C>, C::HERTZ)
    }

    /// Runs the model on what is in its input, tile by tile, and adds what each takes. It waits while another model of the same module
    /// has the scratch that both have in fast memory: not for an interrupt above that one.
    pub fn run<'m, M: Tiled>(&mut self, model: &'m mut Wired<M>) -> &'m M::Output {
        self.record(model.model())
    }

    /// Gives a model all rows of `input`, one after the other, and adds what each tile takes; to copy a row is no step's.
    pub fn stream<'m, M: Streamed>(&mut self, model: &'m mut M, input: &M::Input) -> &'m M::Given {
        let (mut tiles, mut rows) = (Tiles::new(model), rows::<M>(input));
        loop {
            if M::waits(&tiles.cursor) {
                let Some(row) = rows.next() else { break };
                tiles.model.take(&mut tiles.cursor, row);
            } else if !self.tile(&mut tiles) {
                break;
            }
        }
        self.concluded(tiles)
    }

    /// What the steps took so far.
    #[must_use]
    pub const fn steps(&self) -> &[Step; STEPS] {
        &self.steps
    }

    fn record<'m, M: Tiled>(&mut self, model: &'m mut M) -> &'m M::Output {
        let mut tiles = Tiles::new(model);
        while self.tile(&mut tiles) {}
        self.concluded(tiles)
    }

    /// Runs the next tile, and adds what it takes; false behind the last.
    fn tile<M: Stepped>(&mut self, tiles: &mut Tiles<'_, M>) -> bool {
        let before = (self.now)();
        let is_there = loop {
            match tiles.advance() {
                Ok(is_there) => break is_there,
                Err(_) => core::hint::spin_loop(),
            }
        };
        if !is_there {
            return false;
        }
        let taken = (self.now)().wrapping_sub(before);
        let step = STEP.load(Ordering::Relaxed) as usize;
        self.steps.get_mut(step).unwrap_or(&mut self.rest).add(taken);
        true
    }

    fn concluded<'m, M: Stepped>(&mut self, tiles: Tiles<'m, M>) -> &'m M::Given {
        self.inferences = self.inferences.saturating_add(1);
        tiles.conclude()
    }

    /// The steps that ran, with their numbers; `None` for those that there is no room for.
    fn ran(&self) -> impl Iterator<Item = (Option<usize>, Step)> + '_ {
        let steps = self.steps.iter().enumerate().map(|(index, step)| (Some(index), *step));
        steps.chain([(None, self.rest)]).filter(|(_, step)| step.tiles > 0)
    }
}

fn ticks<C: Clock>() -> u32 {
    // Differences are taken: the upper half does not matter.
    (C::now() & 0xffff_ffff) as u32
}

/// Lines that `cargo ariel profile` reads, one for each step.
impl<const STEPS: usize> fmt::Display for Profile<STEPS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, hertz, inferences, .. } = self;
        write!(f, "ariel-profile {model}: {inferences} inferences, {hertz} Hz")?;
        for (index, Step { tiles, ticks, longest }) in self.ran() {
            match index {
                Some(index) => write!(f, "\nariel-profile {model}: step {index}")?,
                None => write!(f, "\nariel-profile {model}: rest")?,
            }
            write!(f, ", {tiles} tiles, {ticks} ticks, {longest} at most")?;
        }
        Ok(())
    }
}

#[cfg(feature = "defmt")]
impl<const STEPS: usize> defmt::Format for Profile<STEPS> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", defmt::Display2Format(self));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::Cursor;
    use crate::{Error, Infer};
    use one::One;
    use std::string::ToString;
    use std::sync::atomic::AtomicU32 as Counter;

    #[allow(dead_code, reason = "a tensor has more methods than are used here")]
    mod one {
        crate::tensor! {
            /// One number.
            pub struct One([u8; 1]);
            shape [1];
        }
    }

    /// A model of five tiles in three steps, each of which lets the clock go on.
    struct Model {
        number: One,
    }

    static CLOCK: Counter = Counter::new(u32::MAX - 6);

    const TILES: [(u32, u32); 5] = [(0, 3), (2, 10), (2, 4), (9, 5), (0, 1)];

    impl Infer for Model {
        type Input = One;
        type Output = One;

        fn input_mut(&mut self) -> &mut One {
            &mut self.number
        }

        fn run(&mut self) -> Result<&One, Error> {
            Ok(&self.number)
        }

        fn infer(&mut self, _: &One) -> Result<&One, Error> {
            Ok(&self.number)
        }

        async fn run_async(&mut self) -> Result<&One, Error> {
            Ok(&self.number)
        }

        async fn infer_async(&mut self, _: &One) -> Result<&One, Error> {
            Ok(&self.number)
        }

        fn reset(&mut self) {}
    }

    impl Stepped for Model {
        type Given = One;
        type States = ();

        fn begin(&mut self) -> Self::States {}

        unsafe fn advance(&mut self, cursor: &mut Cursor) -> Result<bool, Error> {
            let Some((step, takes)) = TILES.get(cursor.piece) else { return Ok(false) };
            cursor.piece += 1;
            enter(*step);
            CLOCK.fetch_add(*takes, Ordering::Relaxed);
            Ok(true)
        }

        fn conclude(&mut self) -> &One {
            &self.number
        }

        fn restore(&mut self, (): &()) {}
    }

    #[test]
    fn steps_are_counted_over_the_end_of_the_counter() {
        let mut profile = Profile::<4>::new("digits", || CLOCK.load(Ordering::Relaxed), 1000);
        let mut model = Model { number: One([7]) };
        assert_eq!(profile.record(&mut model).0, [7]);
        profile.record(&mut model);
        assert_eq!(profile.steps()[0], Step { tiles: 4, ticks: 8, longest: 3 });
        assert_eq!(profile.steps()[1], Step::NONE);
        assert_eq!(profile.steps()[2], Step { tiles: 4, ticks: 28, longest: 10 });
        assert_eq!(
            profile.to_string(),
            "ariel-profile digits: 2 inferences, 1000 Hz\n\
             ariel-profile digits: step 0, 4 tiles, 8 ticks, 3 at most\n\
             ariel-profile digits: step 2, 4 tiles, 28 ticks, 10 at most\n\
             ariel-profile digits: rest, 2 tiles, 10 ticks, 5 at most"
        );
    }
}
