"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: recorded answers, and random shapes against TFLite-Micro and LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.ir import Array
from tests.ops import parity, tflm


@pytest.mark.models
@pytest.mark.parametrize("name", ["resize_nn", "resize_bilinear_hpc"])
def test_recorded_answers(name: str, models: Path) -> None:
    folder = models / "tflite-ops"
    given, want = (np.load(folder / f"{name}.{end}.npy") for end in ("in0", "out0"))
    got = parity.reference(folder / f"{name}.tflite", [[x] for x in given])
    parity.agree(got, [[y] for y in want], name)


def bilinear(rng: np.random.Generator, dtype: str) -> tflm.Operator:
    scale, zero = (None, 0) if dtype == "float32" else (0.1, 0 if dtype == "int16" else -3)
    shape = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(1, 9, 2)), int(rng.integers(1, 6)))
    size = [int(n) for n in rng.integers(1, 14, 2)]
    align, centred = [(False, False), (False, True), (True, False)][int(rng.integers(0, 3))]
    inputs = [tflm.Tensor(dtype, shape, scale, zero), tflm.Tensor("int32", (2,), data=np.array(size, np.int32))]
    outputs = [tflm.Tensor(dtype, (shape[0], *size, shape[3]), scale, zero)]
    options = {"align_corners": align, "half_pixel_centers": centred}
    return tflm.Operator("RESIZE_BILINEAR", inputs, outputs, ("ResizeBilinearOptions", options), 3)


def samples_for(rng: np.random.Generator, operators: list[tflm.Operator]) -> list[list[Array]]:
    def draw(tensor: tflm.Tensor | None, kind: str) -> Array:
        assert tensor is not None
        if tensor.dtype == "float32":
            return rng.normal(0, 2, tensor.shape).astype(np.float32)
        return parity.stored(rng, tensor.shape, kind, np.int16 if tensor.dtype == "int16" else np.int8)

    return [[draw(op.inputs[0], kind) for op in operators] for kind in ("random", "random", "extreme")]


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_bilinear_equals_tflite_micro(dtype: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    operators = [bilinear(rng, dtype) for _ in range(24)]
    samples, path = samples_for(rng, operators), tmp_path / "resized.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples, optimized=True), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_bilinear_int16_equals_litert(tmp_path: Path) -> None:
    """TFLite-Micro does not have it."""
    rng = np.random.default_rng(7)
    operators = [bilinear(rng, "int16") for _ in range(12)]
    samples, path = samples_for(rng, operators), tmp_path / "resized.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


@pytest.mark.parametrize("board", parity.BOARDS)
def test_emulated(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    operators = [bilinear(rng, dtype) for dtype in ("int8", "int16", "float32")]
    samples, path = samples_for(rng, operators), tmp_path / "resized.tflite"
    path.write_bytes(tflm.models(operators))
    parity.agree(parity.on(board, path, samples), parity.reference(path, samples), board)
