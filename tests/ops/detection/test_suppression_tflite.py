"""NON_MAX_SUPPRESSION_V4 and V5 of random boxes equal LiteRT: in numpy, on the host, and on emulated boards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from tests.ops import parity, tflm

NOTHING: dict[str, int] = {}


def scalar(number: float, dtype: str = "float32") -> tflm.Tensor:
    return tflm.Tensor(dtype, (), data=np.array(number, dtype))


def suppression(rng: np.random.Generator, *, sigma: float | None = None) -> tflm.Operator:
    """Up to 30 boxes; V5 where there is a sigma."""
    count, most = int(rng.integers(1, 31)), int(rng.integers(1, 16))
    inputs = [tflm.Tensor("float32", (count, 4)), tflm.Tensor("float32", (count,)), scalar(most, "int32")]
    inputs += [scalar(float(rng.choice([0.2, 0.5, 0.9, 1.0]))), scalar(float(rng.choice([0.0, 0.3, -1.0])))]
    selected, scores = tflm.Tensor("int32", (most,)), tflm.Tensor("float32", (most,))
    number = tflm.Tensor("int32", ())
    if sigma is None:
        table = ("NonMaxSuppressionV4Options", NOTHING)
        return tflm.Operator("NON_MAX_SUPPRESSION_V4", inputs, [selected, number], table, 1)
    inputs.append(scalar(sigma))
    table = ("NonMaxSuppressionV5Options", NOTHING)
    return tflm.Operator("NON_MAX_SUPPRESSION_V5", inputs, [selected, scores, number], table, 1)


def sample(rng: np.random.Generator, operators: Sequence[tflm.Operator]) -> list[Array]:
    """Boxes of which many overlap, corners in any order, some without area; scores that all differ."""
    made: list[Array] = []
    for operator in operators:
        assert operator.inputs[1] is not None
        (count,) = operator.inputs[1].shape
        corner, size = rng.uniform(0, 1, (count, 2)), rng.uniform(-0.5, 1, (count, 2))
        size[rng.random(count) < 0.1] = 0
        made.append(np.concatenate([corner, corner + size], axis=1).astype(np.float32))
        made.append((rng.permutation(count) / count).astype(np.float32))
    return made


def operators_of(rng: np.random.Generator) -> list[tflm.Operator]:
    return [suppression(rng, sigma=sigma) for sigma in (None, 0.0, 0.5, 0.1) for _ in range(6)]


def test_equals_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    operators = operators_of(rng)
    samples = [sample(rng, operators) for _ in range(6)]
    path = tmp_path / "boxes.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples, optimized=True)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


@pytest.mark.parametrize("board", parity.BOARDS)
def test_boards_agree(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    operators = operators_of(rng)[::5]
    samples = [sample(rng, operators) for _ in range(2)]
    path = tmp_path / "boxes.tflite"
    path.write_bytes(tflm.models(operators))
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board)


def test_of_equal_scores_the_first_is_better(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = tmp_path / "boxes.tflite"
    operator = suppression(rng)
    (count,) = operator.outputs[0].shape
    inputs = [tflm.Tensor("float32", (20, 4)), tflm.Tensor("float32", (20,)), *operator.inputs[2:4], scalar(-1)]
    path.write_bytes(tflm.models([tflm.Operator(operator.op, inputs, operator.outputs, operator.options, 1)]))
    apart = np.array([[k, k, k + 1, k + 1] for k in range(20)], np.float32)
    given = [[apart, np.ones(20, np.float32)]]
    for answer in (parity.reference(path, given), parity.host(path, given)):
        np.testing.assert_array_equal(answer[0][0], np.arange(count))


def test_a_threshold_of_the_run_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.tflite"
    operator = suppression(np.random.default_rng(4))
    inputs = [*operator.inputs[:3], tflm.Tensor("float32", ()), operator.inputs[4]]
    path.write_bytes(tflm.models([tflm.Operator(operator.op, inputs, operator.outputs, operator.options, 1)]))
    with pytest.raises(UnsupportedError, match=r"the threshold of overlaps .input 3. is computed at run time"):
        import_file(path)
