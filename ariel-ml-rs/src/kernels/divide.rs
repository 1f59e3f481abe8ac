//! Division by an extent.

use core::num::NonZeroU32;

/// Quotient and remainder; `check` proved that extents are not 0, which the optimiser cannot know.
#[inline]
pub(in crate::kernels) fn divide(index: usize, extent: u32) -> (usize, usize) {
    let extent = NonZeroU32::new(extent).unwrap_or(NonZeroU32::MIN).get() as usize;
    (index / extent, index % extent)
}
