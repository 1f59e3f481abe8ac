/// The next `count` real numbers of the record.
fn reals<const BYTES: usize>(record: &mut &[u8], count: usize, read: fn([u8; BYTES]) -> f64) -> Vec<f64> {
    take(record, count * BYTES).chunks_exact(BYTES).map(|bytes| read(bytes.try_into().expect("as many"))).collect()
}

/// Compares real numbers: sums may be added in another order.
fn same_reals(what: &str, got: impl Iterator<Item = f64>, want: Vec<f64>, absolute: f64, relative: f64) {
    for (index, (got, want)) in got.zip(want).enumerate() {
        let near = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= absolute + relative * want.abs();
        assert!(near, "{what}: element {index} is {got}, recorded was {want}");
    }
}
