//! Functions of one int16, bit for bit as TFLite's reference kernels compute them. Those of int8 are tables.

use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier};
use crate::tile::Tile;

/// `x` where it is positive, else `slope * x`: a factor on either side of 0.
#[derive(Clone, Copy, Debug)]
pub struct LeakyReluInt16 {
    /// Input.
    pub input: Region,
    /// Output; may be the input.
    pub output: Region,
    /// Elements.
    pub elements: u32,
    /// Zero point of the input.
    pub zero_point: i32,
    /// Factor of positive inputs.
    pub positive: Multiplier,
    /// Factor of negative inputs, without the sign of the slope.
    pub negative: Multiplier,
    /// Whether the slope is negative.
    pub falls: bool,
    /// Zero point and bounds of the output.
    pub bounds: Bounds,
}

impl LeakyReluInt16 {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small.
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i16>(arena_bytes, self.elements as usize);
        self.output.check::<i16>(arena_bytes, self.elements as usize);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;

    /// How many units the output has, and how they may be cut into tiles.
    ///
    /// # Panics
    /// Where there are too many: evaluated in a constant, this is a compile error.
    #[must_use]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// Computes one tile of the output, a range of its elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        let Self { zero_point, positive, negative, falls, bounds, .. } = *self;
        // SAFETY: the tile lies inside both regions (`check`).
        unsafe {
            let (input, output) = (memory.at::<i16>(self.input), memory.at::<i16>(self.output));
            for index in tile.start()..tile.end() {
                let value = i32::from(*input.add(index)).wrapping_sub(zero_point);
                let scaled = if value >= 0 {
                    positive.apply(value)
                } else if falls {
                    negative.apply(value).wrapping_neg()
                } else {
                    negative.apply(value)
                };
                output.add(index).write(bounds.store16(scaled));
            }
        }
    }
}
