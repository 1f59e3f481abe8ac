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

/// Makes q0 and q1 of the sums of two pixels, four channels each, adds the biases in q2, and requantises with what is in the
/// stream at r5: multipliers, roundings, shifts to the left (which are negative). q3 to q5 are free; r1 becomes where the second
/// pixel's outputs go to, r11 bytes behind r7. Instructions that take the same unit of a Cortex-M55 stand apart.
macro_rules! away {
    () => {
        "vmov q1[2], q1[0], r8, r12
        vmov q0[2], q0[0], r0, r4
        vmov q0[3], q0[1], r2, r6
        vmov q1[3], q1[1], r10, lr
        vldrw.u32 q3, [r5], #16
        vadd.i32 q1, q1, q2
        vqrdmulh.s32 q1, q1, q3
        vadd.i32 q0, q0, q2
        vqrdmulh.s32 q0, q0, q3
        vshr.s32 q3, q1, #31
        vldrw.u32 q4, [r5], #16
        vshr.s32 q2, q0, #31
        vldrw.u32 q5, [r5], #16
        vadd.i32 q0, q0, q4
        vadd.i32 q1, q1, q4
        vadd.i32 q0, q0, q2
        vshl.s32 q0, q0, q5
        add r1, r7, r11
        vadd.i32 q1, q1, q3
        vmax.s32 q0, q0, q6
        vmin.s32 q0, q0, q7
        vshl.s32 q1, q1, q5
        vmax.s32 q1, q1, q6
        vmin.s32 q1, q1, q7"
    };
}
pub(super) use away;

/// The same with scales of float32, zero points, and a vector that is not used.
macro_rules! even {
    () => {
        "vmov q1[2], q1[0], r8, r12
        vmov q1[3], q1[1], r10, lr
        vadd.i32 q1, q1, q2
        vcvt.f32.s32 q1, q1
        vldrw.u32 q3, [r5], #16
        vmul.f32 q1, q1, q3
        vmov q0[2], q0[0], r0, r4
        vmov q0[3], q0[1], r2, r6
        vadd.i32 q0, q0, q2
        vcvt.f32.s32 q0, q0
        vmul.f32 q0, q0, q3
        vcvtn.s32.f32 q0, q0
        vldrw.u32 q4, [r5], #32
        vqadd.s32 q0, q0, q4
        vcvtn.s32.f32 q1, q1
        vmax.s32 q0, q0, q6
        vqadd.s32 q1, q1, q4
        add r1, r7, r11
        vmin.s32 q0, q0, q7
        vmax.s32 q1, q1, q6
        vmin.s32 q1, q1, q7"
    };
}
pub(super) use even;

/// As [`away`], of what fits int16 then, without what is taken from negative numbers: saturates.
macro_rules! rectified {
    () => {
        "vmov q1[2], q1[0], r8, r12
        vmov q0[2], q0[0], r0, r4
        vmov q0[3], q0[1], r2, r6
        vadd.i32 q0, q0, q2
        vmov q1[3], q1[1], r10, lr
        vldrw.u32 q3, [r5], #16
        vqrdmulh.s32 q0, q0, q3
        vadd.i32 q1, q1, q2
        vqrdmulh.s32 q1, q1, q3
        vldrw.u32 q4, [r5], #16
        vadd.i32 q1, q1, q4
        vldrw.u32 q5, [r5], #16
        vshl.s32 q1, q1, q5
        add r1, r7, r11
        vqmovnb.s16 q1, q1
        vadd.i32 q0, q0, q4
        vshl.s32 q0, q0, q5
        vqmovnb.s16 q0, q0"
    };
}
pub(super) use rectified;

/// Takes the next window of a line into q5: for the macros below, and so where they are used.
macro_rules! window {
    ($line:literal, $stride:literal) => {
        concat!("vldrb.u8 q5, [", $line, "], #3 * ", $stride, "\n")
    };
}
pub(super) use window;

