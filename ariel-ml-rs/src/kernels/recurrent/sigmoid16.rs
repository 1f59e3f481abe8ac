//! `1 / (1 + e^-x)` and `tanh(x)` from Q3.12 to Q0.15, bit for bit as TFLite computes them: a table and a line between its
//! entries.
//!
//! The compiler makes the table (`ariel_build/ops/sigmoid16.py`).

/// Entries of the table: `1 / (1 + e^(-i / 24))` in Q0.16 in the low half, and above it what the next one has more.
pub(crate) const ENTRIES: usize = 255;

/// Both functions; their argument has been multiplied by 3: it is in steps of a third of Q3.12's.
#[derive(Clone, Copy)]
pub(crate) struct Sigmoid16 {
    table: *const u32,
}

impl Sigmoid16 {
    /// With its table.
    ///
    /// # Safety
    /// The table has [`ENTRIES`] entries.
    #[inline(always)]
    pub(crate) const unsafe fn new(table: &'static [u32]) -> Self {
        Self { table: table.as_ptr() }
    }

    /// Returns an entry, and how far it is to the next.
    #[inline(always)]
    fn entry(self, index: u32) -> (u32, u32) {
        // SAFETY: callers ask for less than ENTRIES.
        let both = unsafe { *self.table.add(index as usize) };
        (both & 0xffff, both >> 16)
    }

    /// `1 / (1 + e^-x)`.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "Q0.15")]
    pub(crate) fn logistic(self, x: i32) -> i16 {
        let distance = x.unsigned_abs();
        let index = distance >> 9;
        let value = if index < ENTRIES as u32 {
            let (entry, slope) = self.entry(index);
            (entry << 9) + (distance & 0x1ff) * slope
        } else {
            0x7fff << 10
        };
        // `!value + (1 << 25) + ..` is `(1 << 25) - value - 1 + ..`.
        let sign = x >> 31;
        let signed = (value.cast_signed() ^ sign).wrapping_sub(sign << 25);
        (signed.wrapping_add(1 << 9) >> 10) as i16
    }

    /// `tanh(x)`.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "Q0.15")]
    pub(crate) fn tanh(self, x: i32) -> i16 {
        let distance = x.unsigned_abs();
        let index = distance >> 8;
        let value = if index < ENTRIES as u32 {
            let (entry, slope) = self.entry(index);
            (entry << 8) + (distance & 0xff) * slope
        } else {
            0xffff << 8
        };
        let signed = value.cast_signed().wrapping_sub(1 << 23) ^ (x >> 31);
        (signed.wrapping_add(1 << 7) >> 8) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real numbers say what the fixed point should be about: within 16 of 32,768.
    #[test]
    fn values_are_those_of_the_functions() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let table: Vec<u32> = (0..ENTRIES)
            .map(|i| {
                let [here, next] = [i, i + 1].map(|k| (65_536.0 * sigmoid(k as f64 / 24.0)).round() as u32);
                here | (next.min(65_535) - here) << 16
            })
            .collect();
        // SAFETY: it has ENTRIES entries.
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
