//! SVDF: each filter keeps what its dot product with the input was at the last inferences, and a unit is the sum, over the
//! filters of its rank, of what they keep times the weights of time.
//!
//! Tiles are ranges of units, counted over all sequences: each writes its outputs, and its filters' part of the state.

use crate::kernels::access::Access;
use crate::kernels::instantiate;
use crate::kernels::multiply::{Finish, channels};
use crate::memory::{Element, Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier, Sum, clamp};
use crate::tile::Tile;

/// Shapes and regions.
#[derive(Clone, Copy)]
pub struct Memories {
    /// Input, `[sequences][depth]`.
    pub input: Region,
    /// What filters keep, `[sequences][units][rank][memory]`, the oldest first.
    pub state: Region,
    /// Output, `[sequences][units]`.
    pub output: Region,
    /// What they keep in the end; may be `state`.
    pub next_state: Region,
    /// Sequences.
    pub sequences: u32,
    /// Elements of an input.
    pub depth: u32,
    /// Units.
    pub units: u32,
    /// Filters of a unit.
    pub rank: u32,
    /// Inferences that a filter keeps.
    pub memory: u32,
}

impl Memories {
    pub(in crate::kernels) const fn filters(&self) -> usize {
        (self.units as usize).saturating_mul(self.rank as usize)
    }

    /// Checks shapes against the arena: `X` is what goes in and out, `T` what is kept.
    #[inline]
    pub(in crate::kernels) const fn check<X: Element, T: Element>(&self, arena_bytes: usize) {
        let (sequences, filters, memory) = (self.sequences as usize, self.filters(), self.memory as usize);
        assert!(self.depth > 0 && self.rank > 0 && self.units > 0 && memory > 0, "an SVDF without elements");
        self.input.check::<X>(arena_bytes, sequences.saturating_mul(self.depth as usize));
        self.output.check::<X>(arena_bytes, sequences.saturating_mul(self.units as usize));
        let kept = sequences.saturating_mul(filters).saturating_mul(memory);
        self.state.check::<T>(arena_bytes, kept);
        self.next_state.check::<T>(arena_bytes, kept);
    }

    /// The tiles: blocks of four filters lie in one sequence.
    #[inline]
    pub(in crate::kernels) const fn work(&self, scratch: Region) -> Work {
        let granule = if self.sequences == 1 || self.units.is_multiple_of(4) { 4 } else { self.units as usize };
        Work::of((self.sequences as usize).saturating_mul(self.units as usize))
            .in_granules(granule)
            .with_scratch(scratch)
    }

    /// Computes a tile. `features(input, first, end)` leaves the dot products of these filters in `room`, `line(old, new,
    /// weights, latest)` moves a filter's memory on and returns its product with the weights of time, and `finish(unit, sum)`
    /// makes an output of a unit's sum.
    ///
    /// # Safety
    /// `check` has passed; the tile's units are this call's own, `room` has an element for each filter, and `time` as many as
    /// the filters keep.
    #[inline(always)]
    unsafe fn run<X: Element, T: Element, S: Sum>(
        &self,
        memory: Memory<'_>,
        tile: Tile,
        (room, time): (*const T, *const T),
        features: impl Fn(*const X, usize, usize),
        line: impl Fn(*const T, *mut T, *const T, T) -> S,
        finish: impl Fn(usize, S) -> X,
    ) {
        let (units, rank, length) = (self.units as usize, self.rank as usize, self.memory as usize);
        let (mut sequence, mut first) = (0, tile.start());
        while first >= units {
            (sequence, first) = (sequence + 1, first - units);
        }
        let mut rest = tile.end() - tile.start();
        // SAFETY: the tile's units lie inside all regions (`check`), and are this call's own.
        unsafe {
            let mut input = memory.at::<X>(self.input).cast_const().add(sequence * self.depth as usize);
            let mut output = memory.at::<X>(self.output).add(tile.start());
            let mut old = memory.at::<T>(self.state).cast_const().add(tile.start() * rank * length);
            let mut new = memory.at::<T>(self.next_state).add(tile.start() * rank * length);
            while rest > 0 {
                let end = units.min(first + rest);
                features(input, first * rank, end * rank);
                let (mut latest, mut weights) = (room.add(first * rank), time.add(first * rank * length));
                for unit in first..end {
                    let mut sum = S::NOTHING;
                    for _ in 0..rank {
                        sum = sum.with(line(old, new, weights, *latest), S::NOTHING);
                        latest = latest.add(1);
                        (old, new, weights) = (old.add(length), new.add(length), weights.add(length));
                    }
                    output.write(finish(unit, sum));
                    output = output.add(1);
                }
                rest -= end - first;
                first = 0;
                input = input.add(self.depth as usize);
            }
        }
    }
}

