//! Elementwise operators of two operands, with full broadcasting: `output = clamp(f(left, right))`.
//!
//! An operand may be a region of the arena or a constant in flash. [`float`] computes in float32 and int32, [`int8`] and [`int16`] in the
//! integers of TFLite's and onnxruntime's quantised operators, [`dequantized`] does what no integer formula does exactly.
//! What all operators have, one by one, are rows of `ariel_build/ops/map2_rows.py`.

#[cfg(feature = "elementwise")]
mod dequantized;
#[cfg(feature = "elementwise")]
mod float;
mod int16;
mod int8;
#[cfg(feature = "elementwise")]
mod plain;
#[cfg(feature = "elementwise")]
mod remainder;
#[cfg(feature = "elementwise")]
mod rows;

pub use super::broadcast::Broadcast;
#[cfg(feature = "elementwise")]
pub use dequantized::Affine;
pub use int8::*;
pub use int16::*;
#[cfg(feature = "elementwise")]
pub(in crate::kernels) use plain::Plain;
#[cfg(feature = "elementwise")]
pub use plain::*;
#[cfg(feature = "elementwise")]
pub use rows::*;

#[cfg(all(test, feature = "elementwise"))]
mod tests {
    use super::*;
    use crate::memory::{Arena, Element, Region, Source};
    use crate::quant::{Bounds, Multiplier};
    use crate::tile::Tile;

    /// `[3, 4, 5]` over left `[3, 1, 5]` and right `[4, 1]`.
    const SPREAD: Broadcast = Broadcast {
        elements: 60,
        run: 5,
        steps: [1, 0],
        counts: [1, 1, 1, 3, 4],
        left: [0, 0, 0, 5, 0],
        right: [0, 0, 0, 0, 1],
    };
    const LEFT: Region = Region::new(0, 64);
    const RIGHT: Region = Region::new(64, 16);
    const OUTPUT: Region = Region::new(80, 240);
    const BOUNDS: Bounds = Bounds { zero_point: 5, min: -100, max: 90 };

    fn fill<T: Element>(arena: &mut Arena<320>, region: Region, elements: &[T]) {
        arena.fill(region, crate::tensor::bytes_of(elements));
    }

