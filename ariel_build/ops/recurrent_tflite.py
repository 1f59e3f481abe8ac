"""Recurrent layers of TFLite in float32: LSTM, RNN and their sequences, in one direction or both; states are variables.

Weights of hybrid models, stored in int8, become the floats that they stand for. LiteRT quantises activations at run
time where it meets them, which costs precision: its answers differ from ours by what it rounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, State, Value
from ariel_build.ops.base import UnsupportedReason, constant, imports
from ariel_build.ops.concat import concat
from ariel_build.ops.importer import Importer
from ariel_build.ops.recurrent import Activation, Recurrent
from ariel_build.ops.reshape import reshape
from ariel_build.ops.transpose import transpose
from ariel_build.ops.variables import variable
from ariel_build.records import dataclass

__all__ = ["FORWARD", "Cell", "bind_states", "in_layout", "real_lstm", "refuse_variants"]

_ACTIVATIONS = {"NONE": Activation("Affine", 1.0, 0.0), "RELU": Activation("Relu"), "TANH": Activation("Tanh")}


@dataclass(frozen=True)
class Cell:
    """Where the tensors of an LSTM of one direction are among the inputs; gates in the order i, f, g, o."""

    of_input: range
    of_hidden: range
    peephole: range
    bias: range
    projection: range
    norm: range
    hidden: int
    cell: int


FORWARD = Cell(range(1, 5), range(5, 9), range(9, 12), range(12, 16), range(16, 18), range(20, 24), 18, 19)
_BOTH = (
    Cell(range(1, 5), range(5, 9), range(9, 12), range(12, 16), range(16, 18), range(0), 35, 36),
    Cell(range(18, 22), range(22, 26), range(26, 29), range(29, 33), range(33, 35), range(0), 37, 38),
)
#: What a second input of both directions needs.
_AUXILIARY = range(39, 48)

_HARMLESS = {
    "asymmetric_quantize_inputs": "it is about how LiteRT quantises activations at run time, which are not here",
    "proj_clip": "it is about the projection, which is refused",
}


def refuse_variants(importer: Importer, cell: Cell, more: Sequence[tuple[str, range]] = ()) -> None:
    """Raises UnsupportedReason where a tensor is there that says something which we do not compute."""
    for what, indices in (("a projection", cell.projection), ("layer normalisation", cell.norm), *more):
        if any(_is_there(importer, index) for index in indices):
            raise UnsupportedReason(f"{what} is not supported")


def real_lstm(importer: Importer, x: Value, cell: Cell, *, clip: float, backwards: bool = False) -> Value:
    """Returns the output [n, t, u] of an LSTM in float32, and keeps its states."""
    missing = [index for index in (*cell.of_input, *cell.of_hidden) if not _is_there(importer, index)]
    if missing:
        raise UnsupportedReason(f"an input gate that is tied to the forget gate (input {missing[0]}) is not supported")
    hidden, memory = variable(importer, cell.hidden), variable(importer, cell.cell)
    units = hidden.next.type.elements // max(x.shape[0], 1)
    w, r, bias = (_joined(importer, indices, units) for indices in (cell.of_input, cell.of_hidden, cell.bias))
    peephole = None
    if any(_is_there(importer, index) for index in cell.peephole):
        peephole = importer.constant(_joined(importer, cell.peephole, units))
    constants = [importer.constant(data) for data in (w, r, bias, np.zeros_like(bias))]
    function = _activation(importer)
    op = Recurrent("lstm", (Activation("Sigmoid"), function, function), backwards=backwards, cell_clip=clip)
    return _emitted(importer, op, x, [hidden, memory], [*constants, peephole])


def _rnn(importer: Importer, x: Value, first: int, *, backwards: bool = False) -> Value:
    """Returns the output [n, t, u] of a plain layer whose weights, bias and state are inputs `first` and following."""
    w, r, bias = (_weights(importer, first + k) for k in range(3))
    hidden = variable(importer, first + 3)
    constants = [importer.constant(data[None]) for data in (w, r, bias, np.zeros_like(bias))]
    op = Recurrent("rnn", (_activation(importer),), backwards=backwards)
    return _emitted(importer, op, x, [hidden], constants)


def _emitted(
    importer: Importer, op: Recurrent, x: Value, states: Sequence[State], constants: Sequence[Value | None]
) -> Value:
    batch = x.shape[0]
    given = [reshape(importer, s.next, (1, batch, s.next.type.elements // max(batch, 1))) for s in states]
    output, *after = importer.emit(op, [x, *given, *constants])
    bind_states(importer, states, after)
    return reshape(importer, output, output.shape[1:])


def bind_states(importer: Importer, states: Sequence[State], after: Sequence[Value]) -> None:
    """Makes values what the states hold next."""
    for state, value in zip(states, after, strict=True):
        state.next = reshape(importer, value, state.current.shape)


def _is_there(importer: Importer, index: int) -> bool:
    return index < len(importer.node.inputs) and importer.node.inputs[index] is not None


def _joined(importer: Importer, indices: range, units: int) -> Array:
    """Returns the weights of all gates one behind the other, [1, gates * u, ..]; zeros where there is no bias."""
    absent = np.zeros(units, np.float32)
    return np.concatenate([_weights(importer, k) if _is_there(importer, k) else absent for k in indices])[None]


def _weights(importer: Importer, index: int) -> Array:
    """Returns constant weights as float32: what integers of a hybrid model stand for."""
    value = importer.input(index)
    data, quant = constant(value, "a weight"), value.type.quant
    if value.type.dtype is DType.F32:
        return data
    if quant is None or not (quant.per_tensor or quant.axis == 0) or value.type.dtype not in (DType.I8, DType.U8):
        raise UnsupportedReason(f"weights {value.type} with activations in float32 are not supported")
    shape = (-1, *[1] * (data.ndim - 1))
    scales, zeros = (np.array(n).reshape(shape) for n in (quant.scales, quant.zero_points))
    return np.asarray((data.astype(np.int32) - zeros).astype(np.float32) * scales.astype(np.float32))


def _activation(importer: Importer) -> Activation:
    word = importer.text("fused_activation_function", "NONE")
    if word not in _ACTIVATIONS:
        raise UnsupportedReason(f"activation {word} is not supported")
    return _ACTIVATIONS[word]


def _real(importer: Importer, axes: int) -> Value:
    """Returns the input, which must be float32 with so many axes."""
    x = importer.input(0)
    if x.type.dtype is not DType.F32 or len(x.shape) != axes:
        raise UnsupportedReason(f"an input {x.type} is not supported, only float32 with {axes} axes")
    return x


def in_layout(importer: Importer, value: Value) -> Value:
    """Returns [n, t, k] as the node has it, or what the node has as [n, t, k]; a view where one of both is 1."""
    if not importer.attribute("time_major", False):
        return value
    first, second, depth = value.shape
    if 1 in (first, second):
        return reshape(importer, value, (second, first, depth))
    return transpose(importer, value, (1, 0, 2))


def _bind_both(importer: Importer, outputs: Sequence[Value]) -> None:
    """Binds the outputs of both directions: one tensor where they are merged."""
    shown = [in_layout(importer, value) for value in outputs]
    if importer.attribute("merge_outputs", False):
        shown = [concat(importer, shown, 2)]
    importer.bind(*shown)


@imports("tflite", "BIDIRECTIONAL_SEQUENCE_LSTM", harmless=_HARMLESS)
def _bidirectional_sequence_lstm(importer: Importer) -> None:
    for cell in _BOTH:
        refuse_variants(importer, cell, [("an auxiliary input", _AUXILIARY)])
    x, clip = in_layout(importer, _real(importer, 3)), importer.real("cell_clip")
    _bind_both(importer, [real_lstm(importer, x, cell, clip=clip, backwards=cell is _BOTH[1]) for cell in _BOTH])


@imports("tflite", "LSTM", harmless=_HARMLESS)
def _lstm(importer: Importer) -> None:
    """One step of a sequence, whose tensors are those of UNIDIRECTIONAL_SEQUENCE_LSTM."""
    if importer.text("kernel_type", "FULL") != "FULL":
        raise UnsupportedReason("the basic kernel is not supported: convert the model anew")
    refuse_variants(importer, FORWARD)
    x = _real(importer, 2)
    y = real_lstm(importer, reshape(importer, x, (x.shape[0], 1, x.shape[1])), FORWARD, clip=importer.real("cell_clip"))
    importer.bind(reshape(importer, y, (x.shape[0], y.shape[2])))


@imports("tflite", "RNN", harmless=_HARMLESS)
def _basic_rnn(importer: Importer) -> None:
    x = _real(importer, 2)
    y = _rnn(importer, reshape(importer, x, (x.shape[0], 1, x.shape[1])), 1)
    importer.bind(reshape(importer, y, (x.shape[0], y.shape[2])))


@imports("tflite", "UNIDIRECTIONAL_SEQUENCE_RNN", harmless=_HARMLESS)
def _unidirectional_sequence_rnn(importer: Importer) -> None:
    importer.bind(in_layout(importer, _rnn(importer, in_layout(importer, _real(importer, 3)), 1)))


@imports("tflite", "BIDIRECTIONAL_SEQUENCE_RNN", harmless=_HARMLESS)
def _bidirectional_sequence_rnn(importer: Importer) -> None:
    if any(_is_there(importer, index) for index in range(9, 12)):
        raise UnsupportedReason("an auxiliary input is not supported")
    x = in_layout(importer, _real(importer, 3))
    _bind_both(importer, [_rnn(importer, x, 1), _rnn(importer, x, 5, backwards=True)])
