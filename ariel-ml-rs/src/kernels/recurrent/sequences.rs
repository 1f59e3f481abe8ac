//! What the recurrent kernels of float32 share: sequences in both directions, products, and activations.
//!
//! Tiles are ranges of sequences, counted over the directions, which have nothing to do with each other. Within one, every
//! step needs all of `h` from the one before: cores that shared it would have to meet at each step.

use super::functions::{sigmoid, tanh};
use crate::kernels::multiply::{Finish, channels};
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::clamp;
use crate::tile::Tile;

/// Shapes and regions, and the order of steps.
#[derive(Clone, Copy)]
pub struct Sequences {
    /// Input, `[batch][steps][depth]`.
    pub input: Region,
    /// Hidden state at first, `[directions][batch][units]`.
    pub hidden: Source<f32>,
    /// What it was after each step, `[directions][batch][steps][units]`; without `every`, `next_hidden`.
    pub output: Region,
    /// The hidden state in the end; may be `hidden`.
    pub next_hidden: Region,
    /// Sequences of each direction.
    pub batch: u32,
    /// 1 or 2; the second one is backwards.
    pub directions: u32,
    /// Steps of a sequence.
    pub steps: u32,
    /// Elements of the input at a step.
    pub depth: u32,
    /// Units: elements of the hidden state.
    pub units: u32,
    /// Whether the first direction is backwards.
    pub backwards: bool,
    /// Whether the hidden state after each step is kept.
    pub every: bool,
    /// Steps that each sequence of a batch has, or the one number that holds for all, where they have not all of them; what is left
    /// of the output is 0.
    pub lengths: Source<i32>,
    /// Bounds of what activations get.
    pub clip: f32,
}

/// One step of a sequence.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// The direction, which tells the weights.
    pub direction: usize,
    /// The number of the sequence over all directions, which tells the states.
    pub sequence: usize,
    /// The input.
    pub x: *const f32,
    /// The hidden state.
    pub h: *const f32,
    /// Where the new one goes; may be the same place.
    pub to: *mut f32,
}

impl Sequences {
    /// Elements of a state.
    pub(super) const fn states(&self) -> usize {
        (self.directions as usize).saturating_mul(self.batch as usize).saturating_mul(self.units as usize)
    }

    /// Checks shapes against the arena; `gates` is how many results of each unit the scratch has room for.
    #[inline]
    pub(super) const fn check(&self, arena_bytes: usize, scratch: Region, gates: usize) {
        let (batch, steps, units) = (self.batch as usize, self.steps as usize, self.units as usize);
        assert!(batch > 0 && steps > 0 && units > 0 && self.depth > 0, "a recurrent layer without elements");
        assert!(self.directions == 1 || self.directions == 2, "one direction or two");
        self.input.check::<f32>(arena_bytes, batch.saturating_mul(steps).saturating_mul(self.depth as usize));
        self.hidden.check(arena_bytes, self.states());
        self.next_hidden.check::<f32>(arena_bytes, self.states());
        self.output.check::<f32>(arena_bytes, self.states().saturating_mul(if self.every { steps } else { 1 }));
        scratch.check_scratch::<f32>(arena_bytes, gates.saturating_mul(units));
        let lengths = match self.lengths {
            Source::Flash(all) => all.len(),
            Source::Arena(region) => {
                region.check::<i32>(arena_bytes, 1);
                region.bytes as usize / size_of::<i32>()
            }
        };
        assert!(lengths <= 1 || lengths == batch, "a length for each sequence, or one for all");
    }

    /// The tiles: ranges of sequences, over all directions.
    #[inline]
    pub(super) const fn work(&self, scratch: Region) -> Work {
        Work::of((self.directions as usize).saturating_mul(self.batch as usize)).with_scratch(scratch)
    }

