//! Between real numbers and stored integers: `stored = round(real / scale) + zero_point`, and back.
//!
//! TFLite rounds halves away from zero, onnxruntime to even; both divide by the scale, as we do. From one quantisation to another
//! is a table ([`super::lookup`]).

use crate::memory::{Memory, Region};
use crate::quant::{Bounds, clamp, round_ties_even};
use crate::tile::Tile;

/// Rounds |value| < 2^22 to the nearest integer, halves away from zero.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the value is small, and float to integer casts saturate")]
fn round_away(value: f32) -> i32 {
    let whole = value as i32;
    // Exact, where value + 0.5 would not be.
    let rest = value - whole as f32;
    whole.wrapping_add(i32::from(rest >= 0.5)).wrapping_sub(i32::from(rest <= -0.5))
}

macro_rules! quantize {
    ($($(#[$doc:meta])* $name:ident => $round:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            /// float32 input.
            pub input: Region,
            /// Output of one byte each, int8 or uint8 as the bounds say.
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
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<f32>(arena_bytes, self.elements as usize);
                self.output.check::<i8>(arena_bytes, self.elements as usize);
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
                let Self { scale, bounds, .. } = *self;
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<f32>(self.input), memory.at::<i8>(self.output));
                    for index in tile.start()..tile.end() {
                        // Bounds and zero point lie within +-256 of zero, so that clamping before rounding changes nothing.
                        let quotient = clamp(*input.add(index) / scale, -1024.0, 1024.0);
                        output.add(index).write(bounds.store($round(quotient)));
                    }
                }
            }
        }
    )+ };
}

quantize! {
    /// TFLite's rounding: halves away from zero.
    HalfAway => round_away;
    /// onnxruntime's rounding: halves to even.
    NearestEven => round_ties_even;
}

macro_rules! dequantize {
    ($($(#[$doc:meta])* $name:ident<$element:ty>;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
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
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<$element>(arena_bytes, self.elements as usize);
                self.output.check::<f32>(arena_bytes, self.elements as usize);
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        let below_half = 0.5_f32.next_down();
        for (value, want) in
            [(0.5, 1), (-0.5, -1), (1.5, 2), (-2.5, -3), (below_half, 0), (-below_half, 0), (1023.5, 1024), (3.0, 3)]
        {
            assert_eq!(round_away(value), want, "{value}");
        }
    }
}
