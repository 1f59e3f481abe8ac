//! Floating-point numbers of 16 bits as tensors store them: kernels compute in float32, and round to nearest, halves to even.
//!
//! The conversions are integer arithmetic, the same on every core; `tests` holds them against all 65,536 patterns.

use crate::memory::Element;
use core::cmp::Ordering;
use core::fmt;

/// IEEE 754's binary16: 5 bits of exponent, 10 of the significand.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct F16(pub u16);

/// bfloat16: the upper half of a float32.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl F16 {
    /// The number closest to a float32, halves to even; what is too large becomes infinite.
    #[must_use]
    pub const fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let (sign, magnitude) = ((bits >> 16 & 0x8000) as u16, bits & 0x7FFF_FFFF);
        let half = if magnitude > 0x7F80_0000 {
            // Not a number: the payload is cut off, but must not become that of infinity.
            let payload = (magnitude & 0x007F_FFFF) >> 13;
            0x7C00 | if payload == 0 { 1 } else { payload }
        } else if magnitude >= 0x477F_F000 {
            // From half-way between the greatest number and 2^16 on.
            0x7C00
        } else if magnitude >= 0x3880_0000 {
            // From 2^-14 on: the exponents differ by 112 in their bias, the significands by 13 bits.
            let moved = magnitude - (112 << 23);
            (moved + 0x0FFF + (moved >> 13 & 1)) >> 13
        } else {
            // A step of what is less is 2^-24, as that of float32 between 1/2 and 1 is: the sum rounds.
            (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5_f32.to_bits()
        };
        Self(sign | half as u16)
    }

    /// The number closest to a float64, rounded once.
    #[must_use]
    pub const fn from_f64(value: f64) -> Self {
        let bits = value.to_bits();
        let (sign, magnitude) = ((bits >> 32 & 0x8000_0000) as u32, bits & (u64::MAX >> 1));
        // Cut to 24 bits, the last of them set where anything was cut off: rounding that to 11 bits is rounding the whole.
        let cut = if magnitude > 0x7FF0_0000_0000_0000 {
            0x7FC0_0000
        } else if magnitude >= (1023 + 128) << 52 {
            0x7F80_0000
        } else if magnitude < (1023 - 126) << 52 {
            // Far below half a step.
            0
        } else {
            let rest = magnitude & ((1 << 29) - 1) != 0;
            ((magnitude - (896 << 52)) >> 29) as u32 | rest as u32
        };
        Self::from_f32(f32::from_bits(sign | cut))
    }

    /// The number itself.
    #[must_use]
    pub const fn to_f32(self) -> f32 {
        let (sign, magnitude) = ((self.0 as u32 & 0x8000) << 16, self.0 as u32 & 0x7FFF);
        let wide = if magnitude >= 0x7C00 {
            0x7F80_0000 | (magnitude & 0x03FF) << 13
        } else if magnitude >= 0x0400 {
            (magnitude << 13) + (112 << 23)
        } else {
            // So many steps of 2^-24.
            (magnitude as f32 * f32::from_bits(0x3380_0000)).to_bits()
        };
        f32::from_bits(sign | wide)
    }
}

impl Bf16 {
    /// The number closest to a float32, halves to even; what is too large becomes infinite.
    #[must_use]
    pub const fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        if bits & 0x7FFF_FFFF > 0x7F80_0000 {
            return Self((bits >> 16 & 0x8000) as u16 | 0x7FC0);
        }
        Self(((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16)
    }

    /// The number itself.
    #[must_use]
    pub const fn to_f32(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }
}

macro_rules! numbers {
    ($($name:ident),*) => { $(
        // SAFETY: a u16, transparently: every bit pattern is a value and there is no padding.
        unsafe impl Element for $name {}

        impl From<$name> for f32 {
            #[inline]
            fn from(value: $name) -> Self {
                value.to_f32()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.to_f32() == other.to_f32()
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                self.to_f32().partial_cmp(&other.to_f32())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.to_f32(), f)
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::Format::format(&self.to_f32(), f);
            }
        }
    )* };
}
numbers!(F16, Bf16);

