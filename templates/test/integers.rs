/// The next `count` integers of the record.
fn integers<const BYTES: usize>(record: &mut &[u8], count: usize, read: fn([u8; BYTES]) -> i128) -> Vec<i128> {
    take(record, count * BYTES).chunks_exact(BYTES).map(|bytes| read(bytes.try_into().expect("as many"))).collect()
}

/// Compares stored integers, which may be `quanta` steps away.
fn same_integers(what: &str, got: impl Iterator<Item = i128>, want: Vec<i128>, quanta: u128) {
    for (index, (got, want)) in got.zip(want).enumerate() {
        assert!(got.abs_diff(want) <= quanta, "{what}: element {index} is {got}, recorded was {want}");
    }
}
