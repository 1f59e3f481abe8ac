"""LSTM and SVDF give on boards what TFLite-Micro gives: with the kernels of the instruction set, and on two cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.answers import oracle
from ariel_build.answers.samples import Samples
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model, import_file
from ariel_build.ir import Array
from tests.ops import parity, tflm
from tests.ops.recurrent.operators import lstm, samples_for, svdf


def made_of(kind: str, seed: int, count: int) -> list[tflm.Operator]:
    """Returns operators of all kinds in a type; those of int8 with depths that are, and are not, multiples of words."""
    rng = np.random.default_rng(seed)
    if kind != "int8":
        return [make(rng, kind) for make in (lstm, svdf) for _ in range(count)]
    sizes = [(3, 4, 4), (2, 8, 3), (4, 13, 16), (3, 33, 7), (1, 64, 24), (5, 1, 1)]
    layers = [lstm(rng, kind, sizes=(steps, depth, units)) for steps, depth, units in sizes]
    # Filters that keep whole words, odd numbers of filters, and any.
    memories = [(10, 4, 2, 8), (33, 5, 1, 4), (96, 8, 1, 12), (7, 3, 3, 8)]
    layers += [svdf(rng, kind, sizes=each) for each in memories]
    return layers + [svdf(rng, kind) for _ in range(count)]


def answers(path: Path, operators: list[tflm.Operator], samples: parity.Samples) -> list[list[Array]]:
    """Writes the operators into `path`; returns what TFLite-Micro makes of a sequence of samples."""
    path.write_bytes(tflm.models(operators))
    graph, _ = import_file(path)
    given = Samples([np.stack(column) for column in zip(*samples, strict=True)], (len(samples),))
    answer = oracle.ask(path, graph, given)
    assert not isinstance(answer, str), answer
    return [[column[k] for column in answer.outputs] for k in range(len(samples))]


def on(name: str, emulator: str, cores: int = 1) -> object:
    """Returns the parameters of a test for a board."""
    marks = (pytest.mark.emulator(emulator), pytest.mark.target(boards.load(name).target))
    return pytest.param(name, cores, marks=marks, id=f"{name}-{cores}")


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
@pytest.mark.parametrize(
    "name, cores",
    [on("qemu-cortex-m7", "qemu-system-arm"), on("qemu-riscv32", "qemu-system-riscv32", 2)],
)
def test_equals_tflite_micro(tmp_path: Path, name: str, cores: int, kind: str) -> None:
    operators = made_of(kind, 14, 6)
    samples = samples_for(np.random.default_rng(2), operators, 4)
    path = tmp_path / "layers.tflite"
    want = answers(path, operators, samples)
    got = parity.on(name, path, samples, cores)
    parity.agree(got, want, f"{kind} on {name}", rtol=1e-4, atol=1e-5)


def test_the_dsp_extension_has_kernels_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "layers.tflite"
    path.write_bytes(tflm.models(made_of("int8", 14, 6)))
    for name, is_there in (("qemu-cortex-m7", True), ("qemu-cortex-m3", False)):
        compiled = compile_model(path, ModelOptions(path), boards.load(name), "model", must_fit=False)
        own = {call.kernel.path for call in compiled.schedule.calls if call.kernel.path.startswith("isa::armv7e_m::")}
        assert own == ({"isa::armv7e_m::Lstm", "isa::armv7e_m::Svdf"} if is_there else set())
