//! How sums become int8: as TFLite rounds, or as ONNX does; and int16, as TFLite rounds those.

use super::blocks::Blocks;
use super::clamp::{clamp, clamp16};
use super::gemm;
use super::lines::{self, Lines};
use crate::memory::Element;
use crate::quant::Bounds;

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

/// Halves up, once: TFLite's requantisation of int16. The compiler has proved that sums fit 32 bits, and that the multiplier does:
/// then VRMULH is all of it.
#[derive(Clone, Copy)]
pub struct Up;

/// How sums are rounded, and what follows from it for the layout of patches and streams.
pub trait Rounding: Copy + 'static {
    /// Elements of input and output.
    type Element: Element;
    /// Bytes of one.
    const BYTES: usize = size_of::<Self::Element>();
    /// int32 of four channels in a stream, besides their weights.
    const EXTRA: usize;
}

/// The loops that requantise.
///
/// # Safety
/// For who calls them: the core has Helium, for [`Even`] with floats.
pub(super) trait Loops: Rounding {
    /// Computes pairs of pixels.
    ///
    /// # Safety
    /// As `Blocks` says: patches, stream and outputs are there, and the outputs are this call's own.
    unsafe fn gemm(input: *const i8, output: *mut i8, blocks: &Blocks);

    /// Applies bounds where saturation has not.
    ///
    /// # Safety
    /// The elements are this call's own.
    unsafe fn clamp(values: *mut Self::Element, count: usize, bounds: &Bounds);
}

/// The loops of depthwise convolutions of int8.
///
/// # Safety
/// As for [`Loops`].
pub(super) trait InLines: Loops<Element = i8> {
    /// Computes lines of 3x3 windows, whose stride along them is 1 or, where it is `far`, 2.
    ///
    /// # Safety
    /// As `Lines` says, with 16 bytes more behind the planes, and the outputs are this call's own.
    unsafe fn lines(far: bool, lines: &mut Lines);
}

