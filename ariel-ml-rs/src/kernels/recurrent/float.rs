//! LSTM, GRU and plain recurrent layers in float32.

use super::sequences::{Activation, Sequences, product};
use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::clamp;
use crate::tile::Tile;

/// Defines `work` and `run` of a kernel with `sequences`, `scratch` and `compute`.
macro_rules! recurrent {
    ($kernel:ident) => {
        impl $kernel {
            /// What tiles read.
            pub const ACCESS: Access = Access::States;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                self.sequences.work(self.scratch)
            }

            /// Checks that a constant has `each` elements for each direction.
            #[inline]
            const fn has(&self, length: usize, each: usize) {
                assert!(
                    length == each.saturating_mul(self.sequences.directions as usize),
                    "a constant of the wrong length"
                );
            }
        }
        instantiate!(where called: $kernel);
    };
}

/// `i, f, o = f(Wx + b + Rh)`, `g = g(Wx + b + Rh)`; `c = f * c + i * g`, `h = o * h(c)`.
#[derive(Clone, Copy)]
pub struct LstmF32 {
    /// Shapes and regions.
    pub sequences: Sequences,
    /// Cell at first, `[directions][batch][units]`.
    pub cell: Source<f32>,
    /// The cell in the end; may be `cell`.
    pub next_cell: Region,
    /// Weights of `x`, packed for each direction, gates in the order `i, f, g, o`.
    pub of_input: &'static [f32],
    /// Bias of each unit of each gate.
    pub bias: &'static [f32],
    /// Weights of `h`.
    pub of_hidden: &'static [f32],
    /// What of the cell is added to `i`, `f` and, once it is new, `o`: `[directions][3][units]`, or nothing.
    pub peephole: &'static [f32],
    /// The greatest `|c|`.
    pub cell_clip: f32,
    /// `f`, `g` and `h` of each direction.
    pub activations: &'static [Activation],
    /// Room for the gates of a step.
    pub scratch: Region,
}

impl LstmF32 {
    /// Which inputs outputs may lie over: a sequence reads its states before it writes them.
    pub const OVER: &[(&str, &str)] = &[("hidden", "next_hidden"), ("cell", "next_cell")];

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let units = self.sequences.units as usize;
        let gates = units.saturating_mul(4);
        self.sequences.check(arena_bytes, self.scratch, 4);
        self.cell.check(arena_bytes, self.sequences.states());
        self.next_cell.check::<f32>(arena_bytes, self.sequences.states());
        self.has(self.of_input.len(), gates.saturating_mul(self.sequences.depth as usize));
        self.has(self.bias.len(), gates);
        self.has(self.of_hidden.len(), gates.saturating_mul(units));
        self.has(self.activations.len(), 3);
        if !self.peephole.is_empty() {
            self.has(self.peephole.len(), units.saturating_mul(3));
        }
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let Sequences { clip, .. } = self.sequences;
        let (units, depth) = (self.sequences.units as usize, self.sequences.depth as usize);
        // SAFETY: `check` proved all lengths; the scratch is this worker's, the sequences are this tile's.
        unsafe {
            let gates = memory.scratch::<f32>(self.scratch);
            let cells = memory.at::<f32>(self.next_cell);
            let own = tile.start() * units;
            memory.source(self.cell).add(own).copy_to(cells.add(own), (tile.end() - tile.start()) * units);
            self.sequences.run(memory, tile, |step| {
                let (cell, first) = (cells.add(step.sequence * units), step.direction * 4 * units);
                let [f, g, h] = [0, 1, 2].map(|index| self.activations.as_ptr().add(3 * step.direction + index));
                let peep = |gate: usize, which: usize| {
                    if !self.peephole.is_empty() {
                        let weights = self.peephole.as_ptr().add((3 * step.direction + which) * units);
                        let to = gates.add(gate * units);
                        for unit in 0..units {
                            to.add(unit).write(*to.add(unit) + *weights.add(unit) * *cell.add(unit));
                        }
                    }
                };
                let (of_input, bias) = (self.of_input.as_ptr().add(first * depth), self.bias.as_ptr().add(first));
                product(step.x, depth, of_input, bias, gates, 4 * units);
                product(step.h, units, self.of_hidden.as_ptr().add(first * units), gates, gates, 4 * units);
                peep(0, 0);
                peep(1, 1);
                (*f).apply(gates, 2 * units, clip);
                (*g).apply(gates.add(2 * units), units, clip);
                for unit in 0..units {
                    let [i, f, g] = [0, 1, 2].map(|gate| *gates.add(gate * units + unit));
                    let c = clamp(f * *cell.add(unit) + i * g, -self.cell_clip, self.cell_clip);
                    cell.add(unit).write(c);
                    gates.add(unit).write(c);
                }
                peep(3, 2);
                (*f).apply(gates.add(3 * units), units, clip);
                (*h).apply(gates, units, f32::MAX);
                for unit in 0..units {
                    step.to.add(unit).write(*gates.add(3 * units + unit) * *gates.add(unit));
                }
            });
        }
    }
}

recurrent!(LstmF32);

