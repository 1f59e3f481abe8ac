"""CONV_3D of random windows equals LiteRT's reference: in numpy, and on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.ops import parity, tflm
from tests.ops.sums import ACTIVATIONS, output_size, samples_for


def random_convolution(rng: np.random.Generator) -> tflm.Operator:
    window, stride, room = (rng.integers(1, high, 3).tolist() for high in (4, 3, 5))
    is_same = bool(rng.random() < 0.5)
    image = [k + n for k, n in zip(window, room, strict=True)]
    depth, filters = (int(n) for n in rng.integers(1, 5, 2))
    made = [output_size(n, k, s, same=is_same) for n, k, s in zip(image, window, stride, strict=True)]
    options = {
        "padding": 0 if is_same else 1,
        **{f"stride{axis}": s for axis, s in zip("DHW", stride, strict=True)},
        **{f"dilation{axis}Factor": 1 for axis in "DHW"},
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    batch = int(rng.integers(1, 3))
    weights, bias = rng.normal(size=(*window, depth, filters)), rng.normal(size=filters)
    inputs = [
        tflm.Tensor("float32", (batch, *image, depth)),
        tflm.Tensor("float32", weights.shape, data=weights.astype(np.float32)),
        tflm.Tensor("float32", bias.shape, data=bias.astype(np.float32)),
    ]
    return tflm.Operator(
        "CONV_3D", inputs, [tflm.Tensor("float32", (batch, *made, filters))], ("Conv3DOptions", options), 1
    )


def test_equals_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(16)
    operators = [random_convolution(rng) for _ in range(12)]
    samples = samples_for(rng, operators)
    path = tmp_path / "volumes.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
