"""int16 operators, element by element, equal TFLite-Micro: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.sums import ACTIVATIONS, samples_for

SHAPES = (((1, 6, 7), (1, 6, 7)), ((1, 4, 3, 5), (5,)), ((1, 3, 1, 4), (1, 1, 6, 4)), ((40,), (40,)))


def scale(rng: np.random.Generator) -> float:
    return float(np.float32(10 ** rng.uniform(-4.5, -2.5)))


def of_two(rng: np.random.Generator, name: str) -> tflm.Operator:
    left, right = SHAPES[rng.integers(len(SHAPES))]
    out = tuple(np.broadcast_shapes(left, right))
    scales = [scale(rng) for _ in range(3)]
    if name in ("MAXIMUM", "MINIMUM"):
        scales = scales[:1] * 3
    elif name == "MUL":
        scales[2] = float(np.float32(scales[0] * scales[1] * 10 ** rng.uniform(2, 4.5)))
    table = {"MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions"}.get(name, f"{name.title()}Options")
    fields = {} if "MaxiM" in table.title() else {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
    if name in ("ADD", "SUB"):
        fields["potScaleInt16"] = 0
    x, y, z = (tflm.Tensor("int16", shape, s) for shape, s in zip((left, right, out), scales, strict=True))
    return tflm.Operator(name, [x, y], [z], (table, fields), 3)


def of_one(rng: np.random.Generator, name: str) -> tflm.Operator:
    shape, _ = SHAPES[rng.integers(len(SHAPES))]
    kinds = {"QUANTIZE": ("int8", "int16", "int32", "float32")}.get(name, ("int16",))
    while True:
        source, target = (str(rng.choice(kinds)) for _ in range(2))
        if target != "float32" and "int16" in (source, target) and (source, target) != ("float32", "int32"):
            break
    tensors = []
    for kind in (source, target):
        zero = int(rng.integers(-50, 50)) if kind == "int8" else 0
        own = {"int32": 2.0**-16, "int8": 256.0}.get(kind, 1.0) * scale(rng)
        tensors.append(tflm.Tensor(kind, shape, None if kind == "float32" else own, zero))
    alpha = float(np.float32(rng.uniform(-0.3, 1.2)))
    options = {"LEAKY_RELU": ("LeakyReluOptions", {"alpha": alpha}), "QUANTIZE": ("QuantizeOptions", {})}[name]
    return tflm.Operator(name, tensors[:1], tensors[1:], options, 2)


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "LEAKY_RELU", "QUANTIZE"])
def test_equals_tflite_micro(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(5)
    draw = of_one if name in ("LEAKY_RELU", "QUANTIZE") else of_two
    operators = [draw(rng, name) for _ in range(16)]
    samples = samples_for(rng, operators)
    path = tmp_path / "wide.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
