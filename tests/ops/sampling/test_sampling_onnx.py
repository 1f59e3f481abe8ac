"""GridSample and DeformConv: the node tests of `onnx`, random images and grids against onnxruntime, and boards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import node_suite, parity
from tests.ops.qdq import Builder


def test_node_suite(tmp_path: Path) -> None:
    node_suite.judge(node_suite.cases("GridSample", "DeformConv"), tmp_path, right=22)


def random_grid_sample(model: Builder, rng: np.random.Generator) -> None:
    rank = int(rng.choice([2, 2, 3]))
    batch, channels = (int(n) for n in rng.integers(1, 4, 2))
    modes = ["linear", "nearest", "cubic"] if rank == 2 else ["linear", "nearest"]
    x = model.input((batch, channels, *(int(n) for n in rng.integers(1, 6, rank))))
    # Numbers from outside of the image as well.
    grid = model.input((batch, *(int(n) for n in rng.integers(1, 5, rank)), rank))
    attributes = {
        "mode": str(rng.choice(modes)),
        "padding_mode": str(rng.choice(["zeros", "border", "reflection"])),
        "align_corners": int(rng.integers(0, 2)),
    }
    model.output(model.op("GridSample", [x, grid], **attributes))


def samples(model: Builder, rng: np.random.Generator) -> list[list[Array]]:
    drawn = model.samples(rng, 2)
    # Whole and half numbers: places on cells, on edges, and far away.
    return [*drawn, [np.asarray(np.rint(x * 4) / 2, np.float32) for x in drawn[0]]]


def test_equals_onnxruntime(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(21), Builder()
    for _ in range(32):
        random_grid_sample(model, rng)
    path, given = model.write(tmp_path / "sampled.onnx", opset=20), samples(model, rng)
    want = parity.onnxruntime_answers(path, given)
    parity.agree(parity.reference(path, given), want, "reference", rtol=1e-4, atol=1e-4)
    parity.agree(parity.host(path, given), want, "kernels", rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("board", parity.BOARDS)
def test_emulated(board: str, tmp_path: Path) -> None:
    rng, model = np.random.default_rng(22), Builder()
    for _ in range(6):
        random_grid_sample(model, rng)
    path, given = model.write(tmp_path / "sampled.onnx", opset=20), samples(model, rng)
    parity.agree(parity.on(board, path, given), parity.reference(path, given), board, rtol=1e-4, atol=1e-5)


def test_grids_of_what_is_no_number_stay_inside(tmp_path: Path) -> None:
    """Nothing is promised of the output but that it is there."""
    model = Builder()
    for outside in ("zeros", "border", "reflection"):
        for mode in ("linear", "nearest", "cubic"):
            ends = [model.input((1, 2, 3, 4)), model.input((1, 2, 3, 2))]
            model.output(model.op("GridSample", ends, mode=mode, padding_mode=outside))
    path = model.write(tmp_path / "sampled.onnx", opset=20)
    rng = np.random.default_rng(23)
    rare = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e9]
    sample = [
        rng.choice(np.array(rare, np.float32), shape) if shape[-1] == 2 else np.ones(shape, np.float32)
        for _, _, shape in model.inputs
    ]
    (outputs,) = parity.host(path, [sample])
    assert len(outputs) == 9


@pytest.mark.parametrize(
    "kind, shapes, attributes, words",
    [
        ("GridSample", [(1, 2, 3, 4), (2, 3, 3, 2)], {}, "does not fit images"),
        ("GridSample", [(1, 2, 3, 4), (1, 3, 3, 2)], {"mode": "odd"}, "mode `odd`"),
        ("DeformConv", [(1, 2, 5, 5), (3, 2, 3, 3), (1, 18, 3, 2)], {}, "the offsets are"),
        ("DeformConv", [(1, 2, 5, 5), (3, 2, 3, 3), (1, 18, 3, 3)], {"offset_group": 3}, "groups of offsets"),
    ],
)
def test_refuses(
    kind: str, shapes: list[tuple[int, ...]], attributes: dict[str, object], words: str, tmp_path: Path
) -> None:
    model = Builder()
    model.output(model.op(kind, [model.input(shape) for shape in shapes], **attributes))
    with pytest.raises(UnsupportedError, match=words):
        import_file(model.write(tmp_path / "m.onnx", opset=20))
