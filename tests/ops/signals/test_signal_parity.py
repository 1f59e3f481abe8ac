"""Operators on signals equal TFLite-Micro over random sizes, options and sequences: in numpy, and compiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.ir import Array
from tests.ops import parity, tflm
from tests.ops.signals.operators import OPERATORS, blank_undefined, random_operator, samples_for


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """Returns what skips a test where the board's tools are missing."""
    board = boards.load(name)
    assert board.run is not None
    return [pytest.mark.emulator(board.run.emulator), pytest.mark.target(board.target)]


@pytest.mark.parametrize("name", OPERATORS)
def test_references_equal_tflite_micro(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(name))
    operators = [random_operator(rng, name) for _ in range(24)]
    samples = samples_for(rng, operators)
    path = tmp_path / "operators.tflite"
    want = blank_undefined(operators, parity.tflite(path, operators, samples))
    got = blank_undefined(operators, parity.reference(path, samples))
    # A spectrum in float32 is as exact as its greatest numbers are.
    parity.agree(got, want, "reference", atol=1e-3 if "fft" in name else 0)


def agree_exactly(got: Sequence[Sequence[Array]], want: Sequence[Sequence[Array]]) -> None:
    """Asserts that all outputs are equal, bit for bit."""
    for mine, theirs in zip(got, want, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a.reshape(b.shape), b)


def test_kernels_equal_tflite_micro(tmp_path: Path) -> None:
    rng = np.random.default_rng(40)
    operators = [random_operator(rng, name) for name in OPERATORS for _ in range(6)]
    samples = samples_for(rng, operators)
    path = tmp_path / "operators.tflite"
    want = blank_undefined(operators, parity.tflite(path, operators, samples))
    got = parity.host(path, samples)
    parity.agree(blank_undefined(operators, got), want, "kernels", atol=1e-3)
    agree_exactly(got, parity.reference(path, samples))


@pytest.mark.parametrize(
    "board", [pytest.param(name, marks=marks_of(name)) for name in ("qemu-cortex-m7", "qemu-riscv32")]
)
def test_kernels_on_boards(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(41)
    operators = [random_operator(rng, name) for name in OPERATORS for _ in range(3)]
    samples = samples_for(rng, operators)
    path = tmp_path / "operators.tflite"
    path.write_bytes(tflm.models(operators))
    agree_exactly(parity.on(board, path, samples), parity.reference(path, samples))


def test_a_stack_stays_until_the_next(tmp_path: Path) -> None:
    """As in TFLite-Micro, where nothing else uses the memory of the output."""
    options = {"num_channels": 3, "stacker_left_context": 2, "stacker_right_context": 0, "stacker_step": 3}
    outputs = [tflm.Tensor("int16", (9,)), tflm.Tensor("bool", ())]
    operators = [tflm.Operator("CUSTOM:SignalStacker", [tflm.Tensor("int16", (3,))], outputs, ("", options))]
    samples = [[np.arange(3 * k, 3 * k + 3, dtype=np.int16)] for k in range(11)]
    path = tmp_path / "stacker.tflite"
    want = parity.tflite(path, operators, samples)
    assert [bool(valid) for _, valid in want] == [k % 3 == 0 for k in range(11)]
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
