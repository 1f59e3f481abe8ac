//! Convolutions.

use super::{Bench, CASES, Random, Rounding, factors, image, leak, packed, whole};
use crate::kernels::conv2d::{F32, Quantized};
use crate::kernels::window::Window;
use crate::quant::{DoubleRounding, NearestEven};
use crate::tile::Axis;

/// Shapes of a case; also those of depthwise convolutions and pools.
pub(super) struct Case {
    pub height: usize,
    pub width: usize,
    pub window: Window,
    pub rows: usize,
    pub columns: usize,
    pub axis: Axis,
}

impl Case {
    pub fn random(random: &mut Random) -> Self {
        let side = |random: &mut Random| {
            let (taps, stride, dilation) = (random.size(1, 5), random.size(1, 4), random.size(1, 3));
            let reach = (taps - 1) * dilation + 1;
            let (before, after) = (random.size(0, reach as i32), random.size(0, reach as i32));
            let extent = reach.saturating_sub(before + after).max(1) + random.size(0, 7);
            let out = (extent + before + after - reach) / stride + 1;
            (taps as u16, stride as u16, dilation as u16, before as u16, extent, out)
        };
        let (height, stride_h, dilation_h, pad_top, rows, out_rows) = side(random);
        let (width, stride_w, dilation_w, pad_left, columns, out_columns) = side(random);
        let mut window = Window { height, width, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left };
        let axis = [Axis::Rows, Axis::Pixels, Axis::Channels][random.size(0, 2)];
        let (mut out_rows, mut out_columns) = (out_rows, out_columns);
        if random.chance(20) {
            window = Window { height: 1, width: 1, pad_top: 0, pad_left: 0, ..window };
            out_rows = (rows - 1) / stride_h as usize + 1;
            out_columns = (columns - 1) / stride_w as usize + 1;
        }
        Self { height: rows, width: columns, window, rows: out_rows, columns: out_columns, axis }
    }

    /// The cell of the image under a tap, or `None` in the padding.
    pub fn cell(&self, (y, x): (usize, usize), tap: usize) -> Option<(usize, usize)> {
        let w = &self.window;
        let (tap_y, tap_x) = (tap / w.width as usize, tap % w.width as usize);
        let row = (y * w.stride_h as usize + tap_y * w.dilation_h as usize) as i64 - i64::from(w.pad_top);
        let column = (x * w.stride_w as usize + tap_x * w.dilation_w as usize) as i64 - i64::from(w.pad_left);
        let inside = (0..self.height as i64).contains(&row) && (0..self.width as i64).contains(&column);
        inside.then_some((row as usize, column as usize))
    }

    /// Units of the output along the case's axis, and the multiple in which they are cut.
    pub fn cut(&self, channels: usize, unit: usize) -> (usize, usize) {
        match self.axis {
            Axis::Rows => (self.rows, 1),
            Axis::Pixels => (self.rows * self.columns, 1),
            Axis::Channels => (channels, unit),
        }
    }

    /// Every pixel of the output, in order.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> {
        let columns = self.columns;
        (0..self.rows).flat_map(move |y| (0..columns).map(move |x| (y, x)))
    }
}

/// Groups, input and output channels, and the multiple in which channels are cut.
fn channels(random: &mut Random) -> (usize, usize, usize, usize) {
    let groups = if random.chance(60) { 1 } else { random.size(2, 4) };
    let (depth, own) = (random.size(1, 6), random.size(1, 11));
    (groups, depth * groups, own * groups, if groups == 1 || own % 4 == 0 { 4 } else { own })
}

macro_rules! int8 {
    ($name:ident, $rounding:ty) => {
        #[test]
        fn $name() {
            let mut random = Random(1);
            for _ in 0..CASES {
                let case = Case::random(&mut random);
                let (groups, inputs, outputs, unit) = channels(&mut random);
                let (depth, own) = (inputs / groups, outputs / groups);
                let (taps, k) = (case.window.taps(), case.window.taps() * depth);
                let mut bench = Bench::new();
                let (x, w) = (random.stored(case.height * case.width * inputs), random.stored(outputs * k));
                let bias: Vec<i32> = (0..outputs).map(|_| random.between(-50_000, 50_000)).collect();
                let (zero, padding) = (random.between(-128, 128), random.between(-128, 128) as i8);
                let zero = if random.chance(30) { zero } else { 0 };
                let count = factors(&mut random, outputs);
                let requantize = <$rounding>::random(&mut random, count, k);
                let bounds = random.bounds();
                let mut want = Vec::new();
                for pixel in case.pixels() {
                    for channel in 0..outputs {
                        let mut sum = bias[channel];
                        for tap in 0..taps {
                            for index in 0..depth {
                                let x = match case.cell(pixel, tap) {
                                    Some((y, x0)) => x[(y * case.width + x0) * inputs + channel / own * depth + index],
                                    None => padding,
                                };
                                sum += i32::from(x) * (i32::from(w[channel * k + tap * depth + index]) - zero);
                            }
                        }
                        want.push(requantize.store(sum, channel, &bounds));
                    }
                }
                let output = bench.room::<i8>(want.len());
                let kernel = Quantized {
                    input: image(bench.put(&x), (case.height, case.width, inputs)),
                    output: image(output, (case.rows, case.columns, outputs)),
                    window: case.window,
                    groups: groups as u32,
                    filter: packed(&w, k, groups),
                    bias: leak(bias),
                    filter_zero_point: zero,
                    input_zero_point: padding,
                    requantize,
                    bounds,
                    axis: case.axis,
                    scratch: bench.room::<i8>(if case.window.is_pointwise() { 0 } else { k }),
                };
                kernel.check(super::ARENA_BYTES);
                let (extent, unit) = case.cut(outputs, unit);
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
        let (groups, inputs, outputs, unit) = channels(&mut random);
        let (depth, own) = (inputs / groups, outputs / groups);
        let (taps, k) = (case.window.taps(), case.window.taps() * depth);
        let mut bench = Bench::new();
        let (x, w) = (random.any_real(case.height * case.width * inputs), random.real(outputs * k));
        let bias = random.real(outputs);
        let mut want = Vec::new();
        for pixel in case.pixels() {
            for channel in 0..outputs {
                let mut sum = bias[channel];
                for tap in 0..taps {
                    if let Some((y, x0)) = case.cell(pixel, tap) {
                        let first = (y * case.width + x0) * inputs + channel / own * depth;
                        let filter = &w[channel * k + tap * depth..][..depth];
                        sum += x[first..][..depth].iter().zip(filter).map(|(x, w)| x * w).sum::<f32>();
                    }
                }
                want.push(sum.clamp(-2000.0, f32::INFINITY));
            }
        }
        let output = bench.room::<f32>(want.len());
        let kernel = F32 {
            input: image(bench.put(&x), (case.height, case.width, inputs)),
            output: image(output, (case.rows, case.columns, outputs)),
            window: case.window,
            groups: groups as u32,
            filter: packed(&w, k, groups),
            bias: leak(bias),
            min: -2000.0,
            max: f32::INFINITY,
            axis: case.axis,
            scratch: bench.room::<f32>(if case.window.is_pointwise() { 0 } else { k }),
        };
        kernel.check(super::ARENA_BYTES);
        let (extent, unit) = case.cut(outputs, unit);
        let tiles = random.tiles(extent, unit);
        // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
        bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
    }
}
