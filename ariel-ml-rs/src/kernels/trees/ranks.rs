//! Keys of 7 bits: how many of the cuts of its feature lie below a feature.

#[cfg(not(thumb2))]
use super::count_below;
use super::keys::Slots;
#[cfg(thumb2)]
use super::thumb2;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

/// Cuts that a slot has at most: ranks are numbers of 7 bits.
const MOST: u8 = 127;
/// Where a rank begins in a key, and in the word of a node.
#[cfg(not(thumb2))]
const RANK: u32 = 25;

/// Keys of float32: ranks among the cuts of a slot, in the upper bits, so that they compare with the words of nodes.
#[derive(Clone, Copy)]
pub struct RanksF32 {
    /// float32 features, `[rows][features]`.
    pub input: Region,
    /// Rows and slots; of a feature with many cuts there are several.
    pub keys: Slots,
    /// How many cuts each slot has.
    pub counts: &'static [u8],
    /// A number that is never used, then the cuts of all slots, those of each in order: bits in the order of the numbers.
    pub cuts: &'static [i32],
}

impl RanksF32 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions, slots and cuts do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<f32>(arena_bytes, (self.keys.rows as usize).saturating_mul(self.keys.features as usize));
        self.keys.check(arena_bytes);
        assert!(self.counts.len() == self.keys.slots.len(), "a slot has as many cuts as it says");
        let (mut slot, mut total) = (0, 1);
        while slot < self.counts.len() {
            assert!(self.counts[slot] <= MOST, "ranks have 7 bits");
            total += self.counts[slot] as usize;
            slot += 1;
        }
        assert!(total == self.cuts.len(), "cuts of the wrong length");
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
        let count = self.keys.slots.len();
        for row in tile.start()..tile.end() {
            // SAFETY: `check` proved the input, and two keys of each slot in a row of the output; the tile's rows are its own.
            unsafe {
                let input = memory.at::<i32>(self.input).cast_const().add(row * self.keys.features as usize);
                self.row(input, memory.at::<u32>(self.keys.output).add(row * 2 * count));
            }
        }
    }

    /// Writes the keys of a row: those of slots where what is no number is above all numbers, then those where it is below.
    ///
    /// # Safety
    /// `check` was passed; `input` has the bits of the features of the row, and nobody else reads or writes its keys.
    #[cfg(thumb2)]
    #[inline(always)]
    unsafe fn row(&self, input: *const i32, output: *mut u32) {
        let slots = self.keys.slots;
        let high = (self.keys.low as usize).min(slots.len());
        let mut work = thumb2::Ranks {
            slots: slots.as_ptr(),
            // SAFETY: `high` is no more than there are slots.
            end: unsafe { slots.as_ptr().add(high) },
            counts: self.counts.as_ptr(),
            input,
            output,
            half: slots.len() * size_of::<u32>(),
            cuts: self.cuts.as_ptr(),
            none: i32::MAX,
        };
        // SAFETY: the slots up to the end are features of the row, their cuts lie behind one another in the table (`check`).
        unsafe {
            thumb2::ranks(&mut work);
            if high < slots.len() {
                work.end = slots.as_ptr().add(slots.len());
                work.none = i32::MIN;
                thumb2::ranks(&mut work);
            }
        }
    }

    /// Writes the keys of a row.
    ///
    /// # Safety
    /// `check` was passed; `input` has the bits of the features of the row, and nobody else reads or writes its keys.
    #[cfg(not(thumb2))]
    #[inline(always)]
    unsafe fn row(&self, input: *const i32, output: *mut u32) {
        let count = self.keys.slots.len();
        // SAFETY: behind the number that is never used begin the cuts of the first slot, and those of each behind the ones before.
        unsafe {
            let mut cuts = self.cuts.as_ptr().add(1);
            for slot in 0..count {
                let (feature, own) = (*self.keys.slots.as_ptr().add(slot), u32::from(*self.counts.as_ptr().add(slot)));
                let bits = *input.add(usize::from(feature));
                let number = bits ^ ((bits >> 31) & i32::MAX);
                let is_none = bits & i32::MAX > f32::INFINITY.to_bits() as i32;
                let none = if slot < self.keys.low as usize { i32::MAX } else { i32::MIN };
                let number = if is_none { none } else { number };
                let key = count_below(cuts, own, number) << RANK;
                output.add(slot).write(key);
                output.add(count + slot).write((u32::from(MOST) << RANK) - key);
                cuts = cuts.add(own as usize);
            }
        }
    }
}