    /// Runs all steps of the tile's sequences.
    ///
    /// # Safety
    /// `check` has passed; the tile's sequences are this call's own.
    #[inline(always)]
    pub(super) unsafe fn run(&self, memory: Memory<'_>, tile: Tile, step: impl Fn(Step)) {
        let (batch, steps) = (self.batch as usize, self.steps as usize);
        let (depth, units) = (self.depth as usize, self.units as usize);
        for sequence in tile.start()..tile.end() {
            // Of two directions the second begins behind the batch.
            let direction = usize::from(sequence >= batch);
            let index = if direction == 0 { sequence } else { sequence - batch };
            let length = match self.lengths {
                Source::Flash(all) => all.get(index).or(all.first()).copied(),
                // SAFETY: there is one number, or one for each sequence (`check`).
                Source::Arena(region) => unsafe {
                    let is_one = region.bytes as usize / size_of::<i32>() == 1;
                    Some(*memory.at::<i32>(region).add(if is_one { 0 } else { index }))
                },
            };
            let length = length.map_or(steps, |length| steps.min(length.unsigned_abs() as usize));
            let backwards = direction == 1 || self.backwards;
            // SAFETY: the sequence lies inside all regions (`check`), and is this call's own.
            unsafe {
                let input = memory.at::<f32>(self.input).cast_const().add(index * steps * depth);
                let last = memory.at::<f32>(self.next_hidden).add(sequence * units);
                let output = memory.at::<f32>(self.output).add(sequence * units * if self.every { steps } else { 1 });
                let mut h = memory.source(self.hidden).add(sequence * units);
                for number in 0..length {
                    let time = if backwards { length - 1 - number } else { number };
                    let to = if self.every { output.add(time * units) } else { last };
                    step(Step { direction, sequence, x: input.add(time * depth), h, to });
                    h = to;
                }
                h.copy_to(last, units);
                if self.every {
                    output.add(length * units).write_bytes(0, (steps - length) * units);
                }
            }
        }
    }
}

/// Adds, for each channel, a number to the sum.
#[derive(Clone, Copy)]
struct Plus {
    numbers: *const f32,
}

impl Finish<f32> for Plus {
    type Output = f32;

    #[inline(always)]
    unsafe fn finish(&self, sum: f32, channel: usize) -> f32 {
        // SAFETY: there is a number for each channel.
        sum + unsafe { *self.numbers.add(channel) }
    }
}

/// Computes `count` channels of a direction from `depth` elements, with its biases.
///
/// # Safety
/// The direction has as many channels, in `filter` and `bias`; `to` is this call's own.
#[inline(always)]
pub(super) unsafe fn product(
    from: *const f32,
    depth: usize,
    filter: *const f32,
    bias: *const f32,
    to: *mut f32,
    count: usize,
) {
    // SAFETY: as the caller promises.
    unsafe { channels(from, filter, depth, to, (0, count), &Plus { numbers: bias }) };
}

/// What kind of function an activation is.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `alpha * x + beta`.
    Affine,
    /// `x` where it is positive, else `alpha * (e^x - 1)`.
    Elu,
    /// `min(max(alpha * x + beta, 0), 1)`.
    HardSigmoid,
    /// `x` where it is positive, else `alpha * x`.
    LeakyRelu,
    /// `max(x, 0)`.
    Relu,
    /// `alpha * tanh(beta * x)`.
    ScaledTanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `tanh(x)`.
    Tanh,
    /// `x` where it is at least `alpha`, else 0.
    ThresholdedRelu,
}

/// A function of one number.
#[derive(Clone, Copy)]
pub struct Activation {
    /// Which one.
    pub kind: Kind,
    /// Its first parameter.
    pub alpha: f32,
    /// Its second parameter.
    pub beta: f32,
}

impl Activation {
    /// Applies it to `count` elements within `-clip..=clip`. A function of its own: its code is there once for all gates.
    ///
    /// # Safety
    /// There are as many, and they are the caller's own.
    #[inline(never)]
    pub(super) unsafe fn apply(&self, values: *mut f32, count: usize, clip: f32) {
        for index in 0..count {
            // SAFETY: as the caller promises.
            unsafe { values.add(index).write(self.of(clamp(*values.add(index), -clip, clip))) };
        }
    }

    #[inline(always)]
    fn of(&self, x: f32) -> f32 {
        let Self { kind, alpha, beta } = *self;
        match kind {
            Kind::Affine => alpha * x + beta,
            Kind::Elu if x < 0.0 => alpha * (libm::expf(x) - 1.0),
            Kind::HardSigmoid => clamp(alpha * x + beta, 0.0, 1.0),
            Kind::LeakyRelu if x < 0.0 => alpha * x,
            Kind::Relu if x < 0.0 => 0.0,
            Kind::Elu | Kind::LeakyRelu | Kind::Relu => x,
            Kind::ScaledTanh => alpha * tanh(beta * x),
            Kind::Sigmoid => sigmoid(x),
            Kind::Softplus => {
                if x > 20.0 {
                    x
                } else {
                    libm::log1pf(libm::expf(x))
                }
            }
            Kind::Softsign => x / (1.0 + if x < 0.0 { -x } else { x }),
            Kind::Tanh => tanh(x),
            Kind::ThresholdedRelu => {
                if x < alpha {
                    0.0
                } else {
                    x
                }
            }
        }
    }
}
