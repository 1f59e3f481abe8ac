//! Armv7E-M, and Armv8-M with the DSP extension, where the core has an FPU as well: the loops of [`super::armv7e_m`] with
//! ONNX's requantisation, `round(float32(sum) * scale) + zero_point`, which rounds halves to even.
//!
//! The stream has for each channel its scale, a float32, in the place of a multiplier, and no shift. Converting to an integer rounds as FPSCR says,
//! to nearest even unless firmware changes that, as all float32 arithmetic does. It saturates, and so does QADD.

use super::armv7e_m::{far2, far4, gemm, gemv_with, lines_with, near2, near4, products_with, quads_with};
use super::packed::{Lines, lines, spread};
use core::arch::naked_asm;

/// Tells the assembler what the core has.
#[cfg(armv8_m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(armv8_m))]
macro_rules! cpu {
    () => {
        ".fpu fpv4-sp-d16"
    };
}

/// Requantises a register in eight instructions with two others: scale and zero point; where multipliers have a shift there is
/// none.
macro_rules! nearest {
    ($sum:literal) => {
        nearest!($sum, "r10", "r11", "r12")
    };
    ($sum:literal, $scale:literal, $zero_point:literal, $shift:literal) => {
        concat!(
            "vmov s0, ",
            $sum,
            "\nvmov s1, ",
            $scale,
            "\nvcvt.f32.s32 s0, s0\n",
            "vmul.f32 s0, s0, s1\n",
            "vcvtr.s32.f32 s0, s0\n",
            "vmov ",
            $sum,
            ", s0\nqadd ",
            $sum,
            ", ",
            $sum,
            ", ",
            $zero_point,
            "\nssat ",
            $sum,
            ", #8, ",
            $sum,
        )
    };
}

pub(super) mod int4;

gemm! {
    /// Computes channels, two by two, of four pixels: eight steps a turn.
    gemm4, 8, nearest
}
gemm! {
    /// As [`gemm4`], in less code: two steps a turn.
    gemm4_short, 2, nearest
}
products_with! {
    /// Rounds as ONNX does.
    products, nearest
}
gemv_with!(nearest);
quads_with!(nearest);
lines_with!(nearest);

pub(super) use super::armv7e_m::{average, clamp_all, padding, transpose, widen1, widen4};

/// What is added to a rounded product.
pub(super) const fn rounding(zero_point: i32) -> i32 {
    zero_point
}

super::aliases!(DspFpu);
super::aliases!(DspFpu: BatchMatMul);
super::aliases!(int4 DspFpu4: Conv2dInt4 = Conv2d, DeepConnectedInt4 = DeepConnected, FullyConnectedInt4 = FullyConnected);
super::aliases!(DspFpu: FetchedConnected, FetchedConv2d, FetchedDeep);
super::aliases!(int4 DspFpu4: FetchedConnectedInt4 = FetchedConnected, FetchedConv2dInt4 = FetchedConv2d, FetchedDeepInt4 = FetchedDeep);