    /// Runs a kernel in one tile and in tiles of several sizes, which must agree, and returns the output.
    fn run<T: Element + core::fmt::Debug>(
        left: &[T],
        right: &[T],
        kernel: impl Fn(crate::memory::Memory<'_>, Tile),
    ) -> Vec<T> {
        let mut whole: Option<Vec<T>> = None;
        for size in [60, 1, 7, 5, 59] {
            let mut arena = Arena::<320>::new();
            fill(&mut arena, LEFT, left);
            fill(&mut arena, RIGHT, right);
            for start in (0..60).step_by(size) {
                kernel(arena.memory(), Tile::new(start as u32, 60.min(start + size) as u32));
            }
            // SAFETY: the region lies inside the arena and has 60 elements.
            let got = unsafe { core::slice::from_raw_parts(arena.memory().at::<T>(OUTPUT), 60).to_vec() };
            // As text, for what is not a number does not equal itself.
            let first = whole.get_or_insert_with(|| got.clone());
            assert_eq!(format!("{first:?}"), format!("{got:?}"), "tiles of {size}");
        }
        whole.unwrap_or_default()
    }

    /// The pairs of operands in the order of the output.
    fn pairs<T: Copy>(left: &[T], right: &[T]) -> Vec<(T, T)> {
        let mut all = Vec::new();
        for row in left.chunks(5) {
            for b in right {
                all.extend(row.iter().map(|a| (*a, *b)));
            }
        }
        all
    }

    const BYTES: [i8; 15] = [-128, -127, -100, -64, -33, -2, -1, 0, 1, 2, 31, 64, 99, 126, 127];
    const OTHERS: [i8; 4] = [-128, -3, 17, 127];

    macro_rules! check_int8 {
        ($name:ident { $($field:ident: $value:expr),* }, |$a:ident, $b:ident| $naive:expr) => {{
            let kernel = $name {
                left: Source::Arena(LEFT),
                right: Source::Arena(RIGHT),
                output: OUTPUT,
                broadcast: SPREAD,
                $($field: $value,)*
                bounds: BOUNDS,
            };
            kernel.check(320);
            // SAFETY: checked above; the tiles are disjoint.
            let got = run(&BYTES, &OTHERS, |memory, tile| unsafe { kernel.run(memory, tile) });
            for ((a, b), got) in pairs(&BYTES, &OTHERS).into_iter().zip(got) {
                let ($a, $b) = (i64::from(a), i64::from(b));
                let want: i64 = $naive;
                assert_eq!(i64::from(got), want.clamp(-100, 90), "{}({a}, {b})", stringify!($name));
            }
        }};
    }

    /// Double rounding by its definition: two roundings to the nearest, halves of the first up, of the second away.
    fn scaled(value: i64, multiplier: Multiplier) -> i64 {
        let product = value * i64::from(multiplier.multiplier);
        let high = (product + (1 << 30)) >> 31;
        let unit = 1_i64 << -multiplier.shift;
        (2 * high.abs() + unit) / (2 * unit) * high.signum()
    }

    #[test]
    fn sums_and_products_in_fixed_point() {
        let (left_factor, right_factor, offset) = (149_130_805, -208_783_125, 2_908_050_692_i64);
        check_int8!(Linear { left_factor: left_factor, right_factor: right_factor, offset: offset }, |a, b| {
            (offset + a * i64::from(left_factor) + b * i64::from(right_factor)).div_euclid(1 << 28)
        });
        check_int8!(Product { zero_points: [3, -7], factor: 7_654_321, offset: 123_456_789 }, |a, b| {
            ((a - 3) * (b + 7) * 7_654_321 + 123_456_789).div_euclid(1 << 28)
        });
    }

    #[test]
    fn the_definitions_of_tflite() {
        let half = Multiplier { multiplier: 1 << 30, shift: 0 };
        let third = Multiplier { multiplier: 1_431_655_765, shift: -1 };
        let last = Multiplier { multiplier: 1_234_567_890, shift: -18 };
        let (left, right) = (
            Scaled { zero_point: 3, shift: 20, multiplier: half },
            Scaled { zero_point: -9, shift: 20, multiplier: third },
        );
        let operands = |a: i64, b: i64| (scaled((a - 3) << 20, half), scaled((b + 9) << 20, third));
        check_int8!(AddInt8 { scale_left: left, scale_right: right, multiplier: last }, |a, b| {
            let (a, b) = operands(a, b);
            scaled(a + b, last) + 5
        });
        check_int8!(SubInt8 { scale_left: left, scale_right: right, multiplier: last }, |a, b| {
            let (a, b) = operands(a, b);
            scaled(a - b, last) + 5
        });
        let small = Multiplier { multiplier: 1_500_000_000, shift: -7 };
        check_int8!(MulInt8 { zero_points: [3, -9], multiplier: small }, |a, b| {
            scaled((a - 3) * (b + 9), small) + 5
        });
        check_int8!(PreluInt8 { zero_points: [3, -9], positive: half, negative: small }, |a, b| {
            if a >= 3 { scaled(a - 3, half) + 5 } else { scaled((a - 3) * (b + 9), small) + 5 }
        });
        check_int8!(MaximumInt8 {}, |a, b| a.max(b));
        check_int8!(MinimumInt8 {}, |a, b| a.min(b));
    }

    #[test]
    fn quotients_are_right_to_one_step() {
        let kernel = DivInt8 {
            left: Source::Arena(LEFT),
            right: Source::Arena(RIGHT),
            output: OUTPUT,
            broadcast: SPREAD,
            zero_points: [-3, 5],
            multiplier: Multiplier { multiplier: 1 << 30, shift: 4 },
            bounds: BOUNDS,
        };
        // SAFETY: the regions lie inside the arena; the tiles are disjoint.
        let got = run(&BYTES, &OTHERS, |memory, tile| unsafe { kernel.run(memory, tile) });
        for ((a, b), got) in pairs(&BYTES, &OTHERS).into_iter().zip(got) {
            let exact = f64::from(i32::from(a) + 3) / f64::from(i32::from(b) - 5) * 8.0 + 5.0;
            // Small quotients are what the reference's shifts make of them.
            if (exact - 5.0).abs() > 0.5 {
                assert!((f64::from(got) - exact.clamp(-100.0, 90.0)).abs() <= 0.51, "{a} / {b}: {got}, not {exact}");
            }
        }
    }

    #[test]
    fn dequantised_operators_round_halves_to_even() {
        let affine = Affine { scale: 0.5, zero_point: 3 };
        check_int8!(AddDequantized { left_affine: affine, right_affine: affine, scale: 1.0 }, |a, b| (((a - 3)
            + (b - 3))
            as f64
            / 2.0)
            .round_ties_even()
            as i64
            + 5);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "single operations are exact")]
    fn real_numbers_and_integers() {
        const INF: f32 = f32::INFINITY;
        const RARE: [f32; 8] = [f32::NAN, -f32::NAN, INF, -INF, -0.0, 0.0, 1e-45, -1e-40];
        let reals = BYTES.map(f32::from);
        let others = OTHERS.map(f32::from);
        macro_rules! check {
            ($name:ident, $left:expr, $right:expr, $min:expr, $max:expr, |$a:ident, $b:ident| $naive:expr) => {{
                let kernel = $name {
                    left: Source::Arena(LEFT),
                    right: Source::Arena(RIGHT),
                    output: OUTPUT,
                    broadcast: SPREAD,
                    min: $min,
                    max: $max,
                };
                kernel.check(320);
                // SAFETY: checked above; the tiles are disjoint.
                let got = run(&$left, &$right, |memory, tile| unsafe { kernel.run(memory, tile) });
                for (($a, $b), got) in pairs(&$left, &$right).into_iter().zip(got) {
                    assert!(got == ($naive).clamp($min, $max), "{}: {got}", stringify!($name));
                }
            }};
        }
        check!(AddF32, reals, others, -1e3, 200.0, |a, b| a + b);
        check!(SubF32, reals, others, f32::NEG_INFINITY, f32::INFINITY, |a, b| a - b);
        check!(MulF32, reals, others, 0.0, f32::INFINITY, |a, b| a * b);
        check!(DivF32, reals, others, f32::NEG_INFINITY, f32::INFINITY, |a, b| a / b);
        check!(MaximumF32, reals, others, f32::NEG_INFINITY, f32::INFINITY, |a, b| a.max(b));
        check!(MinimumF32, reals, others, f32::NEG_INFINITY, f32::INFINITY, |a, b| a.min(b));
        check!(PreluF32, reals, others, f32::NEG_INFINITY, f32::INFINITY, |a, b| if a < 0.0 { a * b } else { a });
        let odd: [f32; BYTES.len()] = core::array::from_fn(|k| RARE[k % 8]);
        let rest: [f32; OTHERS.len()] = core::array::from_fn(|k| RARE[(k + k / 8) % 8]);
        let close = |got: f32, want: f32| got == want || (got.is_nan() && want.is_nan());
        macro_rules! rare {
            ($name:ident, |$a:ident, $b:ident| $naive:expr) => {{
                let (left, right) = (Source::Arena(LEFT), Source::Arena(RIGHT));
                let kernel = $name { left, right, output: OUTPUT, broadcast: SPREAD, min: -INF, max: INF };
                // SAFETY: the regions are those that were checked above; the tiles are disjoint.
                let got = run(&odd, &rest, |memory, tile| unsafe { kernel.run(memory, tile) });
                for (($a, $b), got) in pairs(&odd, &rest).into_iter().zip(got) {
                    assert!(close(got, $naive), "{}({}, {}): {got}", stringify!($name), $a, $b);
                }
            }};
        }
        rare!(AddF32, |a, b| a + b);
        rare!(DivF32, |a, b| a / b);
        rare!(MaximumF32, |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) });
        rare!(MinimumF32, |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.min(b) });
        rare!(GreaterF32, |a, b| if a.is_nan() || b.is_nan() { b } else { a.max(b) });
        rare!(LesserF32, |a, b| if a.is_nan() || b.is_nan() { b } else { a.min(b) });
        let (wide, more) = (BYTES.map(|x| i32::from(x) << 20), OTHERS.map(i32::from));
        check!(AddI32, wide, more, i32::MIN, i32::MAX, |a, b| a.wrapping_add(b));
        check!(MulI32, wide, more, -1_000_000, 1_000_000, |a, b| a.wrapping_mul(b));
        check!(DivI32, wide, more, i32::MIN, i32::MAX, |a, b| a / b);
    }
}
