//! Softmax, and its logarithm, of float32, and what takes a logarithm in float32.

use super::{Line, Lines, kernels, sum_of_reals};
use crate::kernels::access::Access;
use crate::kernels::rolled::rolled;
use crate::memory::{Memory, Region};
use crate::plan::Work;
use crate::quant::{Bounds, clamp, round_ties_even};
use crate::tile::Tile;

kernels! {
    /// Softmax in float32.
    F32<f32, f32> {
        /// Factor of the input.
        beta: f32,
    } line

    /// Logarithm of the softmax in float32.
    LogF32<f32, f32> {} line

    /// int8 logarithm of the softmax of an ONNX model: `rne(log_softmax / scale)`.
    LogDequantized<i8, i8> {
        /// `e^(-scale * d)` for the differences d from the greatest.
        exps: &'static [f32],
        /// Real value of one step of the input.
        input_scale: f32,
        /// Real value of one step of the output.
        scale: f32,
        /// Zero point and bounds of the output.
        bounds: Bounds,
    } line
}

impl F32 {
    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    unsafe fn line(&self, line: Line<f32>) {
        // SAFETY: the indices are less than `count`; the output may be the input, which is read first.
        unsafe {
            let greatest = line.greatest();
            let mut sum = 0.0;
            for index in 0..line.count {
                rolled();
                let exp = libm::expf((line.read(index) - greatest) * self.beta);
                sum += exp;
                line.write(index, exp);
            }
            let exps = Line { input: line.output.cast_const(), ..line };
            for index in 0..line.count {
                rolled();
                line.write(index, exps.read(index) / sum);
            }
        }
    }
}

impl LogF32 {
    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    #[expect(clippy::unused_self, reason = "every kernel has this method")]
    unsafe fn line(&self, line: Line<f32>) {
        // SAFETY: the indices are less than `count`; an element is read before it is written.
        unsafe {
            let greatest = line.greatest();
            let mut sum = 0.0;
            for index in 0..line.count {
                rolled();
                sum += libm::expf(line.read(index) - greatest);
            }
            let log = libm::logf(sum);
            for index in 0..line.count {
                rolled();
                line.write(index, line.read(index) - greatest - log);
            }
        }
    }
}

impl LogDequantized {
    /// # Safety
    /// The line lies inside the regions.
    #[inline]
    unsafe fn line(&self, line: Line<i8>) {
        // SAFETY: the indices are less than `count`; an element is read before it is written.
        unsafe {
            let greatest = line.greatest();
            let log = libm::logf(sum_of_reals(line, greatest, self.exps));
            for index in 0..line.count {
                rolled();
                let difference = i32::from(line.read(index)).wrapping_sub(i32::from(greatest)) as f32;
                let quotient = clamp((difference * self.input_scale - log) / self.scale, -1024.0, 1024.0);
                line.write(index, self.bounds.store(round_ties_even(quotient)));
            }
        }
    }
}
