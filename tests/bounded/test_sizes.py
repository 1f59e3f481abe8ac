"""Every size up to the bound: what the oracle answers for exactly that size, whatever stood behind it before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers.oracle import Answer, ask
from ariel_build.answers.samples import Samples, cut_outputs, padded, random_samples, split_outputs
from ariel_build.commands.run import execute_compiled
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model, import_file
from ariel_build.ir import Array
from tests.bounded.models import MODELS

BOUND = 9
#: Every size, longer and shorter ones in turn.
SIZES = (9, 1, 8, 2, 7, 3, 6, 4, 5, 1, 9)


def answers(path: Path, compiled: Compiled, board: str, cores: int) -> list[tuple[int, Samples, dict[str, Array]]]:
    """Returns for each size the samples, and what the generated Rust makes of them, one after the other."""
    graph = compiled.graph
    given = []
    for number, size in enumerate(SIZES):
        fixed, _ = import_file(path, {"n": size})
        one = random_samples(fixed.inputs, 1, seed=number)
        # Integers are indices of a table of eleven rows.
        arrays = [array % 11 if array.dtype.kind == "i" else array for array in one.arrays]
        given.append(Samples(arrays, (1,), {"n": size}))
    raw = [data for one in given for data in padded(one, graph.inputs).raw()]
    sizes = [[size] for size in SIZES]
    done = execute_compiled(compiled, boards.load(board), raw, cores=cores, stats=False, sizes=sizes)
    outputs = [
        cut_outputs(split_outputs(graph.outputs, [made], (1,)), graph, one)
        for one, made in zip(given, done.outputs, strict=True)
    ]
    return list(zip(SIZES, given, outputs, strict=True))


ARM = [pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")]


def check(name: str, tmp_path: Path, board: str, cores: int) -> None:
    path = MODELS[name](tmp_path / f"{name}.onnx")
    compiled = compile_model(path, ModelOptions(path, dims={"n": AtMost(BOUND)}, cores=cores), boards.load(board), name)
    for size, samples, outputs in answers(path, compiled, board, cores):
        fixed, _ = import_file(path, {"n": size})
        said = ask(path, fixed, samples)
        assert isinstance(said, Answer), said
        for (key, got), want in zip(outputs.items(), said.outputs, strict=True):
            assert got.shape == want.shape, (name, size, key)
            np.testing.assert_allclose(
                got.astype(np.float64),
                want.astype(np.float64),
                rtol=2e-5,
                atol=2e-6,
                err_msg=f"{name}, {size} of {BOUND}, {key}",
            )


@pytest.mark.parametrize("name", MODELS)
def test_each_size_on_the_host(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, "host", 1)


@pytest.mark.parametrize("name", ["elementwise", "lstm"])
def test_two_cores_pass_over_what_there_is_not(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, "host", 2)


@pytest.mark.parametrize("name", ["mlp", "gru_both", "reduced"])
@pytest.mark.parametrize("board", [pytest.param("qemu-cortex-m7", marks=ARM)])
def test_each_size_on_a_board(name: str, board: str, tmp_path: Path) -> None:
    check(name, tmp_path, board, 1)


@pytest.mark.parametrize("name", ["mlp", "lstm", "reduced"])
def test_a_shorter_one_is_the_fixed_one_to_the_bit(name: str, tmp_path: Path) -> None:
    path, host = MODELS[name](tmp_path / f"{name}.onnx"), boards.load("host")
    bounded = compile_model(path, ModelOptions(path, dims={"n": AtMost(BOUND)}, cores=1), host, name)
    fixed = compile_model(path, ModelOptions(path, dims={"n": 4}, cores=1), host, name)
    samples = replace(random_samples(fixed.graph.inputs, 5), sizes={"n": 4})
    want = execute_compiled(fixed, host, samples.raw(), stats=False).outputs
    raw = padded(samples, bounded.graph.inputs).raw()
    got = execute_compiled(bounded, host, raw, stats=False, sizes=[[4]] * 5).outputs
    cut = cut_outputs(split_outputs(bounded.graph.outputs, got, samples.lead), bounded.graph, samples)
    for mine, theirs in zip(cut.values(), split_outputs(fixed.graph.outputs, want, samples.lead).values(), strict=True):
        assert mine.tobytes() == theirs.tobytes()
