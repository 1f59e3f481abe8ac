//! Operators on plain numbers of any type but float32 and those with a scale: which one is a field, so that each type is one kernel.
//!
//! What they compute is that of numpy: integers wrap. Where that leaves it open, the result is stated in [`Function`]; nothing panics.

use super::Broadcast;
use super::remainder::remainder64;
use crate::memory::{Element, Memory, Region, Source};
use crate::plan::Work;
use crate::tile::Tile;

/// What becomes of a left and a right operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `left + right`
    Add,
    /// `left - right`
    Sub,
    /// `left * right`
    Mul,
    /// `left / right`: of integers rounded towards zero, 0 where the divisor is 0; the least one divided by -1 stays.
    Div,
    /// The remainder that has the sign of the divisor; of integers 0 where that is 0.
    Mod,
    /// The remainder that has the sign of the dividend; of integers 0 where the divisor is 0.
    Remainder,
    /// The greater one; not a number where one of them is none.
    Maximum,
    /// The lesser one; not a number where one of them is none.
    Minimum,
    /// `left ^ right`; of integers with a negative exponent what remains of the fraction: 1 and -1 of themselves, else 0.
    Pow,
    /// `left` where it is not negative, else `left * right`.
    Prelu,
    /// `(left - right)^2`
    SquaredDifference,
    /// `|left - right|`, of the difference as it wraps.
    Distance,
    /// -1, 0 or 1, as `left` is less than, equal to or greater than `right`; not a number where one of them is none.
    Order,
    /// The bits that both have.
    BitAnd,
    /// The bits that one of them has.
    BitOr,
    /// The bits in which they differ.
    BitXor,
    /// `left << right`, 0 where nothing remains; a negative number of bits is more than there are.
    ShiftLeft,
    /// `left >> right`, with a sign that of `left` spreads; where nothing else remains, -1 or 0.
    ShiftRight,
}

/// Numbers that have all functions.
pub(in crate::kernels) trait Plain: Element + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    /// No number is less.
    const LEAST: Self;
    /// No number is greater.
    const GREATEST: Self;
    /// A count.
    fn of(count: usize) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn remainder(self, other: Self) -> Self;
    fn pow(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn left(self, other: Self) -> Self;
    fn right(self, other: Self) -> Self;
    /// Whether it is less than 0, never of numbers without a sign.
    fn is_negative(self) -> bool;
    /// Whether it is one.
    fn is_number(self) -> bool;
}

macro_rules! integers {
    ($($t:ident)*) => { $(
        #[expect(clippy::allow_attributes, reason = "of some types only")]
        #[allow(unused_comparisons, clippy::cast_lossless, reason = "one text for all integers")]
        impl Plain for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = Self::MIN;
            const GREATEST: Self = Self::MAX;
            fn of(count: usize) -> Self {
                count as Self
            }
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn div(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }
            fn remainder(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
            fn pow(self, other: Self) -> Self {
                if other < 0 {
                    let minus_one = Self::ZERO.wrapping_sub(1);
                    return if self == 1 || self == minus_one && other & 1 == 0 {
                        1
                    } else if self == minus_one {
                        self
                    } else {
                        0
                    };
                }
                let (mut power, mut factor, mut left) = (1, self, other);
                while left > 0 {
                    if left & 1 == 1 {
                        power = Self::wrapping_mul(power, factor);
                    }
                    factor = factor.wrapping_mul(factor);
                    left >>= 1;
                }
                power
            }
            fn and(self, other: Self) -> Self {
                self & other
            }
            fn or(self, other: Self) -> Self {
                self | other
            }
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            fn left(self, other: Self) -> Self {
                let bits = u32::try_from(other).unwrap_or(Self::BITS);
                self.checked_shl(bits).unwrap_or(0)
            }
            fn right(self, other: Self) -> Self {
                let bits = u32::try_from(other).unwrap_or(Self::BITS);
                self.checked_shr(bits).unwrap_or(if self < 0 { Self::ZERO.wrapping_sub(1) } else { 0 })
            }
            fn is_negative(self) -> bool {
                self < 0
            }
            fn is_number(self) -> bool {
                true
            }
        }
    )* };
}
integers!(i8 u8 i16 u16 i32 u32 i64 u64);

