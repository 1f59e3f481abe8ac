//! One row times any number of channels.

use super::loops::Products;
use core::mem::MaybeUninit;

/// Computes `count` channels of one row of `depth` elements, which are `bytes` when they are widened; the channels may be odd in
/// number.
///
/// # Safety
/// As for [`Products::gemv`]; `stream` has a pair of `pair` int32 for each two channels, the last one for one alone where they
/// are odd; `zero_point` is that of the output.
pub(super) unsafe fn row<L: Products>(
    inputs: *const i16,
    (depth, bytes): (usize, usize),
    (stream, pair): (*const i32, usize),
    output: *mut L::Element,
    count: usize,
    zero_point: i32,
) {
    let rounding = L::rounding(zero_point);
    let pairs = |stream: *const i32, output, words| {
        // SAFETY: forwarded to the caller.
        unsafe {
            let end = stream.add(words + L::HEAD);
            if !L::gemv_near(inputs, stream, output, depth, end, rounding) {
                L::gemv(inputs, stream, output, bytes, end, rounding);
            }
        }
    };
    // SAFETY: forwarded to the caller.
    unsafe {
        let last = stream.add(count / 2 * pair);
        if count > 1 {
            pairs(stream, output, count / 2 * pair);
        }
        if !count.is_multiple_of(2) {
            // The second channel of the last pair is none.
            let mut both = MaybeUninit::<[L::Element; 2]>::uninit();
            let both = both.as_mut_ptr().cast::<L::Element>();
            pairs(last, both, pair);
            output.add(count - 1).write(*both);
        }
    }
}
