//! Levels of samples: a window, the scale at which they fill int16, and the energy of a spectrum.

use crate::kernels::access::Access;
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;
use core::num::NonZeroUsize;

/// `output[i] = clamp(input[i] * window[i mod length] >> shift)`.
#[derive(Clone, Copy)]
pub struct Window {
    /// int16 samples.
    pub input: Region,
    /// The window, in int16.
    pub window: Source<i16>,
    /// Output; may be the input.
    pub output: Region,
    /// Elements.
    pub elements: u32,
    /// Elements of the window, which is repeated.
    pub length: u32,
    /// Bits by which products are shifted.
    pub shift: u32,
}

impl Window {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region or the window is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        assert!(self.length > 0, "a window without elements");
        self.input.check::<i16>(arena_bytes, self.elements as usize);
        self.output.check::<i16>(arena_bytes, self.elements as usize);
        self.window.check(arena_bytes, self.length as usize);
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
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other tile
    /// in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        let length = NonZeroUsize::new(self.length as usize).unwrap_or(NonZeroUsize::MIN);
        // SAFETY: `check` proved the regions and the window.
        let (input, window, output) =
            unsafe { (memory.at::<i16>(self.input), memory.source::<i16>(self.window), memory.at::<i16>(self.output)) };
        let (mut index, mut place) = (tile.start(), tile.start() % length);
        while index < tile.end() {
            let run = (length.get() - place).min(tile.end() - index);
            for k in 0..run {
                // SAFETY: the element is one of the tile's, and `place + k` is inside the window.
                unsafe {
                    let product = i32::from(*input.add(index + k)) * i32::from(*window.add(place + k));
                    output.add(index + k).write(saturated(product.wrapping_shr(self.shift)));
                }
            }
            index += run;
            place = 0;
        }
    }
}

/// The nearest int16.
#[inline]
fn saturated(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// `output = input * 2^bits`, with as many bits as the greatest magnitude leaves free in int16.
#[derive(Clone, Copy)]
pub struct AutoScale {
    /// int16 samples.
    pub input: Region,
    /// Output; may be the input.
    pub output: Region,
    /// The bits, one int32.
    pub bits: Region,
    /// Elements.
    pub elements: u32,
}

impl AutoScale {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i16>(arena_bytes, self.elements as usize);
        self.output.check::<i16>(arena_bytes, self.elements as usize);
        self.bits.check::<i32>(arena_bytes, 1);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Whole;
    /// Which inputs outputs may lie over.
    pub const OVER: &[(&str, &str)] = &[("input", "output")];

    /// One unit: all elements decide how each of them is scaled.
    #[must_use]
    #[inline]
    pub const fn work(&self) -> Work {
        Work::of(1)
    }

    /// Computes the output.
    ///
    /// # Safety
    /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), and no other
    /// tile in flight writes what this one reads or writes (memory invariant 2).
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, _: Tile) {
        let memory = memory.into();
        // SAFETY: `check` proved the regions.
        let (input, output, bits_out) =
            unsafe { (memory.at::<i16>(self.input), memory.at::<i16>(self.output), memory.at::<i32>(self.bits)) };
        let elements = self.elements as usize;
        let mut magnitudes = 0_u32;
        for index in 0..elements {
            // SAFETY: inside the input.
            magnitudes |= i32::from(unsafe { *input.add(index) }).unsigned_abs();
        }
        if magnitudes >> 15 != 0 {
            // SAFETY: as above.
            magnitudes = unsafe { greatest(input, elements) };
        }
        // The greatest magnitude has the highest bit of any.
        let bits = if magnitudes == 0 { 0 } else { magnitudes.leading_zeros().saturating_sub(17) };
        for index in 0..elements {
            // SAFETY: inside both regions.
            unsafe { output.add(index).write((*input.add(index)).wrapping_shl(bits)) };
        }
        // SAFETY: the region has room for it.
        unsafe { bits_out.write(bits.cast_signed()) };
    }
}

/// The greatest magnitude as the source finds it, which takes that of -32768 for -32768 and begins anew behind it.
///
/// # Safety
/// So many elements are there.
unsafe fn greatest(input: *const i16, elements: usize) -> u32 {
    let mut greatest = 0_i16;
    for index in 0..elements {
        // SAFETY: inside, as the caller promises.
        let value = i32::from(unsafe { *input.add(index) });
        if value > i32::from(greatest) {
            greatest = value as i16;
        } else if -value > i32::from(greatest) {
            greatest = value.wrapping_neg() as i16;
        }
    }
    // One below 0 has its highest bit set.
    i32::from(greatest).cast_unsigned()
}

/// `output[i] = real^2 + imaginary^2` of the complex numbers `start` up to `end`, 0 for the others.
#[derive(Clone, Copy)]
pub struct Energy {
    /// Pairs of int16.
    pub input: Region,
    /// uint32 output; may be the input.
    pub output: Region,
    /// Pairs.
    pub elements: u32,
    /// The first pair that counts.
    pub start: u32,
    /// One past the last pair that counts.
    pub end: u32,
}

impl Energy {
    /// Checks the kernel against the arena while the firmware compiles.
    ///
    /// # Panics
    /// Where a region is too small.
    #[inline]
    pub const fn check(&self, arena_bytes: usize) {
        self.input.check::<i16>(arena_bytes, (self.elements as usize).saturating_mul(2));
        self.output.check::<u32>(arena_bytes, self.elements as usize);
    }

    /// What tiles read.
    pub const ACCESS: Access = Access::Units;
    /// The same, where the output is one tile.
    pub const OVER_WHOLE: &[(&str, &str)] = &[("input", "output")];

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
    /// As for [`Window::run`].
    #[inline(never)]
    pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
        let memory = memory.into();
        // SAFETY: `check` proved the regions.
        let (input, output) = unsafe { (memory.at::<i16>(self.input), memory.at::<u32>(self.output)) };
        // `clamp` would assert that its bounds are in order.
        let start = (self.start as usize).max(tile.start()).min(tile.end());
        let end = (self.end as usize).max(start).min(tile.end());
        for index in tile.start()..start {
            // SAFETY: the element is one of the tile's.
            unsafe { output.add(index).write(0) };
        }
        for index in start..end {
            // SAFETY: as above; where both are one region, the pair has the bytes of the element.
            unsafe {
                let (real, imaginary) = (i32::from(*input.add(2 * index)), i32::from(*input.add(2 * index + 1)));
                output
                    .add(index)
                    .write((real * real).cast_unsigned().wrapping_add((imaginary * imaginary).cast_unsigned()));
            }
        }
        for index in end..tile.end() {
            // SAFETY: as above.
            unsafe { output.add(index).write(0) };
        }
    }
}
