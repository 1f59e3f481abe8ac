//! One row times any number of channels.

use super::loops::Products;
use core::mem::MaybeUninit;

/// Computes `count` channels of one row of `depth` elements, which are `bytes` when they are widened; the channels may be odd in
/// number.
///
/// # Safety
/// As for [`Products::gemv`]; `stream` has a pair of `pair` int32 for each two channels, the last one for one alone where they are odd.
pub(super) unsafe fn row<L: Products>(
    inputs: *const i16,
    (depth, bytes): (usize, usize),
    (stream, pair): (*const i32, usize),
    output: *mut L::Element,
    count: usize,
) {
    let pairs = |stream, output, end| {
        // SAFETY: forwarded to the caller.
        unsafe {
            if !L::gemv_near(inputs, stream, output, depth, end) {
                L::gemv(inputs, stream, output, bytes, end);
            }
        }
    };
    // SAFETY: forwarded to the caller.
    unsafe {
        let last = stream.add(count / 2 * pair);
        if count > 1 {
            pairs(stream, output, last);
        }
        if !count.is_multiple_of(2) {
            // The second channel of the last pair is none.
            let mut both = MaybeUninit::<[L::Element; 2]>::uninit();
            let both = both.as_mut_ptr().cast::<L::Element>();
            pairs(last, both, last.add(pair));
            output.add(count - 1).write(*both);
        }
    }
}
