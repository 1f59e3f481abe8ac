"""Functions of one int16 equal TFLite-Micro for all 65,536 inputs: in numpy, and compiled for the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ariel_build.ir import Array
from tests.ops import parity, tflm

EVERY = np.arange(-(1 << 15), 1 << 15).astype(np.int16).reshape(1, -1)
ONE = 2.0**-15
#: Input scales of LOGISTIC and TANH: powers of two have multipliers of their own; the smallest leaves nothing but 0.
EDGES = (2.0**-12, 2.0**-11, 2.0**-10, 2.0**-12 * 1.0005, 1e-11, 2.6)


def scales_of(rng: np.random.Generator, name: str, index: int) -> tuple[float, float]:
    """Returns the scales of input and output."""
    scale, out = (float(s) for s in 10 ** rng.uniform(-4.5, -2.5, 2))
    if name in ("LOGISTIC", "TANH"):
        return (EDGES[index] if index < len(EDGES) else scale), ONE
    if name == "RSQRT":
        return scale, float(10 ** rng.uniform(-3, 0))
    return (scale, scale) if index == 0 else (scale, out)


def test_equals_tflite_micro(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    operators, sample = [], list[Array]()
    for name in ("ABS", "LOGISTIC", "RELU", "RELU6", "RSQRT", "TANH"):
        for index in range(len(EDGES) + 2 if name in ("LOGISTIC", "TANH") else 3):
            data = EVERY
            if name == "RSQRT":
                # TFLite-Micro stops at negative inputs.
                data = np.append(np.arange(64), rng.integers(0, 1 << 15, 960)).astype(np.int16).reshape(1, -1)
            x, y = (tflm.Tensor("int16", data.shape, float(np.float32(s))) for s in scales_of(rng, name, index))
            operators.append(tflm.Operator(name, [x], [y]))
            sample.append(data)
    # Plain integers wrap.
    operators.append(tflm.Operator("ABS", [tflm.Tensor("int16", EVERY.shape)], [tflm.Tensor("int16", EVERY.shape)]))
    sample.append(EVERY)
    path = tmp_path / "functions.tflite"
    want = parity.tflite(path, operators, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "kernels")


def test_tables_equal_litert(tmp_path: Path) -> None:
    """TFLite-Micro has none of these in int16."""
    rng = np.random.default_rng(9)
    operators, sample = [], list[Array]()
    for name in ("EXP", "GELU", "LOG"):
        for index in range(5):
            scale, out = (float(np.float32(s)) for s in 10 ** rng.uniform(-4.5, -2.5, 2))
            # The greatest powers of e are no numbers.
            scale = 0.01 if name == "EXP" and index == 0 else scale
            x, y = (tflm.Tensor("int16", EVERY.shape, s) for s in (scale, out))
            options = ("GeluOptions", {"approximate": index % 2 == 1}) if name == "GELU" else None
            operators.append(tflm.Operator(name, [x], [y], options))
            sample.append(EVERY)
    path = tmp_path / "tables.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, [sample])
    parity.agree(parity.reference(path, [sample]), want, "reference")
    parity.agree(parity.host(path, [sample]), want, "kernels")
