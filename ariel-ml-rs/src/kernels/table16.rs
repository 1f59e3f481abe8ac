//! Functions of int16 as TFLite tabulates them: their values at 512 places and at the end, straight lines between them.
//!
//! The compiler makes the tables (`ariel_build/ops/table16.py`).

/// Entries of a table: the places, and the end.
pub(in crate::kernels) const PLACES: usize = 513;

/// Entry `index` of a table, `rest` behind its end.
#[inline]
pub(in crate::kernels) fn entry<T: Copy>(table: &[T], index: usize, rest: T) -> T {
    // Not `get`, which the compiler may turn into a checked index in debug builds of dependants.
    if index < table.len() {
        // SAFETY: inside the table.
        unsafe { *table.get_unchecked(index) }
    } else {
        rest
    }
}

/// A function between its places; beyond them, what it is at the ends. A slope that does not fit 16 bits wraps.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "TFLite keeps slopes and results in 16 bits, too")]
pub(in crate::kernels) fn interpolated(table: &[i16], place: i32) -> i32 {
    let place = place.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
    let index = (place >> 7).wrapping_add(256).cast_unsigned() as usize;
    let (base, next) = (entry(table, index, 0), entry(table, index.wrapping_add(1), 0));
    let slope = i32::from(next.wrapping_sub(base));
    let rise = slope.wrapping_mul(place & 0x7f).wrapping_add(64) >> 7;
    i32::from(i32::from(base).wrapping_add(rise) as i16)
}
