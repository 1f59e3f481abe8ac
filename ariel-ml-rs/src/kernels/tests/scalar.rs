//! The kernels of scalar cores.

use super::conv2d::Case;
use super::{Bench, CASES, Random, image, leak, whole};
use crate::kernels::isa::scalar::{Conv2d, Conv2d16, DepthwiseConv2d, DepthwiseLines, Int8, Int16, Limits};
use crate::kernels::window::Window;
use crate::tile::Axis;

/// Constants of random channels, and what they share.
fn constants(random: &mut Random, count: usize, k: usize, below: i32) -> (Vec<i32>, Limits) {
    let bounds = random.bounds();
    let size = 14 + (usize::BITS - k.leading_zeros()).cast_signed() / 2;
    let mut words = Vec::new();
    for _ in 0..count {
        let shift = random.between(size - 8, size - 5).max(1);
        let multiplier = (random.next() & 0x3FFF_FFFF | 0x4000_0000).cast_signed();
        words.extend([multiplier, random.between(-50_000, 50_000) << 8 | shift]);
    }
    let (rounding, extra) = (2 * bounds.zero_point + 1, random.between(0, 2));
    (words, Limits { min: bounds.min, max: bounds.max, below, rounding, extra })
}

/// What a sum is stored as.
fn stored(sum: i64, words: &[i32], limits: Limits) -> i8 {
    let (sum, shift) = (sum + i64::from(words[1] >> 8), words[1] & 0xFF);
    let high = ((4 * sum * i64::from(words[0])) >> 32) + i64::from((limits.rounding << (shift - 1)) + limits.extra);
    let value = (high + if sum < 0 { i64::from(limits.below) } else { 0 }) >> shift;
    value.max(i64::from(limits.min)).min(i64::from(limits.max)) as i8
}

/// Sums of products of each pixel and output channel; `terms` gives the input channels that a channel reads.
fn sums<X: Copy + Into<i64>>(
    case: &Case,
    x: &[X],
    (inputs, outputs): (usize, usize),
    padding: X,
    weight: impl Fn(usize, usize, usize) -> i8,
    terms: impl Fn(usize) -> core::ops::Range<usize>,
) -> Vec<i64> {
    let mut out = Vec::new();
    for pixel in case.pixels() {
        for channel in 0..outputs {
            let mut sum = 0;
            for tap in 0..case.window.taps() {
                for input in terms(channel) {
                    let x = case.cell(pixel, tap).map_or(padding, |(y, x0)| x[(y * case.width + x0) * inputs + input]);
                    sum += x.into() * i64::from(weight(channel, tap, input));
                }
            }
            out.push(sum);
        }
    }
    out
}

/// Weights of `k` terms of each channel, in blocks of four channels, `[block][depth][4]`.
fn in_blocks(weights: &[i8], k: usize, depth: usize) -> Vec<i8> {
    let mut filter = vec![0; (weights.len() / k).next_multiple_of(4) * depth];
    for (channel, own) in weights.chunks_exact(k).enumerate() {
        for (term, weight) in own.iter().enumerate() {
            filter[(channel / 4 * depth + term) * 4 + channel % 4] = *weight;
        }
    }
    filter
}

#[test]
fn convolutions() {
    let mut random = Random(3);
    for _ in 0..CASES {
        let case = Case::random(&mut random);
        let (inputs, outputs) = (random.size(1, 6), random.size(1, 11));
        let k = case.window.taps() * inputs;
        let depth = k.next_multiple_of(2);
        let mut bench = Bench::new();
        let (x, w) = (random.stored(case.height * case.width * inputs), random.stored(outputs * k));
        let below = if random.chance(50) { -2 } else { 0 };
        let (words, limits) = constants(&mut random, outputs, k, below);
        let padding = random.between(-128, 128) as i8;
        let all = sums(&case, &x, (inputs, outputs), padding, |c, tap, i| w[c * k + tap * inputs + i], |_| 0..inputs);
        let want: Vec<i8> =
            all.iter().enumerate().map(|(i, sum)| stored(*sum, &words[i % outputs * 2..][..2], limits)).collect();
        let filter = in_blocks(&w, k, depth);
        let output = bench.room::<i8>(want.len());
        // All taps at once, or a row of them, or one: a part has whole steps, and its taps lie one behind the other.
        let window = &case.window;
        let part = [window.width, 1][random.size(0, 1)];
        let parts = (part == 1 || window.dilation_w == 1) && (part as usize * inputs).is_multiple_of(2);
        let taps = if parts && random.chance(50) { part as usize } else { window.taps() };
        let mut kernel = Conv2d {
            input: image(bench.put(&x), (case.height, case.width, inputs)),
            output: image(output, (case.rows, case.columns, outputs)),
            window: case.window,
            filter: leak(filter),
            channels: leak(words),
            limits,
            taps: taps as u32,
            // Sums of 63 products of 2^14 have their bits.
            segment: random.size(1, 31) as u32 * 2,
            sum_bits: 32,
            input_zero_point: padding,
            axis: case.axis,
            scratch: bench.room::<i32>(0),
        };
        kernel.scratch = bench.room::<i8>(kernel.room());
        kernel.check(super::ARENA_BYTES);
        let (extent, unit) = case.cut(outputs, 4);
        let tiles = random.tiles(extent, unit);
        // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
        bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
    }
}

