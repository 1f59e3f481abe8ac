//! Softmax beside its formula in double precision, in tiles and in place.

use super::{Dequantized, F32, Int8, Lines, LogF32};
use crate::memory::{Arena, Region};
use crate::quant::Bounds;
use crate::tile::Tile;

/// Lines of 4 elements along the middle axis of `[2, 4, 3]`.
const LINES: Lines = Lines { lines: 6, count: 4, stride: 3 };
const INPUT: Region = Region::new(0, 96);
const OUTPUT: Region = Region::new(96, 96);

fn first(line: usize) -> usize {
    line / 3 * 12 + line % 3
}

#[test]
fn lines_begin_where_they_should() {
    for line in 0..6 {
        assert_eq!(LINES.first(line), first(line));
    }
}

#[test]
fn softmax_and_its_logarithm_in_tiles_and_in_place() {
    let data: Vec<f32> = (0..24_u8).map(|k| f32::from(k.wrapping_mul(37) % 23) / 3.0 - 4.0).collect();
    for output in [INPUT, OUTPUT] {
        for logarithm in [false, true] {
            let mut arena = Arena::<192>::new();
            arena.fill(INPUT, crate::tensor::bytes_of(&data));
            for tile in [Tile::new(0, 1), Tile::new(1, 5), Tile::new(5, 6)] {
                // SAFETY: the regions lie inside the arena; the tiles are disjoint.
                unsafe {
                    if logarithm {
                        LogF32 { input: INPUT, output, lines: LINES }.run(arena.memory(), tile);
                    } else {
                        F32 { input: INPUT, output, lines: LINES, beta: 1.0 }.run(arena.memory(), tile);
                    }
                }
            }
            // SAFETY: the region lies inside the arena.
            let got = unsafe { core::slice::from_raw_parts(arena.memory().at::<f32>(output), 24).to_vec() };
            for line in 0..6 {
                let at = |k: usize| first(line) + 3 * k;
                let sum: f64 = (0..4).map(|k| f64::from(data[at(k)]).exp()).sum();
                for k in 0..4 {
                    let want = f64::from(data[at(k)]).exp() / sum;
                    let want = if logarithm { want.ln() } else { want };
                    assert!((f64::from(got[at(k)]) - want).abs() < 1e-6, "line {line}, element {k}");
                }
            }
        }
    }
}

#[test]
fn stored_probabilities_are_right_to_one_step() {
    let scale = 0.07_f64;
    let exact: Vec<f64> = (0..256).map(|d| (-f64::from(d) * scale).exp()).collect();
    let exps: &'static [i32] =
        Box::leak(exact.iter().map(|e| (e * f64::from(1_u32 << 31)).min(f64::from(i32::MAX)) as i32).collect());
    let reals: &'static [f32] = Box::leak(exact.iter().map(|e| *e as f32).collect());
    let data: Vec<i8> = (0..24_u8).map(|k| k.wrapping_mul(37).wrapping_add(100).cast_signed() / 3).collect();
    let bounds = Bounds { zero_point: -128, min: -128, max: 127 };
    for real in [false, true] {
        let mut arena = Arena::<192>::new();
        arena.fill(INPUT, crate::tensor::bytes_of(&data));
        // SAFETY: the regions lie inside the arena.
        let got = unsafe {
            if real {
                let scale = 1.0 / 256.0;
                Dequantized { input: INPUT, output: OUTPUT, lines: LINES, exps: reals, scale, bounds }
                    .run(arena.memory(), Tile::new(0, 6));
            } else {
                Int8 { input: INPUT, output: OUTPUT, lines: LINES, exps }.run(arena.memory(), Tile::new(0, 6));
            }
            core::slice::from_raw_parts(arena.memory().at::<i8>(OUTPUT), 24).to_vec()
        };
        for line in 0..6 {
            let at = |k: usize| first(line) + 3 * k;
            let sum: f64 = (0..4).map(|k| (f64::from(data[at(k)]) * scale).exp()).sum();
            for k in 0..4 {
                let want = (f64::from(data[at(k)]) * scale).exp() / sum * 256.0 - 128.0;
                assert!((f64::from(got[at(k)]) - want).abs() <= 1.0, "line {line}, element {k}: {want}");
            }
        }
    }
}
