//! Remainders of floats, exactly, by subtraction: libm's divide, and may panic as far as the linker can see.

macro_rules! remainders {
    ($($(#[$doc:meta])* $name:ident: $float:ty, $bits:ty;)+) => { $(
        $(#[$doc])*
        pub(super) fn $name(x: $float, y: $float) -> $float {
            const SIGNIFICAND: u32 = <$float>::MANTISSA_DIGITS - 1;
            const ONE: $bits = 1 << SIGNIFICAND;
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            let (infinite, sign) = (<$float>::INFINITY.to_bits(), x.to_bits() & SIGN);
            let (dividend, divisor) = (x.to_bits() & !SIGN, y.to_bits() & !SIGN);
            if divisor == 0 || divisor > infinite || dividend >= infinite {
                return <$float>::NAN;
            }
            if dividend < divisor {
                return x;
            }
            // A number is its significand, shifted to the left so often, in units of the least positive one.
            let parts = |bits: $bits| match bits >> SIGNIFICAND {
                0 => (bits, 0),
                exponent => (bits & (ONE - 1) | ONE, exponent - 1),
            };
            let ((number, shift), (unit, mut exponent)) = (parts(dividend), parts(divisor));
            let mut rest: $bits = 0;
            for bit in (0..<$float>::MANTISSA_DIGITS).rev() {
                rest = rest << 1 | (number >> bit & 1);
                rest = rest.checked_sub(unit).unwrap_or(rest);
            }
            for _ in exponent..shift {
                rest <<= 1;
                rest = rest.checked_sub(unit).unwrap_or(rest);
            }
            if rest == 0 {
                return <$float>::from_bits(sign);
            }
            while rest < ONE && exponent > 0 {
                rest <<= 1;
                exponent -= 1;
            }
            <$float>::from_bits(sign | if rest < ONE { rest } else { rest - ONE | (exponent + 1) << SIGNIFICAND })
        }
    )+ };
}

remainders! {
    /// The remainder of float32 that has the sign of the dividend.
    remainder: f32, u32;
    /// The remainder of float64 that has the sign of the dividend.
    remainder64: f64, u64;
}

/// The remainder of float32 that has the sign of the divisor.
pub(super) fn modulo(a: f32, b: f32) -> f32 {
    let rest = remainder(a, b);
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_are_those_of_the_language() {
        let edges = [0.0, 1.0, 1.5, 7.0, 1e-45, 3e-42, 1.2e-38, 3.4e38, 1e10, 0.1, f32::INFINITY, f32::NAN];
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits(seed)
        };
        let random: Vec<f32> = (0..200).map(|_| next()).collect();
        let all: Vec<f32> = edges.iter().flat_map(|&x| [x, -x]).chain(random).collect();
        for &a in &all {
            for &b in &all {
                let (got, want) = (remainder(a, b), a % b);
                assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{a} % {b} = {got}");
                let (a, b) = (f64::from(a) * 1e-290, f64::from(b) * 1e-280);
                let (got, want) = (remainder64(a, b), a % b);
                assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{a} % {b} = {got}");
            }
        }
        assert_eq!(
            [(5.5, -2.0), (-5.5, 2.0), (4.0, -2.0)].map(|(a, b)| modulo(a, b).to_bits()),
            [(-0.5_f32).to_bits(), 0.5_f32.to_bits(), 0.0_f32.to_bits()]
        );
    }
}
