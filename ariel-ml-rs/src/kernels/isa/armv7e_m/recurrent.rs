//! LSTM and SVDF of int8. The products of an LSTM are those of [`sums`]: the compiler has proved that `|A| < 2^23` for all of
//! them; those of an SVDF take any weights.

use super::clamp::clamp_all;
use super::int16::gemv_any;
use super::sums::{Fixed, Units, sums, units};
use super::widen::widen1;
use crate::kernels::access::Access;
use crate::kernels::isa::thumb2::copy;
use crate::kernels::recurrent::lstm::{CELL, GATES, SIGNED};
use crate::kernels::recurrent::{Cell, Memories};
use crate::kernels::sigmoid16::Sigmoid16;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier};
use crate::tile::Tile;

/// Elements that are widened together.
const WORD: usize = 4;

/// Widens `count` elements, and returns how many bytes that takes.
///
/// # Safety
/// There are as many, not none, and room for them in whole words.
#[inline(never)]
unsafe fn widened(from: *const i8, count: usize, to: *mut i16) -> usize {
    let (whole, rest) = (count / WORD, count % WORD);
    let mut end = to;
    // SAFETY: as the caller promises; what is behind the last element has a weight of 0.
    unsafe {
        if whole > 0 {
            end = widen1(from, end, whole);
        }
        if rest > 0 {
            let mut last = 0_i32;
            copy((&raw mut last).cast(), from.add(WORD * whole), rest);
            end = widen1((&raw const last).cast(), end, 1);
        }
        end.byte_offset_from(to).cast_unsigned()
    }
}

/// `int32` of a pair of channels in a stream.
const fn pair(depth: usize) -> usize {
    depth.next_multiple_of(WORD) / 2 + 2
}

/// int8 LSTM.
#[derive(Clone, Copy)]
pub struct Lstm {
    /// All but the products.
    pub lstm: Cell,
    /// Weights of the input with the biases, gates one behind the other.
    pub of_input: &'static [i32],
    /// Weights of the hidden state, with what its zero point makes.
    pub of_hidden: &'static [i32],
    /// The multiplier of the product of the input in each gate.
    pub input_scales: &'static [Multiplier],
    /// That of the product of the hidden state.
    pub hidden_scales: &'static [Multiplier],
    /// Room for the gates of a step, both products and what is widened.
    pub scratch: Region,
}

impl Lstm {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (depth, units) = (self.lstm.depth as usize, self.lstm.units as usize);
        self.lstm.check::<i8>(arena_bytes);
        assert!(depth <= i32::MAX as usize / 64, "an LSTM larger than all memory");
        assert!(self.input_scales.len() == GATES && self.hidden_scales.len() == GATES, "a multiplier for each gate");
        let pairs = units.saturating_mul(GATES / 2);
        assert!(self.of_input.len() == pairs.saturating_mul(pair(depth)), "stream of the wrong length");
        assert!(self.of_hidden.len() == pairs.saturating_mul(pair(units)), "stream of the wrong length");
        let most = if depth > units { depth } else { units };
        let words = units.saturating_mul(2 * GATES + GATES / 2).saturating_add(most.next_multiple_of(WORD) / 2);
        self.scratch.check_scratch::<i32>(arena_bytes, words);
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

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (depth, units) = (self.lstm.depth as usize, self.lstm.units as usize);
        // SAFETY: `check` proved all lengths; the scratch is this worker's.
        unsafe {
            let of_x = memory.scratch::<i32>(self.scratch);
            let of_h = of_x.add(GATES * units);
            let room = of_h.add(GATES * units).cast::<i16>();
            let wide = room.add(GATES * units);
            self.lstm.run::<i8>(memory, tile, room, |x, h| {
                for (from, count, stream, to) in [(x, depth, self.of_input, of_x), (h, units, self.of_hidden, of_h)] {
                    let bytes = widened(from, count, wide);
                    sums(wide, stream.as_ptr(), to, bytes, stream.as_ptr().add(stream.len()));
                }
                let functions = Sigmoid16::new(self.lstm.table);
                for gate in 0..GATES {
                    let scales = (*self.input_scales.as_ptr().add(gate), *self.hidden_scales.as_ptr().add(gate));
                    let is_quick = Quick::fits(scales.0) && Quick::fits(scales.1);
                    let activated = match (gate == CELL, is_quick) {
                        (false, true) => activated::<Quick, false>,
                        (true, true) => activated::<Quick, true>,
                        (false, false) => activated::<Multiplier, false>,
                        (true, false) => activated::<Multiplier, true>,
                    };
                    let first = gate * units;
                    activated(of_x.add(first), of_h.add(first), scales, functions, room.add(first), units);
                }
            });
        }
    }
}

