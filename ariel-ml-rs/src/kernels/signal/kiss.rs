//! The fast Fourier transform of KISS FFT 130: mixed radices 4, 2, 3 and 5, innermost stage first.
//!
//! Fixed-point numbers are divided by the radix before each butterfly, products are rounded, and sums wrap.

use crate::memory::Element;
use core::num::NonZeroUsize;

/// A real or imaginary part.
pub trait Part: Element + Default {
    /// The sum, which wraps.
    #[must_use]
    fn plus(self, other: Self) -> Self;
    /// The difference, which wraps.
    #[must_use]
    fn minus(self, other: Self) -> Self;
    /// The product.
    #[must_use]
    fn times(self, factor: Self) -> Self;
    /// A radix-th of a fixed-point number; any other as it is.
    #[must_use]
    fn share<const RADIX: usize>(self) -> Self;
    /// Half the sum.
    #[must_use]
    fn middle(self, other: Self) -> Self;
    /// Half the difference.
    #[must_use]
    fn half_gap(self, other: Self) -> Self;
    /// `a * b - c * d`, rounded once.
    #[must_use]
    fn product_gap(a: Self, b: Self, c: Self, d: Self) -> Self;
    /// `a * b + c * d`, rounded once.
    #[must_use]
    fn product_sum(a: Self, b: Self, c: Self, d: Self) -> Self;
}

macro_rules! fixed {
    ($part:ty, $wide:ty, $sum:ty) => {
        impl Part for $part {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn times(self, factor: Self) -> Self {
                Self::product_sum(self, factor, 0, 0)
            }

            #[inline(always)]
            fn share<const RADIX: usize>(self) -> Self {
                self.times(Self::MAX / RADIX as Self)
            }

            #[inline(always)]
            fn middle(self, other: Self) -> Self {
                (<$sum>::from(self).wrapping_add(<$sum>::from(other)) >> 1) as Self
            }

            #[inline(always)]
            fn half_gap(self, other: Self) -> Self {
                (<$sum>::from(self).wrapping_sub(<$sum>::from(other)) >> 1) as Self
            }

            #[inline(always)]
            fn product_gap(a: Self, b: Self, c: Self, d: Self) -> Self {
                let gap = (<$wide>::from(a) * <$wide>::from(b)).wrapping_sub(<$wide>::from(c) * <$wide>::from(d));
                (gap.wrapping_add(1 << (Self::BITS - 2)) >> (Self::BITS - 1)) as Self
            }

            #[inline(always)]
            fn product_sum(a: Self, b: Self, c: Self, d: Self) -> Self {
                let sum = (<$wide>::from(a) * <$wide>::from(b)).wrapping_add(<$wide>::from(c) * <$wide>::from(d));
                (sum.wrapping_add(1 << (Self::BITS - 2)) >> (Self::BITS - 1)) as Self
            }
        }
    };
}
fixed!(i16, i32, i32);
fixed!(i32, i64, i32);

impl Part for f32 {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self - other
    }

    #[inline(always)]
    fn times(self, factor: Self) -> Self {
        self * factor
    }

    #[inline(always)]
    fn share<const RADIX: usize>(self) -> Self {
        self
    }

    #[inline(always)]
    fn middle(self, other: Self) -> Self {
        (self + other) * 0.5
    }

    #[inline(always)]
    fn half_gap(self, other: Self) -> Self {
        (self - other) * 0.5
    }

    #[inline(always)]
    fn product_gap(a: Self, b: Self, c: Self, d: Self) -> Self {
        a * b - c * d
    }

    #[inline(always)]
    fn product_sum(a: Self, b: Self, c: Self, d: Self) -> Self {
        a * b + c * d
    }
}

/// A complex number.
#[derive(Clone, Copy, Default)]
pub struct Complex<T> {
    /// Real part.
    pub re: T,
    /// Imaginary part.
    pub im: T,
}

impl<T: Part> Complex<T> {
    /// The pair number `index` of an array of parts.
    ///
    /// # Safety
    /// It is there.
    #[inline(always)]
    pub unsafe fn read(parts: *const T, index: usize) -> Self {
        // SAFETY: in bounds, as the caller promises.
        unsafe { Self { re: *parts.add(2 * index), im: *parts.add(2 * index + 1) } }
    }

    /// Writes it as pair number `index`.
    ///
    /// # Safety
    /// There is room for it.
    #[inline(always)]
    pub unsafe fn write(self, parts: *mut T, index: usize) {
        // SAFETY: in bounds, as the caller promises.
        unsafe {
            parts.add(2 * index).write(self.re);
            parts.add(2 * index + 1).write(self.im);
        }
    }

