//! Pools.

use super::conv2d::Case;
use super::{Bench, CASES, Random, image, whole};
use crate::kernels::pool2d::{AverageF32, AverageInt8, AverageReal, Counted, MaxF32, MaxInt8};

/// The elements of a channel under each window, in order, and how many of them count in an average.
fn windows<T: Copy>(case: &Case, x: &[T], channels: usize, counted: Counted) -> Vec<(Vec<T>, usize)> {
    let [above, left, below, right] = counted.map(i64::from);
    let mut all = Vec::new();
    for pixel in case.pixels() {
        for channel in 0..channels {
            let cells = (0..case.window.taps()).filter_map(|tap| case.cell(pixel, tap));
            let own = cells.map(|(y, x0)| x[(y * case.width + x0) * channels + channel]).collect();
            let w = &case.window;
            let count = (0..case.window.taps()).filter(|tap| {
                let (tap_y, tap_x) = (tap / w.width as usize, tap % w.width as usize);
                let row = (pixel.0 * w.stride_h as usize + tap_y * w.dilation_h as usize) as i64 - i64::from(w.pad_top);
                let column =
                    (pixel.1 * w.stride_w as usize + tap_x * w.dilation_w as usize) as i64 - i64::from(w.pad_left);
                (-above..case.height as i64 + below).contains(&row)
                    && (-left..case.width as i64 + right).contains(&column)
            });
            all.push((own, count.count()));
        }
    }
    all
}

/// Runs `$kernel`, a struct literal without its images, window and axis, over random cases.
macro_rules! pool {
    ($name:ident, $element:ty, $draw:ident, |$random:ident| $setup:expr, $kernel:ident { $($field:ident: $value:expr),* }, $want:expr) => {
        #[test]
        fn $name() {
            let mut $random = Random(1);
            for _ in 0..CASES {
                let case = Case::random(&mut $random);
                let channels = $random.size(1, 11);
                let mut bench = Bench::new();
                let x: Vec<$element> = $random.$draw(case.height * case.width * channels);
                let setup = $setup;
                let counted: Counted = setup.2;
                let want: Vec<$element> = windows(&case, &x, channels, counted)
                    .iter()
                    .map(|(cells, count)| $want(cells, *count, &setup))
                    .collect();
                let output = bench.room::<$element>(want.len());
                let kernel = $kernel {
                    input: image(bench.put(&x), (case.height, case.width, channels)),
                    output: image(output, (case.rows, case.columns, channels)),
                    window: case.window,
                    axis: case.axis,
                    $($field: $value(&setup)),*
                };
                kernel.check(super::ARENA_BYTES);
                let (extent, unit) = case.cut(channels, 4);
                let tiles = $random.tiles(extent, unit);
                // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
                bench.expect(output, &want, whole(extent), &tiles, |m, t| unsafe { kernel.run(m, t) });
            }
        }
    };
}

/// Bounds and padding that counts.
type Setup<T> = (T, T, Counted);

fn counted(random: &mut Random) -> Counted {
    if random.chance(50) { [0; 4] } else { [0; 4].map(|_: u32| random.size(0, 3) as u32) }
}

pool!(
    max_int8,
    i8,
    stored,
    |random| (random.between(-128, 0), random.between(0, 128), [0; 4]),
    MaxInt8 { min: |s: &Setup<i32>| s.0, max: |s: &Setup<i32>| s.1 },
    |cells: &[i8], _, s: &Setup<i32>| {
        i32::from(cells.iter().copied().max().unwrap_or(-128)).max(s.0).min(s.1) as i8
    }
);

pool!(
    max_float32,
    f32,
    any_real_alone,
    |random| (-20.0, random.real(1)[0].abs(), [0; 4]),
    MaxF32 { min: |s: &Setup<f32>| s.0, max: |s: &Setup<f32>| s.1 },
    |cells: &[f32], _, s: &Setup<f32>| { cells.iter().copied().fold(f32::NEG_INFINITY, f32::max).max(s.0).min(s.1) }
);

pool!(
    average_int8,
    i8,
    stored,
    |random| (random.between(-128, 0), random.between(0, 128), counted(&mut random)),
    AverageInt8 { counted: |s: &Setup<i32>| s.2, min: |s: &Setup<i32>| s.0, max: |s: &Setup<i32>| s.1 },
    |cells: &[i8], count: usize, s: &Setup<i32>| {
        let (sum, n) = (cells.iter().map(|x| i32::from(*x)).sum::<i32>(), count.max(1) as i32);
        let mean = if sum > 0 { (sum + n / 2) / n } else { (sum - n / 2) / n };
        mean.max(s.0).min(s.1) as i8
    }
);

pool!(
    average_float32,
    f32,
    any_real,
    |random| (-20.0, 20.0, counted(&mut random)),
    AverageF32 { counted: |s: &Setup<f32>| s.2, min: |s: &Setup<f32>| s.0, max: |s: &Setup<f32>| s.1 },
    |cells: &[f32], count: usize, s: &Setup<f32>| {
        let mean = cells.iter().sum::<f32>() / count as f32;
        if mean.is_nan() { mean } else { mean.max(s.0).min(s.1) }
    }
);

// Scales that are powers of two: the sum is exact in any order.
pool!(
    average_by_way_of_float32,
    i8,
    stored,
    |random| (random.bounds(), random.between(-128, 128), counted(&mut random)),
    AverageReal {
        counted: |s: &(crate::quant::Bounds, i32, Counted)| s.2,
        by_columns: |s: &(crate::quant::Bounds, i32, Counted)| s.1 & 1 == 0,
        input_zero_point: |s: &(crate::quant::Bounds, i32, Counted)| s.1,
        input_scale: |_: &(crate::quant::Bounds, i32, Counted)| 0.25,
        output_scale: |_: &(crate::quant::Bounds, i32, Counted)| 0.125,
        bounds: |s: &(crate::quant::Bounds, i32, Counted)| s.0
    },
    |cells: &[i8], count: usize, s: &(crate::quant::Bounds, i32, Counted)| {
        let sum: f32 = cells.iter().map(|x| (i32::from(*x) - s.1) as f32 * 0.25).sum();
        s.0.store((sum / count.max(1) as f32 / 0.125).round_ties_even().clamp(-2000.0, 2000.0) as i32)
    }
);
