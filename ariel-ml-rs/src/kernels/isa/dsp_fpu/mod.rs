//! Armv7E-M, and Armv8-M with the DSP extension, where the core has an FPU as well: the loops of [`super::armv7e_m`] with
//! ONNX's requantisation, `round(float32(sum) * scale) + zero_point`, which rounds halves to even.
//!
//! For each channel the stream has the scale, a float32, the zero point, and 0. Converting to an integer rounds as FPSCR says,
//! to nearest even unless firmware changes that, as all float32 arithmetic does. It saturates, and so does QADD.

use super::armv7e_m::{far2, far4, gemm, gemv_with, lines_with, near2, near4, products_with, quads_with};
use super::packed::{Lines, lines};
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

/// Requantises a register in eight instructions: r10 scale, r11 zero point.
macro_rules! nearest {
    ($sum:literal) => {
        concat!(
            "vmov s0, ",
            $sum,
            "\nvmov s1, r10\n",
            "vcvt.f32.s32 s0, s0\n",
            "vmul.f32 s0, s0, s1\n",
            "vcvtr.s32.f32 s0, s0\n",
            "vmov ",
            $sum,
            ", s0\nqadd ",
            $sum,
            ", ",
            $sum,
            ", r11\nssat ",
            $sum,
            ", #8, ",
            $sum,
        )
    };
}

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

super::aliases!(DspFpu);
super::aliases!(DspFpu: BatchMatMul);
