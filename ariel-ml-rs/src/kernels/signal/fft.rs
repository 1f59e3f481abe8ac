//! Fourier transforms of real numbers: `2 n` of them and a spectrum of `n + 1` complex ones, through a transform of `n`.

use super::kiss::{self, Complex, Part, Stages, transform};
use crate::kernels::access::Access;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::tile::Tile;

macro_rules! kernels {
    ($($rfft:ident, $irfft:ident: $part:ty => |$value:ident, $count:ident| $finish:expr;)+) => { $(
        #[doc = concat!("The spectra of rows of ", stringify!($part), ".")]
        #[derive(Clone, Copy)]
        pub struct $rfft {
            /// Rows of numbers, taken to end with zeros.
            pub input: Region,
            /// Rows of `n + 1` pairs.
            pub output: Region,
            /// Rows.
            pub rows: u32,
            /// Numbers of a row of the input, at most `2 n`.
            pub row: u32,
            /// `e^(-2 pi i k / n)` for k < n, in pairs.
            pub twiddles: &'static [$part],
            /// `e^(-pi i (k / n + 1/2))` for k in 1 ..= n / 2.
            pub split: &'static [$part],
        }

        impl $rfft {
            const fn n(&self) -> usize {
                self.twiddles.len() / 2
            }

            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and tables do not agree, or there is no transform of that size.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let (n, rows) = (self.n(), self.rows as usize);
                kiss::check(n);
                assert!(self.twiddles.len() == 2 * n && self.split.len() == n / 2 * 2, "factors of the wrong length");
                assert!(self.row as usize <= 2 * n, "rows longer than the transform");
                self.input.check::<$part>(arena_bytes, rows.saturating_mul(self.row as usize));
                self.output.check::<$part>(arena_bytes, rows.saturating_mul(2 * n + 2));
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;

            /// How many units the output has, and how they may be cut into tiles: rows, since all of a spectrum comes from all of
            /// its row.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.rows as usize)
            }

            /// Computes one tile of the output, a range of its rows.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let (n, row, stages) = (self.n(), self.row as usize, Stages::of(self.n()));
                for index in tile.start()..tile.end() {
                    // SAFETY: the row is one of the tile's and lies inside the regions (`check`).
                    unsafe {
                        let input = memory.at::<$part>(self.input).add(index * row).cast_const();
                        let output = memory.at::<$part>(self.output).add(index * (2 * n + 2));
                        let part = |at: usize| if at < row { *input.add(at) } else { <$part>::default() };
                        let load = |at: usize| Complex { re: part(2 * at), im: part(2 * at + 1) };
                        transform::<$part, false>(&stages, n, load, output, self.twiddles.as_ptr());
                        split(n, output, self.split.as_ptr());
                    }
                }
            }
        }

        #[doc = concat!("The rows of ", stringify!($part), " whose spectra are given.")]
        #[derive(Clone, Copy)]
        pub struct $irfft {
            /// Rows of `n + 1` pairs.
            pub input: Region,
            /// Rows of `2 n` numbers.
            pub output: Region,
            /// Rows.
            pub rows: u32,
            /// `e^(2 pi i k / n)` for k < n, in pairs.
            pub twiddles: &'static [$part],
            /// `e^(pi i (k / n + 1/2))` for k in 1 ..= n / 2.
            pub split: &'static [$part],
        }

        impl $irfft {
            const fn n(&self) -> usize {
                self.twiddles.len() / 2
            }

            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions and tables do not agree, or there is no transform of that size.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                let (n, rows) = (self.n(), self.rows as usize);
                kiss::check(n);
                assert!(self.twiddles.len() == 2 * n && self.split.len() == n / 2 * 2, "factors of the wrong length");
                self.input.check::<$part>(arena_bytes, rows.saturating_mul(2 * n + 2));
                self.output.check::<$part>(arena_bytes, rows.saturating_mul(2 * n));
            }

            /// What tiles read.
            pub const ACCESS: Access = Access::Whole;

            /// How many units the output has, and how they may be cut into tiles: rows, since all of a row comes from all of its
            /// spectrum.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                Work::of(self.rows as usize)
            }

            /// Computes one tile of the output, a range of its rows.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let (n, stages) = (self.n(), Stages::of(self.n()));
                for index in tile.start()..tile.end() {
                    // SAFETY: the row is one of the tile's and lies inside the regions (`check`).
                    unsafe {
                        let input = memory.at::<$part>(self.input).add(index * (2 * n + 2)).cast_const();
                        let output = memory.at::<$part>(self.output).add(index * 2 * n);
                        let load = |at: usize| joined(n, at, input, self.split.as_ptr());
                        transform::<$part, true>(&stages, n, load, output, self.twiddles.as_ptr());
                        for at in 0..2 * n {
                            let ($value, $count) = (*output.add(at), 2 * n);
                            output.add(at).write($finish);
                        }
                    }
                }
            }
        }
    )+ };
}

kernels! {
    RfftInt16, IrfftInt16: i16 => |x, _n| x;
    RfftInt32, IrfftInt32: i32 => |x, _n| x;
    RfftF32, IrfftF32: f32 => |x, n| x / n as f32;
}

/// Turns the spectrum of `n` complex numbers into that of the `2 n` real ones that they are made of, in place.
///
/// # Safety
/// There is room for `n + 1` pairs, and there are `n / 2` factors.
#[inline(always)]
unsafe fn split<T: Part>(n: usize, spectrum: *mut T, factors: *const T) {
    // SAFETY: all indices are at most n, or below n / 2 (factors).
    unsafe {
        let ends = Complex::read(spectrum, 0).share::<2>();
        Complex { re: ends.re.plus(ends.im), im: T::default() }.write(spectrum, 0);
        Complex { re: ends.re.minus(ends.im), im: T::default() }.write(spectrum, n);
        for k in 1..=n / 2 {
            let low = Complex::read(spectrum, k).share::<2>();
            let high = Complex::read(spectrum, n - k).conjugate().share::<2>();
            let total = low.plus(high);
            let turned = low.minus(high).times(Complex::read(factors, k - 1));
            Complex { re: total.re.middle(turned.re), im: total.im.middle(turned.im) }.write(spectrum, k);
            Complex { re: total.re.half_gap(turned.re), im: turned.im.half_gap(total.im) }.write(spectrum, n - k);
        }
    }
}

/// Number `k` of the `n` complex numbers whose transform is made of the real ones with this spectrum.
///
/// # Safety
/// The spectrum has `n + 1` pairs, there are `n / 2` factors, and `k < n`.
#[inline(always)]
unsafe fn joined<T: Part>(n: usize, k: usize, spectrum: *const T, factors: *const T) -> Complex<T> {
    // SAFETY: all indices are at most n, or below n / 2 (factors).
    unsafe {
        if k == 0 {
            let (first, last) = (Complex::read(spectrum, 0).re, Complex::read(spectrum, n).re);
            return Complex { re: first.plus(last), im: first.minus(last) }.share::<2>();
        }
        // The one in the middle counts as one of the upper half.
        let near = if 2 * k < n { k } else { n - k };
        let low = Complex::read(spectrum, near).share::<2>();
        let high = Complex::read(spectrum, n - near).conjugate().share::<2>();
        let even = low.plus(high);
        let odd = low.minus(high).times(Complex::read(factors, near - 1));
        if near == k && 2 * k < n { even.plus(odd) } else { even.minus(odd).conjugate() }
    }
}
