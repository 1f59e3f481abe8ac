//! LSTM and SVDF of int8, whose products are those of [`sums`]: the compiler has proved that `|A| < 2^23` for all of them.

use super::sums::sums;
use super::widen::widen1;
use crate::kernels::isa::thumb2::copy;
use crate::kernels::recurrent::Cell;
use crate::kernels::recurrent::lstm::{GATES, SIGNED};
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::Multiplier;
use crate::tile::Tile;

/// Elements that are widened together.
const WORD: usize = 4;
/// The greatest power of two with which a sum below 2^23 can be multiplied.
const MOST_SHIFT: i32 = 7;

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

/// A multiplication by a [`Multiplier`] in the range that `check` found it in: the same as its `apply`, for sums below 2^23.
#[derive(Clone, Copy)]
struct Scale {
    multiplier: i32,
    left: u32,
    right: u32,
    half: i32,
}

impl Scale {
    /// Whether it shifts to the right at all decides what is to be rounded twice.
    const fn of(by: Multiplier) -> Self {
        let right = if by.shift < 0 { by.shift.unsigned_abs() & 31 } else { 0 };
        let left = if by.shift < 0 { 1 } else { (by.shift.unsigned_abs() & 31) + 1 };
        Self { multiplier: by.multiplier, left, right, half: (1 << right) >> 1 }
    }

    const fn check(by: Multiplier) {
        assert!(by.shift >= -31 && by.shift <= MOST_SHIFT && by.multiplier >= 0, "multiplier out of range");
    }

    #[inline(always)]
    fn apply<const RIGHT: bool>(&self, sum: i32) -> i32 {
        let product = i64::from(sum.wrapping_shl(if RIGHT { 1 } else { self.left })) * i64::from(self.multiplier);
        let high = (product.wrapping_add(1 << 31) >> 32) as i32;
        if RIGHT { high.wrapping_add(high >> 31).wrapping_add(self.half).wrapping_shr(self.right) } else { high }
    }
}

/// int8 LSTM.
#[derive(Clone, Copy, Debug)]
pub struct Lstm8 {
    /// All but the products.
    pub lstm: Cell,
    /// Weights of the input with the biases, gates one behind the other.
    pub of_input: &'static [i32],
    /// Weights of the hidden state, with what its zero point makes.
    pub of_hidden: &'static [i32],
    /// The multiplier of the product of the input in each gate.
    pub input_scales: [Multiplier; GATES],
    /// That of the product of the hidden state.
    pub hidden_scales: [Multiplier; GATES],
    /// Room for the gates of a step, both products and what is widened.
    pub scratch: Region,
}

impl Lstm8 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    pub const fn check(&self, arena_bytes: usize) {
        let (depth, units) = (self.lstm.depth as usize, self.lstm.units as usize);
        self.lstm.check::<i8>(arena_bytes);
        assert!(depth <= i32::MAX as usize / 64, "an LSTM larger than all memory");
        let pairs = units.saturating_mul(GATES / 2);
        assert!(self.of_input.len() == pairs.saturating_mul(pair(depth)), "stream of the wrong length");
        assert!(self.of_hidden.len() == pairs.saturating_mul(pair(units)), "stream of the wrong length");
        let most = if depth > units { depth } else { units };
        let words = units.saturating_mul(2 * GATES + GATES / 2).saturating_add(most.next_multiple_of(WORD) / 2);
        self.scratch.check::<i32>(arena_bytes, words);
        let mut gate = 0;
        while gate < GATES {
            Scale::check(self.input_scales[gate]);
            Scale::check(self.hidden_scales[gate]);
            gate += 1;
        }
    }

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn work(&self) -> Work {
        self.lstm.work(self.scratch)
    }

    /// Computes one tile of the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
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
                let mut first = 0;
                for (x, h) in self.input_scales.iter().zip(&self.hidden_scales) {
                    let add = match (x.shift < 0, h.shift < 0) {
                        (true, true) => added::<true, true>,
                        (true, false) => added::<true, false>,
                        (false, true) => added::<false, true>,
                        (false, false) => added::<false, false>,
                    };
                    add(of_x.add(first), of_h.add(first), (Scale::of(*x), Scale::of(*h)), room.add(first), units);
                    first += units;
                }
            });
        }
    }
}

/// Adds both products of a gate, saturating.
///
/// # Safety
/// There are `count` of them, and as many results of this call's own.
#[inline(never)]
unsafe fn added<const X: bool, const H: bool>(
    of_x: *const i32,
    of_h: *const i32,
    (x, h): (Scale, Scale),
    to: *mut i16,
    count: usize,
) {
    for index in 0..count {
        // SAFETY: as the caller promises.
        unsafe {
            let both = [x.apply::<X>(*of_x.add(index)), h.apply::<H>(*of_h.add(index))];
            let [x, h] = both.map(|value| value.clamp(SIGNED.0, SIGNED.1));
            #[expect(clippy::cast_possible_truncation, reason = "within int16")]
            to.add(index).write((x + h).clamp(SIGNED.0, SIGNED.1) as i16);
        }
    }
}