/// The functions of bits are of integers only: the compiler asks no others of it, and they give their left operand.
impl Plain for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LEAST: Self = Self::NEG_INFINITY;
    const GREATEST: Self = Self::INFINITY;
    fn of(count: usize) -> Self {
        count as Self
    }
    fn add(self, other: Self) -> Self {
        self + other
    }
    fn sub(self, other: Self) -> Self {
        self - other
    }
    fn mul(self, other: Self) -> Self {
        self * other
    }
    fn div(self, other: Self) -> Self {
        self / other
    }
    fn remainder(self, other: Self) -> Self {
        remainder64(self, other)
    }
    fn pow(self, other: Self) -> Self {
        libm::pow(self, other)
    }
    fn and(self, _: Self) -> Self {
        self
    }
    fn or(self, _: Self) -> Self {
        self
    }
    fn xor(self, _: Self) -> Self {
        self
    }
    fn left(self, _: Self) -> Self {
        self
    }
    fn right(self, _: Self) -> Self {
        self
    }
    fn is_negative(self) -> bool {
        self < 0.0
    }
    fn is_number(self) -> bool {
        !self.is_nan()
    }
}

/// The remainder with the sign of the divisor, of the one with the sign of the dividend.
fn modulo<T: Plain>(a: T, b: T) -> T {
    let rest = a.remainder(b);
    if rest != T::ZERO && rest.is_negative() != b.is_negative() { rest.add(b) } else { rest }
}

fn distance<T: Plain>(a: T, b: T) -> T {
    let difference = a.sub(b);
    // -0 becomes 0.
    if difference.is_negative() { T::ZERO.sub(difference) } else { T::ZERO.add(difference) }
}

fn order<T: Plain>(a: T, b: T) -> T {
    if a > b {
        T::ONE
    } else if a < b {
        T::ZERO.sub(T::ONE)
    } else {
        // 0, or not a number.
        a.sub(b)
    }
}

impl Function {
    /// The function itself: a pointer, so that one loop serves all.
    fn of<T: Plain>(self) -> fn(T, T) -> T {
        match self {
            Self::Add => T::add,
            Self::Sub => T::sub,
            Self::Mul => T::mul,
            Self::Div => T::div,
            Self::Mod => modulo,
            Self::Remainder => T::remainder,
            Self::Maximum => |a, b| if a > b || !a.is_number() { a } else { b },
            Self::Minimum => |a, b| if a < b || !a.is_number() { a } else { b },
            Self::Pow => T::pow,
            Self::Prelu => |a, b| if a.is_negative() { a.mul(b) } else { a },
            Self::SquaredDifference => |a, b| a.sub(b).mul(a.sub(b)),
            Self::Distance => distance,
            Self::Order => order,
            Self::BitAnd => T::and,
            Self::BitOr => T::or,
            Self::BitXor => T::xor,
            Self::ShiftLeft => T::left,
            Self::ShiftRight => T::right,
        }
    }
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: $element:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            /// Left operand.
            pub left: Source<$element>,
            /// Right operand.
            pub right: Source<$element>,
            /// Output; may be an operand that is not broadcast.
            pub output: Region,
            /// How the operands are spread over the output.
            pub broadcast: Broadcast,
            /// What becomes of them.
            pub function: Function,
        }

        impl $name {
            /// Checks the kernel against the arena while the firmware compiles.
            ///
            /// # Panics
            /// Where regions, shapes and constants do not agree.
            #[inline]
            pub const fn check(&self, arena_bytes: usize) {
                self.broadcast.check::<$element, $element>(arena_bytes, &self.left, &self.right, &self.output);
            }

            /// What tiles read.
            pub const ACCESS: $crate::kernels::access::Access = $crate::kernels::access::Access::Elements;

            /// How many units the output has, and how they may be cut into tiles.
            ///
            /// # Panics
            /// Where there are too many: evaluated in a constant, this is a compile error.
            #[must_use]
            #[inline]
            pub const fn work(&self) -> Work {
                self.broadcast.work()
            }

            /// Computes one tile of the output, a range of its elements.
            ///
            /// # Safety
            /// The kernel passed `check` against the arena of `memory`; its inputs are complete (memory invariant 3), no other
            /// tile in flight writes what this one reads or writes (memory invariant 2), and the tile lies inside the output.
            #[inline(never)]
            pub unsafe fn run<'a>(&self, memory: impl Into<Memory<'a>>, tile: Tile) {
                let memory = memory.into();
                let f = self.function.of::<$element>();
                // SAFETY: forwarded to the caller.
                unsafe { self.broadcast.map(memory, (self.left, self.right, self.output), tile, f) };
            }
        }
    )+ };
}

