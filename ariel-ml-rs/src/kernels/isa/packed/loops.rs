//! What the kernels ask of an instruction set: the loops over data, as naked functions.

use super::average_pool2d::Cells;
use super::clamp::clamp;
use super::cores::{Cores, Plain16, Thumb2};
#[cfg(armv7e_m)]
use super::cores::{Dsp, Dsp4, Dsp16};
#[cfg(vfpv4_sp)]
use super::cores::{DspFpu, DspFpu4};
use super::lines::Lines;
#[cfg(armv7e_m)]
use crate::kernels::isa::armv7e_m;
#[cfg(vfpv4_sp)]
use crate::kernels::isa::dsp_fpu;
use crate::kernels::isa::thumb2;
use crate::quant::Bounds;

/// Pixels of a block.
pub(super) const PIXELS: usize = 4;
/// Channels that are transposed together.
pub(super) const PLANES: usize = 4;

/// What computes the lines of some channels.
pub(super) type Compute = unsafe extern "C" fn(&Lines);

/// The loops that multiply, of one instruction set and type of activations. What [`Products::widen4`] writes, only its own
/// [`Products::gemm4`] reads.
///
/// # Safety
/// For who calls them: the core has the instructions.
pub(super) trait Products: Cores {
    /// Whether [`Products::gemv`] takes the patch of any pixel, and not only rows of whole steps.
    const ANY_ROW: bool;

    /// What all channels have in common when they are requantised to an output with this zero point.
    fn rounding(zero_point: i32) -> i32;

    /// The word of which widened padding consists.
    fn padding(zero_point: i8) -> u32;

    /// Computes channels, two by two, of four pixels.
    ///
    /// `inputs` are as [`Products::widen4`] writes them, `rounding` is that of [`Products::rounding`]. For int8 `stream` is as
    /// [`super`] says, and `end` [`Cores::HEAD`] words behind the last pair begins; for int16 it has for each pair of channels
    /// `bias[c0]`, `bias[c1]`, the words of weights, and both multipliers; where weights have four bits, four channels stand in
    /// the place of a pair (see [`crate::kernels::isa::armv7e_m`], `int4`). Pixel p is stored at `output + p * stride` bytes.
    ///
    /// # Safety
    /// `inputs` has `bytes` bytes, a multiple of 16 and not 0; `stream` has whole pairs up to `end`; four pixels of
    /// twice as many channels as pairs are this call's own to write.
    unsafe fn gemm4(
        inputs: *const i16,
        stream: *const i32,
        output: *mut Self::Element,
        stride: usize,
        bytes: usize,
        end: *const i32,
        rounding: i32,
    );

    /// Computes channels, two by two, of one row; `inputs` are as [`Products::widen1`] writes them, `stream` is as for
    /// [`Products::gemm4`].
    ///
    /// # Safety
    /// As there, with one row of outputs; `bytes` is a multiple of 16 for int8, and of 4 for int16.
    unsafe fn gemv(
        inputs: *const i16,
        stream: *const i32,
        output: *mut Self::Element,
        bytes: usize,
        end: *const i32,
        rounding: i32,
    );

    /// As [`Products::gemv`], of a row of `depth` elements; returns whether there is such a loop for so many, which has run then.
    ///
    /// # Safety
    /// As there; `depth` is not 0.
    #[inline(always)]
    unsafe fn gemv_near(
        _inputs: *const i16,
        _stream: *const i32,
        _output: *mut Self::Element,
        _depth: usize,
        _end: *const i32,
        _rounding: i32,
    ) -> bool {
        false
    }

    /// Widens `words` words of four pixels, `stride` bytes apart, and returns the end of what it wrote: `WIDE` words of each
    /// pixel for each word.
    ///
    /// # Safety
    /// `source + p * stride` has `4 * words` bytes for p < 4, `words` is not 0, and there is room.
    unsafe fn widen4(source: *const i8, stride: usize, to: *mut i16, words: usize) -> *mut i16;

    /// Widens `words` words of one pixel: int8 to int16, of each four elements k in the order k0, k2, k1, k3; int16 as they are.
    ///
    /// # Safety
    /// `source` has `4 * words` bytes, `words` is not 0, and there is room.
    unsafe fn widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16;

    /// Applies bounds that are tighter than those of the type, which saturation has applied.
    ///
    /// # Safety
    /// `values` points to `count` values that are this call's own.
    unsafe fn clamp(values: *mut Self::Element, count: usize, bounds: &Bounds);
}

/// Loops that multiply with a part of the weights of each pair in a stream: `before` bytes in front of those are left out, and
/// `behind` bytes behind them.
pub(super) trait Partial: Products {
    /// As [`Products::gemm4`].
    ///
    /// # Safety
    /// As there, with the weights that are left.
    unsafe fn gemm4_part(
        inputs: *const i16,
        stream: *const i32,
        output: *mut Self::Element,
        stride: usize,
        bytes: usize,
        end: *const i32,
        before: usize,
        behind: usize,
    );

