//! LSTM in integers: gates `i`, `f`, `o` are `logistic(Wx + b + Rh)`, `g` is `tanh(Wx + b + Rh)`; `c = f * c + i * g`,
//! `h = o * tanh(c)`.
//!
//! Gates are in Q0.15, what they are functions of in Q3.12, and the cell is int16. The weights of the four gates are one
//! matrix for `x` and one for `h`; both products are requantised before they are added, as TFLite-Micro does it.
//!
//! Tiles are ranges of sequences, which have nothing to do with each other. Within one, every step needs all of `h` from the
//! one before: cores that shared it would have to meet at each step, for some thousand instructions of work.

use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::kernels::multiply::{Factor, Finish, channels};
use crate::kernels::sigmoid16::{INTERVALS, Sigmoid16};
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, DoubleRounding16, Multiplier, Reduced, Requantize, Sum};
use crate::tile::Tile;

/// Gates: input, forget, cell, output.
pub(in crate::kernels) const GATES: usize = 4;
/// The gate that is a tanh.
pub(in crate::kernels) const CELL: usize = 2;
/// What int16 holds.
pub(in crate::kernels) const SIGNED: (i32, i32) = (i16::MIN as i32, i16::MAX as i32);
/// What a gate is a function of: any int16.
const ANY: Bounds = Bounds { zero_point: 0, min: SIGNED.0, max: SIGNED.1 };

/// All of an LSTM but its products.
#[derive(Clone, Copy)]
pub struct Cell {
    /// Input, `[sequences][steps][depth]`.
    pub input: Region,
    /// Hidden state, `[sequences][units]`.
    pub hidden: Region,
    /// Cell, `[sequences][units]`.
    pub cell: Region,
    /// What the hidden state was after each step, `[sequences][steps][units]`.
    pub output: Region,
    /// The hidden state in the end; may be `hidden`.
    pub next_hidden: Region,
    /// The cell in the end; may be `cell`.
    pub next_cell: Region,
    /// Sequences.
    pub sequences: u32,
    /// Steps of a sequence.
    pub steps: u32,
    /// Elements of the input at a step.
    pub depth: u32,
    /// Units: elements of a state.
    pub units: u32,
    /// Of both functions (see `sigmoid16.rs`).
    pub table: &'static [u32],
    /// `f * c` to the cell.
    pub forget: Multiplier,
    /// `i * g` to the cell.
    pub input_gate: Multiplier,
    /// The greatest `|c|`.
    pub clip: i32,
    /// `c` times this is three times Q3.12, with `tanh_shift` bits more.
    pub tanh_multiplier: i32,
    /// By how much that is shifted right, rounding.
    pub tanh_shift: u32,
    /// `o * tanh(c)` to the hidden state.
    pub output_gate: Multiplier,
    /// Zero point and bounds of the hidden state.
    pub bounds: Bounds,
}

/// Elements of input and hidden state.
pub trait Stored: Element {
    /// Adds the zero point and clamps.
    fn store(bounds: &Bounds, value: i32) -> Self;
}

impl Stored for i8 {
    #[inline(always)]
    fn store(bounds: &Bounds, value: i32) -> Self {
        bounds.store(value)
    }
}

impl Stored for i16 {
    #[inline(always)]
    fn store(bounds: &Bounds, value: i32) -> Self {
        bounds.store16(value)
    }
}

impl Cell {
    /// Checks shapes and constants against the arena.
    #[inline]
    pub(in crate::kernels) const fn check<A: Element>(&self, arena_bytes: usize) {
        let (steps, units) = (self.steps as usize, self.units as usize);
        let rows = (self.sequences as usize).saturating_mul(steps);
        assert!(steps > 0 && units > 0 && self.depth > 0, "an LSTM without steps, inputs or units");
        self.input.check::<A>(arena_bytes, rows.saturating_mul(self.depth as usize));
        self.output.check::<A>(arena_bytes, rows.saturating_mul(units));
        let states = (self.sequences as usize).saturating_mul(units);
        self.hidden.check::<A>(arena_bytes, states);
        self.next_hidden.check::<A>(arena_bytes, states);
        self.cell.check::<i16>(arena_bytes, states);
        self.next_cell.check::<i16>(arena_bytes, states);
        assert!(self.table.len() == INTERVALS, "table of the wrong length");
        assert!(units <= i32::MAX as usize / 64, "an LSTM larger than all memory");
    }

