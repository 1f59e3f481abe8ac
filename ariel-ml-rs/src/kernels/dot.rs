//! Dot products: the inner loops of convolutions and fully connected layers.
//!
//! Those over four filters are functions of their own, so that their loops have the registers to themselves; what calls
//! them once for some hundred products does not feel it.

use super::multiply::Factor;
use crate::memory::Element;
use crate::quant::Sum;

/// Dot products of `k` inputs with four filters that take turns: `filter[k][4]`.
///
/// # Safety
/// `input` has `k` elements, `filter` has `4 * k`; there is room for four sums.
#[inline(never)]
pub(crate) unsafe fn by_four<A: Factor<W, S>, W: Element, S: Sum>(
    mut input: *const A,
    mut filter: *const W,
    k: usize,
    sums: *mut S,
) {
    let [mut a, mut b, mut c, mut d] = [S::NOTHING; 4];
    // SAFETY: in bounds, as the caller promises.
    unsafe {
        macro_rules! step {
            ($at:literal) => {
                let value = *input.add($at);
                a = A::add_product(a, value, *filter.add(4 * $at));
                b = A::add_product(b, value, *filter.add(4 * $at + 1));
                c = A::add_product(c, value, *filter.add(4 * $at + 2));
                d = A::add_product(d, value, *filter.add(4 * $at + 3));
            };
        }
        let end = input.add(k & !1);
        while input != end {
            step!(0);
            step!(1);
            input = input.add(2);
            filter = filter.add(8);
        }
        if k & 1 == 1 {
            step!(0);
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
pub(crate) unsafe fn one<A: Factor<W, S>, W: Element, S: Sum>(input: *const A, filter: *const W, k: usize) -> S {
    let mut acc = S::NOTHING;
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        unsafe { acc = A::add_product(acc, *input.add(index), *filter.add(index)) };
    }
    acc
}

/// Sum of `k` inputs.
///
/// # Safety
/// `input` has `k` elements.
#[inline(never)]
#[must_use]
pub(crate) unsafe fn sum<A: Factor<i8, S>, S: Sum>(input: *const A, k: usize) -> S {
    let mut acc = S::NOTHING;
    for index in 0..k {
        // SAFETY: in bounds, as the caller promises.
        acc = unsafe { A::add_product(acc, *input.add(index), 1) };
    }
    acc
}
