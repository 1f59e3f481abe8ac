//! Thumb-2 without extensions: Cortex-M3, and Cortex-M33 without DSP. The loops of [`super::packed`], and what every core runs.
//!
//! Two pixels share a register: `a + 2^23 * b`. SMLAL with a weight adds its products with both to 64 bits, of which the lower
//! 23 are the sum of a and the others that of b: 2 MACs an instruction, where |sum| < 2^22, as the compiler has proved.

/// Requantises a register in seven instructions with three others: multiplier, rounding and shift (see [`super::packed`]), and
/// two registers for the product.
macro_rules! requantize {
    ($sum:literal) => {
        requantize!($sum, "r8", "r9", "r10", "r11", "r12")
    };
    ($sum:literal, $low:literal, $high:literal) => {
        requantize!($sum, $low, $high, "r10", "r11", "r12")
    };
    ($sum:literal, $low:literal, $high:literal, $multiplier:literal, $rounding:literal, $shift:literal) => {
        concat!(
            "smull ",
            $low,
            ", ",
            $high,
            ", ",
            $sum,
            ", ",
            $multiplier,
            "\n",
            "lsls ",
            $low,
            ", ",
            $low,
            ", #1\n",
            "adc ",
            $sum,
            ", ",
            $sum,
            ", ",
            $high,
            "\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $sum,
            ", asr #31\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", ",
            $shift,
            "\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $rounding,
            "\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #1",
        )
    };
}

/// Nothing to tell the assembler: every target with Thumb-2 has these instructions.
macro_rules! cpu {
    () => {
        ""
    };
}

mod average;
mod clamp;
mod gemm;
pub(super) mod int16;
mod linear;
mod place;
mod planes;
mod quads;
mod rows;
mod widen;

pub(super) use average::average;
#[cfg(armv7e_m)]
pub(super) use average::divide;
pub(super) use clamp::clamp_all;
pub(super) use gemm::{gemm4, gemm4 as gemm4_short};
pub(super) use linear::linear;
pub(super) use place::{Parts, copy, fill, place};
pub(super) use planes::{lines1, lines1_short, lines2, lines2_short, transpose};
pub(super) use quads::quads;
pub(super) use rows::gemv;
pub(super) use widen::{padding, widen1, widen4};

/// What is added to a sum before it is halved: see [`super::packed`].
pub(super) const fn rounding(zero_point: i32) -> i32 {
    2 * zero_point + 1
}

super::aliases!(Thumb2, Plain16);
super::aliases!(Thumb2: FetchedConnected, FetchedConv2d, FetchedDeep);
super::aliases!(int16 Plain16: FetchedConnected16 = FetchedConnected, FetchedConv2d16 = FetchedConv2d);
