//! Dot products: the inner loops of convolutions and fully connected layers.

/// Dot products of `k` inputs with four filters that lie `stride` elements apart.
///
/// # Safety
/// `input` has `k` elements, `filter` has `3 * stride + k`.
#[inline]
pub unsafe fn int8x4(input: *const i8, filter: *const i8, stride: usize, k: usize) -> [i32; 4] {
    let mut acc = [0_i32; 4];
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        unsafe {
            let value = i32::from(*input.add(index));
            acc[0] = acc[0].wrapping_add(value * i32::from(*filter.add(index)));
            acc[1] = acc[1].wrapping_add(value * i32::from(*filter.add(stride + index)));
            acc[2] = acc[2].wrapping_add(value * i32::from(*filter.add(2 * stride + index)));
            acc[3] = acc[3].wrapping_add(value * i32::from(*filter.add(3 * stride + index)));
        }
    }
    acc
}

/// Dot product of `k` inputs with one filter.
///
/// # Safety
/// `input` and `filter` have `k` elements.
#[inline]
pub unsafe fn int8(input: *const i8, filter: *const i8, k: usize) -> i32 {
    let mut acc = 0_i32;
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        unsafe { acc = acc.wrapping_add(i32::from(*input.add(index)) * i32::from(*filter.add(index))) };
    }
    acc
}

/// Sum of `k` inputs.
///
/// # Safety
/// `input` has `k` elements.
#[inline]
pub unsafe fn sum_int8(input: *const i8, k: usize) -> i32 {
    let mut acc = 0_i32;
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        acc = acc.wrapping_add(i32::from(unsafe { *input.add(index) }));
    }
    acc
}

/// Dot products of `k` float inputs with four filters that lie `stride` elements apart.
///
/// # Safety
/// As for [`int8x4`].
#[inline]
pub unsafe fn f32x4(input: *const f32, filter: *const f32, stride: usize, k: usize) -> [f32; 4] {
    let mut acc = [0.0_f32; 4];
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        unsafe {
            let value = *input.add(index);
            acc[0] += value * *filter.add(index);
            acc[1] += value * *filter.add(stride + index);
            acc[2] += value * *filter.add(2 * stride + index);
            acc[3] += value * *filter.add(3 * stride + index);
        }
    }
    acc
}

/// Dot product of `k` float inputs with one filter.
///
/// # Safety
/// As for [`int8`].
#[inline]
pub unsafe fn f32(input: *const f32, filter: *const f32, k: usize) -> f32 {
    let mut acc = 0.0_f32;
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        unsafe { acc += *input.add(index) * *filter.add(index) };
    }
    acc
}
