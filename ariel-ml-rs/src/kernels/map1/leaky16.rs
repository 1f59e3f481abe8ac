//! `LEAKY_RELU` of int16, bit for bit as TFLite's reference kernel computes it.

use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier};
use crate::tile::Tile;

/// `x` where it is positive, else `slope * x`: a factor on either side of 0.
#[derive(Clone, Copy)]
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
    #[inline]
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
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(self.elements as usize)
    }

    /// Computes one tile of the output, a range of its elements.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
    /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // TFLite's int16 is symmetric, and slopes that fall are rare: all else takes a call for each element.
        let sides = if self.zero_point == 0 && !self.falls {
            self.positive.of(false).zip(self.negative.of(true))
        } else {
            None
        };
        // SAFETY: the tile lies inside both regions (`check`).
        unsafe {
            let (input, output) = (memory.at::<i16>(self.input), memory.at::<i16>(self.output));
            let places = (tile.start()..tile.end()).map(|index| (input.add(index), output.add(index)));
            if let Some((positive, negative)) = sides {
                let bounds = self.bounds;
                for (from, to) in places {
                    let x = i32::from(*from);
                    to.write(bounds.store16(if x < 0 { negative.apply(x) } else { positive.apply(x) }));
                }
            } else {
                for (from, to) in places {
                    to.write(self.any(i32::from(*from)));
                }
            }
        }
    }

    /// Any input's output.
    #[inline(never)]
    fn any(&self, x: i32) -> i16 {
        let value = x.wrapping_sub(self.zero_point);
        let scaled = if value < 0 { self.negative.apply(value) } else { self.positive.apply(value) };
        self.bounds.store16(if self.falls && value < 0 { scaled.wrapping_neg() } else { scaled })
    }
}
