"""ATen's LSTM, GRU and plain recurrent layers, over sequences and of one step: `Recurrent` has PyTorch's formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason, constant
from ariel_build.ops.concat import concat
from ariel_build.ops.recurrent import GATES, Activation, Recurrent
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

_FUNCTIONS = {
    "lstm": ("Sigmoid", "Tanh", "Tanh"),
    "gru": ("Sigmoid", "Tanh"),
    "rnn_tanh": ("Tanh",),
    "rnn_relu": ("Relu",),
}
#: Where our gates are among PyTorch's: its GRU has r before z.
_ORDER = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2), "rnn": (0,)}


def _weights(kind: str, units: int, parts: list[Value | None]) -> list[np.ndarray]:
    """Returns weights and biases of one direction with the gates in our order; biases that are left out are 0."""
    rows = GATES[kind] * units
    found = []
    for part in parts:
        data = np.zeros(rows, np.float32) if part is None else constant(part, "a weight")
        if data.shape[0] != rows:
            raise UnsupportedReason(f"a weight of shape {list(data.shape)} has not {rows} rows")
        gates = np.split(data, GATES[kind])
        found.append(np.concatenate([gates[g] for g in _ORDER[kind]]))
    return found


def _layer(
    call: Call,
    name: str,
    x: Value,
    states: list[Value],
    directions: list[list[Value | None]],
    *,
    every: bool,
) -> list[Value]:
    """Returns the outputs of `Recurrent` over x [n, t, k]; `directions` has weights and biases of each direction."""
    kind = name.partition("_")[0]
    units = states[0].shape[-1]
    parts = [_weights(kind, units, given) for given in directions]
    constants: list[Value | None] = [call.constant(np.stack([p[k] for p in parts])) for k in range(4)]
    functions = tuple(Activation(f) for f in _FUNCTIONS[name]) * len(directions)
    op = Recurrent(kind, functions, every=every, reset_after=kind == "gru")
    if x.type.dtype is not DType.F32:
        raise UnsupportedReason(f"{x.type} is not supported, only float32")
    return call.importer.emit(op, [x, *states, *constants, *([None] if kind == "lstm" else [])])


def _sequence(name: str) -> Callable[[Call], list[Value | None]]:
    def body(call: Call) -> list[Value | None]:
        if call.flag("train") and call.real("dropout", 0.0) != 0.0:
            raise UnsupportedReason("it drops at random: call model.eval() before torch.export.export")
        call.real("dropout", 0.0)
        layers, both = call.integer("num_layers"), call.flag("bidirectional")
        biased, first = call.flag("has_biases"), call.flag("batch_first")
        x = call.tensor("input")
        alone = len(x.shape) == 2
        given = call.all_tensors("hx") if name == "lstm" else [call.tensor("hx")]
        if alone:
            x = call.reshape(x, (1, *x.shape) if first else (x.shape[0], 1, x.shape[1]))
            given = [call.reshape(h, (h.shape[0], 1, h.shape[1])) for h in given]
        if not first:
            x = transpose(call.importer, x, (1, 0, 2))
        count = 2 if both else 1
        params, each = call.all_tensors("params"), 4 if biased else 2
        if len(params) != layers * count * each or any(h.shape[0] != layers * count for h in given):
            raise UnsupportedReason(
                f"{len(params)} weights do not make {layers} layers in {count} directions (no projections)"
            )
        lasts: list[list[Value]] = [[] for _ in given]
        for layer in range(layers):
            weights: list[list[Value | None]] = []
            for direction in range(count):
                at = (layer * count + direction) * each
                weights.append([*params[at : at + each], *([] if biased else [None, None])])
            states = [emit_slice(call.importer, h, {0: (layer * count, count, 1)}) for h in given]
            every = layer < layers - 1 or call.wants(0)
            made = list(_layer(call, name, x, states, weights, every=every))
            if every:
                # [d, n, t, u] -> [n, t, d * u]
                y = made.pop(0)
                _, n, t, u = y.shape
                x = call.reshape(transpose(call.importer, y, (1, 2, 0, 3)), (n, t, count * u))
            for last, value in zip(lasts, made, strict=True):
                last.append(value)
        ends: list[Value] = [concat(call.importer, last, 0) for last in lasts]
        y = x if first else transpose(call.importer, x, (1, 0, 2))
        if alone:
            y = call.reshape(y, (y.shape[0] * y.shape[1], y.shape[2]))
            ends = [call.reshape(h, (h.shape[0], h.shape[2])) for h in ends]
        return [y if call.wants(0) else None, *ends]

    return body


def _cell(name: str) -> Callable[[Call], list[Value]]:
    def body(call: Call) -> list[Value]:
        x = call.tensor("input")
        given = call.all_tensors("hx") if name == "lstm" else [call.tensor("hx")]
        alone = len(x.shape) == 1
        rows = call.reshape(x, (1, 1, x.shape[0]) if alone else (x.shape[0], 1, x.shape[1]))
        states = [call.reshape(h, (1, 1, h.shape[0]) if alone else (1, *h.shape)) for h in given]
        weights = [call.optional(part) for part in ("w_ih", "w_hh", "b_ih", "b_hh")]
        made = _layer(call, name, rows, states, [weights], every=False)
        return [call.reshape(value, h.shape) for value, h in zip(made, given, strict=True)]

    return body


for _name in _FUNCTIONS:
    aten(f"{_name}.input")(_sequence(_name))
    aten(f"{_name}_cell.default")(_cell(_name))


@aten("lstm.data", "gru.data", "rnn_tanh.data", "rnn_relu.data")
def _packed(_: Call) -> Value:
    raise UnsupportedReason("packed sequences are not supported: give the layer a padded tensor")