/// Multiplies a sum below 2^23.
trait Scale: Copy {
    /// By a multiplier of the model.
    fn of(by: Multiplier) -> Self;

    /// As [`Multiplier::apply`].
    fn apply(self, sum: i32) -> i32;
}

impl Scale for Multiplier {
    #[inline(always)]
    fn of(by: Multiplier) -> Self {
        by
    }

    #[inline(always)]
    fn apply(self, sum: i32) -> i32 {
        Multiplier::apply(self, sum)
    }
}

/// A multiplier from 2^30 on that shifts to the right, as most do: then `sum + ((sum * (2 * m - 2^32) + 2^31) >> 32)`, one
/// instruction, is the rounding high multiplication by m.
#[derive(Clone, Copy)]
struct Quick {
    factor: i32,
    right: u32,
}

impl Quick {
    const fn fits(by: Multiplier) -> bool {
        by.multiplier >= 1 << 30 && by.shift < 0
    }
}

impl Scale for Quick {
    #[inline(always)]
    fn of(by: Multiplier) -> Self {
        Self { factor: by.multiplier.wrapping_shl(1), right: (!by.shift).cast_unsigned() }
    }

    #[inline(always)]
    fn apply(self, sum: i32) -> i32 {
        let product = i64::from(sum) * i64::from(self.factor);
        let high = sum.wrapping_add((product.wrapping_add(1 << 31) >> 32) as i32);
        high.wrapping_add(high >> 31).wrapping_shr(self.right).wrapping_add(1) >> 1
    }
}

/// Makes a gate, a tanh where it is that of the cell, of both of its products.
///
/// # Safety
/// There are `count` of them, and as many results of this call's own; `S` fits both multipliers.
#[inline(never)]
unsafe fn activated<S: Scale, const IS_CELL: bool>(
    mut of_x: *const i32,
    mut of_h: *const i32,
    (x, h): (Multiplier, Multiplier),
    functions: Sigmoid16,
    mut to: *mut i16,
    count: usize,
) {
    let (x, h) = (S::of(x), S::of(h));
    // SAFETY: as the caller promises.
    unsafe {
        let end = to.add(count);
        while to != end {
            let [a, b] = [x.apply(*of_x), h.apply(*of_h)].map(|value| value.clamp(SIGNED.0, SIGNED.1));
            let argument = (a + b).clamp(SIGNED.0, SIGNED.1) * 3;
            to.write(if IS_CELL { functions.tanh(argument) } else { functions.logistic(argument) });
            (of_x, of_h, to) = (of_x.add(1), of_h.add(1), to.add(1));
        }
    }
}

/// int8 SVDF with a state of int8 whose filters keep whole words.
#[derive(Clone, Copy)]
pub struct Svdf {
    /// Shapes and regions.
    pub memories: Memories,
    /// Filters of pairs with their biases, in which the input's zero point is folded, and requantisation (see [`gemv_any`]).
    pub feature: &'static [i32],
    /// Zero point of the state.
    pub state_zero_point: i32,
    /// Weights of time, `[units][rank][memory]`.
    pub time: &'static [i8],
    /// Bias of each unit, with the state's zero point folded in.
    pub bias: &'static [i32],
    /// From a sum over time to the output.
    pub scale: Fixed,
    /// Bounds of the output; the zero point is in the scale.
    pub bounds: Bounds,
    /// Room for what is widened, and for what comes to filters.
    pub scratch: Region,
}

