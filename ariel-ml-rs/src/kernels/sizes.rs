//! Extents and strides as what pointers are moved by.

/// Extents or strides as `usize`: one function for all kernels, where a closure in each would be compiled with each.
#[inline(always)]
pub(in crate::kernels) fn sizes<const N: usize>(extents: [u32; N]) -> [usize; N] {
    extents.map(|extent| extent as usize)
}