    /// The sum.
    #[inline(always)]
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { re: self.re.plus(other.re), im: self.im.plus(other.im) }
    }

    /// The difference.
    #[inline(always)]
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { re: self.re.minus(other.re), im: self.im.minus(other.im) }
    }

    /// The product.
    #[inline(always)]
    #[must_use]
    pub fn times(self, w: Self) -> Self {
        Self { re: T::product_gap(self.re, w.re, self.im, w.im), im: T::product_sum(self.re, w.im, self.im, w.re) }
    }

    /// The product with a real number.
    #[inline(always)]
    #[must_use]
    pub fn scaled(self, factor: T) -> Self {
        Self { re: self.re.times(factor), im: self.im.times(factor) }
    }

    /// A radix-th of it, in fixed point.
    #[inline(always)]
    #[must_use]
    pub fn share<const RADIX: usize>(self) -> Self {
        Self { re: self.re.share::<RADIX>(), im: self.im.share::<RADIX>() }
    }

    /// The conjugate.
    #[inline(always)]
    #[must_use]
    pub fn conjugate(self) -> Self {
        Self { re: self.re, im: T::default().minus(self.im) }
    }

    /// `-i` times it.
    #[inline(always)]
    #[must_use]
    pub fn turned(self) -> Self {
        Self { re: self.im, im: T::default().minus(self.re) }
    }
}

/// Stages that a transform has at most: of 2^16 numbers, were all of them of radix 2.
const MOST: usize = 16;

/// The greatest radix of a stage by which what is left of a size can be divided: 4 while it can, then 2, 3 and 5.
const fn radix(rest: usize) -> usize {
    if rest.is_multiple_of(4) {
        4
    } else if rest.is_multiple_of(2) {
        2
    } else if rest.is_multiple_of(3) {
        3
    } else {
        5
    }
}

/// Checks that there is a transform of `n` numbers.
///
/// # Panics
/// Where `n` is no product of 2, 3 and 5, is below 2 or above 2^16: evaluated in a constant, this is a compile error.
#[inline]
pub const fn check(n: usize) {
    assert!(n >= 2 && n <= 1 << MOST, "a transform of no or too many numbers");
    let mut rest = n;
    while rest > 1 {
        assert!(rest.is_multiple_of(radix(rest)), "a transform whose size has other factors than 2, 3 and 5");
        rest /= radix(rest);
    }
}

/// The stages of a transform: its radices, the outermost first.
#[derive(Clone, Copy)]
pub struct Stages {
    radices: [u8; MOST],
    count: usize,
}

impl Stages {
    /// The stages of a transform whose size passed [`check`].
    #[must_use]
    pub fn of(n: usize) -> Self {
        let (mut radices, mut count, mut rest) = ([0; MOST], 0, n);
        for slot in &mut radices {
            if rest < 2 {
                break;
            }
            let radix = radix(rest);
            *slot = radix as u8;
            rest = match radix {
                2 => rest / 2,
                3 => rest / 3,
                4 => rest / 4,
                _ => rest / 5,
            };
            count += 1;
        }
        Self { radices, count }
    }

    /// The radices, the outermost first.
    #[inline]
    fn radices(&self) -> impl DoubleEndedIterator<Item = usize> + Clone + '_ {
        self.radices.iter().take(self.count).map(|&radix| usize::from(radix))
    }
}

/// Transforms `n` complex numbers, which `load(index)` gives, into `output`.
///
/// # Safety
/// `n` is what `stages` are of; `output` has room for `n` complex numbers, and `twiddles` has `n`; neither is what `load` reads.
#[inline(always)]
pub unsafe fn transform<T: Part, const INVERSE: bool>(
    stages: &Stages,
    n: usize,
    load: impl Fn(usize) -> Complex<T>,
    output: *mut T,
    twiddles: *const T,
) {
    let mut radices = stages.radices().rev();
    let Some(first) = radices.next() else { return };
    // SAFETY: as the caller promises.
    unsafe {
        let gather = Gather { stages, n, output, twiddles };
        match first {
            2 => gather.run::<2, INVERSE>(load),
            3 => gather.run::<3, INVERSE>(load),
            4 => gather.run::<4, INVERSE>(load),
            _ => gather.run::<5, INVERSE>(load),
        }
        let mut part = first;
        for radix in radices {
            match radix {
                2 => pass::<T, 2, INVERSE>(n, part, output, twiddles),
                3 => pass::<T, 3, INVERSE>(n, part, output, twiddles),
                4 => pass::<T, 4, INVERSE>(n, part, output, twiddles),
                _ => pass::<T, 5, INVERSE>(n, part, output, twiddles),
            }
            part *= radix;
        }
    }
}

/// The innermost stage, which also brings the numbers into the order of their reversed digits.
struct Gather<'a, T> {
    stages: &'a Stages,
    n: usize,
    output: *mut T,
    twiddles: *const T,
}