    /// As [`Products::gemv`].
    ///
    /// # Safety
    /// As there, with the weights that are left.
    unsafe fn gemv_part(
        inputs: *const i16,
        stream: *const i32,
        output: *mut Self::Element,
        bytes: usize,
        end: *const i32,
        before: usize,
        behind: usize,
    );
}

/// Loops over planes of four channels.
///
/// # Safety
/// As for [`Products`].
pub(super) trait Planes: Products {
    /// Writes `count` pixels of four channels, `stride` bytes apart, to four planes of int16 that are `plane` bytes apart;
    /// with an odd count the one behind the last as well, which gets `padding` (a word of the zero point).
    ///
    /// # Safety
    /// Each pixel has four elements, and there is room in the planes for the pixels, rounded up to even.
    unsafe fn transpose(source: *const i8, stride: usize, to: *mut i16, plane: usize, count: usize, padding: u32);

    /// Compute lines of 3x3 windows: with a stride of 1, in less code, with a stride of 2, in less code.
    ///
    /// # Safety
    /// The planes hold what the outputs read, up to an even number of them, on lines aligned to 4; the stream has
    /// `CHANNEL_WORDS` for each channel, and the outputs are this call's own.
    const LINES: [Compute; 4];
}

/// Loops over rows of int8 as they are.
///
/// # Safety
/// As for [`Products`].
pub(super) trait Fours: Products<Element = i8> {
    /// Computes channels, four by four, of one row of int8.
    ///
    /// `stream` is as [`super`] says, with four channels in the place of pairs: for each four elements two words of c0 and c1
    /// and two of c2 and c3, or one and one of all four where weights have four bits.
    ///
    /// # Safety
    /// `inputs` has `depth` bytes, a multiple of 4 and not 0; `stream` has whole fours up to `end`; as many outputs as
    /// channels are this call's own to write.
    unsafe fn quads(
        inputs: *const i8,
        stream: *const i32,
        output: *mut i8,
        depth: usize,
        end: *const i32,
        rounding: i32,
    );
}

/// The other loops over data of one instruction set, all of int8.
///
/// # Safety
/// As for [`Products`].
pub(super) trait Loops: Planes<Element = i8> + Fours {
    /// As [`Products::gemm4`], in less code.
    ///
    /// # Safety
    /// As there.
    unsafe fn gemm4_short(
        inputs: *const i16,
        stream: *const i32,
        output: *mut i8,
        stride: usize,
        bytes: usize,
        end: *const i32,
        rounding: i32,
    );

    /// Applies bounds, each byte of `low` and `high` is one.
    ///
    /// # Safety
    /// `values` points to `count` values that are this call's own.
    unsafe fn clamp_all(values: *mut i8, count: usize, low: u32, high: u32);

    /// Averages of all groups of four channels of a pixel.
    ///
    /// # Safety
    /// The cells exist and are not none; the outputs are this call's own.
    unsafe fn average(cells: &Cells);
}

