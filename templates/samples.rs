/// Stands for what brings the input, such as your driver: numbers from 0 to 1.
fn samples(count: usize) -> impl Iterator<Item = f32> {
    (0..count).map(move |index| index as f32 / count as f32)
}
