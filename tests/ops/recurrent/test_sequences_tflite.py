"""LSTM and RNN of TFLite in float32, one way and both ways, equal LiteRT's, inference after inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from tests.ops import parity, tflm
from tests.ops.recurrent.operators import samples_for

#: NONE, RELU and TANH of the schema.
_ACTIVATIONS = (0, 1, 4)
_TANH = 4

Make = Callable[[np.random.Generator], tflm.Operator]
Inputs = list[tflm.Tensor | None]


def weights(rng: np.random.Generator, *shape: int, stored: bool = False) -> tflm.Tensor:
    data = rng.normal(0, 1 / np.sqrt(shape[-1]), shape).astype(np.float32)
    if not stored:
        return tflm.Tensor("float32", shape, data=data)
    scale = float(np.float32(np.abs(data).max() / 127))
    return tflm.Tensor("int8", shape, scale, data=np.round(data / scale).astype(np.int8))


def kept(*shape: int) -> tflm.Tensor:
    return tflm.Tensor("float32", shape, variable=True)


def cell(
    rng: np.random.Generator, depth: int, units: int, *, peephole: bool, stored: bool = False
) -> tuple[Inputs, Inputs]:
    """The weights of an LSTM: those of x and h, then peephole, biases and no projection."""
    of = [weights(rng, units, n, stored=stored) for n in (depth,) * 4 + (units,) * 4]
    own = [weights(rng, units, stored=stored) if peephole else None for _ in range(3)]
    return list(of), [*own, *(weights(rng, units) for _ in range(4)), None, None]


def lstm(rng: np.random.Generator, *, stored: bool = False, both: bool = False, step: bool = False) -> tflm.Operator:
    """An LSTM, over a sequence, in both directions, or of one step, with or without a peephole."""
    steps, batch, depth, units = (int(n) for n in rng.integers(1, [7, 4, 9, 8]))
    time_major, merged = bool(rng.random() < 0.4), bool(rng.random() < 0.5)
    if merged and not time_major:
        # There LiteRT looks for the states of a second sequence where the merged output would have them.
        batch = 1
    options = {
        "fusedActivationFunction": _TANH if stored else int(rng.choice(_ACTIVATIONS[1:])),
        "cellClip": float(rng.choice([0.0, 0.6])),
    }
    shape = (batch,) if step else (steps, batch) if time_major else (batch, steps)
    x = tflm.Tensor("float32", (*shape, depth))
    # LiteRT has the same number of units both ways.
    counts = [units] * (2 if both else 1)
    cells = [cell(rng, depth, n, peephole=bool(rng.random() < 0.5) and not stored, stored=stored) for n in counts]
    inputs: Inputs = [x, *(t for one in cells for part in one for t in part)]
    inputs += [kept(batch, n) for n in counts for _ in range(2)]
    inputs += [None] * (9 if both else 4)
    outputs = [tflm.Tensor("float32", (*shape, n)) for n in counts]
    if step:
        return tflm.Operator("LSTM", inputs, outputs, ("LSTMOptions", options), 2)
    options["timeMajor"] = time_major
    if not both:
        name = "UNIDIRECTIONAL_SEQUENCE_LSTM"
        return tflm.Operator(name, inputs, outputs, ("UnidirectionalSequenceLSTMOptions", options), 1)
    options["mergeOutputs"] = merged
    if merged:
        outputs = [tflm.Tensor("float32", (*shape, sum(counts)))]
    return tflm.Operator(
        "BIDIRECTIONAL_SEQUENCE_LSTM", inputs, outputs, ("BidirectionalSequenceLSTMOptions", options), 1
    )


def rnn(rng: np.random.Generator, *, both: bool = False, step: bool = False, stored: bool = False) -> tflm.Operator:
    """A plain recurrent layer, over a sequence, in both directions, or of one step."""
    steps, batch, depth, units = (int(n) for n in rng.integers(1, [7, 4, 9, 8]))
    time_major, merged = bool(rng.random() < 0.4), bool(rng.random() < 0.5)
    options: dict[str, object] = {"fusedActivationFunction": int(rng.choice(_ACTIVATIONS))}
    shape = (batch,) if step else (steps, batch) if time_major else (batch, steps)
    counts = [units, int(rng.integers(1, 8))] if both else [units]
    inputs: Inputs = [tflm.Tensor("float32", (*shape, depth))]
    for n in counts:
        inputs += [weights(rng, n, k, stored=stored) for k in (depth, n)]
        inputs += [weights(rng, n), kept(batch, n)]
    outputs = [tflm.Tensor("float32", (*shape, n)) for n in counts]
    if step:
        return tflm.Operator("RNN", inputs, outputs, ("RNNOptions", options), 1)
    options["timeMajor"] = time_major
    if not both:
        return tflm.Operator("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, outputs, ("SequenceRNNOptions", options), 1)
    options["mergeOutputs"] = merged
    if merged:
        outputs = [tflm.Tensor("float32", (*shape, sum(counts)))]
    inputs += [None] * 3
    return tflm.Operator("BIDIRECTIONAL_SEQUENCE_RNN", inputs, outputs, ("BidirectionalSequenceRNNOptions", options), 1)


MAKES: Sequence[Make] = (
    lstm,
    lambda rng: lstm(rng, both=True),
    lambda rng: lstm(rng, step=True),
    rnn,
    lambda rng: rnn(rng, both=True),
    lambda rng: rnn(rng, step=True),
)


def test_equals_litert(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    operators = [make(rng) for make in MAKES for _ in range(6)]
    samples = samples_for(rng, operators)
    path = tmp_path / "layers.tflite"
    path.write_bytes(tflm.models(operators))
    want = parity.litert(path, samples, optimized=True)
    parity.agree(parity.reference(path, samples), want, "reference", rtol=1e-4, atol=1e-5)
    parity.agree(parity.host(path, samples), want, "kernels", rtol=1e-4, atol=1e-5)


def test_stored_weights_are_the_floats_that_they_stand_for(tmp_path: Path) -> None:
    """LiteRT's answers are as near as its activations of 8 bits let them be."""
    rng = np.random.default_rng(8)
    operators = [lstm(rng, stored=True), lstm(rng, stored=True, both=True), rnn(rng, stored=True)]
    samples = samples_for(rng, operators)
    path, real = tmp_path / "hybrid.tflite", tmp_path / "real.tflite"
    path.write_bytes(tflm.models(operators))
    plain = [
        tflm.Operator(
            op.op, [None if t is None else as_floats(t) for t in op.inputs], op.outputs, op.options, op.version
        )
        for op in operators
    ]
    real.write_bytes(tflm.models(plain))
    ours = parity.reference(path, samples)
    parity.agree(ours, parity.litert(real, samples, optimized=True), "weights as floats", rtol=1e-4, atol=1e-5)
    parity.agree(ours, parity.litert(path, samples, optimized=True), "activations of 8 bits", rtol=0.1, atol=0.05)


