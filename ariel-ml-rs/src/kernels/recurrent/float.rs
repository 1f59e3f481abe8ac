//! LSTM, GRU and plain recurrent layers in float32.

use super::sequences::{Activation, Sequences, Weights};
use crate::kernels::instantiate;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::clamp;
use crate::tile::Tile;

/// Defines `work` and `run` of a kernel with `sequences`, `scratch` and `compute`.
macro_rules! recurrent {
    ($kernel:ident) => {
        impl $kernel {
            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            pub const fn work(&self) -> Work {
                self.sequences.work(self.scratch)
            }
        }
        instantiate!($kernel);
    };
}

/// `i, f, o = f(W[x, h] + b)`, `g = g(W[x, h] + b)`; `c = f * c + i * g`, `h = o * h(c)`.
#[derive(Clone, Copy, Debug)]
pub struct LstmF32 {
    /// Shapes and regions.
    pub sequences: Sequences,
    /// Cell at first, `[directions][batch][units]`.
    pub cell: Source<f32>,
    /// The cell in the end; may be `cell`.
    pub next_cell: Region,
    /// Weights of `[x, h]`, gates in the order `i, f, g, o`.
    pub weights: Weights,
    /// What of the cell is added to `i`, `f` and, once it is new, `o`: `[directions][3][units]`, or nothing.
    pub peephole: &'static [f32],
    /// The greatest `|c|`.
    pub cell_clip: f32,
    /// `f`, `g` and `h` of each direction.
    pub activations: &'static [Activation],
    /// Room for `[x, h]` and the gates of a step.
    pub scratch: Region,
}

impl LstmF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let Sequences { directions, units, .. } = self.sequences;
        self.sequences.check(arena_bytes, self.scratch, 4);
        self.weights.check(directions, 4_usize.saturating_mul(units as usize), self.sequences.width());
        self.cell.check(arena_bytes, self.sequences.states());
        self.next_cell.check::<f32>(arena_bytes, self.sequences.states());
        let all = (directions as usize).saturating_mul(3);
        assert!(self.activations.len() == all, "three activations for each direction");
        let peephole = all.saturating_mul(units as usize);
        assert!(self.peephole.is_empty() || self.peephole.len() == peephole, "peephole of the wrong length");
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let (units, clip) = (self.sequences.units as usize, self.sequences.clip);
        // SAFETY: `check` proved all lengths; the scratch is this worker's, the sequences are this tile's.
        unsafe {
            let both = memory.scratch::<f32>(self.scratch);
            let gates = both.add(self.sequences.width());
            let cells = memory.at::<f32>(self.next_cell);
            let own = tile.start() * units;
            memory.source(self.cell).add(own).copy_to(cells.add(own), (tile.end() - tile.start()) * units);
            self.sequences.run(memory, tile, both, |step| {
                let cell = cells.add(step.sequence * units);
                let [f, g, h] = [0, 1, 2].map(|index| self.activations.as_ptr().add(3 * step.direction + index));
                let add = |gate: usize, which: usize| {
                    if !self.peephole.is_empty() {
                        let weights = self.peephole.as_ptr().add((3 * step.direction + which) * units);
                        let to = gates.add(gate * units);
                        for unit in 0..units {
                            let sum = *to.add(unit) + *weights.add(unit) * *cell.add(unit);
                            to.add(unit).write(clamp(sum, -clip, clip));
                        }
                    }
                };
                self.weights.product(step.direction, both, (self.sequences.width(), 4 * units), gates, clip);
                add(0, 0);
                add(1, 1);
                (*f).apply(gates, 2 * units);
                (*g).apply(gates.add(2 * units), units);
                for unit in 0..units {
                    let [i, f, g] = [0, 1, 2].map(|gate| *gates.add(gate * units + unit));
                    let c = clamp(f * *cell.add(unit) + i * g, -self.cell_clip, self.cell_clip);
                    cell.add(unit).write(c);
                    gates.add(unit).write(c);
                }
                add(3, 2);
                (*f).apply(gates.add(3 * units), units);
                (*h).apply(gates, units);
                for unit in 0..units {
                    step.to.add(unit).write(*gates.add(3 * units + unit) * *gates.add(unit));
                }
            });
        }
    }
}

recurrent!(LstmF32);