/// One axis: input pixels, output pixels, stride, and padding before.
fn side(random: &mut Random, most: i32) -> (usize, usize, u16, u16) {
    let (stride, pad) = (random.size(1, most), random.size(0, 1));
    let input = random.size(3, 12);
    // The last window ends one behind the image at most.
    let behind = random.size(0, 1);
    (input, (input + pad + behind - 3) / stride + 1, stride as u16, pad as u16)
}

#[test]
fn depthwise_convolutions() {
    let mut random = Random(4);
    for _ in 0..CASES {
        let vertical = random.chance(50);
        let (height, rows, stride_h, pad_top) = side(&mut random, if vertical { 2 } else { 3 });
        let (width, columns, stride_w, pad_left) = side(&mut random, if vertical { 3 } else { 2 });
        let window =
            Window { height: 3, width: 3, stride_h, stride_w, dilation_h: 1, dilation_w: 1, pad_top, pad_left };
        let axis = [Axis::Rows, Axis::Pixels, Axis::Channels][random.size(0, 2)];
        let case = Case { height, width, window, rows, columns, axis };
        let channels = random.size(1, 6);
        let mut bench = Bench::new();
        let (x, w) = (random.stored(height * width * channels), random.stored(9 * channels));
        let (words, limits) = constants(&mut random, channels, 9, 0);
        let padding = random.between(-128, 128) as i8;
        let all = sums(&case, &x, (channels, channels), padding, |c, tap, _| w[c * 9 + tap], |c| c..c + 1);
        let want: Vec<i8> =
            all.iter().enumerate().map(|(i, sum)| stored(*sum, &words[i % channels * 2..][..2], limits)).collect();
        let turned = (0..w.len()).map(|i| if vertical { w[i / 9 * 9 + i % 3 * 3 + i % 9 / 3] } else { w[i] }).collect();
        let output = bench.room::<i8>(want.len());
        let kernel = DepthwiseConv2d {
            input: image(bench.put(&x), (height, width, channels)),
            output: image(output, (rows, columns, channels)),
            window,
            filter: leak(turned),
            channels: leak(words),
            limits,
            input_zero_point: padding,
            vertical,
            axis,
        };
        kernel.check(super::ARENA_BYTES);
        let (extent, unit) = match axis {
            Axis::Rows => (rows, 1),
            Axis::Pixels => (rows * columns, columns),
            Axis::Channels => (channels, 1),
        };
        let tiles = random.tiles(extent, unit);
        // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
        bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
    }
}

/// Constants of random channels of int16, and what they share.
fn constants16(random: &mut Random, count: usize) -> (Vec<i32>, Limits) {
    let least = random.between(-32768, 0);
    let mut words = Vec::new();
    for _ in 0..count {
        let shift = random.between(1, 12);
        words.extend([
            random.between(-1 << 24, 1 << 24),
            random.between(1 << 14, 1 << 15) << 16,
            1 << (shift - 1),
            shift,
        ]);
    }
    (words, Limits { min: least, max: random.between(least, 32767), below: 0, rounding: 1, extra: 0 })
}

/// What a sum is stored as.
fn stored16(sum: i64, words: &[i32], limits: Limits) -> i16 {
    let product = (sum + i64::from(words[0])) * i64::from(words[1] >> 16);
    let by = words[3] + 16;
    let value = (product + (1 << (by - 1))) >> by;
    value.max(i64::from(limits.min)).min(i64::from(limits.max)) as i16
}

#[test]
fn convolutions_of_int16() {
    let mut random = Random(5);
    for _ in 0..CASES {
        let case = Case::random(&mut random);
        let (inputs, outputs) = (random.size(1, 6), random.size(1, 11));
        let k = case.window.taps() * inputs;
        let depth = k.next_multiple_of(2);
        let mut bench = Bench::new();
        let x: Vec<i16> =
            (0..case.height * case.width * inputs).map(|_| random.between(-32768, 32768) as i16).collect();
        let w = random.stored(outputs * k);
        let (words, limits) = constants16(&mut random, outputs);
        let all = sums(&case, &x, (inputs, outputs), 0, |c, tap, i| w[c * k + tap * inputs + i], |_| 0..inputs);
        let want: Vec<i16> =
            all.iter().enumerate().map(|(i, sum)| stored16(*sum, &words[i % outputs * 4..][..4], limits)).collect();
        let filter = in_blocks(&w, k, depth);
        let output = bench.room::<i16>(want.len());
        let kernel = Conv2d16 {
            input: image(bench.put(&x), (case.height, case.width, inputs)),
            output: image(output, (case.rows, case.columns, outputs)),
            window: case.window,
            filter: leak(filter),
            channels: leak(words),
            limits,
            axis: case.axis,
            scratch: bench.room::<i32>(5 * depth),
        };
        kernel.check(super::ARENA_BYTES);
        let (extent, unit) = case.cut(outputs, 4);
        let tiles = random.tiles(extent, unit);
        // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
        bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
    }
}

