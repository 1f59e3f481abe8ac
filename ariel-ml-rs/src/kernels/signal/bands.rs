//! Bands of a spectrum: their energy, its square root, and its logarithm.

use super::root;
use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

macro_rules! filter_banks {
    ($($(#[$doc:meta])* $name:ident: $weight:ty => |$w:ident| $wide:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// uint32 input.
            pub input: Region,
            /// uint64 output.
            pub output: Region,
            /// Elements of the output.
            pub channels: u32,
            /// Weights of the channel before a segment.
            pub weights: &'static [$weight],
            /// Weights of the channel behind a segment.
            pub unweights: &'static [$weight],
            /// Where each of the `channels + 1` segments begins in the input.
            pub starts: &'static [u16],
            /// Where its weights begin.
            pub weight_starts: &'static [u16],
            /// Its elements.
            pub widths: &'static [u16],
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and tables do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let segments = self.channels as usize + 1;
                let tables = [self.starts.len(), self.weight_starts.len(), self.widths.len()];
                assert!(tables[0] == segments && tables[1] == segments && tables[2] == segments, "segments without a channel");
                self.output.check::<u64>(arena_bytes, self.channels as usize);
                let (mut segment, mut elements) = (0, 0);
                while segment < segments {
                    let width = self.widths[segment] as usize;
                    let (end, weights) = (self.starts[segment] as usize + width, self.weight_starts[segment] as usize + width);
                    assert!(weights <= self.weights.len() && weights <= self.unweights.len(), "a segment without weights");
                    elements = if end > elements { end } else { elements };
                    segment += 1;
                }
                self.input.check::<u32>(arena_bytes, elements);
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
                Work::of(self.channels as usize)
            }

            /// Computes one tile of the output, a range of its channels.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                // SAFETY: `check` proved the regions.
                let (input, output) = unsafe { (memory.at::<u32>(self.input).cast_const(), memory.at::<u64>(self.output)) };
                // SAFETY: there is one segment more than channels (`check`).
                let (_, mut carried) = unsafe { self.sums(input, tile.start()) };
                for channel in tile.start()..tile.end() {
                    // SAFETY: as above; the element is one of the tile's.
                    unsafe {
                        let (own, next) = self.sums(input, channel + 1);
                        output.add(channel).write(carried.wrapping_add(own));
                        carried = next;
                    }
                }
            }

            /// The weighted and the unweighted sum of a segment, modulo 2^64.
            ///
            /// # Safety
            /// There is such a segment, and `check` passed.
            #[inline(always)]
            unsafe fn sums(&self, input: *const u32, segment: usize) -> (u64, u64) {
                // SAFETY: as the caller promises.
                let (input, weights, unweights, width) = unsafe {
                    let at = usize::from(*self.weight_starts.as_ptr().add(segment));
                    (
                        input.add(usize::from(*self.starts.as_ptr().add(segment))),
                        self.weights.as_ptr().add(at),
                        self.unweights.as_ptr().add(at),
                        usize::from(*self.widths.as_ptr().add(segment)),
                    )
                };
                let (mut own, mut next) = (0_u64, 0_u64);
                for index in 0..width {
                    // SAFETY: the segment lies inside input and weights (`check`).
                    let (value, $w, rest) = unsafe { (u64::from(*input.add(index)), *weights.add(index), *unweights.add(index)) };
                    own = own.wrapping_add(value.wrapping_mul($wide));
                    let $w = rest;
                    next = next.wrapping_add(value.wrapping_mul($wide));
                }
                (own, next)
            }
        }
    )+ };
}

filter_banks! {
    /// `output[c] = sum(weights * input) over segment c + 1 + sum(unweights * input) over segment c`.
    FilterBank: u16 => |w| u64::from(w);
    /// [`FilterBank`] with weights below 0, which count modulo 2^64.
    SignedFilterBank: i16 => |w| i64::from(w).cast_unsigned();
}

/// `output = round(sqrt(input)) >> bits`.
#[derive(Clone, Copy)]
pub struct SquareRoot {
    /// uint64 input.
    pub input: Region,
    /// The bits, one int32.
    pub bits: Source<i32>,
    /// uint32 output.
    pub output: Region,
    /// Elements.
    pub elements: u32,
}

impl SquareRoot {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<u64>(arena_bytes, self.elements as usize);
        self.bits.check(arena_bytes, 1);
        self.output.check::<u32>(arena_bytes, self.elements as usize);
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
    /// As for [`FilterBank::run`].
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: the tile lies inside both regions, and the bits are there (`check`).
        unsafe {
            let (input, output) = (memory.at::<u64>(self.input), memory.at::<u32>(self.output));
            let bits = (*memory.source::<i32>(self.bits)).cast_unsigned();
            for index in tile.start()..tile.end() {
                output.add(index).write(root::rounded(*input.add(index)).wrapping_shr(bits));
            }
        }
    }
}

/// `output = min(ln(input * 2^bits) * scale, 32767)`, 0 where the product is below 2.
#[derive(Clone, Copy)]
pub struct Log {
    /// uint32 input.
    pub input: Region,
    /// int16 output.
    pub output: Region,
    /// Elements.
    pub elements: u32,
    /// What the natural logarithm is multiplied with.
    pub scale: u32,
    /// Bits by which the input is shifted up.
    pub bits: u32,
    /// `65536 * (log2(1 + x) - x)` for x in steps of 1/128.
    pub table: &'static [u16],
}

impl Log {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where regions and the table do not agree.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<u32>(arena_bytes, self.elements as usize);
        self.output.check::<i16>(arena_bytes, self.elements as usize);
        assert!(self.table.len() == 129, "table of the wrong length");
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
    /// As for [`FilterBank::run`].
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: the tile lies inside both regions (`check`).
        unsafe {
            let (input, output) = (memory.at::<u32>(self.input), memory.at::<i16>(self.output));
            for index in tile.start()..tile.end() {
                output.add(index).write(self.of((*input.add(index)).wrapping_shl(self.bits)));
            }
        }
    }

    /// The scaled logarithm of one number.
    ///
    /// # Safety
    /// The table has 129 elements.
    #[inline(always)]
    unsafe fn of(&self, number: u32) -> i16 {
        /// ln 2 in 16 bits.
        const LN_2: u64 = 45_426;
        if number < 2 {
            return 0;
        }
        // number = 2^whole * (1 + fraction / 2^16): the leading 1 moves out of the word.
        let zeros = number.leading_zeros();
        let fraction = number.wrapping_shl(zeros).wrapping_shl(1) >> 16;
        let segment = (fraction >> 9) as usize;
        // SAFETY: a segment is one of 128.
        let (low, high) =
            unsafe { (i32::from(*self.table.as_ptr().add(segment)), i32::from(*self.table.as_ptr().add(segment + 1))) };
        let above = low.wrapping_add((high - low).wrapping_mul((fraction & 511).cast_signed()) >> 16);
        let log2 = ((31 - zeros) << 16).wrapping_add(fraction).wrapping_add(above.cast_unsigned());
        let natural = ((LN_2 * u64::from(log2) + 32768) >> 16) as u32;
        let scaled = self.scale.wrapping_mul(natural).wrapping_add(32768) >> 16;
        scaled.min(32767) as i16
    }
}