/// Moves the memory of a filter on by one, and returns its product with weights.
///
/// # Safety
/// There are `length` elements of all three, and the new ones are this call's own.
#[inline(always)]
unsafe fn moved<T: Element, S: Sum>(
    length: usize,
    old: *const T,
    new: *mut T,
    weights: *const T,
    latest: T,
    add_product: impl Fn(S, T, T) -> S,
) -> S {
    let mut sum = S::NOTHING;
    // SAFETY: as the caller promises; in place, each element is read before its place is written.
    unsafe {
        for index in 1..length {
            let kept = *old.add(index);
            new.add(index - 1).write(kept);
            sum = add_product(sum, kept, *weights.add(index - 1));
        }
        new.add(length - 1).write(latest);
        add_product(sum, latest, *weights.add(length - 1))
    }
}

/// int8 input and output, with a state of `T`: int8 or int16.
#[derive(Clone, Copy)]
pub struct SvdfQuantized<T: 'static> {
    /// Shapes and regions.
    pub memories: Memories,
    /// Filters of `[depth]`, packed.
    pub feature: &'static [i8],
    /// What is added to each filter's dot product: the input's zero point, folded in.
    pub feature_bias: &'static [i32],
    /// From a dot product to what is kept.
    pub feature_scale: Multiplier,
    /// Zero point of the state.
    pub state_zero_point: i32,
    /// Weights of time, `[units][rank][memory]`.
    pub time: &'static [T],
    /// Bias of each unit, with the state's zero point folded in.
    pub bias: &'static [i32],
    /// From a sum over time to the output.
    pub scale: Multiplier,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
    /// Room for the dot products of all filters.
    pub scratch: Region,
}

/// A state of int8.
pub type Svdf8 = SvdfQuantized<i8>;
/// A state of int16.
pub type Svdf8In16 = SvdfQuantized<i16>;

/// What filters keep of integers.
pub trait Kept: Element + Into<i32> {
    /// Saturates, and adds the zero point, wrapping.
    fn keep(value: i32, zero_point: i32) -> Self;
}

macro_rules! kept {
    ($($t:ident),+) => { $(
        impl Kept for $t {
            #[inline(always)]
            #[expect(clippy::cast_possible_truncation, reason = "TFLite too keeps the low bits")]
            fn keep(value: i32, zero_point: i32) -> Self {
                value.max($t::MIN.into()).min($t::MAX.into()).wrapping_add(zero_point) as $t
            }
        }
    )+ };
}
kept!(i8, i16);

/// The end of a filter's dot product.
#[derive(Clone, Copy)]
struct Keep<T> {
    bias: *const i32,
    scale: Multiplier,
    zero_point: i32,
    kept: core::marker::PhantomData<T>,
}

impl<T: Kept> Finish<i32> for Keep<T> {
    type Output = T;

    #[inline(always)]
    unsafe fn finish(&self, sum: i32, channel: usize) -> T {
        // SAFETY: there is a bias for each filter.
        let bias = unsafe { *self.bias.add(channel) };
        T::keep(self.scale.apply(sum.wrapping_add(bias)), self.zero_point)
    }
}