/// Implements [`Loops`] with the functions of one folder, [`Products`] and [`Partial`] for int16, or, for weights of four bits,
/// [`Products`] and [`Fours`], with what is not about weights as other cores have it.
macro_rules! loops {
    ($cores:ident, $folder:ident, int16) => {
        impl Products for $cores {
            const ANY_ROW: bool = true;

            #[inline(always)]
            fn rounding(_: i32) -> i32 {
                0
            }

            #[inline(always)]
            fn padding(_: i8) -> u32 {
                0
            }
            loops!($folder::int16: gemm4(inputs: *const i16, stream: *const i32, output: *mut i16, stride: usize, bytes: usize, end: *const i32, rounding: i32));
            loops!($folder::int16: gemv(inputs: *const i16, stream: *const i32, output: *mut i16, bytes: usize, end: *const i32, rounding: i32));
            loops!($folder::int16: widen4(source: *const i8, stride: usize, to: *mut i16, words: usize) -> *mut i16);
            loops!($folder::int16: widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16);
            loops!($folder::int16: clamp(values: *mut i16, count: usize, bounds: &Bounds));
        }

        impl Partial for $cores {
            loops!($folder::int16: gemm4_part(inputs: *const i16, stream: *const i32, output: *mut i16, stride: usize, bytes: usize, end: *const i32, before: usize, behind: usize));
            loops!($folder::int16: gemv_part(inputs: *const i16, stream: *const i32, output: *mut i16, bytes: usize, end: *const i32, before: usize, behind: usize));
        }
    };
    ($cores:ident, $folder:ident, int4 of $bytes:ident) => {
        impl Products for $cores {
            const ANY_ROW: bool = false;

            #[inline(always)]
            fn rounding(zero_point: i32) -> i32 {
                $bytes::rounding(zero_point)
            }

            #[inline(always)]
            fn padding(zero_point: i8) -> u32 {
                $bytes::padding(zero_point)
            }
            loops!($folder::int4: gemm4(inputs: *const i16, stream: *const i32, output: *mut i8, stride: usize, bytes: usize, end: *const i32, rounding: i32));
            loops!($folder::int4: gemv(inputs: *const i16, stream: *const i32, output: *mut i8, bytes: usize, end: *const i32, rounding: i32));
            loops!($folder: widen4(source: *const i8, stride: usize, to: *mut i16, words: usize) -> *mut i16);
            loops!($folder: widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16);

            #[inline(always)]
            unsafe fn clamp(values: *mut i8, count: usize, bounds: &Bounds) {
                // SAFETY: forwarded to the caller.
                unsafe { clamp::<$bytes>(values, count, bounds) };
            }
        }

        impl Fours for $cores {
            loops!($folder::int4: quads(inputs: *const i8, stream: *const i32, output: *mut i8, depth: usize, end: *const i32, rounding: i32));
        }
    };
    ($cores:ident, $folder:ident $(, $near:ident)?) => {
        impl Products for $cores {
            const ANY_ROW: bool = false;

            #[inline(always)]
            fn rounding(zero_point: i32) -> i32 {
                $folder::rounding(zero_point)
            }

            #[inline(always)]
            fn padding(zero_point: i8) -> u32 {
                $folder::padding(zero_point)
            }
            loops!($folder: gemm4(inputs: *const i16, stream: *const i32, output: *mut i8, stride: usize, bytes: usize, end: *const i32, rounding: i32));
            loops!($folder: gemv(inputs: *const i16, stream: *const i32, output: *mut i8, bytes: usize, end: *const i32, rounding: i32));
            $(loops!($folder: $near(inputs: *const i16, stream: *const i32, output: *mut i8, depth: usize, end: *const i32, rounding: i32) -> bool);)?
            loops!($folder: widen4(source: *const i8, stride: usize, to: *mut i16, words: usize) -> *mut i16);
            loops!($folder: widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16);

            #[inline(always)]
            unsafe fn clamp(values: *mut i8, count: usize, bounds: &Bounds) {
                // SAFETY: forwarded to the caller.
                unsafe { clamp::<Self>(values, count, bounds) };
            }
        }

        impl Planes for $cores {
            const LINES: [Compute; 4] =
                [$folder::lines1, $folder::lines1_short, $folder::lines2, $folder::lines2_short];

            loops!($folder: transpose(source: *const i8, stride: usize, to: *mut i16, plane: usize, count: usize, padding: u32));
        }

        impl Fours for $cores {
            loops!($folder: quads(inputs: *const i8, stream: *const i32, output: *mut i8, depth: usize, end: *const i32, rounding: i32));
        }

        impl Loops for $cores {
            loops!($folder: gemm4_short(inputs: *const i16, stream: *const i32, output: *mut i8, stride: usize, bytes: usize, end: *const i32, rounding: i32));
            loops!($folder: clamp_all(values: *mut i8, count: usize, low: u32, high: u32));
            loops!($folder: average(cells: &Cells));
        }
    };
    ($($folder:ident)::+: $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {
        #[inline(always)]
        unsafe fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: forwarded to the caller.
            unsafe { $($folder)::+::$name($($argument),*) }
        }
    };
}
loops!(Thumb2, thumb2);
loops!(Plain16, thumb2, int16);
#[cfg(armv7e_m)]
loops!(Dsp, armv7e_m, gemv_near);
#[cfg(armv7e_m)]
loops!(Dsp4, armv7e_m, int4 of Dsp);
#[cfg(vfpv4_sp)]
loops!(DspFpu4, dsp_fpu, int4 of DspFpu);
#[cfg(armv7e_m)]
loops!(Dsp16, armv7e_m, int16);
#[cfg(vfpv4_sp)]
loops!(DspFpu, dsp_fpu, gemv_near);

#[cfg(armv7e_m)]
impl Planes for Dsp16 {
    const LINES: [Compute; 4] = [armv7e_m::wide1, armv7e_m::wide1_short, armv7e_m::wide2, armv7e_m::wide2_short];

    #[inline(always)]
    unsafe fn transpose(source: *const i8, stride: usize, to: *mut i16, plane: usize, count: usize, padding: u32) {
        // SAFETY: forwarded to the caller.
        unsafe { armv7e_m::transpose16(source, stride, to, plane, count, padding) };
    }
}