#[cfg(test)]
mod tests {
    use super::*;

    /// The finite numbers of one sign in ascending order, as float64.
    fn magnitudes(count: u16, of: impl Fn(u16) -> f32) -> Vec<f64> {
        (0..count).map(|bits| f64::from(of(bits))).collect()
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "conversions are exact")]
    fn every_pattern_comes_back() {
        for bits in 0..=u16::MAX {
            assert_eq!(F16::from_f32(F16(bits).to_f32()).0, bits, "{bits:#x}");
            let (back, quiet) = (Bf16::from_f32(Bf16(bits).to_f32()).0, bits & 0x7FFF > 0x7F80);
            assert!(back == bits || quiet && Bf16(back).to_f32().is_nan(), "{bits:#x}");
        }
        assert_eq!(
            [0x3C00, 0xC000, 0x7BFF, 0x0001, 0x0400].map(|b| F16(b).to_f32()),
            [1.0, -2.0, 65504.0, 2.0_f32.powi(-24), 2.0_f32.powi(-14)]
        );
        assert!(F16(0x7E00).to_f32().is_nan() && F16::from_f32(f32::NAN).to_f32().is_nan());
        assert!(F16::from_f32(f32::from_bits(0x7F80_0001)).to_f32().is_nan());
        assert!(Bf16::from_f32(f32::from_bits(0x7F80_0001)).to_f32().is_nan());
    }

    #[test]
    fn halves_go_to_even() {
        let all = magnitudes(0x7C00, |bits| F16(bits).to_f32());
        for (low, pair) in all.windows(2).enumerate() {
            let middle = f64::midpoint(pair[0], pair[1]);
            let even = low as u16 + (low as u16 & 1);
            for sign in [1.0, -1.0] {
                let flag = if sign < 0.0 { 0x8000 } else { 0 };
                let at = |x: f64| (F16::from_f64(sign * x).0 & 0x7FFF, F16::from_f64(sign * x).0 & 0x8000);
                assert_eq!(at(middle), (even, flag));
                assert_eq!(at(middle.next_up()), (low as u16 + 1, flag));
                assert_eq!(at(middle.next_down()), (low as u16, flag));
                // The middle, and what lies 2^-13 of a step beside it, are float32, too.
                let single = sign as f32 * middle as f32;
                assert_eq!(F16::from_f32(single).0 & 0x7FFF, even);
                assert_eq!(F16::from_f32(single.abs().next_up()).0, low as u16 + 1);
                assert_eq!(F16::from_f32(single.abs().next_down()).0, low as u16);
            }
        }
        assert_eq!(F16::from_f32(65519.996).0, 0x7BFF);
        assert_eq!([65520.0, 1e30, f32::INFINITY].map(|x| F16::from_f32(x).0), [0x7C00; 3]);
        assert_eq!([65520.0, 1e300, f64::INFINITY].map(|x| F16::from_f64(-x).0), [0xFC00; 3]);
        assert_eq!([1e-300, 0.0, 2.0_f64.powi(-25)].map(|x| F16::from_f64(x).0), [0; 3]);
        for low in 0..0x7F7F_u16 {
            let middle = f32::from_bits(u32::from(low) << 16 | 0x8000);
            assert_eq!(Bf16::from_f32(middle).0, low + (low & 1));
            assert_eq!(Bf16::from_f32(middle.next_up()).0, low + 1);
            assert_eq!(Bf16::from_f32(-middle.next_down()).0, low | 0x8000);
        }
        assert_eq!(Bf16::from_f32(f32::MAX).0, 0x7F80);
    }

    #[test]
    fn they_compare_and_print_as_numbers() {
        assert!(F16(0x8000) == F16(0) && F16(0xC000) < F16(0x3C00) && F16(0x7E00) != F16(0x7E00));
        assert!(Bf16(0x3F80) > Bf16(0xBF80));
        assert_eq!(format!("{:?} {:?}", F16(0x3800), Bf16(0x4040)), "0.5 3.0");
    }
}
