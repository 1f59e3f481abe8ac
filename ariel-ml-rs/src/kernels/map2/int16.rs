//! Operators of int16 in integers, bit for bit as TFLite's reference kernels compute them: by their definition.

use super::int8::{Scaled, quotient, stored};
use crate::memory::{Memory, Region, Source};
use crate::plan::Work;
use crate::quant::{Bounds, Multiplier};
use crate::tile::Tile;

use super::Broadcast;

stored! { i16;
    /// TFLite's ADD: three double-rounding multiplications.
    AddInt16 {
        /// Scaling of the left operand.
        scale_left: Scaled,
        /// Scaling of the right operand.
        scale_right: Scaled,
        /// Factor of the sum.
        multiplier: Multiplier,
    }
    |k, a, b| [] k.bounds.store16(k.multiplier.apply_in_halves(k.scale_left.apply_short(a).wrapping_add(k.scale_right.apply_short(b))));

    /// TFLite's SUB: three double-rounding multiplications.
    SubInt16 {
        /// Scaling of the left operand.
        scale_left: Scaled,
        /// Scaling of the right operand.
        scale_right: Scaled,
        /// Factor of the difference.
        multiplier: Multiplier,
    }
    |k, a, b| [] k.bounds.store16(k.multiplier.apply_in_halves(k.scale_left.apply_short(a).wrapping_sub(k.scale_right.apply_short(b))));

    /// TFLite's MUL: the product of the operands, times a real factor.
    MulInt16 {
        /// Zero points of the operands.
        zero_points: [i32; 2],
        /// Real factor.
        multiplier: Multiplier,
    }
    |k, a, b| [] {
        let [left, right] = k.zero_points;
        k.bounds.store16(k.multiplier.apply_in_halves(a.wrapping_sub(left).wrapping_mul(b.wrapping_sub(right))))
    };

    /// TFLite's DIV.
    DivInt16 {
        /// Zero points of the operands.
        zero_points: [i32; 2],
        /// Real factor.
        multiplier: Multiplier,
    }
    |k, a, b| [] {
        let [left, right] = k.zero_points;
        k.bounds.store16(quotient(a.wrapping_sub(left), b.wrapping_sub(right), k.multiplier))
    };

    /// TFLite's `SQUARED_DIFFERENCE`.
    SquaredDifferenceInt16 {
        /// Scaling of the left operand.
        scale_left: Scaled,
        /// Scaling of the right operand.
        scale_right: Scaled,
        /// Factor of the square.
        multiplier: Multiplier,
    }
    |k, a, b| [] {
        let difference = k.scale_left.apply(a).wrapping_sub(k.scale_right.apply(b));
        k.bounds.store16(k.multiplier.apply(difference.wrapping_mul(difference)))
    };

    /// TFLite's PRELU: one factor for positive inputs, the slope for negative ones.
    PreluInt16 {
        /// Zero points of the operands.
        zero_points: [i32; 2],
        /// Real factor of positive inputs.
        positive: Multiplier,
        /// Real factor of the product of a negative input and its slope.
        negative: Multiplier,
    }
    |k, a, b| [] {
        let [left, right] = k.zero_points;
        let value = a.wrapping_sub(left);
        let product = value.wrapping_mul(b.wrapping_sub(right));
        k.bounds.store16(if value >= 0 { k.positive.apply(value) } else { k.negative.apply(product) })
    };

    /// `max(left, right)` of stored integers, all of one scale.
    MaximumInt16 {}
    |k, a, b| [] Bounds { zero_point: 0, ..k.bounds }.store16(a.max(b));

    /// `min(left, right)` of stored integers, all of one scale.
    MinimumInt16 {}
    |k, a, b| [] Bounds { zero_point: 0, ..k.bounds }.store16(a.min(b));
}
