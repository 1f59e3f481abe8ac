"""Tiles run alone read and write what `cores/access.py` and `touches.py` claim, and nothing else.

The builder of units stands on the one, their checker on the other: here the kernels themselves are asked. Of real
models as many run as have every kernel cut every way (`sample.py`); with `ARIEL_ALL_TILES=1`, as `nox -s fuzz` sets it,
all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.boards import Board
from ariel_build.compilation import job
from ariel_build.config.module_name import module_name
from ariel_build.config.options import ModelOptions
from ariel_build.cores import touches
from ariel_build.driver import Compiled, compile_model, import_file
from ariel_build.errors import ArielError
from ariel_build.memory import SPEED
from ariel_build.ops import Operator
from ariel_build.schedule import Step
from tests.ops import tflm
from tests.ops.armv7e_m import operators
from tests.ops.index import test_indices_onnx as indices
from tests.ops.parity import board_marks
from tests.schedule.access.batch import complaints_of
from tests.schedule.access.board import complaints_on
from tests.schedule.access.cases import WORKERS, cases_of, distinct
from tests.schedule.access.graphs import random_graph
from tests.schedule.access.sample import form, sample
from tools.recorded import DIGITS
from tools.recorded.models import Recorded, dev_models, single_operators

HOST = boards.load("host")
#: Boards for whose instruction sets there are kernels.
KERNELS_OF = ("qemu-cortex-m7", "qemu-riscv32")
#: Models that take too long here; what they are made of is in others.
TOO_LARGE = 20_000_000

#: Whether all models run, and not a sample.
ALL = bool(os.environ.get("ARIEL_ALL_TILES"))

MAKERS = [operators.convolution, operators.depthwise, operators.dense, operators.addition, operators.average]


def planned(path: Path, board: Board = HOST, name: str = "model") -> Compiled:
    """Returns the model with scratch for four workers, its values there in whole: so each step is one kernel."""
    options = replace(ModelOptions(path), cores=WORKERS)
    with patch.object(job, "SPEED", replace(SPEED, rolls=())):
        return compile_model(path, options, board, f"m_{module_name(name)}")


def macs(path: Path) -> int:
    """Returns the model's multiply-accumulates, without compiling it: the largest take longer than all others."""
    graph, _ = import_file(path)
    return sum(node.op.macs(node) for node in graph.nodes if isinstance(node.op, Operator))


def random_operators(folder: Path, make: Callable[[np.random.Generator], tflm.Operator], board: Board) -> Compiled:
    """Returns thirty random operators side by side."""
    rng = np.random.default_rng(3)
    path = folder / f"{make.__name__}.tflite"
    path.write_bytes(tflm.models([make(rng) for _ in range(30)]))
    return planned(path, board, make.__name__)


def assert_none(complaints: Mapping[str, object]) -> None:
    """Fails with what is wrong."""
    assert {name: found for name, found in complaints.items() if found} == {}


def real(recorded: Mapping[str, Recorded], board: Board = HOST) -> dict[str, Compiled]:
    """Returns the models that compile and are small enough."""
    found = {}
    for name, model in recorded.items():
        try:
            if macs(model.path) < TOO_LARGE:
                found[name] = planned(model.path, board, name)
        except ArielError:
            continue
    assert len(found) > 60
    return found


@pytest.mark.models
@pytest.mark.parametrize("kind", ["dev", "operators"])
def test_real_models(kind: str, tmp_path: Path) -> None:
    """Models, and single operators."""
    models = real(dev_models() if kind == "dev" else single_operators())
    assert_none(complaints_of(models if ALL else sample(models), tmp_path))


def test_random_graphs_and_the_example(tmp_path: Path) -> None:
    models = {"digits": planned(DIGITS, name="digits")}
    for seed in range(12):
        path = random_graph(tmp_path / f"graph_{seed}.onnx", seed)
        models[path.stem] = planned(path, name=path.stem)
    assert_none(complaints_of(models, tmp_path))


