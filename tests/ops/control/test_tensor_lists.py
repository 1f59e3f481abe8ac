"""What TensorFlow's converter makes of TensorListSetItem: two slices whose sizes only the run time knows, and a row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.frontends import tflite_writer as w

ADD, CONCATENATION, RESHAPE, SLICE = 0, 2, 22, 65
CODES = [w.code(ADD, 2), w.code(CONCATENATION), w.code(RESHAPE), w.code(SLICE)]
ADD_OPTIONS, CONCATENATION_OPTIONS, RESHAPE_OPTIONS, SLICE_OPTIONS = 11, 10, 17, 41
ROWS, WIDTH = 4, 3


def _ints(name: str, count: int, buffer: int = 0) -> w.Table:
    return w.tensor(name, [count], w.INT32, buffer)


def written(step: int = 1, behind: int = -1) -> bytes:
    """`list` with `row` at `index`: what is up to it, the row, and what begins `step` behind it."""
    tensors = [
        w.tensor("list", [ROWS, 1, WIDTH]),
        w.tensor("index", [], w.INT32),
        w.tensor("row", [1, 1, WIDTH]),
        w.tensor("step", [], w.INT32, 1),
        w.tensor("next", [], w.INT32),
        _ints("one", 1, 2),
        _ints("at", 1),
        _ints("all", 2, 3),
        _ints("up to", 3),
        _ints("zeros", 3, 4),
        w.tensor("before", [1, 1, 1], signature=[-1, -1, -1]),
        _ints("from", 1),
        _ints("nought", 2, 5),
        _ints("begin", 3),
        _ints("to the end", 3, 6),
        w.tensor("behind", [1, 1, WIDTH], signature=[-1, 1, WIDTH]),
        w.tensor("y", [ROWS, 1, WIDTH]),
    ]
    operators = [
        w.operator(0, [1, 3], [4], (ADD_OPTIONS, {})),
        w.operator(2, [1, 5], [6], (RESHAPE_OPTIONS, {})),
        w.operator(1, [6, 7], [8], (CONCATENATION_OPTIONS, {0: ("i", 0)})),
        w.operator(3, [0, 9, 8], [10], (SLICE_OPTIONS, {})),
        w.operator(2, [4, 5], [11], (RESHAPE_OPTIONS, {})),
        w.operator(1, [11, 12], [13], (CONCATENATION_OPTIONS, {0: ("i", 0)})),
        w.operator(3, [0, 13, 14], [15], (SLICE_OPTIONS, {})),
        w.operator(1, [10, 2, 15], [16], (CONCATENATION_OPTIONS, {0: ("i", 0)})),
    ]
    numbers = ([step], [1], [-1, -1], [0, 0, 0], [0, 0], [behind, -1, -1])
    buffers = [np.array(values, np.int32).tobytes() for values in numbers]
    return w.encode(w.model(CODES, [w.subgraph(tensors, [0, 1, 2], [16], operators)], buffers))


def test_a_row_is_written(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(written())
    graph, _ = import_file(path)
    rows = np.arange(ROWS * WIDTH, dtype=np.float32).reshape(ROWS, 1, WIDTH)
    row = np.full((1, 1, WIDTH), 100, np.float32)
    for index in range(ROWS):
        (got,) = Interpreter(graph).outputs([rows, np.array(index, np.int32), row])
        assert np.array_equal(got, np.concatenate([rows[:index], row, rows[index + 1 :]]))
    assert [node.op.name for node in graph.nodes if node.op.name == "Scatter"] == ["Scatter"]


@pytest.mark.parametrize("step, behind", [(2, -1), (0, -1), (1, 1)])
def test_what_is_no_row_has_a_size_that_nobody_knows(step: int, behind: int, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(written(step, behind))
    with pytest.raises(UnsupportedError, match="how many elements tensor `before` has, only the run time knows"):
        import_file(path)
