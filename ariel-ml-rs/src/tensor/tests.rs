//! Tensors against the plain formula, over extreme values.

use super::{Encoding, Number, Sample, argmax};
use crate::Error;

#[allow(dead_code, reason = "not every method of every tensor")]
mod made {
    crate::tensor! {
        /// Quantised.
        pub struct Stored([i8; 8]);
        shape [1, 8];
        scale 0.007_843_138; zero_point -1;
    }
    crate::tensor! {
        /// Pixels, quantised as converters do it.
        pub struct Pixels([i8; 4]);
        shape [4];
        scale 0.003_921_569; zero_point -128;
    }
    crate::tensor! {
        /// Fine steps.
        pub struct Fine([i16; 4]);
        shape [4];
        scale 0.000_030_517_578; zero_point 0;
    }
    crate::tensor! {
        /// Real.
        pub struct Real([f32; 3]);
        shape [3];
    }
    crate::tensor! {
        /// Plain integers.
        pub struct Bytes([u8; 3]);
        shape [3];
    }
    crate::tensor! {
        /// Wide integers.
        pub struct Wide([i64; 3]);
        shape [3];
    }
    crate::tensor! {
        /// Truth values.
        pub struct Truth([u8; 3]);
        shape [3];
        logical;
    }
    crate::classes! {
        /// What is said.
        pub enum Class {
            /// `yes`.
            Yes = "yes",
            /// `no`.
            No = "no, \u{e9}",
            /// `_`.
            Other = "",
        }
    }
    crate::tensor! {
        /// Scores.
        pub struct Scores([i8; 3]) of Class;
        shape [1, 3];
        scale 0.003_906_25; zero_point -128;
    }
    crate::tensors! {
        /// Two.
        pub struct Both {
            /// One.
            0 => one: Bytes,
            /// Another.
            1 => other: Real,
        }
    }
}
use made::*;

/// Real numbers at the edges of what there is, and between stored ones.
fn reals() -> Vec<f32> {
    let mut all =
        vec![0.0, 1e-45, f32::MIN_POSITIVE, 0.5, 1.0, 127.5, 255.0, 1e9, 1e20, f32::MAX, f32::INFINITY, f32::NAN];
    all.extend((0..600).map(|step| step as f32 * 0.003_921_569 / 2.0));
    let negative: Vec<f32> = all.iter().map(|real| -real).collect();
    all.extend(negative);
    all
}

/// `clamp(round(real / scale) + zero_point)`, in double precision but for the quotient, which is float32's.
fn plain(real: f32, encoding: Encoding, least: f64, most: f64) -> f64 {
    let rounded = f64::from(real / encoding.scale).round();
    if rounded.is_nan() {
        f64::from(encoding.zero_point)
    } else {
        (rounded + f64::from(encoding.zero_point)).clamp(least, most)
    }
}

#[test]
fn reals_are_stored_by_the_formula() {
    fn check<T: Number + Into<f64>>(encoding: Encoding, least: f64, most: f64) {
        for real in reals() {
            let stored = T::of_real(real, encoding);
            assert!(stored.into().total_cmp(&plain(real, encoding, least, most)).is_eq(), "{real:e} in {encoding:?}");
            let back = f64::from(stored.real(encoding));
            let want = f64::from(encoding.scale) * (stored.into() - f64::from(encoding.zero_point));
            assert!((back - want).abs() <= want.abs() * 1e-6, "{back} is not {want}");
        }
    }
    for (scale, zero_point) in
        [(0.003_921_569, -128), (1.0, 0), (0.5, 127), (1e-30, 3), (1e30, -7), (f32::MIN_POSITIVE, 0)]
    {
        check::<i8>(Encoding::quantized(scale, zero_point), -128.0, 127.0);
        check::<u8>(Encoding::quantized(scale, zero_point + 128), 0.0, 255.0);
        check::<i16>(Encoding::quantized(scale, zero_point), -32768.0, 32767.0);
    }
    check::<i32>(Encoding::PLAIN, f64::from(i32::MIN), f64::from(i32::MAX));
    assert_eq!(i64::of_real(f32::NEG_INFINITY, Encoding::PLAIN), i64::MIN);
    assert_eq!(i64::of_real(f32::INFINITY, Encoding::quantized(1.0, 5)), i64::MAX);
    for real in reals() {
        assert_eq!(f32::of_real(real, Encoding::PLAIN).to_bits(), real.to_bits());
        assert_eq!(u8::of_real(real, Encoding::LOGICAL), u8::from(real != 0.0));
    }
}