def test_random_operators(tmp_path: Path) -> None:
    models = {make.__name__: random_operators(tmp_path, make, HOST) for make in MAKERS}
    assert_none(complaints_of(models, tmp_path))


def test_random_indices(tmp_path: Path) -> None:
    """Operators whose indices come at run time: any numbers, each kernel cut in every way."""
    rng, model = np.random.default_rng(6), indices.Model()
    for draw in indices.DRAWS * 2:
        draw(rng, model)
    planned_model = planned(model.write(tmp_path / "indices.onnx"), name="indices")
    assert_none(complaints_of({"indices": planned_model}, tmp_path))


def is_for_board(step: Step) -> bool:
    """Tells whether the kernel is of an instruction set."""
    return "isa::" in step.call.kernel.path


@pytest.mark.parametrize("board", [pytest.param(name, marks=board_marks(name)) for name in KERNELS_OF])
@pytest.mark.parametrize("make", MAKERS)
def test_kernels_of_instruction_sets(
    board: str, make: Callable[[np.random.Generator], tflm.Operator], tmp_path: Path
) -> None:
    model = random_operators(tmp_path, make, boards.load(board))
    assert complaints_on(boards.load(board), model, cases_of(model), tmp_path) == []


@pytest.mark.models
@pytest.mark.at_length
@pytest.mark.parametrize("board", [pytest.param(name, marks=board_marks(name)) for name in KERNELS_OF])
def test_real_models_on_boards(board: str, tmp_path: Path) -> None:
    """With the kernels of the board's instruction set; the others run on the host."""
    models = real(dev_models(), boards.load(board))
    chosen = models if ALL else sample(models, is_for_board)
    complaints, seen = {}, set[Hashable]()
    for name, model in chosen.items():
        cases = [case for case in distinct(cases_of(model), seen) if is_for_board(case.step)]
        folder = tmp_path / name
        folder.mkdir()
        if cases:
            complaints[name] = complaints_on(boards.load(board), model, cases, folder)
    assert_none(complaints)


def test_a_sample_has_each_form_and_no_model_in_vain(tmp_path: Path) -> None:
    models = {make.__name__: random_operators(tmp_path, make, HOST) for make in MAKERS}
    models |= {f"{name} again": model for name, model in models.items()} | {"digits": planned(DIGITS)}
    forms = {form(step) for model in models.values() for step in model.schedule.steps}
    few = sample(models)
    assert {form(step) for model in few.values() for step in model.schedule.steps} == forms
    assert len({model.module for model in few.values()}) == len(few) <= len(MAKERS) + 1
    pools = sample(models, lambda step: step.call.kernel.path.startswith("pool2d::"))
    assert pools
    assert pools.keys() <= {"average", "average again", "digits"}


@pytest.mark.parametrize("board", KERNELS_OF)
def test_the_boards_have_kernels_of_their_own(board: str, tmp_path: Path) -> None:
    """Otherwise the tests above would test the portable ones once more."""
    model = random_operators(tmp_path, operators.convolution, boards.load(board))
    assert sum(map(is_for_board, model.schedule.steps)) > 15


@pytest.mark.parametrize("what", ["reads", "writes", "scratch"])
def test_a_claim_that_is_too_small_is_found(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test itself: a byte less of any claim, and it complains."""
    path = random_graph(tmp_path / "graph.onnx", 1)
    model = planned(path, name="small")

    if what == "scratch":
        monkeypatch.setattr(type(model.plan), "scratch", lambda *_: (0, 0))
    else:
        rule = getattr(touches, what)
        # Without the highest four bytes.
        monkeypatch.setattr(
            touches, what, lambda *tile: rule(*tile) & ((1 << max(rule(*tile).bit_length() - 4, 0)) - 1)
        )
    (complaints,) = complaints_of({"small": model}, tmp_path).values()
    assert complaints
