"""What a Rust program does with bounded dimensions: sizes are said by name, and hold for every way to run a model."""

from __future__ import annotations

from pathlib import Path

from ariel_build import boards
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from tests.bounded.models import MODELS
from tools.recorded.crate import build, one_at_a_time, write_crate

MAIN = """\
#![forbid(unsafe_code)]
//! Runs a model with every size in every way.
include!("models.rs");

use ariel_ml_rs::{Error, Infer};
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use model::{Input, Model, Output0, Sizes};

fn fill(input: &mut Input, sizes: Sizes, behind: f32) {
    input.0.fill(behind);
    for (index, number) in input.valid_mut(sizes).iter_mut().enumerate() {
        *number = (index as f32 * 0.37).sin();
    }
}

fn waited<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

fn every<M: Infer<Input = Input, Output = model::Output>>(model: &mut M, sizes: Sizes) -> Vec<f32> {
    model.resize(&sizes.as_array()).unwrap();
    let mut input = Box::new(Input([0.0; Input::LEN]));
    let mut answers = Vec::new();
    for behind in [0.0, f32::NAN, 1e30] {
        fill(&mut input, sizes, behind);
        answers.push(valid(model.infer(&input).unwrap(), sizes));
        *model.input_mut() = *input;
        answers.push(valid(waited(model.run_async()).unwrap(), sizes));
        answers.push(valid(waited(model.infer_async(&input)).unwrap(), sizes));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{sizes:?}: {answers:?}");
    answers.remove(0)
}

fn valid(output: &model::Output, sizes: Sizes) -> Vec<f32> {
    let first: &Output0 = &output.y;
    assert_eq!(first.valid(sizes).len(), first.0.len() / Sizes::BOUNDS.n * sizes.n);
    first.valid(sizes).iter().chain(&output.last.0).copied().collect()
}

fn main() {
    let mut model = Box::new(Model::new());
    assert_eq!(model.sizes(), Sizes::BOUNDS);
    assert_eq!(Sizes::default(), Sizes { n: 9 });
    for wrong in [0, 10, usize::MAX] {
        assert_eq!(model.set_sizes(Sizes { n: wrong }), Err(Error::WrongSize));
        assert_eq!(model.sizes(), Sizes::BOUNDS);
    }
    for wrong in [&[][..], &[1, 1], &[10]] {
        assert_eq!(model.resize(wrong), Err(Error::WrongSize));
    }
    let mut wired = ariel_ml_rs::wire!(model).unwrap();
    let mut arena = Box::new(ariel_ml_rs::SharedArena::<{ size_of::<Model>() }>::new());
    let mut shared = model::SharedModel::new();
    let mut timed = ariel_ml_rs::wire!(model).unwrap().with_budget(|| 0, 1);
    for n in [9, 1, 8, 2, 7, 3, 6, 4, 5] {
        let sizes = Sizes { n };
        model.set_sizes(sizes).unwrap();
        assert_eq!(model.sizes(), sizes);
        let answer = every(&mut *model, sizes);
        assert!(answer.iter().all(|number| number.is_finite()));
        assert_eq!(answer, every(&mut Model::new(), sizes));
        assert_eq!(answer, every(&mut wired, sizes));
        assert_eq!(answer, every(&mut timed, sizes));
        let mut session = shared.on(&mut arena);
        assert_eq!(answer, every(&mut session, sizes));
    }
}
"""


def test_sizes_hold_for_every_way_to_run(tmp_path: Path) -> None:
    path = MODELS["gru_both"](tmp_path / "gru.onnx")
    options = ModelOptions(path, dims={"n": AtMost(9)}, cores=1, arena="memory")
    compiled = compile_model(path, options, boards.load("generic"), "model")
    with one_at_a_time("bounded"):
        write_crate(tmp_path / "crate", MAIN, [compiled])
        built = build(tmp_path / "crate", "run", "--quiet", shared="bounded")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "warning" not in built.stderr
