//! How sums become int8: as TFLite rounds, or as ONNX does.

use super::blocks::Blocks;
use super::gemm;
use super::lines::{self, Lines};

/// Halves away from zero, twice: TFLite's requantisation, in fixed point.
#[derive(Clone, Copy)]
pub struct Away;

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

/// Requantises one vector of four channels or two of them, `$x` and `$y`, of which `$t` and `$u` are free; `$c` takes constants
/// from the stream at r5: multipliers, roundings, shifts to the left (which are negative).
macro_rules! away {
    ($x:literal, $y:literal, $t:literal, $u:literal, $c:literal) => {
        concat!(
            "vldrw.u32 ",
            $c,
            ", [r5], #16\n",
            "vqrdmulh.s32 ",
            $x,
            ", ",
            $x,
            ", ",
            $c,
            "\n",
            "vqrdmulh.s32 ",
            $y,
            ", ",
            $y,
            ", ",
            $c,
            "\n",
            "vldrw.u32 ",
            $c,
            ", [r5], #16\n",
            "vshr.s32 ",
            $t,
            ", ",
            $x,
            ", #31\n",
            "vshr.s32 ",
            $u,
            ", ",
            $y,
            ", #31\n",
            "vadd.i32 ",
            $x,
            ", ",
            $x,
            ", ",
            $c,
            "\n",
            "vadd.i32 ",
            $y,
            ", ",
            $y,
            ", ",
            $c,
            "\n",
            "vldrw.u32 ",
            $c,
            ", [r5], #16\n",
            "vadd.i32 ",
            $x,
            ", ",
            $x,
            ", ",
            $t,
            "\n",
            "vadd.i32 ",
            $y,
            ", ",
            $y,
            ", ",
            $u,
            "\n",
            "vshl.s32 ",
            $x,
            ", ",
            $x,
            ", ",
            $c,
            "\n",
            "vshl.s32 ",
            $y,
            ", ",
            $y,
            ", ",
            $c,
        )
    };
}
pub(super) use away;

/// The same with scales of float32, zero points, and a vector that is not used.
macro_rules! even {
    ($x:literal, $y:literal, $t:literal, $u:literal, $c:literal) => {
        concat!(
            "vldrw.u32 ",
            $c,
            ", [r5], #16\n",
            "vcvt.f32.s32 ",
            $x,
            ", ",
            $x,
            "\n",
            "vcvt.f32.s32 ",
            $y,
            ", ",
            $y,
            "\n",
            "vmul.f32 ",
            $x,
            ", ",
            $x,
            ", ",
            $c,
            "\n",
            "vmul.f32 ",
            $y,
            ", ",
            $y,
            ", ",
            $c,
            "\n",
            "vldrw.u32 ",
            $c,
            ", [r5], #32\n",
            "vcvtn.s32.f32 ",
            $x,
            ", ",
            $x,
            "\n",
            "vcvtn.s32.f32 ",
            $y,
            ", ",
            $y,
            "\n",
            "vqadd.s32 ",
            $x,
            ", ",
            $x,
            ", ",
            $c,
            "\n",
            "vqadd.s32 ",
            $y,
            ", ",
            $y,
            ", ",
            $c,
        )
    };
}
pub(super) use even;

/// Requantises q4, of four channels, with multipliers in q6, shifts in q7, and roundings at r2; q5 is free.
macro_rules! away1 {
    () => {
        concat!(
            "vqrdmulh.s32 q4, q4, q6\n",
            "vshr.s32 q5, q4, #31\n",
            "vadd.i32 q4, q4, q5\n",
            "vldrw.u32 q5, [r2, #96]\n",
            "vadd.i32 q4, q4, q5\n",
            "vshl.s32 q4, q4, q7",
        )
    };
}
pub(super) use away1;

/// The same with scales of float32 in q6, and zero points at r2.
macro_rules! even1 {
    () => {
        concat!(
            "vcvt.f32.s32 q4, q4\n",
            "vldrw.u32 q5, [r2, #96]\n",
            "vmul.f32 q4, q4, q6\n",
            "vcvtn.s32.f32 q4, q4\n",
            "vqadd.s32 q4, q4, q5",
        )
    };
}
pub(super) use even1;