    /// The tiles: ranges of sequences.
    #[inline]
    pub(in crate::kernels) const fn work(&self, scratch: Region) -> Work {
        Work::of(self.sequences as usize).with_scratch(scratch)
    }

    /// Runs all steps of the tile's sequences. `gates(x, h)` leaves the gates of a step in `room`.
    ///
    /// # Safety
    /// `check` has passed; the tile's sequences are this call's own, and `room` holds `4 * units` elements.
    #[inline(always)]
    pub(in crate::kernels) unsafe fn run<A: Stored>(
        &self,
        memory: Memory<'_>,
        tile: Tile,
        room: *mut i16,
        gates: impl Fn(*const A, *const A),
    ) {
        let (steps, depth, units) = (self.steps as usize, self.depth as usize, self.units as usize);
        for sequence in tile.start()..tile.end() {
            // SAFETY: the sequence lies inside all regions (`check`), and is this call's own.
            unsafe {
                let mut x = memory.at::<A>(self.input).cast_const().add(sequence * steps * depth);
                let mut h = memory.at::<A>(self.hidden).cast_const().add(sequence * units);
                let mut output = memory.at::<A>(self.output).add(sequence * steps * units);
                let (last, cell) = (
                    memory.at::<A>(self.next_hidden).add(sequence * units),
                    memory.at::<i16>(self.next_cell).add(sequence * units),
                );
                memory.at::<i16>(self.cell).cast_const().add(sequence * units).copy_to(cell, units);
                for _ in 0..steps {
                    gates(x, h);
                    self.update(room, cell, output);
                    h = output;
                    x = x.add(depth);
                    output = output.add(units);
                }
                h.copy_to(last, units);
            }
        }
    }

    /// Computes the cell and the hidden state after a step.
    ///
    /// # Safety
    /// There are `4 * units` gates, and `units` elements of both states, which are this call's own.
    #[inline(never)]
    unsafe fn update<A: Stored>(&self, gates: *const i16, cell: *mut i16, hidden: *mut A) {
        let (kernel, units) = (*self, self.units as usize);
        let half = (1_i32 << (kernel.tanh_shift & 31)) >> 1;
        // SAFETY: `check` found all intervals of the table; there are as many of all, as the caller promises.
        unsafe {
            let functions = Sigmoid16::new(kernel.table);
            for unit in 0..units {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| i32::from(*gates.add(gate * units + unit)));
                let kept = saturated(kernel.forget.apply_small(f * i32::from(*cell.add(unit))));
                let c = saturated(kept + saturated(kernel.input_gate.apply_small(i * g)));
                let c = c.min(kernel.clip).max(-kernel.clip);
                #[expect(clippy::cast_possible_truncation, reason = "saturated")]
                cell.add(unit).write(c as i16);
                let scaled = c.wrapping_mul(kernel.tanh_multiplier).wrapping_add(half) >> (kernel.tanh_shift & 31);
                let squashed = i32::from(functions.tanh(scaled));
                hidden.add(unit).write(A::store(&kernel.bounds, kernel.output_gate.apply_small(o * squashed)));
            }
        }
    }

    /// Makes the gates of what they are functions of.
    ///
    /// # Safety
    /// There are `4 * units`, which are this call's own.
    #[inline(never)]
    unsafe fn activate(&self, gates: *mut i16) {
        let units = self.units as usize;
        // SAFETY: `check` found all intervals of the table; there are as many gates, as the caller promises.
        unsafe {
            let functions = Sigmoid16::new(self.table);
            for gate in 0..GATES {
                for to in (0..units).map(|unit| gates.add(gate * units + unit)) {
                    let x = i32::from(*to) * 3;
                    to.write(if gate == CELL { functions.tanh(x) } else { functions.logistic(x) });
                }
            }
        }
    }
}

/// Within int16.
#[inline(always)]
fn saturated(value: i32) -> i32 {
    value.clamp(SIGNED.0, SIGNED.1)
}

/// How products become Q3.12.
pub trait Scale: Requantize<Element = i16> {
    /// Elements of input and hidden state.
    type Stored: Stored + Factor<i8, Self::Sum>;

    /// With the multiplier of a gate.
    fn of(multipliers: &'static [Multiplier]) -> Self;
}

impl Scale for DoubleRounding16 {
    type Stored = i8;

    #[inline(always)]
    fn of(multipliers: &'static [Multiplier]) -> Self {
        Self { multipliers }
    }
}

impl Scale for Reduced {
    type Stored = i16;

