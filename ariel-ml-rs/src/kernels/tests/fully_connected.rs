//! Dense layers.

use super::{Bench, CASES, Random, Rounding, factors, leak, packed, whole};
use crate::kernels::dynamic_quantize::{DynamicQuantize, Rescale};
use crate::kernels::fully_connected::{F32, Hybrid, Quantized};
use crate::quant::{DoubleRounding, NearestEven, clamp};
use crate::tile::Axis;

struct Case {
    rows: usize,
    depth: usize,
    channels: usize,
    axis: Axis,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let axis = if random.chance(50) { Axis::Rows } else { Axis::Channels };
        Self { rows: random.size(1, 7), depth: random.size(1, 40), channels: random.size(1, 23), axis }
    }

    fn tiling(&self) -> (usize, usize) {
        match self.axis {
            Axis::Rows | Axis::Pixels => (self.rows, 1),
            Axis::Channels => (self.channels, 4),
        }
    }
}

macro_rules! int8 {
    ($name:ident, $rounding:ty) => {
        #[test]
        fn $name() {
            let mut random = Random(1);
            for _ in 0..CASES {
                let case = Case::random(&mut random);
                let mut bench = Bench::new();
                let (x, w) = (random.stored(case.rows * case.depth), random.stored(case.channels * case.depth));
                let bias: Vec<i32> = (0..case.channels).map(|_| random.between(-50_000, 50_000)).collect();
                let zero = if random.chance(30) { random.between(-128, 128) } else { 0 };
                let count = factors(&mut random, case.channels);
                let requantize = <$rounding>::random(&mut random, count, case.depth);
                let bounds = random.bounds();
                let mut want = Vec::new();
                for row in x.chunks(case.depth) {
                    for (channel, filter) in w.chunks(case.depth).enumerate() {
                        let products = row.iter().zip(filter).map(|(x, w)| i32::from(*x) * (i32::from(*w) - zero));
                        want.push(requantize.store(products.sum::<i32>() + bias[channel], channel, &bounds));
                    }
                }
                let output = bench.room::<i8>(want.len());
                let kernel = Quantized {
                    input: bench.put(&x),
                    output,
                    rows: case.rows as u32,
                    depth: case.depth as u32,
                    filter: packed(&w, case.depth, 1),
                    bias: leak(bias),
                    filter_zero_point: zero,
                    requantize,
                    bounds,
                    axis: case.axis,
                };
                kernel.check(super::ARENA_BYTES);
                let (extent, unit) = case.tiling();
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
        let mut bench = Bench::new();
        let (x, w) = (random.any_real(case.rows * case.depth), random.real(case.channels * case.depth));
        let bias = random.real(case.channels);
        let (min, max) = if random.chance(50) { (f32::NEG_INFINITY, f32::INFINITY) } else { (0.0, 600.0) };
        let mut want = Vec::new();
        for row in x.chunks(case.depth) {
            for (channel, filter) in w.chunks(case.depth).enumerate() {
                let sum: f32 = row.iter().zip(filter).map(|(x, w)| x * w).sum();
                want.push(clamp(sum + bias[channel], min, max));
            }
        }
        let output = bench.room::<f32>(want.len());
        let kernel = F32 {
            input: bench.put(&x),
            output,
            rows: case.rows as u32,
            depth: case.depth as u32,
            filter: packed(&w, case.depth, 1),
            bias: leak(bias),
            min,
            max,
            axis: case.axis,
        };
        kernel.check(super::ARENA_BYTES);
        let (extent, unit) = case.tiling();
        let tiles = random.tiles(extent, unit);
        // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
        bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
    }
}

/// Weights that are stored and activations that are quantised row by row: near what floats give.
#[test]
fn hybrid() {
    let mut random = Random(3);
    for _ in 0..CASES {
        let case = Case::random(&mut random);
        let mut bench = Bench::new();
        let (x, w) = (random.real(case.rows * case.depth), random.stored(case.channels * case.depth));
        let (bias, scale) = (random.real(case.channels), 0.01_f32);
        let input = bench.room::<i8>(x.len());
        let parameters = bench.room::<f32>(2 * case.rows);
        let symmetric = random.chance(50);
        let quantize = DynamicQuantize {
            input: bench.put(&x),
            output: input,
            parameters,
            rows: case.rows as u32,
            row: case.depth as u32,
            symmetric,
        };
        quantize.check(super::ARENA_BYTES);
        for tile in random.tiles(case.rows, 1) {
            // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
            unsafe { quantize.run(bench.arena.memory(), tile) };
        }
        let output = bench.room::<f32>(case.rows * case.channels);
        let sums = w.chunks(case.depth).map(|filter| filter.iter().map(|w| i32::from(*w)).sum()).collect();
        let kernel = Hybrid {
            input,
            output,
            rows: case.rows as u32,
            depth: case.depth as u32,
            filter: packed(&w, case.depth, 1),
            rescale: Rescale {
                parameters,
                sums: leak(sums),
                scales: leak(vec![scale; factors(&mut random, case.channels)]),
                bias: leak(bias.clone()),
                min: f32::NEG_INFINITY,
                max: f32::INFINITY,
            },
            axis: case.axis,
        };
        kernel.check(super::ARENA_BYTES);
        let (extent, unit) = case.tiling();
        for tile in random.tiles(extent, unit) {
            // SAFETY: as above.
            unsafe { kernel.run(bench.arena.memory(), tile) };
        }
        let got = bench.get::<f32>(output);
        for (row, x) in x.chunks(case.depth).enumerate() {
            // Half a step of the row, through every weight.
            let reach = x.iter().fold(0.0_f32, |reach, x| reach.max(x.abs()));
            let step = if symmetric { reach / 127.0 } else { 2.0 * reach / 255.0 };
            for (channel, filter) in w.chunks(case.depth).enumerate() {
                let sum: f32 = x.iter().zip(filter).map(|(x, w)| x * f32::from(*w) * scale).sum();
                let weight: f32 = filter.iter().map(|w| f32::from(*w).abs() * scale).sum();
                let error = (got[row * case.channels + channel] - sum - bias[channel]).abs();
                assert!(error <= 0.51 * step * weight + 0.01, "{error} at row {row}, channel {channel}");
            }
        }
    }
}