/// `z, r = f(W[x, h] + b)`; `n = g(Wx + b + r * (Rh + d))`, or `n = g(Wx + b + R(r * h) + d)`; `h = (1 - z) * n + z * h`.
#[derive(Clone, Copy, Debug)]
pub struct GruF32 {
    /// Shapes and regions.
    pub sequences: Sequences,
    /// Weights of `[x, h]`, gates in the order `z, r`.
    pub weights: Weights,
    /// Weights of `x` in `n`.
    pub of_input: Weights,
    /// Weights of `h` in `n`.
    pub of_hidden: Weights,
    /// Whether `r` is a factor of the product with `h`, and not of `h`.
    pub reset_after: bool,
    /// `f` and `g` of each direction.
    pub activations: &'static [Activation],
    /// Room for `[x, h]`, the gates of a step, and both products of `n`.
    pub scratch: Region,
}

impl GruF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let Sequences { directions, units, depth, .. } = self.sequences;
        self.sequences.check(arena_bytes, self.scratch, 4);
        self.weights.check(directions, 2_usize.saturating_mul(units as usize), self.sequences.width());
        self.of_input.check(directions, units as usize, depth as usize);
        self.of_hidden.check(directions, units as usize, units as usize);
        assert!(self.activations.len() == 2 * directions as usize, "two activations for each direction");
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let Sequences { clip, .. } = self.sequences;
        let (units, depth) = (self.sequences.units as usize, self.sequences.depth as usize);
        // SAFETY: `check` proved all lengths; the scratch is this worker's, the sequences are this tile's.
        unsafe {
            let both = memory.scratch::<f32>(self.scratch);
            let h = both.add(depth);
            let gates = both.add(self.sequences.width());
            let (r, new, of_h) = (gates.add(units), gates.add(2 * units), gates.add(3 * units));
            self.sequences.run(memory, tile, both, |step| {
                let [f, g] = [0, 1].map(|index| self.activations.as_ptr().add(2 * step.direction + index));
                self.weights.product(step.direction, both, (self.sequences.width(), 2 * units), gates, clip);
                (*f).apply(gates, 2 * units);
                self.of_input.product(step.direction, both, (depth, units), new, f32::MAX);
                if self.reset_after {
                    self.of_hidden.product(step.direction, h, (units, units), of_h, f32::MAX);
                    for unit in 0..units {
                        of_h.add(unit).write(*r.add(unit) * *of_h.add(unit));
                    }
                } else {
                    // What h was is still needed: r takes the product.
                    for unit in 0..units {
                        r.add(unit).write(*r.add(unit) * *h.add(unit));
                    }
                    self.of_hidden.product(step.direction, r, (units, units), of_h, f32::MAX);
                }
                for unit in 0..units {
                    new.add(unit).write(clamp(*new.add(unit) + *of_h.add(unit), -clip, clip));
                }
                (*g).apply(new, units);
                for unit in 0..units {
                    let z = *gates.add(unit);
                    step.to.add(unit).write((1.0 - z) * *new.add(unit) + z * *h.add(unit));
                }
            });
        }
    }
}

recurrent!(GruF32);

/// `h = f(W[x, h] + b)`.
#[derive(Clone, Copy, Debug)]
pub struct RnnF32 {
    /// Shapes and regions.
    pub sequences: Sequences,
    /// Weights of `[x, h]`.
    pub weights: Weights,
    /// `f` of each direction.
    pub activations: &'static [Activation],
    /// Room for `[x, h]`.
    pub scratch: Region,
}

impl RnnF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let Sequences { directions, units, .. } = self.sequences;
        self.sequences.check(arena_bytes, self.scratch, 0);
        self.weights.check(directions, units as usize, self.sequences.width());
        assert!(self.activations.len() == directions as usize, "an activation for each direction");
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let units = self.sequences.units as usize;
        // SAFETY: `check` proved all lengths; the scratch is this worker's, the sequences are this tile's.
        unsafe {
            let both = memory.scratch::<f32>(self.scratch);
            self.sequences.run(memory, tile, both, |step| {
                let size = (self.sequences.width(), units);
                self.weights.product(step.direction, both, size, step.to, self.sequences.clip);
                (*self.activations.as_ptr().add(step.direction)).apply(step.to, units);
            });
        }
    }
}

recurrent!(RnnF32);