kernels! {
    /// Operators of int8 without a scale.
    PlainI8: i8;
    /// Operators of uint8 without a scale.
    PlainU8: u8;
    /// Operators of int16 without a scale.
    PlainI16: i16;
    /// Operators of uint16.
    PlainU16: u16;
    /// Operators of int32.
    PlainI32: i32;
    /// Operators of uint32.
    PlainU32: u32;
    /// Operators of int64.
    PlainI64: i64;
    /// Operators of uint64.
    PlainU64: u64;
    /// Operators of float64.
    PlainF64: f64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap_and_nothing_panics() {
        let all = [i8::MIN, -127, -3, -1, 0, 1, 2, 3, 7, 8, 127];
        for a in all {
            for b in all {
                let f = |function: Function| function.of::<i8>()(a, b);
                assert_eq!(f(Function::Add), a.wrapping_add(b));
                assert_eq!(f(Function::Div), if b == 0 { 0 } else { a.wrapping_div(b) });
                let (wide_a, wide_b) = (i32::from(a), i32::from(b));
                if b != 0 {
                    assert_eq!(i32::from(f(Function::Remainder)), wide_a % wide_b);
                    let floor = wide_a - wide_b * (f64::from(wide_a) / f64::from(wide_b)).floor() as i32;
                    assert_eq!(i32::from(f(Function::Mod)), floor, "{a} mod {b}");
                }
                if b >= 0 {
                    assert_eq!(f(Function::Pow), a.wrapping_pow(b as u32), "{a} ^ {b}");
                } else if a != 0 {
                    assert_eq!(f(Function::Pow), f64::from(a).powi(wide_b) as i8, "{a} ^ {b}");
                }
                assert_eq!(f(Function::Distance), a.wrapping_sub(b).wrapping_abs());
                assert_eq!(i32::from(f(Function::Order)), a.cmp(&b) as i32);
                assert_eq!(f(Function::Prelu), if a < 0 { a.wrapping_mul(b) } else { a });
            }
        }
        let shift = |f: Function, a: u8, b: u8| f.of::<u8>()(a, b);
        assert_eq!([0, 1, 7, 8, 255].map(|b| shift(Function::ShiftLeft, 0x83, b)), [0x83, 6, 0x80, 0, 0]);
        assert_eq!([0, 1, 7, 8, 255].map(|b| shift(Function::ShiftRight, 0x83, b)), [0x83, 0x41, 1, 0, 0]);
        let signed = |a: i8, b: i8| Function::ShiftRight.of::<i8>()(a, b);
        assert_eq!(
            [0, 1, 7, 8, -1].map(|b| (signed(-100, b), signed(100, b))),
            [(-100, 100), (-50, 50), (-1, 0), (-1, 0), (-1, 0)]
        );
        assert_eq!(Function::Pow.of::<u64>()(3, 40), 3_u64.pow(40));
        assert_eq!(Function::Div.of::<i64>()(i64::MIN, -1), i64::MIN);
    }

    #[test]
    fn float64_follows_ieee() {
        let f = |function: Function, a: f64, b: f64| function.of::<f64>()(a, b);
        assert!(f(Function::Div, -1.0, 0.0).is_infinite() && f(Function::Mod, 1.0, 0.0).is_nan());
        for (a, b, rest, floor) in [(5.5, -2.0, 1.5, -0.5), (-5.5, 2.0, -1.5, 0.5), (5.5, 2.0, 1.5, 1.5)] {
            assert!(f(Function::Remainder, a, b).total_cmp(&rest).is_eq());
            assert!(f(Function::Mod, a, b).total_cmp(&floor).is_eq());
        }
        for (a, b) in [(f64::NAN, 1.0), (1.0, f64::NAN)] {
            assert!(f(Function::Maximum, a, b).is_nan() && f(Function::Minimum, a, b).is_nan());
            assert!(f(Function::Order, a, b).is_nan() && f(Function::Distance, a, b).is_nan());
        }
        assert!(f(Function::Distance, -0.0, 0.0).total_cmp(&0.0).is_eq());
        assert!(f(Function::Pow, 2.0, -2.0).total_cmp(&0.25).is_eq());
    }
}