/// `z, r = f(Wx + b + Rh)`; `n = g(Wx + b + r * (Rh + d))`, or `n = g(Wx + b + R(r * h) + d)`; `h = (1 - z) * n + z * h`.
#[derive(Clone, Copy)]
pub struct GruF32 {
    /// Shapes and regions.
    pub sequences: Sequences,
    /// Weights of `x`, packed for each direction, gates in the order `z, r, n`.
    pub of_input: &'static [f32],
    /// Bias of each unit of each gate.
    pub bias: &'static [f32],
    /// Weights of `h` in `z` and `r`.
    pub of_hidden: &'static [f32],
    /// Weights of `h` in `n`.
    pub of_new: &'static [f32],
    /// What is added to their product.
    pub new_bias: &'static [f32],
    /// Whether `r` is a factor of the product with `h`, and not of `h`.
    pub reset_after: bool,
    /// `f` and `g` of each direction.
    pub activations: &'static [Activation],
    /// Room for the gates of a step, and the product of `n` with `h`.
    pub scratch: Region,
}

impl GruF32 {
    /// Which inputs outputs may lie over: a sequence reads its states before it writes them.
    pub const OVER: &[(&str, &str)] = &[("hidden", "next_hidden")];

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let units = self.sequences.units as usize;
        self.sequences.check(arena_bytes, self.scratch, 4);
        self.has(self.of_input.len(), units.saturating_mul(3).saturating_mul(self.sequences.depth as usize));
        self.has(self.bias.len(), units.saturating_mul(3));
        self.has(self.of_hidden.len(), units.saturating_mul(2).saturating_mul(units));
        self.has(self.of_new.len(), units.saturating_mul(units));
        self.has(self.new_bias.len(), units);
        self.has(self.activations.len(), 2);
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let Sequences { clip, .. } = self.sequences;
        let (units, depth) = (self.sequences.units as usize, self.sequences.depth as usize);
        // SAFETY: `check` proved all lengths; the scratch is this worker's, the sequences are this tile's.
        unsafe {
            let z = memory.scratch::<f32>(self.scratch);
            let (r, new, of_h) = (z.add(units), z.add(2 * units), z.add(3 * units));
            self.sequences.run(memory, tile, |step| {
                let first = step.direction * units;
                let [f, g] = [0, 1].map(|index| self.activations.as_ptr().add(2 * step.direction + index));
                let (of_input, bias) =
                    (self.of_input.as_ptr().add(3 * first * depth), self.bias.as_ptr().add(3 * first));
                product(step.x, depth, of_input, bias, z, 3 * units);
                product(step.h, units, self.of_hidden.as_ptr().add(2 * first * units), z, z, 2 * units);
                (*f).apply(z, 2 * units, clip);
                let (of_new, new_bias) = (self.of_new.as_ptr().add(first * units), self.new_bias.as_ptr().add(first));
                if self.reset_after {
                    product(step.h, units, of_new, new_bias, of_h, units);
                    multiply(of_h, r, units);
                } else {
                    multiply(r, step.h, units);
                    product(r, units, of_new, new_bias, of_h, units);
                }
                for unit in 0..units {
                    new.add(unit).write(*new.add(unit) + *of_h.add(unit));
                }
                (*g).apply(new, units, clip);
                for unit in 0..units {
                    let z = *z.add(unit);
                    step.to.add(unit).write((1.0 - z) * *new.add(unit) + z * *step.h.add(unit));
                }
            });
        }
    }
}

/// Multiplies `count` numbers by others.
///
/// # Safety
/// There are as many of both; the former are the caller's own.
#[inline(always)]
unsafe fn multiply(numbers: *mut f32, by: *const f32, count: usize) {
    for index in 0..count {
        // SAFETY: as the caller promises.
        unsafe { numbers.add(index).write(*numbers.add(index) * *by.add(index)) };
    }
}

recurrent!(GruF32);

/// `h = f(Wx + b + Rh)`.
#[derive(Clone, Copy)]
pub struct RnnF32 {
    /// Shapes and regions.
    pub sequences: Sequences,
    /// Weights of `x`, packed for each direction.
    pub of_input: &'static [f32],
    /// Bias of each unit.
    pub bias: &'static [f32],
    /// Weights of `h`.
    pub of_hidden: &'static [f32],
    /// `f` of each direction.
    pub activations: &'static [Activation],
    /// Room for the sums of a step.
    pub scratch: Region,
}

impl RnnF32 {
    /// Which inputs outputs may lie over: a sequence reads its states before it writes them.
    pub const OVER: &[(&str, &str)] = &[("hidden", "next_hidden")];

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let units = self.sequences.units as usize;
        self.sequences.check(arena_bytes, self.scratch, 1);
        self.has(self.of_input.len(), units.saturating_mul(self.sequences.depth as usize));
        self.has(self.bias.len(), units);
        self.has(self.of_hidden.len(), units.saturating_mul(units));
        self.has(self.activations.len(), 1);
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let Sequences { clip, .. } = self.sequences;
        let (units, depth) = (self.sequences.units as usize, self.sequences.depth as usize);
        // SAFETY: `check` proved all lengths; the scratch is this worker's, the sequences are this tile's.
        unsafe {
            let sums = memory.scratch::<f32>(self.scratch);
            self.sequences.run(memory, tile, |step| {
                let first = step.direction * units;
                let (of_input, bias) = (self.of_input.as_ptr().add(first * depth), self.bias.as_ptr().add(first));
                product(step.x, depth, of_input, bias, sums, units);
                product(step.h, units, self.of_hidden.as_ptr().add(first * units), sums, sums, units);
                (*self.activations.as_ptr().add(step.direction)).apply(sums, units, clip);
                sums.copy_to_nonoverlapping(step.to, units);
            });
        }
    }
}

recurrent!(RnnF32);
