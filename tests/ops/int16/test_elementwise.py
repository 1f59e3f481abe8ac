"""int16 operators, element by element, equal TFLite-Micro: in numpy, and compiled for the host.

Comparisons, of which TFLite-Micro has one that reads what it has not set, are held against LiteRT.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ops import parity, tflm
from tests.ops.parity import stored
from tests.ops.sums import ACTIVATIONS, samples_for

SHAPES = (
    ((1, 6, 7), (1, 6, 7)),
    ((1, 4, 3, 5), (5,)),
    ((5,), (1, 4, 3, 5)),
    ((1, 3, 1, 4), (1, 1, 6, 4)),
    ((1, 2, 3, 4), (1, 2, 1, 1)),
    ((1, 1), (3, 8)),
    ((40,), (40,)),
)
BOTH = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU", "SQUARED_DIFFERENCE")
RELATIONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
OPTIONS = {"MAXIMUM": "MaximumMinimumOptions", "SQUARED_DIFFERENCE": "SquaredDifferenceOptions"}


def scale(rng: np.random.Generator) -> float:
    return float(np.float32(10 ** rng.uniform(-4.5, -2.5)))


def of_two(rng: np.random.Generator, name: str) -> tflm.Operator:
    left, right = SHAPES[rng.integers(len(SHAPES))]
    if name == "PRELU" and len(left) < len(right):
        left, right = right, left
    out = tuple(np.broadcast_shapes(left, right))
    scales = [scale(rng) for _ in range(3)]
    if name in ("MAXIMUM", "MINIMUM"):
        scales = scales[:1] * 3
    elif name in ("MUL", "SQUARED_DIFFERENCE"):
        scales[2] = float(np.float32(scales[0] * scales[1] * 10 ** rng.uniform(2, 4.5)))
    table = OPTIONS.get("MAXIMUM" if name == "MINIMUM" else name, f"{name.title()}Options")
    fields: dict[str, int] = {}
    if name in ("ADD", "SUB", "MUL"):
        fields = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS))}
    if name in ("ADD", "SUB"):
        fields["potScaleInt16"] = 0
    x, y, z = (tflm.Tensor("int16", shape, s) for shape, s in zip((left, right, out), scales, strict=True))
    data = stored(rng, right, dtype=np.int16) if rng.random() < 0.25 else None
    y = tflm.Tensor("int16", right, scales[1], 0, data)
    if name == "PRELU":
        slopes = stored(rng, right) if rng.random() < 0.5 else None
        y = tflm.Tensor("int8", right, float(np.float32(rng.uniform(0.001, 0.02))), int(rng.integers(-50, 50)), slopes)
    options = None if name == "PRELU" else (table, fields)
    return tflm.Operator(name, [x, y], [z], options, 3)


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


def drawn(rng: np.random.Generator, names: tuple[str, ...], each: int) -> list[tflm.Operator]:
    """Returns some operators of each name."""
    return [(of_two if name in BOTH else of_one)(rng, name) for name in names for _ in range(each)]


@pytest.mark.parametrize("names", [BOTH, ("LEAKY_RELU", "QUANTIZE")], ids=["two", "one"])
def test_equals_tflite_micro(tmp_path: Path, names: tuple[str, ...]) -> None:
    rng = np.random.default_rng(5)
    operators = drawn(rng, names, 14)
    samples = samples_for(rng, operators)
    path = tmp_path / "wide.tflite"
    want = parity.tflite(path, operators, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_comparisons_equal_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    operators = []
    for name in RELATIONS:
        for _ in range(3):
            left, right = SHAPES[rng.integers(len(SHAPES))]
            x, y = (tflm.Tensor("int16", shape, scale(rng)) for shape in (left, right))
            table = f"{name.title().replace('_', '')}Options"
            operators.append(
                tflm.Operator(name, [x, y], [tflm.Tensor("bool", np.broadcast_shapes(left, right))], (table, {}))
            )
    samples = [[a.astype(np.int16) // np.int16(2048) for a in sample] for sample in samples_for(rng, operators)]
    path = tmp_path / "relations.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")