#[test]
fn samples_are_stored_as_the_real_numbers_they_stand_for() {
    let mut encodings = vec![Encoding::quantized(0.003_921_569, -128), Encoding::quantized(1.0 / 128.0, 0)];
    encodings.extend(
        [(0.007_812_5, 127), (1.0, -128), (3e-5, 1), (1e-9, 0), (1e9, 5)].map(|(s, z)| Encoding::quantized(s, z)),
    );
    for encoding in encodings {
        for steps in (i16::MIN..=i16::MAX).step_by(7).chain([i16::MAX]) {
            let unit = encoding.unit_in::<i8, i16>();
            let exact =
                (f64::from(steps) / 32768.0 / f64::from(encoding.scale)).round() + f64::from(encoding.zero_point);
            let stored: i8 = steps.store(unit, &unit.fold::<i16>(encoding.scale), encoding);
            assert_eq!(f64::from(stored), exact.clamp(-128.0, 127.0), "{steps} in {encoding:?}");
            let fine: i16 = steps.store(unit, &unit.fold::<i16>(encoding.scale), encoding);
            assert_eq!(f64::from(fine), exact.clamp(-32768.0, 32767.0), "{steps} in {encoding:?}");
        }
        for pixel in 0..=u8::MAX {
            let unit = encoding.unit_in::<i8, u8>();
            let exact = f64::from(pixel) / 255.0 / f64::from(encoding.scale);
            let stored: i8 = (&pixel).store(unit, &unit.fold::<u8>(encoding.scale), encoding);
            assert_eq!(f64::from(stored), (exact.round() + f64::from(encoding.zero_point)).clamp(-128.0, 127.0));
        }
    }
}

#[test]
fn what_a_camera_and_a_microphone_give_fits_what_converters_make() {
    assert_eq!(Pixels::from_u8(&[0, 1, 128, 255]).0, [-128, -127, 0, 127]);
    assert_eq!(Fine::from_i16(&[i16::MIN, -1, 1, i16::MAX]).0, [i16::MIN, -1, 1, i16::MAX]);
    assert_eq!(Real::from_i16(&[i16::MIN, 0, 16384]).0, [-1.0, 0.0, 0.5]);
    assert_eq!(Real::from_u8(&[0, 255, 51]).0, [0.0, 1.0, 0.2]);
    assert_eq!(Bytes::from_u8(&[0, 128, 255]).0, [0, 128, 255]);
    assert_eq!(Bytes::from_i16(&[-5, 128, 300]).0, [0, 128, 255]);
    assert_eq!(Wide::from_i16(&[i16::MIN, 0, i16::MAX]).0, [-32768, 0, 32767]);
    assert_eq!(Wide::from_scaled(&[i16::MIN, 1, i16::MAX], 1e6).0, [-32_768_000_000, 1_000_000, 32_767_000_000]);
    assert_eq!(Truth::from_f32(&[0.0, f32::NAN, -3.0]).0, [0, 1, 1]);
    assert_eq!(Truth::from_u8(&[0, 1, 255]).0, [0, 1, 1]);
    // Whoever trained on pixels from -1 to 1, or on pixels as they are, says so.
    assert_eq!(Pixels::from_scaled(&[0_u8, 1, 128, 255], 2.0 / 255.0).0, [-128, -126, 127, 127]);
    assert_eq!(Real::from_scaled(&[0_u8, 3, 255], 1.0).0, [0.0, 3.0, 255.0]);
    assert_eq!(Real::from_scaled(&[1.0_f32, -2.0, 0.5], 4.0).0, [4.0, -8.0, 2.0]);
}