impl Svdf {
    /// int32 of a pair of filters in the stream.
    const fn pair(&self) -> usize {
        (self.memories.depth as usize).next_multiple_of(WORD) / 2 + 8
    }

    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let (filters, depth) = (self.memories.filters(), self.memories.depth as usize);
        self.memories.check::<i8, i8>(arena_bytes);
        assert!(depth <= i32::MAX as usize / 64 && filters <= i32::MAX as usize / 64, "an SVDF larger than all memory");
        assert!(self.memories.memory.is_multiple_of(4), "a memory that is no whole words");
        assert!(self.memories.state.offset.is_multiple_of(4), "a state that is not aligned");
        assert!(self.memories.next_state.offset.is_multiple_of(4), "a state that is not aligned");
        assert!(self.feature.len() == filters.div_ceil(2).saturating_mul(self.pair()), "stream of the wrong length");
        assert!(self.time.len() == filters.saturating_mul(self.memories.memory as usize), "time of the wrong length");
        assert!(self.bias.len() == self.memories.units as usize, "bias of the wrong length");
        let words = (depth.next_multiple_of(WORD) / 2).saturating_add(filters.div_ceil(WORD));
        self.scratch.check_scratch::<i32>(arena_bytes, words);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::States;
    /// Which inputs outputs may lie over: a sequence reads its states before it writes them.
    pub const OVER: &[(&str, &str)] = &[("state", "next_state")];

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        self.memories.work(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output and begins
    /// where the kernel's tiles may.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let (depth, rank, length) =
            (self.memories.depth as usize, self.memories.rank as usize, self.memories.memory as usize);
        let (all, kept) = (self.memories.units as usize, rank * length);
        let (mut sequence, mut unit, mut from) = (0, tile.start(), tile.start());
        while unit >= all {
            (sequence, unit) = (sequence + 1, unit - all);
        }
        // SAFETY: `check` proved all lengths; the scratch is this worker's. A tile begins with a whole pair of filters, and so
        // does each sequence.
        unsafe {
            let wide = memory.scratch::<i16>(self.scratch);
            let latest = wide.add(depth.next_multiple_of(WORD)).cast::<i8>();
            let mut input = memory.at::<i8>(self.memories.input).cast_const().add(sequence * depth);
            let [state, next] = [self.memories.state, self.memories.next_state].map(|region| memory.at::<i8>(region));
            let outputs = memory.at::<i8>(self.memories.output);
            while from < tile.end() {
                let count = (all - unit).min(tile.end() - from);
                let bytes = widened(input, depth, wide);
                let [first, behind] = [unit * rank, (unit + count) * rank];
                let [begin, end] =
                    [first / 2, behind.div_ceil(2)].map(|pairs| self.feature.as_ptr().add(pairs * self.pair()));
                gemv_any(wide, begin, latest, bytes, end, 0, 0);
                units(&Units {
                    old: state.add(from * kept),
                    new: next.add(from * kept),
                    weights: self.time.as_ptr().add(first * length),
                    latest,
                    output: outputs.add(from),
                    bias: self.bias.as_ptr().add(unit),
                    count,
                    rank,
                    words: length / WORD,
                    scale: self.scale,
                    zero_point: self.state_zero_point,
                });
                if self.bounds.min > -128 || self.bounds.max < 127 {
                    let [low, high] = [self.bounds.min, self.bounds.max]
                        .map(|bound| u32::from(bound as u8).wrapping_mul(0x0101_0101));
                    clamp_all(outputs.add(from), count, low, high);
                }
                (from, unit, input) = (from + count, 0, input.add(depth));
            }
        }
    }
}
