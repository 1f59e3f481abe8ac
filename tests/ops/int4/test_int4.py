"""Dense layers and pointwise convolutions whose weights have four bits, and stay packed, give what int8 gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.ir import Array
from ariel_build.isa.armv7e_m import int4
from ariel_build.isa.armv7e_m.streams import Channels, Ints
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels.packing import packed_fours
from tests.ops import parity
from tests.ops.armv7e_m.test_kernels import cut, emulated
from tests.ops.int4.operators import LAYERS, layer_of_onnx, layer_of_tflite
from tests.ops.qdq import Builder
from tests.ops.sums import samples_for

M7 = boards.load("qemu-cortex-m7")


def with_lowest(samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Returns the samples, and one that is the least integer all over: what makes the greatest sums."""
    return [*map(list, samples), [np.full_like(x, -128) for x in samples[0]]]


@pytest.mark.parametrize(
    "board, cores, room",
    [
        pytest.param("qemu-cortex-m7", 1, "isa::armv7e_m", marks=parity.board_marks("qemu-cortex-m7")),
        pytest.param("qemu-riscv32", 2, "int4", marks=parity.board_marks("qemu-riscv32")),
    ],
)
def test_equals_tflite_micro(board: str, cores: int, room: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    operators = [layer_of_tflite(rng, shape) for shape in LAYERS]
    samples = with_lowest(samples_for(rng, operators))
    path = tmp_path / "net.tflite"
    want = parity.tflite(path, operators, samples)
    compiled = compile_model(path, ModelOptions(path, cores=cores), boards.load(board), "model")
    assert all(step.call.kernel.path.startswith(room) for step in compiled.schedule.steps)
    if cores == 1:
        # Tiles of unequal sizes, and code without optimisation of loops: what naked functions get is the same.
        text = cut(compiled.module_text, "armv7e_m")
        parity.agree(emulated(compiled, text, tmp_path, samples, "s", M7), want, "cut")
        return
    parity.agree(parity.on(board, path, samples, cores), want, board)


@pytest.mark.parametrize("board", ["host", pytest.param("qemu-cortex-m7", marks=parity.board_marks("qemu-cortex-m7"))])
def test_equals_onnxruntime(board: str, tmp_path: Path) -> None:
    rng, model, path = np.random.default_rng(4), Builder(), tmp_path / "net.onnx"
    for shape in LAYERS:
        layer_of_onnx(model, rng, shape)
    model.write(path, 21)
    samples = with_lowest(model.samples(rng))
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference")
    compiled = compile_model(path, ModelOptions(path), boards.load(board), "model")
    paths = [step.call.kernel.path for step in compiled.schedule.steps]
    assert sum("nt4" in path for path in paths) == len(LAYERS)
    parity.agree(parity.on(board, path, samples), want, board)


def channels(weights: Ints) -> Channels:
    count = weights.shape[0]
    return Channels(weights.astype(np.int64), np.arange(count), np.full((count, 2), 5), 1)


def test_streams_hold_what_their_formula_says() -> None:
    weights = np.random.default_rng(5).integers(-8, 8, (7, 12))
    words = int4.stream_of(channels(weights)).data.reshape(2, -1)
    assert words.shape == (2, 12 // 2 + 8)
    pairs = words[:, :6].astype(np.int32).view(np.int16).reshape(2, 3, 2, 2)
    # Of each four of the depth the words (k0, k2) and (k1, k3).
    halves = pairs.transpose(0, 1, 3, 2).reshape(2, 12).astype(np.int64)
    digits = np.stack([(halves >> shift & 15) - 8 for shift in (0, 4, 8)] + [halves >> 12], axis=1)
    assert np.array_equal(digits.reshape(8, 12)[:7], weights)
    assert np.array_equal(words[:, 7::2].reshape(-1).astype(np.int64)[:7] >> 8, np.arange(7))


def test_sums_that_do_not_fit_are_refused() -> None:
    fitting = np.tile(np.array([[7], [-8], [7], [-8]]), 508)
    int4.stream_of(channels(fitting))
    with pytest.raises(Unfit):
        int4.stream_of(channels(np.tile(fitting, 2)))
    # Rows have 64 bits for the fourth channel, and 32 for the others.
    int4.rows_of(channels(np.tile(fitting, 6)))
    with pytest.raises(Unfit):
        int4.rows_of(channels(np.full((4, 4096), 7)))


def test_words_have_the_first_channel_lowest() -> None:
    packed = packed_fours(np.array([[1, -1], [2, -2], [3, -3], [-8, 7], [4, 5]], np.int8))
    assert packed.data.tolist() == [[0x8321, 0x7DEF], [4, 5]]
