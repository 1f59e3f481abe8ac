"""Random recurrent operators of TFLite, and sequences of samples for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array
from tests.ops import tflm
from tests.ops.parity import stored

__all__ = ["lstm", "samples_for", "svdf"]

#: Types of input, bias and cell of an LSTM.
_LSTM = {"int8": ("int32", "int16"), "int16": ("int64", "int16"), "float32": ("float32", "float32")}
#: TANH, and the activations of SVDF, of the schema.
_TANH, _ACTIVATIONS = 4, (0, 1, 2, 3)


def _real(rng: np.random.Generator, low: float, high: float) -> float:
    """Returns a scale, evenly spread over magnitudes."""
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def lstm(rng: np.random.Generator, kind: str, *, sizes: tuple[int, int, int] | None = None) -> tflm.Operator:
    """Returns a UNIDIRECTIONAL_SEQUENCE_LSTM; `sizes` are steps, depth and units, random where not given."""
    steps, depth, units = sizes or (int(rng.integers(1, 9)), int(rng.integers(1, 40)), int(rng.integers(1, 30)))
    batch, time_major = int(rng.choice([1, 1, 2, 3])), bool(rng.random() < 0.4)
    bias, cell = _LSTM[kind]
    real = kind == "float32"
    shape = (steps, batch) if time_major else (batch, steps)
    zero, hidden_zero = (int(z) for z in rng.integers(-128, 128, 2)) if kind == "int8" else (0, 0)
    wide = 128 if kind == "int8" else 32768
    scale, hidden = _real(rng, 0.2, 8) / wide, _real(rng, 0.5, 1.2) / wide

    def quantised(value: float) -> float | None:
        return None if real else value

    def weights(deep: int) -> tflm.Tensor:
        spread = _real(rng, 0.02, 3)
        if real:
            data = rng.normal(0, spread / np.sqrt(deep), (units, deep)).astype(np.float32)
            return tflm.Tensor("float32", (units, deep), data=data)
        data = np.maximum(stored(rng, (units, deep), "extreme" if rng.random() < 0.1 else "random"), -127)
        return tflm.Tensor("int8", (units, deep), spread / 127 / np.sqrt(deep), data=data.astype(np.int8))

    def biases() -> tflm.Tensor:
        if real:
            return tflm.Tensor("float32", (units,), data=rng.normal(0, 1, units).astype(np.float32))
        data = rng.integers(-(1 << 13), 1 << 13, units) << (0 if kind == "int8" else 6)
        return tflm.Tensor(bias, (units,), scale / 100, data=data.astype(bias))

    power = int(rng.choice([-11, -12, -12, -13, -15]))
    inputs: list[tflm.Tensor | None] = [tflm.Tensor(kind, (*shape, depth), quantised(scale), zero)]
    inputs += [weights(depth) for _ in range(4)] + [weights(units) for _ in range(4)] + [None] * 3
    inputs += [biases() for _ in range(4)] + [None] * 2
    inputs += [
        tflm.Tensor(kind, (batch, units), quantised(hidden), hidden_zero, variable=True),
        tflm.Tensor(cell, (batch, units), quantised(2.0**power), variable=True),
    ]
    inputs += [None] * 4
    output = tflm.Tensor(kind, (*shape, units), quantised(hidden), hidden_zero)
    options = {
        "fusedActivationFunction": _TANH,
        "timeMajor": time_major,
        "cellClip": float(rng.choice([0.0, 10.0, 0.6])),
    }
    return tflm.Operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [output], ("UnidirectionalSequenceLSTMOptions", options), 1
    )


def svdf(rng: np.random.Generator, kind: str, *, sizes: tuple[int, int, int, int] | None = None) -> tflm.Operator:
    """Returns an SVDF; `kind` is the type of its state, `sizes` are depth, units, rank and memory."""
    depth, units, rank, memory = sizes or (
        int(rng.integers(1, 70)),
        int(rng.integers(1, 20)),
        int(rng.integers(1, 4)),
        int(rng.integers(1, 12)),
    )
    batch, filters = int(rng.choice([1, 1, 2])), units * rank
    options = ("SVDFOptions", {"rank": rank, "fusedActivationFunction": int(rng.choice(_ACTIVATIONS))})
    if kind == "float32":
        inputs: list[tflm.Tensor | None] = [
            tflm.Tensor(kind, (batch, depth)),
            tflm.Tensor(kind, (filters, depth), data=rng.normal(0, 0.3, (filters, depth)).astype(np.float32)),
            tflm.Tensor(kind, (filters, memory), data=rng.normal(0, 0.3, (filters, memory)).astype(np.float32)),
            tflm.Tensor(kind, (units,), data=rng.normal(0, 1, units).astype(np.float32)),
            tflm.Tensor(kind, (batch, filters * memory), variable=True),
        ]
        return tflm.Operator("SVDF", inputs, [tflm.Tensor(kind, (batch, units))], options, 1)
    wide = 127 if kind == "int8" else 32767
    scale, feature = _real(rng, 0.01, 0.1), _real(rng, 0.002, 0.02)
    # Of a spread that neither vanishes nor saturates all, but saturates now and then.
    state = float(np.float32(scale * feature * 74 * 74 * np.sqrt(depth) / wide * rng.uniform(1, 4)))
    time = float(np.float32(rng.uniform(0.5, 1.5) / wide))
    held = int(rng.integers(-60, 60)) if kind == "int8" else 0
    weights_of_time = stored(rng, (filters, memory), dtype=np.int8 if kind == "int8" else np.int16)
    summed = state * time * wide * wide * np.sqrt(memory * rank) / 8
    inputs = [
        tflm.Tensor("int8", (batch, depth), scale, int(rng.integers(-128, 128))),
        tflm.Tensor("int8", (filters, depth), feature, data=stored(rng, (filters, depth))),
        tflm.Tensor(kind, (filters, memory), time, data=weights_of_time),
        tflm.Tensor("int32", (units,), state * time, data=rng.integers(-(1 << 12), 1 << 12, units).astype(np.int32)),
        tflm.Tensor(kind, (batch, filters * memory), state, held, variable=True),
    ]
    output = tflm.Tensor("int8", (batch, units), float(np.float32(summed / 60)), int(rng.integers(-128, 128)))
    return tflm.Operator("SVDF", inputs, [output], options, 1)


def samples_for(rng: np.random.Generator, operators: Sequence[tflm.Operator], count: int = 5) -> list[list[Array]]:
    """Returns a sequence of inputs for operators side by side, the last of extremes."""
    samples = []
    for index in range(count):
        kind = "extreme" if index == count - 1 else "random"
        sample = []
        for operator in operators:
            x = operator.inputs[0]
            assert x is not None
            real = rng.normal(0, 1, x.shape).astype(np.float32)
            sample.append(real if x.dtype == "float32" else stored(rng, x.shape, kind, np.dtype(x.dtype).type))
        samples.append(sample)
    return samples
