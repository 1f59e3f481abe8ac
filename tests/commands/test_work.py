"""What compiling takes, counted in lines of Python that run: of twice as many layers twice as many, not four times.

The search for ways to stream is bounded apart: by the pieces that it places.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.ir import Value
from ariel_build.kernels import KernelCall
from ariel_build.memory import SPEED, planner
from ariel_build.memory.rolling import Rolling, rolling
from ariel_build.schedule import Schedule, schedule
from tests.zoo import FLOAT, INT8, node, onnx_file

#: By how much more than twice the lines may grow, for what is sorted.
MOST = 2.3


def convolutions(path: Path, count: int) -> Path:
    """A chain of quantised convolutions."""
    shape = [1, 8, 12, 12]
    constants: dict[str, npt.ArrayLike] = {"s": np.float32(0.05), "z": np.int8(3), "zero": np.int8(0)}
    rng = np.random.default_rng(0)
    nodes = []
    for k in range(count):
        constants[f"w{k}"] = rng.integers(-127, 128, (8, 8, 3, 3)).astype(np.int8)
        constants[f"m{k}"] = np.float32(0.001 + 0.00001 * k)
        weights = [f"w{k}", f"m{k}", "zero"]
        nodes.append(node("QLinearConv", [f"v{k}", "s", "z", *weights, "s", "z"], [f"v{k + 1}"], pads=[1, 1, 1, 1]))
    return onnx_file(path, nodes, {"v0": (INT8, shape)}, {f"v{count}": (INT8, shape)}, constants)


def blocks(path: Path, count: int) -> Path:
    """Depthwise and pointwise convolutions with a way past them."""
    shape = [1, 8, 12, 12]
    rng = np.random.default_rng(0)
    nodes, constants = [], {}
    for k in range(count):
        constants[f"d{k}"] = rng.normal(size=(8, 1, 3, 3)).astype(np.float32)
        constants[f"p{k}"] = rng.normal(size=(8, 8, 1, 1)).astype(np.float32)
        nodes += [
            node("Conv", [f"v{k}", f"d{k}"], [f"x{k}"], pads=[1, 1, 1, 1], group=8),
            node("Conv", [f"x{k}", f"p{k}"], [f"y{k}"]),
            node("Add", [f"v{k}", f"y{k}"], [f"v{k + 1}"]),
        ]
    return onnx_file(path, nodes, {"v0": (FLOAT, shape)}, {f"v{count}": (FLOAT, shape)}, constants)


def dense(path: Path, count: int) -> Path:
    """A chain of products with matrices."""
    rng = np.random.default_rng(0)
    constants = {f"w{k}": rng.normal(size=(16, 16)).astype(np.float32) for k in range(count)}
    nodes = [node("Gemm", [f"v{k}", f"w{k}"], [f"v{k + 1}"]) for k in range(count)]
    return onnx_file(path, nodes, {"v0": (FLOAT, [1, 16])}, {f"v{count}": (FLOAT, [1, 16])}, constants)


def lines(path: Path, board: str) -> int:
    """Returns how many lines of Python run while a model is compiled; each turn of a loop counts."""
    count = 0

    def traced(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401 - as `sys.settrace` has it
        nonlocal count
        del frame, argument
        count += event == "line"
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        compile_model(path, ModelOptions(path), boards.load(board), "m", must_fit=False)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("board", ["generic", "qemu-riscv32"])
@pytest.mark.parametrize("make, layers", [(convolutions, 1), (blocks, 3), (dense, 1)])
def test_lines_follow_the_layers(
    make: Callable[[Path, int], Path], layers: int, board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_MOST_CALLS", 0)
    few, many = (make(tmp_path / f"{count}.onnx", count // layers) for count in (20, 40))
    lines(few, board)  # loads what is loaded once
    assert lines(many, board) < MOST * lines(few, board)


def test_the_search_places_so_many_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = []
    real = schedule

    def counted(calls: Sequence[KernelCall], **how: Any) -> Schedule:  # noqa: ANN401 - handed on
        placed.append(len(calls) + len(how["order"] or ()))
        return real(calls, **how)

    monkeypatch.setattr(planner, "schedule", counted)
    path = blocks(tmp_path / "blocks.onnx", 20)
    compile_model(path, ModelOptions(path), boards.load("generic"), "m", must_fit=False)
    free = sum(placed)
    placed.clear()
    monkeypatch.setattr("ariel_build.compilation.job.SPEED", replace(SPEED, pieces=1000))
    compile_model(path, ModelOptions(path), boards.load("generic"), "m", must_fit=False)
    # Besides what is searched: the calls whole, the way that each search ends with, and one that is begun.
    assert sum(placed) < 1000 + 2 * 60 + 4 * max(placed) < free


def test_chains_that_are_too_dear_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0

    def counting(*given: Any) -> dict[Value, Rolling]:  # noqa: ANN401 - handed on
        nonlocal counted
        counted += 1
        return rolling(*given)

    monkeypatch.setattr("ariel_build.memory.stretches.rolling", counting)
    path = blocks(tmp_path / "blocks.onnx", 20)
    compile_model(path, ModelOptions(path), boards.load("generic"), "m", must_fit=False)
    # Twice as many are dearer in pieces, however little moves, than what is known by then.
    assert 0 < counted < 900


def test_a_thousand_layers_are_compiled(tmp_path: Path) -> None:
    path = convolutions(tmp_path / "deep.onnx", 1000)
    compiled = compile_model(path, ModelOptions(path), boards.load("generic"), "m")
    assert sum(step.call.macs > 0 for step in compiled.schedule.steps) == 1000
