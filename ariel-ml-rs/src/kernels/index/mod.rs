//! Indices: elements that they choose while the model runs, and where the best or the marked elements are.
//!
//! What is moved is bytes, in blocks that lie dense; operators of both formats are only different strides of the same walks. An index
//! may be any number: **one that leads outside is clamped to the nearest element that is there**, so that no kernel here reads or
//! writes outside of its tensors, whatever the data. Negative indices count from the end where the format has that.
//!
//! Indices are read as they lie, 32 or 64 bits wide, at any address.

mod along;
mod blocks;
mod boxes;
mod gather;
mod marks;
mod scatter;
mod select;

pub use along::{
    BestF32, BestF64, BestI8, BestI16, BestI32, BestI64, BestU8, Lanes, Running, RunningF32, RunningF64, RunningI32,
    RunningI64, RunningInt8, TopF32, TopF64, TopI8, TopI16, TopI32, TopI64, TopU8,
};
pub use blocks::{Blocks, Place};
pub use boxes::{Beyond, Boxed};
pub use gather::Gather;
pub use marks::{Found, OneHot, Triangle};
pub use scatter::{CombineF32, CombineI8, CombineI32, CombineI64, Combined, Scatter};
pub use select::Select;

/// Index number `number` of those that begin at `indices`.
///
/// # Safety
/// There are more than `number` indices, each of 8 bytes where they are `wide`, else of 4.
#[inline(always)]
#[expect(clippy::cast_ptr_alignment, reason = "they are read unaligned")]
pub(super) unsafe fn index(indices: *const u8, number: usize, wide: bool) -> i64 {
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        if wide {
            indices.cast::<i64>().wrapping_add(number).read_unaligned()
        } else {
            i64::from(indices.cast::<i32>().wrapping_add(number).read_unaligned())
        }
    }
}

/// Bytes of an index.
pub(super) const fn width(wide: bool) -> usize {
    if wide { 8 } else { 4 }
}

/// Copies bytes, which may overlap as far as a hand-edited module goes; those of one element at once.
///
/// # Safety
/// Both ranges may be touched.
#[inline(always)]
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        match bytes {
            1 => to.write(from.read()),
            4 => to.cast::<u32>().write_unaligned(from.cast::<u32>().read_unaligned()),
            _ => core::ptr::copy(from, to, bytes),
        }
    }
}
