"""A run that stops between tiles goes the way that a blocking one goes, and comes to the same."""

from __future__ import annotations

from pathlib import Path

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model
from tests.ops.control import models, test_loops
from tools.recorded.crate import build, one_at_a_time, write_crate

MAIN = """\
use ariel_ml_rs::model::Tiles;
use ariel_ml_rs::Tensor;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

mod models { include!("models.rs"); }

fn bytes<T: Tensor>(tensor: &T) -> Vec<u8> {
    (0..T::PARTS).flat_map(|part| tensor.part(part).to_vec()).collect()
}

/// Numbers between -2 and 2, other ones for each seed.
fn fill<T: Tensor>(tensor: &mut T, seed: u32) {
    for part in 0..T::PARTS {
        for (index, number) in tensor.part_mut(part).chunks_exact_mut(4).enumerate() {
            let mixed = (index as u32 + 1).wrapping_mul(2_654_435_761).wrapping_mul(seed | 1).rotate_left(seed % 13);
            number.copy_from_slice(&((mixed % 4_001) as f32 / 1_000.0 - 2.0).to_le_bytes());
        }
    }
}

macro_rules! same {
    ($($name:ident)*) => { $({
        let mut model = models::$name::Model::new();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            fill(model.input_mut(), seed);
            let whole = bytes(model.run().unwrap());
            fill(model.input_mut(), seed);
            let mut yields = 0;
            {
                let mut run = pin!(model.run_async());
                let told = loop {
                    match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(output) => break bytes(output.unwrap()),
                        Poll::Pending => yields += 1,
                    }
                };
                assert_eq!(told, whole, "{} {seed}", stringify!($name));
            }
            seen.insert(yields);
            // One that is dropped half-way leaves nothing behind.
            fill(model.input_mut(), seed);
            let mut tiles = Tiles::new(&mut model);
            let _ = tiles.advance().unwrap() && tiles.advance().unwrap();
        }
        println!("{} {seen:?}", stringify!($name));
    })* };
}

include!("each_model.rs");

fn main() {
    each_model!(same);
}
"""


def test_a_run_in_tiles_goes_the_same_way(tmp_path: Path) -> None:
    """Branches differ in how often it yields; a loop of three is left after three."""
    paths = {f"random_{seed}": models.random_branches(tmp_path / f"{seed}.onnx", seed) for seed in range(20, 30)}
    paths["again"] = test_loops.onnx_loop(tmp_path, 7, 3.0)
    with one_at_a_time("control"):
        write_crate(tmp_path / "crate", MAIN, [_compiled(path, name) for name, path in paths.items()])
        ended = build(tmp_path / "crate", "run", "--quiet", shared="control")
    assert ended.returncode == 0, ended.stderr
    told = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
    assert told.keys() == paths.keys()
    assert told["again"].count(",") == 0, "a loop of a known count takes one way"
    assert sum(ways.count(",") > 0 for ways in told.values()) > 1, f"some branches take more than one: {told}"


def _compiled(path: Path, name: str) -> Compiled:
    return compile_model(path, ModelOptions(path, cores=1), boards.load("host"), name)