/// Adds biases to q4, the sums of four channels, and requantises it to int8, with multipliers in q6, shifts in q7, biases and
/// roundings at r2; q5 is free. With a stride, it also sums the next pixel's windows, so that products fill the time in which results
/// are awaited: q5 has one window after the other.
macro_rules! away1 {
    () => {
        "vldrw.u32 q5, [r2, #64]
        vadd.i32 q4, q4, q5
        vqrdmulh.s32 q4, q4, q6
        vshr.s32 q5, q4, #31
        vadd.i32 q4, q4, q5
        vldrw.u32 q5, [r2, #96]
        vadd.i32 q4, q4, q5
        vshl.s32 q4, q4, q7
        vqmovnb.s32 q4, q4
        vqmovnb.s16 q4, q4"
    };
    ($stride:literal) => {
        concat!(
            "vldrw.u32 q5, [r2, #64]\n",
            "vadd.i32 q4, q4, q5\n",
            "vqrdmulh.s32 q4, q4, q6\n",
            window!("r1", $stride),
            "vmladav.s8 r4, q5, q0\n",
            "vshr.s32 q5, q4, #31\n",
            "vadd.i32 q4, q4, q5\n",
            "vldrw.u32 q5, [r2, #96]\n",
            "vadd.i32 q4, q4, q5\n",
            window!("r3", $stride),
            "vshl.s32 q4, q4, q7\n",
            "vmladav.s8 r6, q5, q1\n",
            window!("r5", $stride),
            "vqmovnb.s32 q4, q4\n",
            "vmladav.s8 r8, q5, q2\n",
            window!("r7", $stride),
            "vqmovnb.s16 q4, q4\n",
            "vmladav.s8 r10, q5, q3\n",
        )
    };
}
pub(super) use away1;

/// The same with scales of float32 in q6, and zero points at r2.
macro_rules! even1 {
    () => {
        "vldrw.u32 q5, [r2, #64]
        vadd.i32 q4, q4, q5
        vcvt.f32.s32 q4, q4
        vmul.f32 q4, q4, q6
        vldrw.u32 q5, [r2, #96]
        vcvtn.s32.f32 q4, q4
        vqadd.s32 q4, q4, q5
        vqmovnb.s32 q4, q4
        vqmovnb.s16 q4, q4"
    };
    ($stride:literal) => {
        concat!(
            "vldrw.u32 q5, [r2, #64]\n",
            "vadd.i32 q4, q4, q5\n",
            "vcvt.f32.s32 q4, q4\n",
            "vmul.f32 q4, q4, q6\n",
            "vldrw.u32 q5, [r2, #96]\n",
            "vcvtn.s32.f32 q4, q4\n",
            "vqadd.s32 q4, q4, q5\n",
            window!("r1", $stride),
            "vqmovnb.s32 q4, q4\n",
            "vmladav.s8 r4, q5, q0\n",
            window!("r3", $stride),
            "vqmovnb.s16 q4, q4\n",
            "vmladav.s8 r6, q5, q1\n",
            window!("r5", $stride),
            "vmladav.s8 r8, q5, q2\n",
            window!("r7", $stride),
            "vmladav.s8 r10, q5, q3\n",
        )
    };
}
pub(super) use even1;

/// As [`away1`], of what fits int16 then, without what is taken from negative numbers.
macro_rules! rectified1 {
    () => {
        "vldrw.u32 q5, [r2, #64]
        vadd.i32 q4, q4, q5
        vqrdmulh.s32 q4, q4, q6
        vldrw.u32 q5, [r2, #96]
        vadd.i32 q4, q4, q5
        vshl.s32 q4, q4, q7
        vqmovnb.s16 q4, q4"
    };
    ($stride:literal) => {
        concat!(
            "vldrw.u32 q5, [r2, #64]\n",
            "vadd.i32 q4, q4, q5\n",
            "vqrdmulh.s32 q4, q4, q6\n",
            "vldrw.u32 q5, [r2, #96]\n",
            "vadd.i32 q4, q4, q5\n",
            window!("r1", $stride),
            "vmladav.s8 r4, q5, q0\n",
            "vshl.s32 q4, q4, q7\n",
            window!("r3", $stride),
            "vqmovnb.s16 q4, q4\n",
            "vmladav.s8 r6, q5, q1\n",
            window!("r5", $stride),
            "vmladav.s8 r8, q5, q2\n",
            window!("r7", $stride),
            "vmladav.s8 r10, q5, q3\n",
        )
    };
}
pub(super) use rectified1;