#[test]
fn a_slice_has_the_tensors_length_or_is_refused() {
    let samples = vec![0.5_f32; 9];
    assert_eq!(Stored::from_f32(samples.as_slice()), Err(Error::WrongLength));
    assert_eq!(Stored::from_f32(&samples[2..]), Err(Error::WrongLength));
    assert_eq!(Stored::from_f32(&samples[1..]), Ok(Stored::from_f32(&[0.5; 8])));
    assert_eq!(Bytes::from_u8([].as_slice()), Err(Error::WrongLength));
}

#[test]
fn filling_takes_as_many_as_there_are_elements() {
    let mut bytes = Bytes([9; 3]);
    let mut source = 1_u8..;
    assert_eq!(bytes.fill_from(source.by_ref()), Ok(()));
    assert_eq!((bytes.0, source.next()), ([1, 2, 3], Some(4)));
    // What there is comes first, and the others stay.
    assert_eq!(bytes.fill_from([7_u8]), Err(Error::WrongLength));
    assert_eq!(bytes.0, [7, 2, 3]);
    assert_eq!(bytes.fill_scaled([1_i16, 2, 3].iter(), 10.0), Ok(()));
    assert_eq!(bytes.0, [10, 20, 30]);
}

#[test]
fn the_greatest_is_the_first_of_equals_and_always_a_number() {
    assert_eq!(argmax(&[1_i8, 5, 5, -3]), 1);
    assert_eq!(argmax(&[-128_i8, -128]), 0);
    assert_eq!(argmax::<i8>(&[]), 0);
    assert_eq!(argmax(&[f32::NAN, 1.0, f32::NAN, 2.0]), 3);
    assert_eq!(argmax(&[f32::NAN, f32::NEG_INFINITY]), 1);
    assert_eq!(argmax(&[f32::NAN, f32::NAN]), 0);
    assert_eq!(argmax(&[-0.0_f32, 0.0]), 0);
    assert_eq!(Real([0.0, 3.0, 1.0]).top(), (1, 3.0));
    assert_eq!(Bytes([3, 200, 1]).top(), (1, 200.0));
}

#[test]
fn classes_know_their_labels() {
    let scores = Scores([-128, 64, 63]);
    assert_eq!((scores.argmax(), scores.class(), scores.top()), (1, Class::No, (Class::No, 0.75)));
    assert_eq!(Class::ALL.iter().map(|class| class.label()).collect::<Vec<_>>(), ["yes", "no, é", ""]);
    assert_eq!((Class::from_index(2), Class::from_index(3)), (Some(Class::Other), None));
    assert_eq!(format!("{}|{:>4}|{:?}", Class::Yes, Class::Yes, Class::Yes), "yes| yes|Yes");
}

#[test]
fn reals_come_one_by_one_or_as_an_array() {
    let stored = Stored([-1, 0, 127, -128, 5, 6, 7, 8]);
    assert_eq!(stored.to_f32().to_vec(), stored.reals().collect::<Vec<_>>());
    assert_eq!(stored.reals().len(), 8);
    assert_eq!(stored.reals().next_back(), Some(9.0 * Stored::SCALE));
    assert_eq!((Real::SCALE, Real::ZERO_POINT, Stored::ZERO_POINT), (1.0, 0, -1));
}

/// As many elements as there are.
struct Long<'a>(&'a [u8]);
impl core::fmt::Debug for Long<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        super::show(f, "Input", self.0)
    }
}

#[test]
fn printed_in_a_line() {
    assert_eq!(format!("{:?}", Bytes([1, 2, 3])), "Bytes([1, 2, 3])");
    assert_eq!(format!("{:?}", Stored([1; 8])), "Stored([1, 1, 1, 1, 1, 1, 1, 1])");
    let long = [0_u8; 4096];
    assert_eq!(format!("{:?}", Long(&long)), "Input([0, 0, 0, 0, 0, 0, 0, 0, .. 8 of 4096])");
    let both = Both { one: Bytes([1, 2, 3]), other: Real([0.5, 1.0, 2.0]) };
    assert_eq!(format!("{both:?}"), "Both { one: Bytes([1, 2, 3]), other: Real([0.5, 1.0, 2.0]) }");
}
