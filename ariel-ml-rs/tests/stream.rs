//! Inputs that come row by row: what a stream answers, whatever its user does with it.
//!
//! The model is written by hand as the compiler writes one: it adds its rows, two bytes each, to a state, which begins with 7. There is
//! never more of the input than two rows, and the third lies where the first one was.

mod polling;

use ariel_ml_rs::Error;
use core::pin::pin;
use polling::{finish, poll};

/// `to[i] += from[i]` of two bytes.
struct Add {
    from: u32,
    to: u32,
}

impl Add {
    const fn check(&self, arena: usize) {
        assert!(self.from as usize + 2 <= arena && self.to as usize + 2 <= arena);
    }

    #[expect(clippy::unused_self, reason = "kernels have this method")]
    const fn work(&self) -> ariel_ml_rs::plan::Work {
        ariel_ml_rs::plan::Work::of(2)
    }

    /// # Safety
    /// `memory` is an arena of that size, and nobody else uses the bytes of this tile.
    unsafe fn run(&self, memory: ariel_ml_rs::memory::Memory<'_>, tile: ariel_ml_rs::tile::Tile) {
        let at = |offset| ariel_ml_rs::memory::Region::new(offset, 2);
        for index in tile.start()..tile.end() {
            // SAFETY: inside the arena (`check`).
            unsafe {
                let to = memory.at::<i8>(at(self.to)).add(index);
                *to = (*to).wrapping_add(*memory.at::<i8>(at(self.from)).add(index));
            }
        }
    }
}

/// What the compiler would generate.
mod sums {
    use super::Add;
    use ariel_ml_rs::memory::Region;
    use ariel_ml_rs::stream::Feed;

    ariel_ml_rs::tensor! {
        /// The input: three rows.
        pub struct Input([i8; 6]);
        shape [1, 3, 2];
    }
    ariel_ml_rs::tensor! {
        /// A row.
        pub struct Row([i8; 2]);
        shape [2];
    }
    ariel_ml_rs::tensor! {
        /// The output, which is the state.
        pub struct Output([i8; 2]);
        shape [2];
    }
    static PAIR: Feed = Feed { output: Region::new(0, 4), row: 2 };
    static LAST: Feed = Feed { output: Region::new(0, 2), row: 2 };
    static FIRST: Add = Add { from: 0, to: 16 };
    static SECOND: Add = Add { from: 2, to: 16 };

    ariel_ml_rs::model! {
        /// A model.
        pub struct Model;
        arena 32, resets 1;
        input Input, rows Row;
        output Output = 16;
        states [16, 2 = &[7];];
        keeps [];
        steps [
            0 => PAIR, 2 by 2;
            1 => LAST, 1 by 1;
            2 => FIRST, 2 by 1;
            3 => SECOND, 2 by 1;
        ];
        pieces [(0, 0, 2), (2, 0, 2), (3, 0, 2), (1, 0, 1), (2, 0, 2)];
    }
}

use sums::{Input, Model, Row};

#[test]
fn rows_give_what_the_input_gives() {
    let (mut rows, mut whole, mut tasks) = (Model::new(), Model::new(), Model::new());
    for round in 1..=3 {
        let sum = [7 + 9 * round, 7 + 12 * round];
        let mut stream = rows.stream();
        for (given, row) in [Row([1, 2]), Row([3, 4]), Row([5, 6])].iter().enumerate() {
            assert_eq!(stream.rows_left(), 3 - given);
            stream.push(row).unwrap();
        }
        assert_eq!(stream.finish().unwrap().0, sum);
        assert_eq!(whole.infer(&Input([1, 2, 3, 4, 5, 6])).unwrap().0, sum);
        // Each of the three sums is two tiles, and after each it yields.
        let (output, polls) = finish(tasks.infer_async(&Input([1, 2, 3, 4, 5, 6])));
        assert_eq!((output.unwrap().0, polls), (sum, 7));
    }
    rows.reset();
    assert_eq!(rows.infer(&Input([0; 6])).unwrap().0, [7, 7]);
}

#[test]
fn too_many_and_too_few_rows_are_answers_and_change_nothing() {
    let mut model = Model::new();
    let mut stream = model.stream();
    for _ in 0..3 {
        stream.push(&Row([1, 1])).unwrap();
    }
    assert_eq!(stream.push(&Row([100, 100])), Err(Error::TooManyRows));
    assert_eq!(stream.rows_left(), 0);
    assert_eq!(stream.finish().unwrap().0, [10, 10]);

    let mut stream = model.stream();
    stream.push(&Row([1, 1])).unwrap();
    stream.push(&Row([1, 1])).unwrap();
    assert_eq!(stream.finish().unwrap_err(), Error::TooFewRows);
    // Another is dropped before its end.
    model.stream().push(&Row([50, 50])).unwrap();
    assert_eq!(model.infer(&Input([1; 6])).unwrap().0, [13, 13], "as after the last complete inference");
}

#[test]
fn a_wired_model_has_the_methods_of_the_model() {
    let wire = || ariel_ml_rs::wire!(sums);
    let mut model = wire().unwrap();
    assert_eq!(wire().unwrap_err(), Error::AlreadyWired);
    let mut stream = model.stream();
    for row in [Row([1, 2]), Row([3, 4]), Row([5, 6])] {
        stream.push(&row).unwrap();
    }
    assert_eq!(stream.finish().unwrap().0, [16, 19]);
    assert_eq!(finish(model.infer_async(&Input([1; 6]))).0.unwrap().0, [19, 22]);
    model.reset();
    assert_eq!(model.infer(&Input([0; 6])).unwrap().0, [7, 7]);
}

#[cfg(feature = "profile")]
#[test]
fn a_profile_has_the_tiles_of_all_rows() {
    let mut profile = ariel_ml_rs::profile::Profile::<4>::new("sums", || 0, 1000);
    let mut model = Model::new();
    assert_eq!(profile.stream(&mut model, &Input([1, 2, 3, 4, 5, 6])).0, [16, 19]);
    assert_eq!(profile.stream(&mut *ariel_ml_rs::wire!(sums).unwrap(), &Input([0; 6])).0, [7, 7]);
    assert_eq!(profile.steps().map(|step| step.tiles), [0, 0, 8, 4]);
}

#[test]
fn a_future_that_is_dropped_leaves_its_rest_to_the_next_row() {
    let mut model = Model::new();
    let mut stream = model.stream();
    assert_eq!(finish(stream.push_async(&Row([1, 1]))), (Ok(()), 1));
    {
        // Two tiles follow for each of the two rows; it is dropped after the first of them.
        let row = Row([2, 2]);
        let mut push = pin!(stream.push_async(&row));
        assert!(poll(push.as_mut()).is_pending());
    }
    assert_eq!(stream.rows_left(), 1, "the row was taken");
    assert_eq!(finish(stream.push_async(&Row([3, 3]))).0, Ok(()));
    assert_eq!(finish(stream.push_async(&Row([3, 3]))).0, Err(Error::TooManyRows));
    assert_eq!(stream.finish().unwrap().0, [13, 13]);
}