macro_rules! loops {
    ($rounding:ident, $element:ident, $extra:literal, $gemm:path, $clamp:path) => {
        impl Rounding for $rounding {
            type Element = $element;
            const EXTRA: usize = $extra;
        }

        impl Loops for $rounding {
            #[inline(always)]
            unsafe fn gemm(input: *const i8, output: *mut i8, blocks: &Blocks) {
                // SAFETY: forwarded to the caller.
                unsafe { $gemm(input, output, blocks) };
            }

            #[inline(always)]
            unsafe fn clamp(values: *mut $element, count: usize, bounds: &Bounds) {
                // SAFETY: forwarded to the caller.
                unsafe { $clamp(values, count, bounds) };
            }
        }
    };
    ($rounding:ident, $gemm:path, $near:path, $far:path) => {
        loops!($rounding, i8, 16, $gemm, clamp);

        impl InLines for $rounding {
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
loops!(Up, i16, 8, gemm::up, clamp16);

/// Makes q6 and q7 of the sums of two pixels, four channels each, adds the biases in q2, requantises with the vectors of four that lie
/// at the first three operands (multipliers, roundings, shifts to the left, which are negative), saturates and stores them at r7, which
/// moves on, and as far behind as the stack says; r1 is free. In between it computes the first step of the next sums, whose weights
/// lie at the other operands, as do those of the step behind, which are loaded into q2. Where the first operand is that of an
/// instruction that moves r5, the others count from there. Instructions stand in the order in which a Cortex-M55 waits for none.
macro_rules! away_woven {
    ($mult:literal, $rounding:literal, $shift:literal, $first:literal, $second:literal, $third:literal, $fourth:literal,
     $next:literal) => {
        concat!(
            "vmov q6[3], q6[1], r2, r6
            vmov q6[2], q6[0], r0, r4
            vmov q7[2], q7[0], r8, r12
            vadd.i32 q6, q6, q2
            vmov q7[3], q7[1], r10, lr\n",
            "vldrw.u32 q3, ",
            $mult,
            "\n",
            "vqrdmulh.s32 q6, q6, q3
            vadd.i32 q7, q7, q2
            vqrdmulh.s32 q7, q7, q3
            vldrb.u8 q0, [r9], #16
            vshr.s32 q3, q7, #31\n",
            "vldrw.u32 q4, ",
            $rounding,
            "\n",
            "vshr.s32 q5, q6, #31
            vldrb.u8 q1, [r11], #16
            vadd.i32 q7, q7, q3\n",
            "vldrw.u32 q2, ",
            $first,
            "\n",
            "vadd.i32 q7, q7, q4
            vmladav.s8 r8, q1, q2
            vadd.i32 q6, q6, q5\n",
            "vldrw.u32 q5, ",
            $shift,
            "\n",
            "vadd.i32 q6, q6, q4
            vmladav.s8 r0, q0, q2
            vshl.s32 q6, q6, q5\n",
            "vldrw.u32 q3, ",
            $second,
            "\n",
            "vqmovnb.s32 q6, q6
            vmladav.s8 r2, q0, q3\n",
            "vldrw.u32 q4, ",
            $third,
            "\n",
            "vshl.s32 q7, q7, q5\n",
            "vldrw.u32 q5, ",
            $fourth,
            "\n",
            "vmladav.s8 r10, q1, q3
            vqmovnb.s32 q7, q7
            vmladav.s8 r4, q0, q4
            ldr r1, [sp, #24]
            vqmovnb.s16 q6, q6
            vmladav.s8 r12, q1, q4
            vqmovnb.s16 q7, q7
            vmladav.s8 lr, q1, q5
            add r1, r1, r7
            vstrb.32 q7, [r1]
            vmladav.s8 r6, q0, q5
            vstrb.32 q6, [r7], #4\n",
            "vldrw.u32 q2, ",
            $next,
            "\n",
        )
    };
}
pub(super) use away_woven;

/// The same without the next sums, of so many channels as r0 says; constants lie at r5.
macro_rules! away_drained {
    () => {
        "vmov q6[2], q6[0], r0, r4
        vmov q6[3], q6[1], r2, r6
        vmov q7[2], q7[0], r8, r12
        vmov q7[3], q7[1], r10, lr
        vldrw.u32 q3, [r5]
        vadd.i32 q6, q6, q2
        vadd.i32 q7, q7, q2
        ldr r0, [sp, #48]
        vqrdmulh.s32 q6, q6, q3
        vqrdmulh.s32 q7, q7, q3
        vldrw.u32 q4, [r5, #16]
        vshr.s32 q0, q6, #31
        vadd.i32 q6, q6, q4
        vshr.s32 q1, q7, #31
        vadd.i32 q7, q7, q4
        vldrw.u32 q5, [r5, #32]
        vadd.i32 q6, q6, q0
        ldr r1, [sp, #24]
        vadd.i32 q7, q7, q1
        vshl.s32 q6, q6, q5
        vshl.s32 q7, q7, q5
        vqmovnb.s32 q6, q6
        vqmovnb.s32 q7, q7
        vqmovnb.s16 q6, q6
        vqmovnb.s16 q7, q7
        vctp.32 r0
        add r1, r1, r7
        vpstt
        vstrbt.32 q6, [r7], #4
        vstrbt.32 q7, [r1]"
    };
}
pub(super) use away_drained;

/// The same with scales of float32, zero points, and a vector that is not used.
macro_rules! even_woven {
    ($mult:literal, $rounding:literal, $shift:literal, $first:literal, $second:literal, $third:literal, $fourth:literal,
     $next:literal) => {
        concat!(
            "vmov q6[3], q6[1], r2, r6
            vmov q7[3], q7[1], r10, lr
            vmov q7[2], q7[0], r8, r12
            vadd.i32 q7, q7, q2
            vmov q6[2], q6[0], r0, r4
            vadd.i32 q6, q6, q2
            vcvt.f32.s32 q6, q6\n",
            "vldrw.u32 q3, ",
            $mult,
            "\n",
            "vcvt.f32.s32 q7, q7\n",
            "vldrw.u32 q5, ",
            $fourth,
            "\n",
            "vmul.f32 q6, q6, q3
            vldrb.u8 q0, [r9], #16
            vmul.f32 q7, q7, q3\n",
            "vldrw.u32 q4, ",
            $rounding,
            "\n",
            "vcvtn.s32.f32 q6, q6\n",
            "vldrw.u32 q3, ",
            $second,
            "\n",
            "vcvtn.s32.f32 q7, q7\n",
            "vldrw.u32 q2, ",
            $first,
            "\n",
            "vqadd.s32 q6, q6, q4
            vldrb.u8 q1, [r11], #16
            vqadd.s32 q7, q7, q4
            vmladav.s8 r10, q1, q3
            vqmovnb.s32 q6, q6
            ldr r1, [sp, #24]
            vmladav.s8 r8, q1, q2\n",
            "vldrw.u32 q4, ",
            $third,
            "\n",
            "vqmovnb.s32 q7, q7
            vmladav.s8 r12, q1, q4
            add r1, r1, r7
            vqmovnb.s16 q6, q6
            vmladav.s8 r4, q0, q4
            vqmovnb.s16 q7, q7
            vmladav.s8 r2, q0, q3
            vstrb.32 q6, [r7], #4
            vmladav.s8 r0, q0, q2
            vstrb.32 q7, [r1]
            vmladav.s8 r6, q0, q5\n",
            "vldrw.u32 q2, ",
            $next,
            "\n",
            "vmladav.s8 lr, q1, q5\n",
        )
    };
}
pub(super) use even_woven;

/// As [`away_drained`], with scales of float32 and zero points.
macro_rules! even_drained {
    () => {
        "vmov q6[2], q6[0], r0, r4
        vmov q6[3], q6[1], r2, r6
        vmov q7[2], q7[0], r8, r12
        vmov q7[3], q7[1], r10, lr
        vldrw.u32 q3, [r5]
        vadd.i32 q6, q6, q2
        vadd.i32 q7, q7, q2
        ldr r0, [sp, #48]
        vcvt.f32.s32 q6, q6
        vcvt.f32.s32 q7, q7
        vmul.f32 q6, q6, q3
        vmul.f32 q7, q7, q3
        vldrw.u32 q4, [r5, #16]
        vcvtn.s32.f32 q6, q6
        vcvtn.s32.f32 q7, q7
        ldr r1, [sp, #24]
        vqadd.s32 q6, q6, q4
        vqadd.s32 q7, q7, q4
        vqmovnb.s32 q6, q6
        vqmovnb.s32 q7, q7
        vqmovnb.s16 q6, q6
        vqmovnb.s16 q7, q7
        vctp.32 r0
        add r1, r1, r7
        vpstt
        vstrbt.32 q6, [r7], #4
        vstrbt.32 q7, [r1]"
    };
}
pub(super) use even_drained;

/// As [`away_woven`], of what fits int16 then, without what is taken from negative numbers.
macro_rules! rectified_woven {
    ($mult:literal, $rounding:literal, $shift:literal, $first:literal, $second:literal, $third:literal, $fourth:literal,
     $next:literal) => {
        concat!(
            "vmov q6[2], q6[0], r0, r4
            vmov q6[3], q6[1], r2, r6
            vmov q7[2], q7[0], r8, r12
            vmov q7[3], q7[1], r10, lr
            vadd.i32 q6, q6, q2
            vldrb.u8 q1, [r11], #16
            vadd.i32 q7, q7, q2\n",
            "vldrw.u32 q3, ",
            $mult,
            "\n",
            "vqrdmulh.s32 q6, q6, q3
            vldrb.u8 q0, [r9], #16
            vqrdmulh.s32 q7, q7, q3\n",
            "vldrw.u32 q4, ",
            $rounding,
            "\n",
            "vadd.i32 q7, q7, q4\n",
            "vldrw.u32 q5, ",
            $shift,
            "\n",
            "vadd.i32 q6, q6, q4\n",
            "vldrw.u32 q2, ",
            $first,
            "\n",
            "vmladav.s8 r8, q1, q2\n",
            "vldrw.u32 q3, ",
            $second,
            "\n",
            "vmladav.s8 r2, q0, q3
            vshl.s32 q6, q6, q5
            vmladav.s8 r10, q1, q3\n",
            "vldrw.u32 q4, ",
            $third,
            "\n",
            "vmladav.s8 r4, q0, q4
            vshl.s32 q7, q7, q5
            vmladav.s8 r0, q0, q2
            vqmovnb.s16 q6, q6
            vmladav.s8 r12, q1, q4\n",
            "vldrw.u32 q5, ",
            $fourth,
            "\n",
            "ldr r1, [sp, #24]
            vmladav.s8 lr, q1, q5\n",
            "vldrw.u32 q2, ",
            $next,
            "\n",
            "vqmovnb.s16 q7, q7
            vmladav.s8 r6, q0, q5
            add r1, r1, r7
            vstrb.32 q7, [r1]
            vstrb.32 q6, [r7], #4\n",
        )
    };
}
pub(super) use rectified_woven;

/// As [`away_drained`], of what fits int16 then.
macro_rules! rectified_drained {
    () => {
        "vmov q6[2], q6[0], r0, r4
        vmov q6[3], q6[1], r2, r6
        vmov q7[2], q7[0], r8, r12
        vmov q7[3], q7[1], r10, lr
        vldrw.u32 q3, [r5]
        vadd.i32 q6, q6, q2
        vadd.i32 q7, q7, q2
        ldr r0, [sp, #48]
        vqrdmulh.s32 q6, q6, q3
        vqrdmulh.s32 q7, q7, q3
        vldrw.u32 q4, [r5, #16]
        vadd.i32 q6, q6, q4
        vldrw.u32 q5, [r5, #32]
        vadd.i32 q7, q7, q4
        vshl.s32 q6, q6, q5
        ldr r1, [sp, #24]
        vshl.s32 q7, q7, q5
        vqmovnb.s16 q6, q6
        vqmovnb.s16 q7, q7
        vctp.32 r0
        add r1, r1, r7
        vpstt
        vstrbt.32 q6, [r7], #4
        vstrbt.32 q7, [r1]"
    };
}
pub(super) use rectified_drained;

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
