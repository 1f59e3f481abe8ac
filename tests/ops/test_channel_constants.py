"""What a channel takes in flash besides its weights: that it gives the reference's values, and how much it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.boards import load
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.isa.armv7e_m import streams
from ariel_build.isa.scalar.requantise import requantised as stepped
from ariel_build.kernels.declared.quant import Bounds
from ariel_build.kernels.layer import Stored
from ariel_build.kernels.packing import double_rounding
from ariel_build.ops.fixed_point import multiply

#: Reach of biases and shifts of channels: plain ones, dead ones with huge biases, some of two values, factors up to 1.
KINDS = {"plain": (3_000, 1, 12), "dead": (1 << 30, 8, 31), "few values": (1 << 26, 15, 26), "large": (1 << 20, 0, 22)}
#: Bytes of weights and biases in the files, and what the blob may be of that.
MODELS = {"mlperf_kws_int8": (24_376, 1.15), "mlperf_vww_int8": (219_072, 1.10), "mlperf_ic_int8": (78_752, 1.06)}


@pytest.mark.parametrize("kind", KINDS)
def test_constants_give_the_values_of_the_reference(kind: str) -> None:
    rng = np.random.default_rng(sorted(KINDS).index(kind))
    reach, least, most = KINDS[kind]
    for _ in range(150):
        weights = rng.integers(-127, 128, (1, rng.integers(1, 6)))
        low = int(rng.integers(-128, 100))
        bounds = Bounds(zero_point=int(rng.integers(-128, 128)), min=low, max=int(rng.integers(low, 128)))
        bias, right = rng.integers(-reach, reach, 1), int(rng.integers(least, most))
        factor = 0 if rng.random() < 0.05 else int(rng.integers(1 << 30, 1 << 31))
        finish = Stored(bias, double_rounding(np.array([[factor, -right]])), bounds)
        x = rng.integers(-128, 128, (500, weights.shape[1]))
        x[:2] = [np.where(weights[0] > 0, a, b) for a, b in ((-128, 127), (127, -128))]
        value = multiply(bias + x @ weights[0], factor, -right) + bounds.zero_point
        want = np.clip(value, bounds.min, bounds.max)

        packed = streams.requantised(weights, finish)
        word, sums = int(streams.words_of(packed)[0]), x @ packed.weights[0]
        sums = sums + (word >> 8)
        high = sums + ((sums * int(packed.scale[0, 0]) + (1 << 31)) >> 32)
        twice = ((high - (high < 0)) >> (word & 0xFF)) + packed.rounding
        assert np.array_equal(np.clip(twice >> 1, bounds.min, bounds.max), want), (kind, "packed")

        scalar = stepped(weights, finish)
        added, multiplier, shift = (int(v) for v in scalar.constants[0])
        sums = x @ scalar.weights[0] + added
        high = ((4 * sums * multiplier) >> 32) + np.where(sums < 0, scalar.below, 0) + scalar.extra
        twice = (high >> (shift - 1)) + 2 * bounds.zero_point + 1
        assert np.array_equal(np.clip(twice >> 1, bounds.min, bounds.max), want), (kind, "scalar")


@pytest.mark.parametrize("board", ["qemu-cortex-m7", "qemu-cortex-m3", "qemu-cortex-m0", "qemu-riscv32", "host"])
@pytest.mark.parametrize("name", MODELS)
def test_the_blob_is_little_more_than_the_constants_of_the_file(name: str, board: str, models: Path) -> None:
    path, (constants, most) = models / "dev" / name / "model.tflite", MODELS[name]
    compiled = compile_model(path, ModelOptions(path), load(board), "model", must_fit=False)
    assert len(compiled.weights) <= most * constants
