//! Depthwise convolutions.

use super::conv2d::Case;
use super::{Bench, CASES, Random, Rounding, factors, image, leak, whole};
use crate::kernels::depthwise_conv2d::{F32, Quantized};
use crate::quant::{DoubleRounding, NearestEven};

/// Input channels and filters of each.
fn channels(random: &mut Random) -> (usize, usize) {
    let multiplier = if random.chance(50) { 1 } else { random.size(2, 9) };
    let inputs = if random.chance(10) { random.size(17, 40) } else { random.size(1, 10) };
    (inputs, multiplier)
}

macro_rules! int8 {
    ($name:ident, $rounding:ty) => {
        #[test]
        fn $name() {
            let mut random = Random(1);
            for _ in 0..CASES {
                let case = Case::random(&mut random);
                let (inputs, multiplier) = channels(&mut random);
                let (outputs, taps) = (inputs * multiplier, case.window.taps());
                let mut bench = Bench::new();
                let (x, w) = (random.stored(case.height * case.width * inputs), random.stored(taps * outputs));
                let bias: Vec<i32> = (0..outputs).map(|_| random.between(-50_000, 50_000)).collect();
                let (zero, padding) = (random.between(-128, 128), random.between(-128, 128) as i8);
                let zero = if random.chance(30) { zero } else { 0 };
                let count = factors(&mut random, outputs);
                let requantize = <$rounding>::random(&mut random, count, taps);
                let bounds = random.bounds();
                let mut want = Vec::new();
                for pixel in case.pixels() {
                    for channel in 0..outputs {
                        let mut sum = bias[channel];
                        for tap in 0..taps {
                            let x = match case.cell(pixel, tap) {
                                Some((y, x0)) => x[(y * case.width + x0) * inputs + channel / multiplier],
                                None => padding,
                            };
                            sum += i32::from(x) * (i32::from(w[tap * outputs + channel]) - zero);
                        }
                        want.push(requantize.store(sum, channel, &bounds));
                    }
                }
                let output = bench.room::<i8>(want.len());
                let kernel = Quantized {
                    input: image(bench.put(&x), (case.height, case.width, inputs)),
                    output: image(output, (case.rows, case.columns, outputs)),
                    window: case.window,
                    filter: leak(w),
                    bias: leak(bias),
                    filter_zero_point: zero,
                    input_zero_point: padding,
                    requantize,
                    bounds,
                    axis: case.axis,
                    scratch: bench.room::<i8>(4 * taps + inputs),
                };
                kernel.check(super::ARENA_BYTES);
                let (extent, unit) = case.cut(outputs, 4);
                let tiles = random.tiles(extent, unit);
                // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
                bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
            }
        }
    };
}
int8!(int8_rounds_twice, DoubleRounding);
int8!(int8_rounds_to_even, NearestEven);

#[test]
fn float32() {
    let mut random = Random(2);
    for _ in 0..CASES {
        let case = Case::random(&mut random);
        let (inputs, multiplier) = channels(&mut random);
        let (outputs, taps) = (inputs * multiplier, case.window.taps());
        let mut bench = Bench::new();
        let (x, w) = (random.any_real(case.height * case.width * inputs), random.real(taps * outputs));
        let bias = random.real(outputs);
        let mut want = Vec::new();
        for pixel in case.pixels() {
            for channel in 0..outputs {
                let cells = (0..taps).filter_map(|tap| case.cell(pixel, tap).map(|cell| (tap, cell)));
                let products = cells.map(|(tap, (y, x0))| {
                    x[(y * case.width + x0) * inputs + channel / multiplier] * w[tap * outputs + channel]
                });
                want.push((products.sum::<f32>() + bias[channel]).clamp(f32::NEG_INFINITY, 3000.0));
            }
        }
        let output = bench.room::<f32>(want.len());
        let kernel = F32 {
            input: image(bench.put(&x), (case.height, case.width, inputs)),
            output: image(output, (case.rows, case.columns, outputs)),
            window: case.window,
            filter: leak(w),
            bias: leak(bias),
            min: f32::NEG_INFINITY,
            max: 3000.0,
            axis: case.axis,
            scratch: bench.room::<f32>(taps + inputs),
        };
        kernel.check(super::ARENA_BYTES);
        let (extent, unit) = case.cut(outputs, 4);
        let tiles = random.tiles(extent, unit);
        // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
        bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
    }
}
