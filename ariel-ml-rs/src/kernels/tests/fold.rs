//! Reductions.

use super::{Bench, CASES, Random, Rounding, whole};
use crate::kernels::fold::{MaxF32, MaxInt8, MeanF32, MinF32, MinInt8, ProdF32, SumF32, SumStored, Walk};
use crate::quant::{DoubleRounding, NearestEven};

/// Axes of random extents, kept and reduced in turn, and the elements of the input that go into each output.
fn case(random: &mut Random) -> (Walk, usize, Vec<Vec<usize>>) {
    let groups: [usize; 6] = [(); 6].map(|()| if random.chance(40) { 1 } else { random.size(1, 6) });
    let mut strides = [0; 6];
    let mut total = 1;
    for group in (0..6).rev() {
        strides[group] = total;
        total *= groups[group];
    }
    // The first group is kept or reduced, and then they take turns.
    let first = usize::from(random.chance(50));
    let kept = [first, first + 2, first + 4];
    let reduced = [1 - first, 3 - first, 5 - first];
    let pick = |table: [usize; 6], groups: [usize; 3]| groups.map(|group| table[group] as u32);
    let walk = Walk {
        kept: pick(groups, kept),
        kept_strides: pick(strides, kept),
        reduced: pick(groups, reduced),
        reduced_strides: pick(strides, reduced),
    };
    let places = |members: [usize; 3]| {
        let mut out = vec![0];
        for group in members {
            out = out.iter().flat_map(|at| (0..groups[group]).map(move |i| at + i * strides[group])).collect();
        }
        out
    };
    let inner: Vec<usize> = places(reduced);
    let sets = places(kept).iter().map(|at| inner.iter().map(|i| at + i).collect()).collect();
    (walk, total, sets)
}

macro_rules! fold {
    ($name:ident, $element:ty, $draw:ident, $kernel:ident $(, $field:ident: $least:expr)?; $want:expr) => {
        #[test]
        fn $name() {
            let mut random = Random(1);
            for _ in 0..CASES {
                let (walk, total, sets) = case(&mut random);
                let mut bench = Bench::new();
                let x: Vec<$element> = random.$draw(total);
                let fold: fn(&mut dyn Iterator<Item = $element>, usize) -> $element = $want;
                let want: Vec<$element> =
                    sets.iter().map(|set| fold(&mut set.iter().map(|i| x[*i]), set.len())).collect();
                let output = bench.room::<$element>(want.len());
                let kernel = $kernel { input: bench.put(&x), output, walk, $($field: $least)? };
                kernel.check(super::ARENA_BYTES);
                let tiles = random.tiles(want.len(), 1);
                // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
                bench.expect(output, &want, whole(want.len()), &tiles, |m, t| unsafe { kernel.run(m, t) });
            }
        }
    };
}
fold!(max_int8, i8, stored, MaxInt8; |x, _| x.max().unwrap_or(-128));
fold!(min_int8, i8, stored, MinInt8; |x, _| x.min().unwrap_or(127));
// `f32::max` passes over what is not a number, too.
fold!(max_float32, f32, any_real_alone, MaxF32, least: f32::MIN; |x, _| x.fold(f32::MIN, f32::max));
fold!(max_float32_to_infinity, f32, any_real_alone, MaxF32, least: f32::NEG_INFINITY; |x, _| x.fold(f32::NEG_INFINITY, f32::max));
fold!(min_float32, f32, any_real_alone, MinF32, greatest: f32::MAX; |x, _| x.fold(f32::MAX, f32::min));
fold!(sum_float32, f32, any_real, SumF32; |x, _| x.fold(0.0, |a, b| a + b));
fold!(mean_float32, f32, any_real, MeanF32; |x, n| x.fold(0.0, |a, b| a + b) / n as f32);
fold!(product_float32, f32, any_real, ProdF32; |x, _| x.fold(1.0, |a, b| a * b));

macro_rules! sums {
    ($name:ident, $rounding:ty) => {
        #[test]
        fn $name() {
            let mut random = Random(2);
            for _ in 0..CASES {
                let (walk, total, sets) = case(&mut random);
                let mut bench = Bench::new();
                let x = random.stored(total);
                let (requantize, bounds) = (<$rounding>::random(&mut random, 1, 1), random.bounds());
                let offset = random.between(-20_000, 20_000);
                let sum = |set: &Vec<usize>| set.iter().map(|i| i32::from(x[*i])).sum::<i32>() + offset;
                let want: Vec<i8> = sets.iter().map(|set| requantize.store(sum(set), 0, &bounds)).collect();
                let output = bench.room::<i8>(want.len());
                let kernel = SumStored { input: bench.put(&x), output, walk, requantize, offset, bounds };
                kernel.check(super::ARENA_BYTES);
                let tiles = random.tiles(want.len(), 1);
                // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
                bench.expect(output, &want, whole(want.len()), &tiles, |m, t| unsafe { kernel.run(m, t) });
            }
        }
    };
}
sums!(sum_int8_rounds_twice, DoubleRounding);
sums!(sum_int8_rounds_to_even, NearestEven);
