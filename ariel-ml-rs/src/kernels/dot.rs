//! Dot products: the inner loops of convolutions and fully connected layers.
//!
//! Those over four filters are functions of their own, so that their loops have the registers to themselves; what calls
//! them once for some hundred products does not feel it.

/// Dot products of `k` inputs with four filters that take turns: `filter[k][4]`.
///
/// # Safety
/// `input` has `k` elements, `filter` has `4 * k`; there is room for four sums.
#[inline(never)]
pub unsafe fn int8x4(mut input: *const i8, mut filter: *const i8, k: usize, sums: *mut i32) {
    let [mut a, mut b, mut c, mut d] = [0_i32; 4];
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        let end = input.add(k);
        while input != end {
            let value = i32::from(*input);
            a = a.wrapping_add(value * i32::from(*filter));
            b = b.wrapping_add(value * i32::from(*filter.add(1)));
            c = c.wrapping_add(value * i32::from(*filter.add(2)));
            d = d.wrapping_add(value * i32::from(*filter.add(3)));
            input = input.add(1);
            filter = filter.add(4);
        }
        sums.write(a);
        sums.add(1).write(b);
        sums.add(2).write(c);
        sums.add(3).write(d);
    }
}

/// Dot product of `k` inputs with one filter.
///
/// # Safety
/// `input` and `filter` have `k` elements.
#[inline]
#[must_use]
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
#[inline(never)]
#[must_use]
pub unsafe fn sum_int8(input: *const i8, k: usize) -> i32 {
    let mut acc = 0_i32;
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        acc = acc.wrapping_add(i32::from(unsafe { *input.add(index) }));
    }
    acc
}

/// Dot products of `k` float inputs with four filters that take turns: `filter[k][4]`.
///
/// # Safety
/// As for [`int8x4`].
#[inline(never)]
pub unsafe fn f32x4(mut input: *const f32, mut filter: *const f32, k: usize, sums: *mut f32) {
    let [mut a, mut b, mut c, mut d] = [0.0_f32; 4];
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        let end = input.add(k);
        while input != end {
            let value = *input;
            a += value * *filter;
            b += value * *filter.add(1);
            c += value * *filter.add(2);
            d += value * *filter.add(3);
            input = input.add(1);
            filter = filter.add(4);
        }
        sums.write(a);
        sums.add(1).write(b);
        sums.add(2).write(c);
        sums.add(3).write(d);
    }
}

/// Dot product of `k` float inputs with one filter.
///
/// # Safety
/// As for [`int8`].
#[inline]
#[must_use]
pub unsafe fn f32(input: *const f32, filter: *const f32, k: usize) -> f32 {
    let mut acc = 0.0_f32;
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        unsafe { acc += *input.add(index) * *filter.add(index) };
    }
    acc
}
