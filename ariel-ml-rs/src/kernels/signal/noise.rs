//! Noise in the bands of a spectrum: estimated and taken off, and evened out by a gain.

use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// `noise = (smoothing * (input << smoothing_bits) + rest * noise) >> bits; output = max(input - noise, input * floor >> bits)`.
#[derive(Clone, Copy)]
pub struct SpectralSubtraction {
    /// uint32 input.
    pub input: Region,
    /// The noise until now, uint32.
    pub noise: Region,
    /// uint32 output; may be the input.
    pub output: Region,
    /// The noise from now on; may be `noise`.
    pub next: Region,
    /// Elements.
    pub elements: u32,
    /// What the input counts, in bands of even and of odd number.
    pub smoothing: [u32; 2],
    /// What the noise until now counts.
    pub rest: [u32; 2],
    /// The part of the input that is left at least.
    pub floor: u32,
    /// Bits that the noise has more than the input.
    pub smoothing_bits: u32,
    /// Fractional bits of the factors.
    pub bits: u32,
    /// Whether the noise is never above the input.
    pub clamping: bool,
}

impl SpectralSubtraction {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<u32>(arena_bytes, self.elements as usize);
        self.noise.check::<u32>(arena_bytes, self.elements as usize);
        self.output.check::<u32>(arena_bytes, self.elements as usize);
        self.next.check::<u32>(arena_bytes, self.elements as usize);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;
    /// Which inputs outputs may lie over.
    pub const OVER: &[(&str, &str)] = &[("input", "output"), ("noise", "next")];

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
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: `check` proved the regions.
        let (input, noise, output, next) = unsafe {
            (
                memory.at::<u32>(self.input),
                memory.at::<u32>(self.noise),
                memory.at::<u32>(self.output),
                memory.at::<u32>(self.next),
            )
        };
        let ([even, odd], [rest_even, rest_odd]) = (self.smoothing, self.rest);
        for index in tile.start()..tile.end() {
            // SAFETY: the element is one of the tile's.
            let (value, before) = unsafe { (*input.add(index), *noise.add(index)) };
            let (smoothing, rest) = if index & 1 == 0 { (even, rest_even) } else { (odd, rest_odd) };
            let up = value.wrapping_shl(self.smoothing_bits);
            let sum = (u64::from(up) * u64::from(smoothing)).wrapping_add(u64::from(before) * u64::from(rest));
            let estimate = sum.wrapping_shr(self.bits) as u32;
            let taken = estimate.min(up);
            let least = (u64::from(value) * u64::from(self.floor)).wrapping_shr(self.bits) as u32;
            // SAFETY: as above.
            unsafe {
                output.add(index).write((up - taken).wrapping_shr(self.smoothing_bits).max(least));
                next.add(index).write(if self.clamping { taken } else { estimate });
            }
        }
    }
}

/// `output = shrink(input * gain(noise) >> shift)`, where `shrink(x) = x^2 / 4` below 2, else `x - 1`.
#[derive(Clone, Copy)]
pub struct Pcan {
    /// uint32 input.
    pub input: Region,
    /// uint32 noise.
    pub noise: Region,
    /// uint32 output; may be the input.
    pub output: Region,
    /// Elements.
    pub elements: u32,
    /// Bits by which products are shifted, which leaves 12 fractional ones.
    pub shift: u32,
    /// The gain: 0, 1 and 2, then of each power of two its value, slope and curvature, in fours.
    pub gains: Source<i16>,
}

impl Pcan {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region or the table is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<u32>(arena_bytes, self.elements as usize);
        self.noise.check::<u32>(arena_bytes, self.elements as usize);
        self.output.check::<u32>(arena_bytes, self.elements as usize);
        self.gains.check(arena_bytes, 125);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Elements;
    /// Which inputs outputs may lie over.
    pub const OVER: &[(&str, &str)] = &[("input", "output")];

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
    /// As for [`SpectralSubtraction::run`].
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: `check` proved the regions and the table.
        let (input, noise, output, gains) = unsafe {
            (
                memory.at::<u32>(self.input),
                memory.at::<u32>(self.noise),
                memory.at::<u32>(self.output),
                memory.source::<i16>(self.gains),
            )
        };
        for index in tile.start()..tile.end() {
            // SAFETY: the element is one of the tile's, and the table is long enough.
            let (value, gain) = unsafe { (*input.add(index), gain(*noise.add(index), gains)) };
            let gain = i32::from(gain).cast_unsigned();
            let ratio = (u64::from(value) * u64::from(gain)).wrapping_shr(self.shift) as u32;
            let shrunk = if ratio < 2 << 12 { (ratio * ratio) >> 20 } else { (ratio >> 6) - (1 << 6) };
            // SAFETY: as above.
            unsafe { output.add(index).write(shrunk) };
        }
    }
}

/// A quadratic between two powers of two; numbers up to 2 stand in the table themselves.
///
/// # Safety
/// The table has 125 elements.
#[inline(always)]
unsafe fn gain(noise: u32, table: *const i16) -> i16 {
    if noise <= 2 {
        // SAFETY: in bounds, as the caller promises.
        return unsafe { *table.add(noise as usize) };
    }
    // 3 has two bits, and no number more than 32: 2 <= 4 * interval - 6 <= 122.
    let interval = 32 - noise.leading_zeros();
    let fraction = ((u64::from(noise) << 11 >> interval) & 0x3ff) as i32;
    let place = (4 * interval - 6) as usize;
    // SAFETY: in bounds, as the caller promises.
    let [value, slope, curve] = unsafe { [0, 1, 2].map(|k| i32::from(*table.add(place + k))) };
    let product = ((curve * fraction) >> 5).wrapping_add(slope << 5).wrapping_mul(fraction);
    (product.wrapping_add(1 << 14) >> 15).wrapping_add(value) as i16
}