    #[inline(always)]
    fn of(multipliers: &'static [Multiplier]) -> Self {
        Self { multipliers }
    }
}

/// The product of `x`, or of `h`, with the weights of all gates.
#[derive(Clone, Copy)]
pub struct Product<S: Sum> {
    /// Filters of the gates one behind the other, the channels of each packed (see [`crate::kernels::multiply`]).
    pub filter: &'static [i8],
    /// Bias of each unit of each gate, with the zero point of `x` or `h` folded in.
    pub bias: &'static [S],
    /// The multiplier of each gate.
    pub multipliers: &'static [Multiplier],
}

/// Adds what the other product has left.
#[derive(Clone, Copy)]
struct Added<R: Scale> {
    bias: *const R::Sum,
    requantize: R,
    before: *const i16,
}

impl<R: Scale> Finish<R::Sum> for Added<R> {
    type Output = i16;

    #[inline(always)]
    unsafe fn finish(&self, sum: R::Sum, channel: usize) -> i16 {
        // SAFETY: the gate has a bias, and a place, for each of its units.
        let (bias, before) = unsafe { (*self.bias.add(channel), *self.before.add(channel)) };
        self.requantize.apply(sum.with(bias, R::Sum::NOTHING), channel, &ANY).saturating_add(before)
    }
}

impl<S: Sum> Product<S> {
    #[inline]
    const fn check(&self, depth: usize, units: usize) {
        let channels = GATES.saturating_mul(units);
        assert!(self.filter.len() == channels.saturating_mul(depth), "filter of the wrong length");
        assert!(self.bias.len() == channels, "bias of the wrong length");
        assert!(self.multipliers.len() == GATES, "a multiplier for each gate");
    }

    /// Adds the products of `depth` elements with all weights to `gates`.
    ///
    /// # Safety
    /// `check` has passed for `depth` and `units`; there are as many elements, and `4 * units` gates of this call's own.
    #[inline(always)]
    unsafe fn add<R: Scale<Sum = S>>(&self, from: *const R::Stored, depth: usize, units: usize, gates: *mut i16) {
        for gate in 0..GATES {
            // SAFETY: each gate has its filters, biases and multiplier (`check`).
            unsafe {
                let to = gates.add(gate * units);
                let requantize = R::of(self.multipliers.get_unchecked(gate..=gate));
                let bias = self.bias.as_ptr().add(gate * units);
                let filter = self.filter.as_ptr().add(gate * units * depth);
                channels(from, filter, depth, to, (0, units), &Added { bias, requantize, before: to });
            }
        }
    }
}

/// An LSTM with int8 weights; `R` tells the elements.
#[derive(Clone, Copy)]
pub struct Lstm<R: Scale> {
    /// All but the products.
    pub lstm: Cell,
    /// Weights of the input.
    pub of_input: Product<R::Sum>,
    /// Weights of the hidden state.
    pub of_hidden: Product<R::Sum>,
    /// Room for the gates of a step.
    pub scratch: Region,
}

/// int8.
pub type Lstm8 = Lstm<DoubleRounding16>;
/// int16.
pub type Lstm16 = Lstm<Reduced>;

impl<R: Scale> Lstm<R> {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (depth, units) = (self.lstm.depth as usize, self.lstm.units as usize);
        self.lstm.check::<R::Stored>(arena_bytes);
        self.of_input.check(depth, units);
        self.of_hidden.check(units, units);
        self.scratch.check_scratch::<i16>(arena_bytes, GATES.saturating_mul(units));
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Units;
    /// Which inputs outputs may lie over: a sequence reads its states before it writes them.
    pub const OVER: &[(&str, &str)] = &[("hidden", "next_hidden"), ("cell", "next_cell")];

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        self.lstm.work(self.scratch)
    }

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let (depth, units) = (self.lstm.depth as usize, self.lstm.units as usize);
        // SAFETY: `check` proved all lengths; the scratch is this worker's.
        unsafe {
            let room = memory.scratch::<i16>(self.scratch);
            self.lstm.run::<R::Stored>(memory, tile, room, |x, h| {
                room.write_bytes(0, GATES * units);
                self.of_input.add::<R>(x, depth, units, room);
                self.of_hidden.add::<R>(h, units, units, room);
                self.lstm.activate(room);
            });
        }
    }
}

instantiate!(where called: Lstm8, Lstm16);
