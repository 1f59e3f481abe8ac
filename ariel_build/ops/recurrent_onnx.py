"""ONNX's LSTM, GRU and RNN: their weights, attributes of activations, either layout of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from ariel_build.ir import Array, DType, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.importer import Importer
from ariel_build.ops.recurrent import FUNCTIONS, Activation, Recurrent
from ariel_build.ops.recurrent_steps import Layer, StoredLayer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

#: Where our gates are among those of the file.
_ORDER = {"lstm": (0, 2, 3, 1), "gru": (0, 1, 2), "rnn": (0,)}
_DEFAULTS = {"lstm": ("Sigmoid", "Tanh", "Tanh"), "gru": ("Sigmoid", "Tanh"), "rnn": ("Tanh",)}
#: Activations by their names in lower case: the name, and the defaults of those of alpha and beta that they have; None
#: where the format has no default.
_PARAMETERS: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "affine": ("Affine", (None, None)),
    "elu": ("Elu", (1.0,)),
    "hardsigmoid": ("HardSigmoid", (0.2, 0.5)),
    "leakyrelu": ("LeakyRelu", (0.01,)),
    "relu": ("Relu", ()),
    "scaledtanh": ("ScaledTanh", (None, None)),
    "sigmoid": ("Sigmoid", ()),
    "softplus": ("Softplus", ()),
    "softsign": ("Softsign", ()),
    "tanh": ("Tanh", ()),
    "thresholdedrelu": ("ThresholdedRelu", (1.0,)),
}
#: Permutations of [d, n, t, u] to Y, and of [d, n, u] to states, by the layout.
_OUTPUT = {0: (2, 0, 1, 3), 1: (1, 2, 0, 3)}
_STATE = {0: (0, 1, 2), 1: (1, 0, 2)}


@imports(
    "onnx",
    *("LSTM", "GRU", "RNN", "com.microsoft:DynamicQuantizeLSTM"),
    harmless={"hidden_size": "the weights have a shape"},
)
def _recurrent(importer: Importer) -> None:
    is_stored = importer.node.op.endswith("DynamicQuantizeLSTM")
    kind = "lstm" if is_stored else importer.node.op.lower()
    direction = importer.text("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise UnsupportedReason(f"direction {direction} is not known")
    layout = importer.integer("layout")
    if layout not in _OUTPUT:
        raise UnsupportedReason(f"layout {layout} is not known")
    x = importer.input(0)
    if x.type.dtype is not DType.F32 or len(x.shape) != 3:
        raise UnsupportedReason(f"an input {x.type} is not supported, only float32 with 3 axes")
    if layout == 0:
        x = _permuted(importer, x, (1, 0, 2))
    w, r = importer.input(1), importer.input(2)
    if is_stored and len(w.shape) == len(r.shape) == 3:
        w, r = (transpose(importer, importer.view(value, None), (0, 2, 1)) for value in (w, r))
    directions, units = 2 if direction == "bidirectional" else 1, r.shape[-1] if r.shape else 0
    if len(r.shape) != 3 or len(w.shape) != 3 or w.shape[0] != directions or r.shape[0] != directions:
        raise UnsupportedReason(f"weights {list(w.shape)} and {list(r.shape)} do not fit {directions} directions")
    kept = (directions, x.shape[0], units)
    states = [_state(importer, index, kept, layout) for index in ((5, 6) if kind == "lstm" else (5,))]
    activations = tuple(_activations(importer, kind, directions))
    parameters = [importer.optional_input(index) for index in (1, 2, 3, 4, 7)]
    is_known = all(value is None or value.data is not None for value in parameters)
    if is_known and not is_stored and not (kind == "lstm" and importer.integer("input_forget")):
        made = _layer(importer, kind, x, states, activations, backwards=direction == "reverse")
    else:
        made = _steps(importer, kind, (w, r), x, states, activations, backwards=direction == "reverse")
    every, *last = made
    output = None if every is None else _permuted(importer, every, _OUTPUT[layout])
    importer.bind(output, *(_permuted(importer, value, _STATE[layout]) for value in last if value is not None))


def _layer(
    importer: Importer,
    kind: str,
    x: Value,
    states: list[Value],
    activations: tuple[Activation, ...],
    *,
    backwards: bool,
) -> list[Value | None]:
    """Returns what h was after each step, None where nobody reads it, and the last states: of one operator."""
    w, r = (importer.constant_input(index, "the weights") for index in (1, 2))
    directions, units = r.shape[0], r.shape[-1]
    rows = len(_ORDER[kind]) * units
    given = _given(importer, 3, "the biases", (directions, 2 * rows))
    constants = [_ordered(kind, part) for part in (w, r, given[:, :rows], given[:, rows:])]
    peephole = []
    if kind == "lstm":
        # Of i, o and f in the file.
        p = _given(importer, 7, "the peephole", (directions, 3 * units)).reshape(directions, 3, units)[:, (0, 2, 1)]
        peephole = [importer.constant(p.reshape(directions, -1)) if p.any() else None]
    op = Recurrent(
        kind,
        activations,
        every=_wanted(importer, 0),
        backwards=backwards,
        lengths=_lengths(importer, x),
        clip=importer.real("clip"),
        reset_after=kind == "gru" and bool(importer.integer("linear_before_reset")),
    )
    made = importer.emit(op, [x, *states, *map(importer.constant, constants), *peephole])
    return [*([] if op.every else [None]), *made]


def _steps(
    importer: Importer,
    kind: str,
    weights: tuple[Value, Value],
    x: Value,
    states: list[Value],
    activations: tuple[Activation, ...],
    *,
    backwards: bool,
) -> list[Value | None]:
    """Returns what h was after each step, and the last states: of many operators."""
    (w, r), given = weights, importer.optional_input(3)
    rows = len(_ORDER[kind]) * r.shape[-1]
    biases = None
    if given is not None:
        if given.shape != (w.shape[0], 2 * rows):
            raise UnsupportedReason(f"the biases have the shape {list(given.shape)}, not {[w.shape[0], 2 * rows]}")
        first, second = (emit_slice(importer, given, {1: (k * rows, rows, 1)}) for k in range(2))
        biases = first, second
    peephole = importer.optional_input(7) if kind == "lstm" else None
    if peephole is not None and peephole.shape != (w.shape[0], 3 * r.shape[-1]):
        raise UnsupportedReason(f"the peephole has the shape {list(peephole.shape)}")
    made: Callable[..., Layer] = Layer
    if importer.node.op.endswith("DynamicQuantizeLSTM"):
        scales, zeros = ([importer.optional_input(k) for k in pair] for pair in ((8, 10), (9, 11)))
        for value in (*scales, *zeros):
            if value is not None and value.shape not in ((w.shape[0],), (w.shape[0], rows)):
                raise UnsupportedReason(f"scales or zero points {value.type} do not fit weights {w.type}")
        made = partial(StoredLayer, scales=scales, zeros=zeros)
    layer = made(
        importer,
        kind,
        activations,
        w,
        r,
        biases,
        peephole,
        importer.optional_input(4),
        backwards,
        importer.real("clip"),
        reset_after=kind == "gru" and bool(importer.integer("linear_before_reset")),
        coupled=kind == "lstm" and bool(importer.integer("input_forget")),
    )
    return [*layer.outputs(x, states)]


def _permuted(importer: Importer, value: Value, perm: Sequence[int]) -> Value:
    """Returns a value with permuted axes: a view where only axes of 1 change places with others."""
    moved = [axis for axis in perm if value.shape[axis] != 1]
    if moved == sorted(moved):
        return reshape(importer, value, [value.shape[axis] for axis in perm])
    return transpose(importer, value, perm)


def _wanted(importer: Importer, index: int) -> bool:
    """Whether somebody reads an output."""
    outputs, model = importer.node.outputs, importer.model
    inner = [key for node in model.nodes for body in node.subgraphs.values() for key in body.captured]
    read = {*model.outputs, *inner, *(key for node in model.nodes for key in node.inputs)}
    return index < len(outputs) and outputs[index] in read


def _given(importer: Importer, index: int, what: str, shape: tuple[int, ...]) -> Array:
    """Returns a constant input, zeros where it is left out."""
    if importer.optional_input(index) is None:
        return np.zeros(shape, np.float32)
    data = importer.constant_input(index, what)
    if data.shape != shape:
        raise UnsupportedReason(f"{what} have the shape {list(data.shape)}, not {list(shape)}")
    return data


def _ordered(kind: str, data: Array) -> Array:
    """Returns weights [d, gates * u, ..] with the gates in our order."""
    parts = np.split(data, len(_ORDER[kind]), axis=1)
    return np.concatenate([parts[gate] for gate in _ORDER[kind]], axis=1)


def _state(importer: Importer, index: int, shape: tuple[int, ...], layout: int) -> Value:
    """Returns an initial state [d, n, u], zeros where it is left out."""
    value = importer.optional_input(index)
    if value is None:
        return importer.constant(np.zeros(shape, np.float32))
    found = _permuted(importer, value, _STATE[layout])
    if found.shape != shape:
        raise UnsupportedReason(f"the initial state {value.type} is not {list(shape)}")
    return found


def _lengths(importer: Importer, x: Value) -> tuple[int, ...]:
    """Returns the steps of the sequences, nothing where each has all of them."""
    if importer.optional_input(4) is None:
        return ()
    lengths = importer.constant_input(4, "the lengths of the sequences").reshape(-1)
    return () if (lengths == x.shape[1]).all() else tuple(int(n) for n in lengths)


def _activations(importer: Importer, kind: str, directions: int) -> Iterator[Activation]:
    """Yields the activations; those that have parameters take them from the lists, one after the other."""
    names = importer.attribute("activations")
    lists = [np.asarray(importer.attribute(f"activation_{p}", ()), np.float64).tolist() for p in ("alpha", "beta")]
    found = list(_DEFAULTS[kind] * directions) if names is None else names
    if not isinstance(found, (list, tuple)) or len(found) != directions * FUNCTIONS[kind]:
        raise UnsupportedReason(f"activations {found!r} are not {FUNCTIONS[kind]} for each direction")
    for name in found:
        text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        if text.lower() not in _PARAMETERS:
            raise UnsupportedReason(f"activation {text} is not known")
        own, defaults = _PARAMETERS[text.lower()]
        parameters = [values.pop(0) if values else d for d, values in zip(defaults, lists, strict=False)]
        if None in parameters:
            raise UnsupportedReason(f"activation {own} needs alpha and beta")
        yield Activation(own, *(float(p) for p in parameters if p is not None))
