//! How sums become int8: as TFLite rounds, or as ONNX does.

use super::blocks::Blocks;
use super::gemm;
use super::lines::{self, Lines};

/// Halves away from zero, twice: TFLite's requantisation, in fixed point.
#[derive(Clone, Copy)]
pub struct Away;

/// As [`Away`], where a ReLU ends at the zero point -128 and bounds are those of int8: whether one is taken from what is negative
/// makes no difference to it. The compiler has proved that results fit int16.
#[derive(Clone, Copy)]
pub struct Rectified;

/// Halves to even: ONNX's requantisation, in float32.
#[derive(Clone, Copy)]
pub struct Even;

/// The loops that requantise.
///
/// # Safety
/// For who calls them: the core has Helium, for [`Even`] with floats.
pub(super) trait Rounding: Copy + 'static {
    /// Computes pairs of pixels.
    ///
    /// # Safety
    /// As `Blocks` says: patches, stream and outputs are there, and the outputs are this call's own.
    unsafe fn gemm(input: *const i8, output: *mut i8, blocks: &Blocks);

    /// Computes lines of 3x3 windows, whose stride along them is 1 or, where it is `far`, 2.
    ///
    /// # Safety
    /// As `Lines` says, with 16 bytes more behind the planes, and the outputs are this call's own.
    unsafe fn lines(far: bool, lines: &mut Lines);
}

macro_rules! loops {
    ($rounding:ident, $gemm:path, $near:path, $far:path) => {
        impl Rounding for $rounding {
            #[inline(always)]
            unsafe fn gemm(input: *const i8, output: *mut i8, blocks: &Blocks) {
                // SAFETY: forwarded to the caller.
                unsafe { $gemm(input, output, blocks) };
            }

            #[inline(always)]
            unsafe fn lines(far: bool, lines: &mut Lines) {
                // SAFETY: forwarded to the caller.
                unsafe {
                    if far {
                        $far(lines);
                    } else {
                        $near(lines);
                    }
                }
            }
        }
    };
}
loops!(Away, gemm::away, lines::near_away, lines::far_away);
loops!(Even, gemm::even, lines::near_even, lines::far_even);
loops!(Rectified, gemm::rectified, lines::near_rectified, lines::far_rectified);

/// Requantises q0 and q1, of four channels each, with what is in the stream at r5: multipliers, roundings, shifts to the left (which
/// are negative). q2 to q4 are free.
macro_rules! away {
    () => {
        "vldrw.u32 q4, [r5], #16
        vqrdmulh.s32 q0, q0, q4
        vqrdmulh.s32 q1, q1, q4
        vldrw.u32 q4, [r5], #16
        vshr.s32 q2, q0, #31
        vshr.s32 q3, q1, #31
        vadd.i32 q0, q0, q4
        vadd.i32 q1, q1, q4
        vldrw.u32 q4, [r5], #16
        vadd.i32 q0, q0, q2
        vadd.i32 q1, q1, q3
        vshl.s32 q0, q0, q4
        vshl.s32 q1, q1, q4
        vmax.s32 q0, q0, q6
        vmax.s32 q1, q1, q6
        vmin.s32 q0, q0, q7
        vmin.s32 q1, q1, q7"
    };
}
pub(super) use away;

/// The same with scales of float32, zero points, and a vector that is not used.
macro_rules! even {
    () => {
        "vldrw.u32 q4, [r5], #16
        vcvt.f32.s32 q0, q0
        vcvt.f32.s32 q1, q1
        vmul.f32 q0, q0, q4
        vmul.f32 q1, q1, q4
        vldrw.u32 q4, [r5], #32
        vcvtn.s32.f32 q0, q0
        vcvtn.s32.f32 q1, q1
        vqadd.s32 q0, q0, q4
        vqadd.s32 q1, q1, q4
        vmax.s32 q0, q0, q6
        vmax.s32 q1, q1, q6
        vmin.s32 q0, q0, q7
        vmin.s32 q1, q1, q7"
    };
}
pub(super) use even;

/// As [`away`], of what fits int16 then, without what is taken from negative numbers: saturates.
macro_rules! rectified {
    () => {
        "vldrw.u32 q4, [r5], #16
        vldrw.u32 q2, [r5], #16
        vqrdmulh.s32 q0, q0, q4
        vqrdmulh.s32 q1, q1, q4
        vldrw.u32 q4, [r5], #16
        vadd.i32 q0, q0, q2
        vadd.i32 q1, q1, q2
        vshl.s32 q0, q0, q4
        vshl.s32 q1, q1, q4
        vqmovnb.s16 q0, q0
        vqmovnb.s16 q1, q1"
    };
}
pub(super) use rectified;

/// Requantises q4, of four channels, to int16, with multipliers in q6, shifts in q7, and roundings at r2; q5 is free.
macro_rules! away1 {
    () => {
        "vqrdmulh.s32 q4, q4, q6
        vshr.s32 q5, q4, #31
        vadd.i32 q4, q4, q5
        vldrw.u32 q5, [r2, #96]
        vadd.i32 q4, q4, q5
        vshl.s32 q4, q4, q7
        vqmovnb.s32 q4, q4"
    };
}
pub(super) use away1;

/// The same with scales of float32 in q6, and zero points at r2.
macro_rules! even1 {
    () => {
        "vcvt.f32.s32 q4, q4
        vldrw.u32 q5, [r2, #96]
        vmul.f32 q4, q4, q6
        vcvtn.s32.f32 q4, q4
        vqadd.s32 q4, q4, q5
        vqmovnb.s32 q4, q4"
    };
}
pub(super) use even1;

/// As [`away1`], of what fits int16 then, without what is taken from negative numbers.
macro_rules! rectified1 {
    () => {
        "vldrw.u32 q5, [r2, #96]
        vqrdmulh.s32 q4, q4, q6
        vadd.i32 q4, q4, q5
        vshl.s32 q4, q4, q7"
    };
}
pub(super) use rectified1;
