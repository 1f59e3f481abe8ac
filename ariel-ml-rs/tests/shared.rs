//! Two models with states take turns in one arena, as generated code lets them.

use ariel_ml_rs::memory::{Memory, Region};
use ariel_ml_rs::plan::Work;
use ariel_ml_rs::tile::Tile;
use ariel_ml_rs::{Infer, SharedArena, shared};

/// `to = from + state`, byte by byte; the state is where the compiler put it.
struct Add {
    state: u32,
    to: u32,
}

impl Add {
    const fn check(&self, arena: usize) {
        assert!(self.state as usize + 16 <= arena && self.to as usize + 16 <= arena);
    }

    #[expect(clippy::unused_self, reason = "kernels have this method")]
    const fn work(&self) -> Work {
        Work::of(16)
    }

    unsafe fn run(&self, memory: Memory<'_>, tile: Tile) {
        for index in tile.start()..tile.end() {
            // SAFETY: inside the arena (`check`).
            unsafe {
                let at = |offset: u32| memory.at::<i8>(Region::new(offset, 16)).add(index);
                *at(self.to) = (*at(0)).wrapping_add(*at(self.state));
            }
        }
    }
}

/// A model of a running sum: `output = state + input`, which is the next state.
macro_rules! sums {
    ($name:ident, $arena:literal, $state:literal, $output:literal, $first:literal) => {
        mod $name {
            use super::Add;

            ariel_ml_rs::tensor! {
                /// The input.
                pub struct Input([i8; 16]);
                shape [16];
            }
            ariel_ml_rs::tensor! {
                /// The output.
                pub struct Output([i8; 16]);
                shape [16];
            }
            static SUM: Add = Add { state: $state, to: $output };

            ariel_ml_rs::model! {
                /// A model.
                pub struct Model;
                arena $arena, resets 1;
                input Input = 0;
                output Output = $output;
                states [$state, 16 = &[$first; 16];];
                keeps [$output to $state, 16;];
                steps [
                    0 => SUM, 16 by 4;
                ];
                pieces [(0, 0, 8), (0, 8, 16)];
            }

            ariel_ml_rs::shared! {
                bytes 16;
                states [($state, 16)];
            }
        }
    };
}
sums!(small, 48, 32, 16, 7);
sums!(large, 96, 16, 64, 249);

const BYTES: usize = shared::largest(&[size_of::<small::Model>(), size_of::<large::Model>()]);

#[test]
fn states_stay_with_their_model() {
    let mut arena = SharedArena::<BYTES>::new();
    let (mut small, mut large) = (small::SharedModel::new(), large::SharedModel::new());
    let (mut sum, mut other) = (7_i8, -7_i8);
    for round in 0..5 {
        sum += round;
        other -= 1;
        assert_eq!(small.on(&mut arena).infer(&small::Input([round; 16])).unwrap().0, [sum; 16]);
        assert_eq!(large.on(&mut arena).infer(&large::Input([-1; 16])).unwrap().0, [other; 16]);
    }
    small.reset();
    assert_eq!(small.on(&mut arena).infer(&small::Input([1; 16])).unwrap().0, [8; 16]);
    assert_eq!(large.on(&mut arena).infer(&large::Input([0; 16])).unwrap().0, [other; 16]);
}

#[test]
fn a_session_is_a_model_for_several_inferences() {
    fn twice<M: Infer<Input = small::Input, Output = small::Output>>(mut model: M) -> i8 {
        *model.input_mut() = small::Input([2; 16]);
        model.run().unwrap();
        model.infer(&small::Input([3; 16])).unwrap().0[15]
    }
    let mut arena = SharedArena::<BYTES>::new();
    let mut small = small::SharedModel::new();
    assert_eq!(twice(small.on(&mut arena)), 12);
    assert_eq!(twice(small.on(&mut arena)), 17);
    let mut session = small.on(&mut arena);
    session.reset();
    assert_eq!(twice(session), 12);
    // A session in which nothing ran leaves the states as they were.
    drop(small.on(&mut arena));
    assert_eq!(twice(small.on(&mut arena)), 17);
}
