"""`--dim n=..=9`: `run` takes the size from the npz, `verify` tries several, `inspect` tells the bound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.oracle import Answer, ask
from ariel_build.answers.samples import Samples
from ariel_build.cli import main
from ariel_build.commands.run import execute_compiled
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model, import_file
from tests.bounded.models import MODELS
from tests.zoo import FLOAT, Ends, node, onnx_file


def test_run_computes_with_the_size_of_the_npz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, given, made = MODELS["lstm"](tmp_path / "m.onnx"), tmp_path / "in.npz", tmp_path / "out.npz"
    words = ["run", str(path), "--dim", "n=..=9", "--inputs", str(given), "--outputs", str(made)]
    x = np.random.default_rng(1).standard_normal((3, 4, 1, 5)).astype(np.float32)
    np.savez(given, x=x)
    assert main(words) == 0
    said = ask(path, import_file(path, {"n": 4})[0], Samples([x], (3,)))
    assert isinstance(said, Answer), said
    with np.load(made) as arrays:
        for name, want in zip(("y", "last", "cell"), said.outputs, strict=True):
            assert arrays[name].shape == want.shape
            np.testing.assert_allclose(arrays[name], want.astype(np.float64), rtol=2e-5, atol=2e-6)
    np.savez(given, x=np.zeros((3, 10, 1, 5), np.float32))
    capsys.readouterr()
    assert main(words) == 2
    assert "`x` is [3, 10, 1, 5], the model's input is [..=9, 1, 5]" in capsys.readouterr().err


def test_verify_tries_several_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = MODELS["mlp"](tmp_path / "m.onnx")
    assert main(["verify", str(path), "--dim", "n=..=9", "--samples", "2"]) == 0
    told = capsys.readouterr().out
    assert all(f"y, n = {size}" in told for size in (1, 5, 9))
    assert main(["verify", str(path), "--dim", "n=..=9", "--per-layer"]) == 2
    assert "fix it: `--dim NAME=N`" in capsys.readouterr().err


def test_inspect_tells_the_bound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = MODELS["mlp"](tmp_path / "m.onnx")
    assert main(["inspect", str(path), "--dim", "n=..=9", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["inputs"][0]["shape"] == [9, 7]
    assert facts["outputs"][0]["bounded"] == {"dimension": "n", "most": 9}
    assert main(["inspect", str(path), "--dim", "n=..=9"]) == 0
    assert "[..=9, 7] with n of 1 to 9" in " ".join(capsys.readouterr().out.split())


NO_BOUND = 'a whole number, 1 or more, is expected, or a bound such as "..=100"'
NOTHING = 'a bound is 1 or more, such as "..=100"'
TOO_LARGE = "2147483647 at most is expected"


@pytest.mark.parametrize(
    "text, told",
    [
        ("n=..=", NO_BOUND),
        ("n=..", NO_BOUND),
        ("n=..=x", NO_BOUND),
        ("n=..9", NO_BOUND),
        ("n=..=0", f'`dims.n` is "..=0": {NOTHING}'),
        ("n=..=-1", f'`dims.n` is "..=-1": {NOTHING}'),
        ("n=..=99999999999", TOO_LARGE),
        ("n=99999999999", TOO_LARGE),
        ("n=99999999999999999", TOO_LARGE),
    ],
)
def test_what_is_no_bound_is_refused(text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = MODELS["mlp"](tmp_path / "m.onnx")
    assert main(["inspect", str(path), "--dim", text]) == 2
    assert told in capsys.readouterr().err


def test_two_dimensions_have_a_size_each(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["y"]), node("Neg", ["z"], ["a"]), node("ReduceSum", ["a", "first"], ["s"])]
    inputs: Ends = {"x": (FLOAT, ["n", 3]), "z": (FLOAT, ["m.1", 4])}
    outputs: Ends = {"y": (FLOAT, ["n", 3]), "s": (FLOAT, [1, 4])}
    path = onnx_file(tmp_path / "two.onnx", nodes, inputs, outputs, {"first": np.array([0], np.int64)})
    dims = {"n": AtMost(6), "m.1": AtMost(7)}
    compiled = compile_model(path, ModelOptions(path, dims=dims, cores=1), boards.load("host"), "two")
    assert "pub struct Sizes" not in compiled.module_text
    assert " n 6 at " in compiled.module_text
    assert " m_1 7 at " in compiled.module_text
    rng, size, other = np.random.default_rng(3), 4, 2
    x, z = rng.standard_normal((6, 3)).astype(np.float32), rng.standard_normal((7, 4)).astype(np.float32)
    (raw,) = execute_compiled(
        compiled, boards.load("host"), [x.tobytes() + z.tobytes()], stats=False, sizes=[[size, other]]
    ).outputs
    y, s = np.frombuffer(raw[:72], np.float32).reshape(6, 3), np.frombuffer(raw[72:], np.float32)
    np.testing.assert_array_equal(y[:size], np.maximum(x, 0)[:size])
    np.testing.assert_allclose(s, -z[:other].sum(axis=0), rtol=1e-6)