/// A window of any size along one axis: input pixels, output pixels, taps, stride, and padding before.
fn any_side(random: &mut Random, most: i32) -> (usize, usize, u16, u16, u16) {
    let (taps, stride) = (random.between(1, 8), random.size(1, most + 1));
    let (pad, behind) = (random.between(0, taps), random.between(0, taps));
    let input = random.size((taps - pad - behind).max(1), 12);
    let (taps, pad, behind) = (taps as usize, pad as usize, behind as usize);
    (input, (input + pad + behind - taps) / stride + 1, taps as u16, stride as u16, pad as u16)
}

/// Runs depthwise convolutions of random shapes along lines; `$element` is what activations are.
macro_rules! along_lines {
    ($seed:literal, $element:ty, $elements:expr, $values:expr, $constants:expr, $stored:expr) => {{
        let mut random = Random($seed);
        for _ in 0..CASES {
            let vertical = random.chance(50);
            let (height, rows, window_h, stride_h, pad_top) = any_side(&mut random, if vertical { 2 } else { 3 });
            let (width, columns, window_w, stride_w, pad_left) = any_side(&mut random, if vertical { 3 } else { 2 });
            let window = Window {
                height: window_h,
                width: window_w,
                stride_h,
                stride_w,
                dilation_h: 1,
                dilation_w: 1,
                pad_top,
                pad_left,
            };
            let axis = [Axis::Rows, Axis::Pixels, Axis::Channels][random.size(0, 2)];
            let case = Case { height, width, window, rows, columns, axis };
            let (channels, taps) = (random.size(1, 6), window.taps());
            let mut bench = Bench::new();
            let x: Vec<$element> = $values(&mut random, height * width * channels);
            let w = random.stored(taps * channels);
            let (words, limits): (Vec<i32>, Limits) = $constants(&mut random, channels, taps);
            let zero_point: $element =
                if size_of::<$element>() == 1 { random.between(-128, 128) as $element } else { 0 };
            let mut want: Vec<$element> = Vec::new();
            for pixel in case.pixels() {
                for channel in 0..channels {
                    let mut sum = 0;
                    for tap in 0..taps {
                        if let Some((y, column)) = case.cell(pixel, tap) {
                            let value = i64::from(x[(y * width + column) * channels + channel]) - i64::from(zero_point);
                            sum += value * i64::from(w[channel * taps + tap]);
                        }
                    }
                    let each = words.len() / channels;
                    want.push($stored(sum, &words[channel * each..][..each], limits));
                }
            }
            let (across, along) = (window_w as usize, window_h as usize);
            let turn = |i: usize| i / taps * taps + i % taps % along * across + i % taps / along;
            let turned = (0..w.len()).map(|i| if vertical { w[turn(i)] } else { w[i] }).collect();
            let output = bench.room::<$element>(want.len());
            let kernel = DepthwiseLines {
                input: image(bench.put(&x), (height, width, channels)),
                output: image(output, (rows, columns, channels)),
                window,
                filter: leak(turned),
                channels: leak(words),
                limits,
                input_zero_point: zero_point,
                vertical,
                sum_bits: 32,
                axis,
                band: random.size(1, 6) as u32,
                scratch: bench.room::<i32>(2_000),
                elements: $elements,
            };
            kernel.check(super::ARENA_BYTES);
            let (extent, unit) = match axis {
                Axis::Rows => (rows, 1),
                Axis::Pixels => (rows * columns, columns),
                Axis::Channels => (channels, 1),
            };
            let tiles = random.tiles(extent, unit);
            // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
            bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
        }
    }};
}

#[test]
fn depthwise_convolutions_along_lines() {
    let values = |random: &mut Random, count| random.stored(count);
    let words = |random: &mut Random, count, k| {
        let below = if random.chance(50) { -2 } else { 0 };
        constants(random, count, k, below)
    };
    along_lines!(6, i8, Int8, values, words, stored);
}

#[test]
fn depthwise_convolutions_of_int16_along_lines() {
    let values = |random: &mut Random, count: usize| -> Vec<i16> {
        (0..count).map(|_| random.between(-32768, 32768) as i16).collect()
    };
    along_lines!(7, i16, Int16, values, |random: &mut Random, count, _| constants16(random, count), stored16);
}