impl<T: Part> Gather<'_, T> {
    /// Computes it. All factors are 1, and what a product with 1 leaves of a number that was divided is the number.
    ///
    /// # Safety
    /// As for [`transform`]; the innermost radix is `RADIX`.
    #[inline(always)]
    unsafe fn run<const RADIX: usize, const INVERSE: bool>(&self, load: impl Fn(usize) -> Complex<T>) {
        let mut digits = [0_u8; MOST];
        // From an input of a butterfly to the next, and from the first of a butterfly to that of the next.
        let (apart, mut base) = (self.n / RADIX, 0);
        // SAFETY: the factors are among the twiddles.
        let ends = unsafe { ends::<T, RADIX>(self.twiddles, apart) };
        let mut place = 0;
        while place < self.n {
            let mut terms = [Complex::default(); RADIX];
            for (k, term) in terms.iter_mut().enumerate() {
                *term = load(base + k * apart).share::<RADIX>();
            }
            for (k, result) in butterfly::<T, RADIX, INVERSE>(terms, ends).into_iter().enumerate() {
                // SAFETY: `place + k < n`.
                unsafe { result.write(self.output, place + k) };
            }
            place += RADIX;
            // Count on in the digits of all outer stages, the innermost of them fastest.
            let mut weight = apart;
            for (digit, radix) in digits.iter_mut().zip(self.stages.radices().rev().skip(1)) {
                weight /= NonZeroUsize::new(radix).unwrap_or(NonZeroUsize::MIN);
                base += weight;
                *digit += 1;
                if usize::from(*digit) < radix {
                    break;
                }
                base -= weight * radix;
                *digit = 0;
            }
        }
    }
}

/// One stage: butterflies over `RADIX` parts of `part` numbers each, in place.
///
/// # Safety
/// As for [`transform`]; `RADIX * part` divides `n`.
#[inline(never)]
unsafe fn pass<T: Part, const RADIX: usize, const INVERSE: bool>(
    n: usize,
    part: usize,
    output: *mut T,
    twiddles: *const T,
) {
    let step = n / NonZeroUsize::new(RADIX * part).unwrap_or(NonZeroUsize::MIN);
    // SAFETY: the factors are among the twiddles.
    let ends = unsafe { ends::<T, RADIX>(twiddles, step * part) };
    let mut block = 0;
    while block < n {
        for index in 0..part {
            let mut terms = [Complex::default(); RADIX];
            for (k, term) in terms.iter_mut().enumerate() {
                // SAFETY: inside the block, and `k * index * step < n`.
                unsafe {
                    *term = Complex::read(output, block + index + k * part).share::<RADIX>();
                    if k > 0 {
                        *term = term.times(Complex::read(twiddles, k * index * step));
                    }
                }
            }
            for (k, result) in butterfly::<T, RADIX, INVERSE>(terms, ends).into_iter().enumerate() {
                // SAFETY: inside the block.
                unsafe { result.write(output, block + index + k * part) };
            }
        }
        block += RADIX * part;
    }
}

/// The factors within a butterfly of radix 3 or 5: e^(-2 pi i / radix), and its square.
///
/// # Safety
/// There are more than `2 * apart` twiddles where the radix is one of these.
#[inline(always)]
unsafe fn ends<T: Part, const RADIX: usize>(twiddles: *const T, apart: usize) -> [Complex<T>; 2] {
    if RADIX == 3 || RADIX == 5 {
        // SAFETY: in bounds, as the caller promises.
        unsafe { [Complex::read(twiddles, apart), Complex::read(twiddles, 2 * apart)] }
    } else {
        [Complex::default(); 2]
    }
}

/// The discrete transform of `RADIX` numbers.
#[inline(always)]
fn butterfly<T: Part, const RADIX: usize, const INVERSE: bool>(
    f: [Complex<T>; RADIX],
    [first, second]: [Complex<T>; 2],
) -> [Complex<T>; RADIX] {
    let mut g = f;
    match RADIX {
        2 => {
            g[0] = f[0].plus(f[1]);
            g[1] = f[0].minus(f[1]);
        }
        3 => {
            let (total, turned) = (f[1].plus(f[2]), f[1].minus(f[2]).scaled(first.im).turned());
            let half = Complex { re: total.re.middle(T::default()), im: total.im.middle(T::default()) };
            let middle = f[0].minus(half);
            g[0] = f[0].plus(total);
            g[1] = middle.minus(turned);
            g[2] = middle.plus(turned);
        }
        4 => {
            let (even, odd) = (f[0].plus(f[2]), f[1].plus(f[3]));
            let (rest, turned) = (f[0].minus(f[2]), f[1].minus(f[3]).turned());
            g[0] = even.plus(odd);
            g[2] = even.minus(odd);
            g[if INVERSE { 3 } else { 1 }] = rest.plus(turned);
            g[if INVERSE { 1 } else { 3 }] = rest.minus(turned);
        }
        _ => {
            let (near, far) = (f[1].plus(f[4]), f[2].plus(f[3]));
            let (wide, thin) = (f[1].minus(f[4]), f[2].minus(f[3]));
            let outer = f[0].plus(near.scaled(first.re)).plus(far.scaled(second.re));
            let inner = f[0].plus(near.scaled(second.re)).plus(far.scaled(first.re));
            let turn = wide.scaled(first.im).turned().plus(thin.scaled(second.im).turned());
            let back = thin.scaled(first.im).turned().minus(wide.scaled(second.im).turned());
            g[0] = f[0].plus(near.plus(far));
            g[1] = outer.minus(turn);
            g[2] = inner.plus(back);
            g[3] = inner.minus(back);
            g[4] = outer.plus(turn);
        }
    }
    g
}
