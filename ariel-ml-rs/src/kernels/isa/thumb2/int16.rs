//! Activations of int16 on cores without DSP, with the streams of those that have it (`armv7e_m`): plain Rust.

#![expect(clippy::cast_ptr_alignment, reason = "patches are aligned to words; what may not be is read as such")]

use super::place::copy;
use crate::quant::Bounds;

/// Pixels of a block.
const PIXELS: usize = 4;

/// The weights of a word: of c0 for both elements, and of c1.
#[inline(always)]
fn weights(word: i32) -> [[i32; 2]; 2] {
    let [a, b, c, d] = word.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
    [[a, c], [b, d]]
}

/// `sum` with the products of two elements.
#[inline(always)]
fn added(sum: i32, inputs: i32, [first, second]: [i32; 2]) -> i32 {
    let (low, high) = (inputs << 16 >> 16, inputs >> 16);
    sum.wrapping_add(low.wrapping_mul(first)).wrapping_add(high.wrapping_mul(second))
}

/// SMMULR, and saturation.
#[inline(always)]
fn finish(sum: i32, multiplier: i32) -> i16 {
    let high = (i64::from(sum) * i64::from(multiplier) + (1 << 31)) >> 32;
    high.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// Computes channels, two by two, of so many pixels whose words lie by turns.
///
/// # Safety
/// As for `gemm4_part` and `gemv_part`.
#[inline(always)]
unsafe fn multiply<const PIXELS: usize>(
    inputs: *const i16,
    mut stream: *const i32,
    output: *mut i16,
    stride: usize,
    bytes: usize,
    end: *const i32,
    (before, behind): (usize, usize),
) {
    let mut channel = 0;
    // SAFETY: as the caller promises.
    unsafe {
        let inputs = inputs.cast::<i32>();
        let last = inputs.byte_add(bytes);
        while stream != end {
            let (mut c0, mut c1) = ([*stream; PIXELS], [*stream.add(1); PIXELS]);
            stream = stream.add(2).byte_add(before);
            let mut at = inputs;
            while at != last {
                let [w0, w1] = weights(*stream);
                for p in 0..PIXELS {
                    let words = *at.add(p);
                    (c0[p], c1[p]) = (added(c0[p], words, w0), added(c1[p], words, w1));
                }
                (stream, at) = (stream.add(1), at.add(PIXELS));
            }
            stream = stream.byte_add(behind);
            for p in 0..PIXELS {
                let to = output.byte_add(p * stride).add(channel);
                to.write(finish(c0[p], *stream));
                to.add(1).write(finish(c1[p], *stream.add(1)));
            }
            (stream, channel) = (stream.add(2), channel + 2);
        }
    }
}

/// Computes channels, two by two, of four pixels, of which the stream has more weights.
///
/// # Safety
/// As in `armv7e_m`.
#[inline(never)]
pub(in crate::kernels::isa) unsafe fn gemm4_part(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i16,
    stride: usize,
    bytes: usize,
    end: *const i32,
    before: usize,
    behind: usize,
) {
    // SAFETY: forwarded to the caller.
    unsafe { multiply::<PIXELS>(inputs, stream, output, stride, bytes, end, (before, behind)) };
}

/// Computes channels, two by two, of four pixels.
///
/// # Safety
/// As in `armv7e_m`.
#[inline(always)]
pub(in crate::kernels::isa) unsafe fn gemm4(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i16,
    stride: usize,
    bytes: usize,
    end: *const i32,
    _: i32,
) {
    // SAFETY: forwarded to the caller.
    unsafe { gemm4_part(inputs, stream, output, stride, bytes, end, 0, 0) };
}

/// Computes channels, two by two, of one pixel, or row, of which the stream has more weights.
///
/// # Safety
/// As in `armv7e_m`.
#[inline(never)]
pub(in crate::kernels::isa) unsafe fn gemv_part(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i16,
    bytes: usize,
    end: *const i32,
    before: usize,
    behind: usize,
) {
    // SAFETY: forwarded to the caller.
    unsafe { multiply::<1>(inputs, stream, output, 0, bytes, end, (before, behind)) };
}

/// Computes channels, two by two, of one row.
///
/// # Safety
/// As in `armv7e_m`.
#[inline(always)]
pub(in crate::kernels::isa) unsafe fn gemv(
    inputs: *const i16,
    stream: *const i32,
    output: *mut i16,
    bytes: usize,
    end: *const i32,
    _: i32,
) {
    // SAFETY: forwarded to the caller.
    unsafe { gemv_part(inputs, stream, output, bytes, end, 0, 0) };
}

/// Brings `words` words of four pixels, `stride` bytes apart, together: for each a word of each pixel. Returns the end.
///
/// # Safety
/// `source + p * stride` has `4 * words` bytes for p < 4, and there is room for four times as many words.
#[inline(never)]
pub(in crate::kernels::isa) unsafe fn widen4(source: *const i8, stride: usize, to: *mut i16, words: usize) -> *mut i16 {
    let (mut source, mut to) = (source.cast::<i32>(), to.cast::<i32>());
    for _ in 0..words {
        for p in 0..PIXELS {
            // SAFETY: as the caller promises; words may be misaligned.
            unsafe { to.add(p).write(source.byte_add(p * stride).read_unaligned()) };
        }
        // SAFETY: at most one behind the end.
        (source, to) = unsafe { (source.add(1), to.add(PIXELS)) };
    }
    to.cast()
}

/// Copies `words` words, and returns the end of what it wrote.
///
/// # Safety
/// Both have them, and do not overlap.
#[inline(always)]
pub(in crate::kernels::isa) unsafe fn widen1(source: *const i8, to: *mut i16, words: usize) -> *mut i16 {
    // SAFETY: forwarded to the caller.
    unsafe { copy(to.cast(), source, 4 * words).cast() }
}

/// Applies bounds that are tighter than those of int16.
///
/// # Safety
/// `values` points to `count` values that are this call's own.
#[inline(never)]
pub(in crate::kernels::isa) unsafe fn clamp(values: *mut i16, count: usize, bounds: &Bounds) {
    if bounds.min > i16::MIN.into() || bounds.max < i16::MAX.into() {
        for index in 0..count {
            // SAFETY: as the caller promises.
            unsafe {
                let value = values.add(index);
                value.write(Bounds { zero_point: 0, ..*bounds }.store16((*value).into()));
            }
        }
    }
}
