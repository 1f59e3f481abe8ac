"""ONNX's sequences of tensors, of which nothing is left, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import parity
from tests.ops.qdq import Builder


def _number(model: Builder, value: int | list[int]) -> str:
    return model.constant(np.array(value, np.int64))


def test_members_of_a_split_are_taken_changed_and_joined(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(2), Builder()
    x = model.input((2, 5, 3))
    for sizes in ([2, 0, 3], [4, 1, 0], 2):
        parts = model.op("SplitToSequence", [x, _number(model, sizes)], axis=1)
        first, last = (model.op("SequenceAt", [parts, _number(model, place)]) for place in (0, -1))
        model.output(model.op("Tanh", [first]))
        longer = model.op("SequenceInsert", [parts, last, _number(model, -2)])
        longer = model.op("SequenceInsert", [longer, model.op("Neg", [first])])
        shorter = model.op("SequenceErase", [longer, _number(model, 1)])
        model.output(model.op("ConcatFromSequence", [shorter], axis=-2))
        length = model.op("SequenceLength", [model.op("SequenceErase", [shorter])])
        model.output(model.op("Add", [x, model.op("Cast", [length], to=onnx.TensorProto.FLOAT)]))
    parity.onnx_agrees(model.write(tmp_path / "split.onnx"), model.samples(rng))


@pytest.mark.parametrize("keepdims", [0, 1])
def test_an_axis_is_taken_apart_and_stacked(tmp_path: Path, keepdims: int) -> None:
    rng, model = np.random.default_rng(3), Builder()
    x = model.input((3, 4))
    parts = model.op("SplitToSequence", [x], axis=-1, keepdims=keepdims)
    model.output(model.op("ConcatFromSequence", [parts], axis=-1, new_axis=1))
    own = model.op("SequenceInsert", [model.op("SequenceEmpty", [], dtype=1), model.op("Exp", [x])])
    model.output(model.op("ConcatFromSequence", [own], axis=0))
    both = model.op("SequenceConstruct", [x, model.op("Neg", [x])])
    model.output(model.op("ConcatFromSequence", [both], axis=1, new_axis=1))
    parity.onnx_agrees(model.write(tmp_path / "apart.onnx"), model.samples(rng))


def _refusal(model: Builder, path: Path) -> str:
    with pytest.raises(UnsupportedError) as caught:
        import_file(model.write(path))
    return str(caught.value)


def test_a_place_that_the_run_time_finds_is_refused(tmp_path: Path) -> None:
    model = Builder()
    x = model.input((4,))
    parts = model.op("SplitToSequence", [x])
    model.output(model.op("SequenceAt", [parts, model.op("ArgMax", [x], keepdims=0)]))
    assert "the place in a sequence (input 1) is computed at run time" in _refusal(model, tmp_path / "m.onnx")


def test_a_place_behind_the_last_one_is_refused(tmp_path: Path) -> None:
    model = Builder()
    parts = model.op("SplitToSequence", [model.input((4,))])
    model.output(model.op("SequenceAt", [parts, _number(model, 4)]))
    assert "place 4 is outside a sequence of 4" in _refusal(model, tmp_path / "m.onnx")


def test_what_takes_tensors_refuses_a_sequence(tmp_path: Path) -> None:
    model = Builder()
    parts = model.op("SplitToSequence", [model.input((4,))])
    model.output(model.op("Tanh", [parts]))
    assert "is a sequence of tensors" in _refusal(model, tmp_path / "m.onnx")
