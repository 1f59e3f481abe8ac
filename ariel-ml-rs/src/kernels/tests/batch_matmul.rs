//! Matrix products.

use super::{Bench, CASES, Random, Rounding, leak, whole};
use crate::kernels::batch_matmul::{F32, Quantized};
use crate::memory::{Element, Source};
use crate::quant::{DoubleRounding, NearestEven};

struct Case {
    rows: usize,
    columns: usize,
    depth: usize,
    batches: [u32; 3],
    x_batches: [u32; 3],
    y_batches: [u32; 3],
    adj_x: bool,
    adj_y: bool,
    x_elements: usize,
    y_elements: usize,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let (rows, columns, depth) = (random.size(1, 9), random.size(1, 12), random.size(1, 12));
        let batches = [(); 3].map(|()| if random.chance(50) { 1 } else { random.size(1, 4) as u32 });
        // Strides of an operand; a batch axis of it may be 1 and repeat.
        let mut strides = |matrix: usize| {
            let (mut out, mut elements) = ([0; 3], matrix);
            for axis in (0..3).rev() {
                if !random.chance(30) {
                    out[axis] = elements as u32;
                    elements *= batches[axis] as usize;
                }
            }
            (out, elements)
        };
        let (x_batches, x_elements) = strides(rows * depth);
        let (y_batches, y_elements) = strides(depth * columns);
        let (adj_x, adj_y) = (random.chance(50), random.chance(50));
        Self { rows, columns, depth, batches, x_batches, y_batches, adj_x, adj_y, x_elements, y_elements }
    }

    fn x_strides(&self) -> (usize, usize) {
        if self.adj_x { (1, self.rows) } else { (self.depth, 1) }
    }

    fn y_strides(&self) -> (usize, usize) {
        if self.adj_y { (self.depth, 1) } else { (1, self.columns) }
    }

    /// For each element of the output, the pairs of elements that are multiplied.
    fn terms(&self) -> Vec<Vec<(usize, usize)>> {
        let [b0, b1, b2] = self.batches;
        let (x_row, x_step) = self.x_strides();
        let (y_column, y_step) = self.y_strides();
        let mut out = Vec::new();
        for batch in 0..b0 * b1 * b2 {
            let at = [batch / (b1 * b2), batch / b2 % b1, batch % b2];
            let first = |strides: [u32; 3]| at.iter().zip(strides).map(|(i, s)| (i * s) as usize).sum::<usize>();
            for row in 0..self.rows {
                for column in 0..self.columns {
                    let term = |k| {
                        let x = first(self.x_batches) + row * x_row + k * x_step;
                        (x, first(self.y_batches) + column * y_column + k * y_step)
                    };
                    out.push((0..self.depth).map(term).collect());
                }
            }
        }
        out
    }

    fn extent(&self) -> usize {
        self.rows * self.batches.iter().product::<u32>() as usize
    }
}

/// The operand in the arena, or in flash.
fn source<T: Element>(random: &mut Random, bench: &mut Bench, data: &[T]) -> Source<T> {
    if random.chance(30) { Source::Flash(leak(data.to_vec())) } else { Source::Arena(bench.put(data)) }
}

/// A kernel over a case: the shape from the case, the rest as given.
macro_rules! kernel {
    ($kernel:ident, $case:expr, { $($field:ident: $value:expr),* $(,)? }) => {
        $kernel {
            rows: $case.rows as u32,
            columns: $case.columns as u32,
            depth: $case.depth as u32,
            batches: $case.batches,
            x_batches: $case.x_batches,
            y_batches: $case.y_batches,
            x_row: $case.x_strides().0 as u32,
            x_step: $case.x_strides().1 as u32,
            y_column: $case.y_strides().0 as u32,
            y_step: $case.y_strides().1 as u32,
            $($field: $value),*
        }
    };
}

macro_rules! int8 {
    ($name:ident, $rounding:ty) => {
        #[test]
        fn $name() {
            let mut random = Random(1);
            for _ in 0..CASES {
                let case = Case::random(&mut random);
                let mut bench = Bench::new();
                let (x, y) = (random.stored(case.x_elements), random.stored(case.y_elements));
                let (zero_x, zero_y) = (random.between(-128, 128), random.between(-128, 128));
                let (requantize, bounds) = (<$rounding>::random(&mut random, 1, case.depth), random.bounds());
                let product = |(i, j): &(usize, usize)| (i32::from(x[*i]) - zero_x) * (i32::from(y[*j]) - zero_y);
                let sums = case.terms().into_iter().map(|terms| terms.iter().map(product).sum::<i32>());
                let want: Vec<i8> = sums.map(|sum| requantize.store(sum, 0, &bounds)).collect();
                let output = bench.room::<i8>(want.len());
                let kernel = kernel!(Quantized, case, {
                    x: source(&mut random, &mut bench, &x),
                    y: source(&mut random, &mut bench, &y),
                    output: output,
                    x_zero_point: zero_x,
                    y_zero_point: zero_y,
                    requantize: requantize,
                    bounds: bounds,
                });
                kernel.check(super::ARENA_BYTES);
                let tiles = random.tiles(case.extent(), 1);
                // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
                bench.expect(output, &want, whole(case.extent()), &tiles, |m, t| unsafe { kernel.run(m, t) });
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
        let (x, y) = (random.any_real(case.x_elements), random.real(case.y_elements));
        let want: Vec<f32> = case.terms().iter().map(|terms| terms.iter().map(|(i, j)| x[*i] * y[*j]).sum()).collect();
        let output = bench.room::<f32>(want.len());
        let kernel = kernel!(F32, case, {
            x: source(&mut random, &mut bench, &x),
            y: source(&mut random, &mut bench, &y),
            output: output,
        });
        kernel.check(super::ARENA_BYTES);
        let tiles = random.tiles(case.extent(), 1);
        // SAFETY: the kernel passed `check`, and the tiles lie inside the output.
        bench.expect(output, &want, whole(case.extent()), &tiles, |m, t| unsafe { kernel.run(m, t) });
    }
}
