"""UNIDIRECTIONAL_SEQUENCE_LSTM: its tensors, of which both states are variables, and either layout of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, constant, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.lstm import Lstm
from ariel_build.ops.recurrent import Activation, Recurrent
from ariel_build.ops.reshape import reshape
from ariel_build.ops.transpose import transpose
from ariel_build.ops.variables import variable

__all__: list[str] = []

#: Inputs by their index: weights of x, weights of h, biases, states.
_WX, _WH, _BIAS, _HIDDEN, _CELL = range(1, 5), range(5, 9), range(12, 16), 18, 19
#: What TFLite-Micro has no kernel for either.
_VARIANTS = {
    "peephole weights": (9, 10, 11),
    "a projection": (16, 17),
    "layer normalisation": (20, 21, 22, 23),
}


@imports(
    "tflite",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    harmless={
        "intermediates": "they are scales of layer normalisation, which is refused",
        "proj_clip": "it is about the projection, which is refused",
        "asymmetric_quantize_inputs": "it is about hybrid models, which are refused by their types",
    },
)
def _unidirectional_sequence_lstm(importer: Importer) -> None:
    keys = importer.node.inputs
    for what, indices in _VARIANTS.items():
        if any(index < len(keys) and keys[index] is not None for index in indices):
            raise UnsupportedReason(f"{what} is not supported")
    if importer.text("fused_activation_function", "NONE") != "TANH":
        raise UnsupportedReason(f"activation {importer.text('fused_activation_function', 'NONE')} is not supported")
    if importer.attribute("diagonal_recurrent_tensors", False):
        raise UnsupportedReason("diagonal recurrent weights are not supported")
    x, weights = importer.input(0), [importer.input(index) for index in (*_WX, *_WH)]
    biases = [importer.optional_input(index) for index in _BIAS]
    for value in (*weights, *biases):
        if value is not None:
            constant(value, "a weight")
    if len(x.shape) != 3:
        raise UnsupportedReason(f"the input has the shape {list(x.shape)}, not 3 axes")
    hidden, cell = variable(importer, _HIDDEN), variable(importer, _CELL)
    time_major = bool(importer.attribute("time_major", False))
    batch = x.shape[1 if time_major else 0]
    states = [reshape(importer, s.next, (batch, s.next.type.elements // max(batch, 1))) for s in (hidden, cell)]
    clip = importer.real("cell_clip")
    if time_major:
        x = _swapped(importer, x)
    if x.type.dtype is DType.F32:
        output, *after = _float(importer, x, states, [*weights, *biases], clip)
    else:
        types = [states[0].type.with_shape((*x.shape[:2], states[0].shape[1])), *(s.type for s in states)]
        output, *after = importer.emit(Lstm(clip), [x, *states, *weights, *biases], types=types)
    for state, value in zip((hidden, cell), after, strict=True):
        state.next = reshape(importer, value, state.current.shape)
    importer.bind(_swapped(importer, output) if time_major else output)


def _float(
    importer: Importer, x: Value, states: Sequence[Value], weights: Sequence[Value | None], clip: float
) -> list[Value]:
    """Returns output and states of an LSTM in float32."""
    units = states[0].shape[1]
    of_x, of_h, bias = (
        np.concatenate([np.zeros(units, np.float32) if v is None else constant(v, "a weight") for v in part])[None]
        for part in (weights[:4], weights[4:8], weights[8:])
    )
    constants = [importer.constant(data) for data in (of_x, of_h, bias, np.zeros_like(bias))]
    given = [reshape(importer, value, (1, *value.shape)) for value in states]
    op = Recurrent("lstm", (Activation("Sigmoid"), Activation("Tanh"), Activation("Tanh")), cell_clip=clip)
    output, *after = importer.emit(op, [x, *given, *constants, None])
    return [reshape(importer, output, output.shape[1:]), *(reshape(importer, v, v.shape[1:]) for v in after)]


def _swapped(importer: Importer, value: Value) -> Value:
    """Returns [t, n, k] as [n, t, k] or the other way round: a view where one of both is 1."""
    first, second, depth = value.shape
    if 1 in (first, second):
        return reshape(importer, value, (second, first, depth))
    return transpose(importer, value, (1, 0, 2))
