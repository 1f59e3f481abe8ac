//! Keys of a row's features: integers that go up as the features do.

#[cfg(thumb2)]
use super::thumb2;
use super::{check_starts, count_below};
use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

/// Key of the least float32.
#[cfg(not(thumb2))]
const LEAST: i32 = f32::NEG_INFINITY.to_bits() as i32 ^ i32::MAX;
/// Key of the greatest float32.
#[cfg(not(thumb2))]
const GREATEST: i32 = f32::INFINITY.to_bits() as i32;

/// The features whose keys nodes ask for.
#[derive(Clone, Copy)]
pub struct Slots {
    /// int32 keys, `[rows][2 slots]`: those of all slots, then the same with their bits turned over, which go down as features go up.
    pub output: Region,
    /// Rows.
    pub rows: u32,
    /// Features of a row.
    pub features: u32,
    /// The feature of each slot.
    pub slots: &'static [u16],
    /// The first slot whose keys put what is no number below all numbers; those of the others put it above.
    pub low: u32,
}

impl Slots {
    /// Checks the slots against the features and the arena.
    #[inline]
    pub(super) const fn check(&self, arena_bytes: usize) {
        self.output.check::<i32>(arena_bytes, (self.rows as usize).saturating_mul(2).saturating_mul(self.slots.len()));
        assert!(!self.slots.is_empty(), "no keys");
        let mut slot = 0;
        while slot < self.slots.len() {
            assert!((self.slots[slot] as u32) < self.features, "a key of a feature that is none");
            slot += 1;
        }
    }

    /// Writes the keys of a range of rows; `key` makes one of a feature and its slot, and is told whether no number is low.
    ///
    /// # Safety
    /// `check` was passed; `input` holds the features of all rows, and nobody else reads or writes these rows of the output.
    #[inline(always)]
    unsafe fn fill<T: Copy>(
        &self,
        memory: Memory<'_>,
        input: *const T,
        tile: Tile,
        key: impl Fn(T, usize, bool) -> i32,
    ) {
        let (count, low) = (self.slots.len(), self.low as usize);
        for row in tile.start()..tile.end() {
            // SAFETY: the features of all slots lie inside a row, as `check` proved, and two keys for each in a row of the output.
            unsafe {
                let input = input.add(row * self.features as usize);
                let output = memory.at::<i32>(self.output).add(row * 2 * count);
                for slot in 0..count {
                    let found = key(*input.add(*self.slots.as_ptr().add(slot) as usize), slot, slot >= low);
                    output.add(slot).write(found);
                    output.add(count + slot).write(!found);
                }
            }
        }
    }
}

/// Keys of float32: their bits in the order of the numbers. That of -0 is right below that of 0.
#[derive(Clone, Copy)]
pub struct KeysF32 {
    /// float32 features, `[rows][features]`.
    pub input: Region,
    /// Rows and slots.
    pub keys: Slots,
}

impl KeysF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and slots do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f32>(arena_bytes, (self.keys.rows as usize).saturating_mul(self.keys.features as usize));
        self.keys.check(arena_bytes);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.keys.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: `check` proved the input; the tile's rows are its own.
        unsafe { self.fill(memory, memory.at::<i32>(self.input).cast_const(), tile) }
    }

    /// Writes the keys of a range of rows.
    ///
    /// # Safety
    /// `check` was passed; `input` has the bits of the features of all rows, and nobody else reads or writes these rows of the output.
    #[cfg(thumb2)]
    #[inline(always)]
    unsafe fn fill(&self, memory: Memory<'_>, input: *const i32, tile: Tile) {
        let slots = self.keys.slots;
        let high = (self.keys.low as usize).min(slots.len());
        for row in tile.start()..tile.end() {
            // SAFETY: as the caller promises; the features of all slots lie inside a row, and two keys for each in a row of the output.
            unsafe {
                thumb2::keys(&thumb2::Keys {
                    slots: slots.as_ptr(),
                    high: slots.as_ptr().add(high),
                    end: slots.as_ptr().add(slots.len()),
                    input: input.add(row * self.keys.features as usize),
                    output: memory.at::<i32>(self.keys.output).add(row * 2 * slots.len()),
                    half: slots.len() * size_of::<i32>(),
                });
            }
        }
    }

    /// Writes the keys of a range of rows.
    ///
    /// # Safety
    /// `check` was passed; `input` has the bits of the features of all rows, and nobody else reads or writes these rows of the output.
    #[cfg(not(thumb2))]
    #[inline(always)]
    unsafe fn fill(&self, memory: Memory<'_>, input: *const i32, tile: Tile) {
        // SAFETY: as the caller promises.
        unsafe {
            self.keys.fill(memory, input, tile, |bits, _, low| {
                let key = bits ^ ((bits >> 31) & i32::MAX);
                // What is no number lies beyond the infinities, on the side of its sign.
                if low {
                    if key > GREATEST { i32::MIN } else { key }
                } else if key < LEAST {
                    i32::MAX
                } else {
                    key
                }
            });
        }
    }
}

/// Keys of float64: how many of the thresholds that the feature is compared with are less.
#[derive(Clone, Copy)]
pub struct KeysF64 {
    /// float64 features, `[rows][features]`.
    pub input: Region,
    /// Rows and slots.
    pub keys: Slots,
    /// Where the thresholds of each slot begin, and where the last ones end.
    pub starts: &'static [u32],
    /// Thresholds, those of each slot in order.
    pub thresholds: &'static [f64],
}

impl KeysF64 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, slots and thresholds do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f64>(arena_bytes, (self.keys.rows as usize).saturating_mul(self.keys.features as usize));
        self.keys.check(arena_bytes);
        check_starts(self.starts, self.keys.slots.len(), self.thresholds.len());
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.keys.rows as usize)
    }

    /// Computes one tile of the output: a range of rows.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: `check` proved the input, and that the thresholds of all slots lie inside the table; the tile's rows are its own.
        unsafe {
            self.keys.fill(memory, memory.at::<f64>(self.input).cast_const(), tile, |x, slot, low| {
                if x.is_nan() {
                    return if low { i32::MIN } else { i32::MAX };
                }
                let range = self.starts.as_ptr().add(slot);
                let (first, end) = (*range, *range.add(1));
                count_below(self.thresholds.as_ptr().add(first as usize), end - first, x) as i32
            });
        }
    }
}