def as_floats(spec: tflm.Tensor) -> tflm.Tensor:
    if spec.dtype != "int8" or spec.data is None or not isinstance(spec.scale, float):
        return spec
    return tflm.Tensor("float32", spec.shape, data=spec.data.astype(np.float32) * np.float32(spec.scale))


def changed(operator: tflm.Operator, index: int, spec: tflm.Tensor | None) -> tflm.Operator:
    inputs = list(operator.inputs)
    inputs[index] = spec
    return tflm.Operator(operator.op, inputs, operator.outputs, operator.options, operator.version)


@pytest.mark.parametrize(
    "make, index, shape, why",
    [
        (lstm, 1, None, "an input gate that is tied to the forget gate .input 1. is not supported"),
        (lstm, 16, (5, 5), "a projection is not supported"),
        (lstm, 20, (5,), "layer normalisation is not supported"),
        (MAKES[1], 39, (1, 5), "an auxiliary input is not supported"),
        (MAKES[4], 9, (1, 5), "an auxiliary input is not supported"),
    ],
)
def test_variants_are_refused(make: Make, index: int, shape: tuple[int, ...] | None, why: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    path = tmp_path / "net.tflite"
    path.write_bytes(tflm.models([changed(make(rng), index, None if shape is None else weights(rng, *shape))]))
    with pytest.raises(UnsupportedError, match=why):
        import_file(path)
