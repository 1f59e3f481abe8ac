//! `1 / (1 + e^-x)` and `tanh(x)` from Q3.12 to Q0.15, bit for bit as TFLite computes them: a table, and a line in each of its
//! intervals.
//!
//! The compiler makes the table (`ariel_build/ops/sigmoid16.py`).

/// Intervals on each side of 0, a 24th wide; the last ones have all that lies further out.
const SIDE: i32 = 256;
/// Intervals of the table: the value of `1 / (1 + e^-x)` with which it begins, in Q0.16, and above it how far it is to the next.
pub(in crate::kernels) const INTERVALS: usize = 2 * SIDE as usize;

/// Both functions; their argument has been multiplied by 3: it is in steps of a third of Q3.12's.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Sigmoid16 {
    /// The interval that begins at 0.
    middle: *const u32,
}

impl Sigmoid16 {
    /// With its table.
    ///
    /// # Safety
    /// The table has [`INTERVALS`] entries.
    #[inline(always)]
    pub(in crate::kernels) const unsafe fn new(table: &'static [u32]) -> Self {
        // SAFETY: as the caller promises.
        Self { middle: unsafe { table.as_ptr().add(SIDE as usize) } }
    }

    /// Returns `1 / (1 + e^-x)` with `bits` more bits than Q0.16, for x in steps of `2^-bits` intervals, and less by the least of
    /// these where x is negative: halves go towards 1/2.
    #[inline(always)]
    fn value(self, x: i32, bits: u32) -> i32 {
        let interval = (x >> bits).clamp(-SIDE, SIDE - 1);
        // SAFETY: there are so many intervals on each side.
        let both = unsafe { *self.middle.offset(interval as isize) };
        let (first, slope) = (both & 0xffff, both >> 16);
        let part = x.cast_unsigned() & ((1 << bits) - 1);
        ((first << bits).wrapping_add(part.wrapping_mul(slope))).cast_signed().wrapping_add(x >> 31)
    }

    /// `1 / (1 + e^-x)`, for x that is three times an int16.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "Q0.15")]
    pub(in crate::kernels) fn logistic(self, x: i32) -> i16 {
        (self.value(x, 9).wrapping_add(1 << 9) >> 10) as i16
    }

    /// `1 / (1 + e^-x)`, for any x: in the last interval on either side the least and the greatest that there is, not 0 and 1.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "Q0.15")]
    pub(in crate::kernels) fn logistic_of_any(self, x: i32) -> i16 {
        (self.value(x, 9).wrapping_add(1 << 9) >> 10).clamp(1, i32::from(i16::MAX)) as i16
    }

    /// `tanh(x)`.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "Q0.15")]
    pub(in crate::kernels) fn tanh(self, x: i32) -> i16 {
        (self.value(x, 8).wrapping_add((1 << 7) - (1 << 23)) >> 8) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real numbers say what the fixed point should be about: within 16 of 32,768.
    #[test]
    fn values_are_those_of_the_functions() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let table: Vec<u32> = (-SIDE..SIDE)
            .map(|i| {
                let [here, next] =
                    [i, i + 1].map(|k| (65_536.0 * sigmoid(f64::from(k) / 24.0)).round().min(65_535.0) as u32);
                here | (next - here) << 16
            })
            .collect();
        // SAFETY: it has INTERVALS entries.
        let functions = unsafe { Sigmoid16::new(table.leak()) };
        for x in i16::MIN..=i16::MAX {
            let (real, thrice) = (f64::from(x) / 4096.0, i32::from(x) * 3);
            let logistic = f64::from(functions.logistic(thrice)) / 32_768.0;
            assert!((logistic - sigmoid(real)).abs() < 5e-4, "logistic of {real}: {logistic}");
            let tanh = f64::from(functions.tanh(thrice)) / 32_768.0;
            assert!((tanh - real.tanh()).abs() < 5e-4, "tanh of {real}: {tanh}");
        }
    }
}
