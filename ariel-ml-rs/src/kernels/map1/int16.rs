//! Functions of one int16, bit for bit as TFLite's reference kernels compute them. Those of int8 are tables.

use crate::kernels::access::Access;
use crate::kernels::gemmlowp::inverse_sqrt;
use crate::kernels::sigmoid16::{INTERVALS, Sigmoid16};
use crate::kernels::table16::{PLACES, interpolated};
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier};
use crate::tile::Tile;

macro_rules! wide {
    ($(
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident: $t:ty,)* }
        $(check |$checked:ident| $check:expr;)?
        |$k:ident, $x:ident| [$($prepare:tt)*] $result:expr;
    )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Input.
            pub input: Region,
            /// Output; may be the input.
            pub output: Region,
            /// Elements.
            pub elements: u32,
            $($(#[$field_doc])* pub $field: $t,)*
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where a region is too small, or a constant is not what it should be.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.input.check::<i16>(arena_bytes, self.elements as usize);
                self.output.check::<i16>(arena_bytes, self.elements as usize);
                $(let $checked = self; $check)?
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
                let $k = *self;
                $($prepare)*
                // SAFETY: the tile lies inside both regions (`check`).
                unsafe {
                    let (input, output) = (memory.at::<i16>(self.input), memory.at::<i16>(self.output));
                    for index in tile.start()..tile.end() {
                        let $x = i32::from(*input.add(index));
                        output.add(index).write($result);
                    }
                }
            }
        }
    )+ };
}

/// Whether a table has an entry for each interval, and a shift is one of the 32 bits.
#[inline]
const fn check_sigmoid(table: &[u32], shift: u32) {
    assert!(table.len() == INTERVALS, "table of the wrong length");
    assert!(shift < 32, "shift by more bits than there are");
}

/// `x * multiplier / 2^shift`, halves up: what the functions of [`Sigmoid16`] take.
#[inline]
fn prescaled(x: i32, multiplier: i32, shift: u32) -> i32 {
    x.wrapping_mul(multiplier).wrapping_add((1_u32.wrapping_shl(shift) >> 1).cast_signed()).wrapping_shr(shift)
}

wide! {
    /// `|x|` times a factor.
    AbsInt16 {
        /// Zero point of the input.
        zero_point: i32,
        /// Quotient of the scales.
        multiplier: Multiplier,
        /// Zero point and bounds of the output.
        bounds: Bounds,
    }
    |k, x| [] k.bounds.store16(k.multiplier.apply(x.wrapping_sub(k.zero_point).wrapping_abs()));

    /// `1 / sqrt(x)`, the greatest output where x is not positive.
    RsqrtInt16 {
        /// Zero point of the input.
        zero_point: i32,
        /// Factor of the inverse root, which has 20 bits behind the point.
        multiplier: Multiplier,
        /// Zero point and bounds of the output.
        bounds: Bounds,
    }
    |k, x| [] {
        let value = x.wrapping_sub(k.zero_point);
        if value > 0 {
            let (root, right) = inverse_sqrt(value);
            let shift = ROOT_BITS.wrapping_sub(right);
            k.bounds.store16(k.multiplier.apply(Multiplier { multiplier: root, shift }.apply(1)))
        } else {
            k.bounds.max as i16
        }
    };

    /// Any function, from a table of it.
    TableInt16 {
        /// The function at 512 places and at the end.
        table: &'static [i16],
    }
    check |k| assert!(k.table.len() == PLACES, "table of the wrong length");
    |k, x| [] interpolated(k.table, x) as i16;

    /// `1 / (1 + e^-x)`, of which an output of 32,768 is 1.
    SigmoidInt16 {
        /// Factor of the input, to thirds of Q3.12.
        multiplier: i32,
        /// Bits by which the product is shifted right.
        shift: u32,
        /// Of both functions (see `sigmoid16.rs`).
        table: &'static [u32],
    }
    check |k| check_sigmoid(k.table, k.shift);
    |k, x| [
        // SAFETY: `check` found all intervals.
        let function = unsafe { Sigmoid16::new(k.table) };
    ] function.logistic_of_any(prescaled(x, k.multiplier, k.shift));

    /// `tanh(x)`, of which an output of 32,768 is 1.
    TanhInt16 {
        /// Factor of the input, to thirds of Q3.12.
        multiplier: i32,
        /// Bits by which the product is shifted right.
        shift: u32,
        /// Of both functions (see `sigmoid16.rs`).
        table: &'static [u32],
    }
    check |k| check_sigmoid(k.table, k.shift);
    |k, x| [
        // SAFETY: `check` found all intervals.
        let function = unsafe { Sigmoid16::new(k.table) };
    ] function.tanh(prescaled(x, k.multiplier, k.shift));
}

/// Bits behind the point of an inverse square root.
const ROOT_BITS: i32 = 20;
