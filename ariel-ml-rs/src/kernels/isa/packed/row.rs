//! One row times any number of channels.

use super::loops::Products;
use core::mem::MaybeUninit;

/// Channels that share words of weights, at most.
pub(super) const MOST_TOGETHER: usize = 4;

/// Computes `count` channels of one row of `depth` elements, which are `bytes` when they are widened; of the
/// last channels that share words some may be none.
///
/// # Safety
/// As for [`Products::gemv`]; `stream` has `together` int32 for channels that share words, the last ones for those that are
/// left; `zero_point` is that of the output.
pub(super) unsafe fn row<L: Products>(
    inputs: *const i16,
    (depth, bytes): (usize, usize),
    (stream, together): (*const i32, usize),
    output: *mut L::Element,
    count: usize,
    zero_point: i32,
) {
    let rounding = L::rounding(zero_point);
    let turns = |stream: *const i32, output, words| {
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
        let (whole, rest) = (count / L::TOGETHER * together, count % L::TOGETHER);
        if whole > 0 {
            turns(stream, output, whole);
        }
        if rest > 0 {
            // The other channels of the last words are none.
            let mut all = MaybeUninit::<[L::Element; MOST_TOGETHER]>::uninit();
            let all = all.as_mut_ptr().cast::<L::Element>();
            turns(stream.add(whole), all, together);
            core::ptr::copy_nonoverlapping(all, output.add(count - rest), rest);
        }
    }
}
