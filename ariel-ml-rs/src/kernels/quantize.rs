//! Between real numbers and stored integers: `stored = round(real / scale) + zero_point`, and back.
//!
//! TFLite rounds halves away from zero, onnxruntime to even; both divide by the scale, as we do. From one quantisation to another
//! of one byte is a table ([`super::lookup`]); wider integers are multiplied by the quotient of the scales.

use super::access::Access;
#[cfg(soft_float)]
use super::quotient::{Divisor, Halves};
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier, round_ties_even};
use crate::tile::Tile;

/// Rounds to the nearest integer, halves away from zero; saturates. What is not a number counts as 0.
#[inline]
fn round_away(value: f32) -> i32 {
    // The number below 1/2: 1/2 itself would lift the number below 1/2, too.
    const HALF: f32 = 0.5_f32.next_down();
    (value + HALF.copysign(value)) as i32
}

/// Rounds to the nearest integer, halves to even; saturates somewhere beyond +-1024. What is not a number counts as the least.
#[inline]
fn round_even(value: f32) -> i32 {
    // Above, `round_ties_even` only becomes less exact.
    round_ties_even(if value > -1024.0 { value } else { -1024.0 })
}

/// The same for a store of int16: saturates somewhere beyond +-65536.
#[inline]
fn round_even16(value: f32) -> i32 {
    round_ties_even(if value > -65536.0 { value } else { -65536.0 })
}

macro_rules! quantize {
    // What is checked as `u8` is int8 or uint8. `$halves` is how `$round` rounds them, where that can be done in integers.
    ($($(#[$doc:meta])* $name:ident<$element:ty, $checked:ty> => $round:expr, $store:ident $(, $halves:ident)?;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// float32 input.
            pub input: Region,
            /// Output; one of one byte each is int8 or uint8, as the bounds say.
            pub output: Region,
            /// Elements.
            pub elements: u32,
            /// Real value of one step.
            pub scale: f32,
            /// Zero point and bounds of the output.
            pub bounds: Bounds,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<f32>(arena_bytes, self.elements as usize);
                self.output.check::<$checked>(arena_bytes, self.elements as usize);
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
                let Self { scale, bounds, .. } = *self;
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<f32>(self.input), memory.at::<$element>(self.output));
                    $(
                        #[cfg(soft_float)]
                        if let Some(divisor) = Divisor::new(scale, bounds) {
                            for index in tile.start()..tile.end() {
                                let value = *input.add(index);
                                let rounded = divisor.rounded(value.to_bits(), Halves::$halves);
                                let stored = rounded.unwrap_or_else(|| $round(value / scale)).saturating_add(bounds.zero_point);
                                output.add(index).write(Bounds { zero_point: 0, ..bounds }.$store(stored));
                            }
                            return;
                        }
                    )?
                    for index in tile.start()..tile.end() {
                        let stored = $round(*input.add(index) / scale).saturating_add(bounds.zero_point);
                        output.add(index).write(Bounds { zero_point: 0, ..bounds }.$store(stored));
                    }
                }
            }
        }
    )+ };
}

quantize! {
    /// TFLite's rounding: halves away from zero.
    HalfAway<i8, u8> => round_away, store, Away;
    /// The same to int16.
    HalfAwayInt16<i16, i16> => round_away, store16;
    /// onnxruntime's rounding: halves to even.
    NearestEven<i8, u8> => round_even, store, Even;
    /// The same to int16.
    NearestEvenInt16<i16, i16> => round_even16, store16;
}

macro_rules! dequantize {
    ($($(#[$doc:meta])* $name:ident<$element:ty>;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Stored integers.
            pub input: Region,
            /// float32 output.
            pub output: Region,
            /// Elements.
            pub elements: u32,
            /// Real value of one step.
            pub scale: f32,
            /// Stored integer that means 0.
            pub zero_point: i32,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$element>(arena_bytes, self.elements as usize);
                self.output.check::<f32>(arena_bytes, self.elements as usize);
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
                let Self { scale, zero_point, .. } = *self;
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<$element>(self.input), memory.at::<f32>(self.output));
                    for index in tile.start()..tile.end() {
                        let value = i32::from(*input.add(index)).wrapping_sub(zero_point);
                        output.add(index).write(value as f32 * scale);
                    }
                }
            }
        }
    )+ };
}

dequantize! {
    /// `real = scale * (stored - zero_point)` of int8.
    DequantizeInt8<i8>;
    /// `real = scale * (stored - zero_point)` of uint8.
    DequantizeUint8<u8>;
    /// `real = scale * (stored - zero_point)` of int16.
    DequantizeInt16<i16>;
    /// `real = scale * (stored - zero_point)` of int32.
    DequantizeInt32<i32>;
}

macro_rules! rescale {
    ($($(#[$doc:meta])* $name:ident<$from:ty, $to:ty>;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Stored integers.
            pub input: Region,
            /// The same numbers in another quantisation.
            pub output: Region,
            /// Elements.
            pub elements: u32,
            /// Stored integer of the input that means 0.
            pub zero_point: i32,
            /// Quotient of the scales.
            pub multiplier: Multiplier,
            /// Zero point and bounds of the output.
            pub bounds: Bounds,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$from>(arena_bytes, self.elements as usize);
                self.output.check::<$to>(arena_bytes, self.elements as usize);
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
                let Self { zero_point, multiplier, bounds, .. } = *self;
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<$from>(self.input), memory.at::<$to>(self.output));
                    for index in tile.start()..tile.end() {
                        let value = i32::from(*input.add(index)).wrapping_sub(zero_point);
                        output.add(index).write(bounds.clamped(multiplier.apply(value)) as $to);
                    }
                }
            }
        }
    )+ };
}

rescale! {
    /// TFLite's rescaling of int8 to int16.
    Int8ToInt16<i8, i16>;
    /// TFLite's rescaling of int8 to int32.
    Int8ToInt32<i8, i32>;
    /// TFLite's rescaling of int16 to int8.
    Int16ToInt8<i16, i8>;
    /// TFLite's rescaling of int16 to int16.
    Int16ToInt16<i16, i16>;
    /// TFLite's rescaling of int16 to int32.
    Int16ToInt32<i16, i32>;
    /// TFLite's rescaling of int32 to int8.
    Int32ToInt8<i32, i8>;
    /// TFLite's rescaling of int32 to int16.
    Int32ToInt16<i32, i16>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        for half in (-2047_i32..2048).step_by(2) {
            let value = half as f32 / 2.0;
            let away = half / 2 + half.signum();
            assert_eq!(round_away(value), away, "{value}");
            let inside = if half > 0 { value.next_down() } else { value.next_up() };
            assert_eq!(round_away(inside), away - half.signum(), "{inside}");
        }
        assert_eq!([0.0, -0.0, 3.0, f32::NAN].map(round_away), [0, 0, 3, 0]);
        assert_eq!([f32::INFINITY, -1e20].map(round_away), [i32::MAX, i32::MIN]);
    }

    #[test]
    fn halves_go_to_even_and_large_numbers_saturate() {
        for (value, want) in [(0.5, 0), (1.5, 2), (-2.5, -2), (-1024.0, -1024), (-1e9, -1024), (-12_999_999.0, -1024)] {
            assert_eq!(round_even(value), want, "{value}");
        }
        for value in [1e4, 1e7, 1e9, f32::MAX, f32::INFINITY] {
            assert!(round_even(value) >= 10_000, "{value}");
        }
    }
}