impl<T: Kept> SvdfQuantized<T> {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let filters = self.memories.filters();
        self.memories.check::<i8, T>(arena_bytes);
        self.scratch.check_scratch::<T>(arena_bytes, filters);
        assert!(
            self.feature.len() == filters.saturating_mul(self.memories.depth as usize),
            "filter of the wrong length"
        );
        assert!(self.feature_bias.len() == filters, "bias of the wrong length");
        assert!(self.time.len() == filters.saturating_mul(self.memories.memory as usize), "time of the wrong length");
        assert!(self.bias.len() == self.memories.units as usize, "bias of the wrong length");
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

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let kernel = *self;
        let (depth, length) = (kernel.memories.depth as usize, kernel.memories.memory as usize);
        let (scale, zero_point) = (kernel.feature_scale, kernel.state_zero_point);
        let keep = Keep::<T> { bias: kernel.feature_bias.as_ptr(), scale, zero_point, kept: core::marker::PhantomData };
        // SAFETY: `check` proved all lengths; the scratch is this worker's, with an element for each filter.
        unsafe {
            let room = memory.scratch::<T>(kernel.scratch);
            kernel.memories.run::<i8, T, i32>(
                memory,
                tile,
                (room, kernel.time.as_ptr()),
                |input, first, end| channels(input, kernel.feature.as_ptr(), depth, room, (first, end), &keep),
                |old, new, weights, latest| {
                    moved(length, old, new, weights, latest, |sum: i32, kept, weight| {
                        sum.wrapping_add(kept.into().wrapping_mul(weight.into()))
                    })
                },
                |unit, sum| kernel.bounds.store(kernel.scale.apply(sum.wrapping_add(*kernel.bias.as_ptr().add(unit)))),
            );
        }
    }
}

instantiate!(where called: Svdf8, Svdf8In16);

/// float32.
#[derive(Clone, Copy)]
pub struct SvdfF32 {
    /// Shapes and regions.
    pub memories: Memories,
    /// Filters of `[depth]`, packed.
    pub feature: &'static [f32],
    /// Weights of time, `[units][rank][memory]`.
    pub time: &'static [f32],
    /// Bias of each unit.
    pub bias: &'static [f32],
    /// Bounds of the fused activation.
    pub min: f32,
    /// Bounds of the fused activation.
    pub max: f32,
    /// Room for the dot products of all filters.
    pub scratch: Region,
}

/// Leaves a sum as it is.
#[derive(Clone, Copy)]
struct AsItIs;

impl Finish<f32> for AsItIs {
    type Output = f32;

    #[inline(always)]
    unsafe fn finish(&self, sum: f32, _: usize) -> f32 {
        sum
    }
}

impl SvdfF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, shapes and constants do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        let filters = self.memories.filters();
        self.memories.check::<f32, f32>(arena_bytes);
        self.scratch.check_scratch::<f32>(arena_bytes, filters);
        assert!(
            self.feature.len() == filters.saturating_mul(self.memories.depth as usize),
            "filter of the wrong length"
        );
        assert!(self.time.len() == filters.saturating_mul(self.memories.memory as usize), "time of the wrong length");
        assert!(self.bias.len() == self.memories.units as usize, "bias of the wrong length");
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

    #[inline(always)]
    unsafe fn compute(&self, memory: Memory<'_>, tile: Tile) {
        let kernel = *self;
        let (depth, length) = (kernel.memories.depth as usize, kernel.memories.memory as usize);
        // SAFETY: as in the int8 kernel.
        unsafe {
            let room = memory.scratch::<f32>(kernel.scratch);
            kernel.memories.run::<f32, f32, f32>(
                memory,
                tile,
                (room, kernel.time.as_ptr()),
                |input, first, end| channels(input, kernel.feature.as_ptr(), depth, room, (first, end), &AsItIs),
                |old, new, weights, latest| {
                    moved(length, old, new, weights, latest, |sum: f32, kept, weight| sum + kept * weight)
                },
                |unit, sum| clamp(sum + *kernel.bias.as_ptr().add(unit), kernel.min, kernel.max),
            );
        }
    }
}

instantiate!(where called: SvdfF32);
