"""Recurrent: LSTM, GRU and plain recurrent layers in float32, over sequences in one direction or both.

lstm  i, f, o = f(Wx + Rh + b), g = g(Wx + Rh + b); c = f * c + i * g; h = o * h(c)
gru   z, r = f(Wx + Rh + b); n = g(Wx + b + r * (Rh + d)) or g(Wx + b + R(r * h) + d); h = (1 - z) * n + z * h
rnn   h = f(Wx + Rh + b)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Scratch, Source, Tiling
from ariel_build.kernels.declared import recurrent as declared
from ariel_build.kernels.packing import packed
from ariel_build.ops.accumulate import FINITE
from ariel_build.ops.base import Operator, constant
from ariel_build.ops.shorter import Axes, Bound, Mixed, apart
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["ACTIVATIONS", "GATES", "Activation", "Recurrent"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


class Activation(NamedTuple):
    """A function of one number, a key of `ACTIVATIONS`, and its parameters."""

    kind: str
    alpha: float = 0.0
    beta: float = 0.0

    def __call__(self, x: F32) -> F32:
        """Computes it in double, rounded once."""
        with np.errstate(over="ignore"):
            return np.asarray(ACTIVATIONS[self.kind](x.astype(np.float64), self.alpha, self.beta), np.float32)


#: Of x, alpha and beta; named as in ONNX and in the runtime crate.
ACTIVATIONS: dict[str, Callable[[F64, float, float], F64]] = {
    "Affine": lambda x, a, b: a * x + b,
    "Elu": lambda x, a, _: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x),
    "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0.0, 1.0),
    "LeakyRelu": lambda x, a, _: np.where(x < 0, a * x, x),
    "Relu": lambda x, _, __: np.maximum(x, 0),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "Sigmoid": lambda x, _, __: 1.0 / (1.0 + np.exp(-x)),
    "Softplus": lambda x, _, __: np.logaddexp(0.0, x),
    "Softsign": lambda x, _, __: x / (1.0 + np.abs(x)),
    "Tanh": lambda x, _, __: np.tanh(x),
    "ThresholdedRelu": lambda x, a, _: np.where(x < a, 0.0, x),
}
#: Gates, and the functions of one direction.
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
FUNCTIONS = {"lstm": 3, "gru": 2, "rnn": 1}


@dataclass(frozen=True)
class Recurrent(Operator):
    """A layer over n sequences, in d directions.

    Inputs: x [n, t, k], h [d, n, u], c [d, n, u] of an LSTM, W [d, g * u, k], R [d, g * u, u], biases of both
    [d, g * u], and, of an LSTM, the peephole of i, f and o [d, 3 * u] or none; all but x, h and c constants. With
    `counted`, as the last one, how many steps there are, which holds for all sequences: i32[1].
    Outputs: with `every`, what h was after each step [d, n, t, u]; the last h; the last c of an LSTM.

    Gates are in the order i, f, g, o or z, r, n. The second of two directions is backwards, the first with `backwards`.
    `lengths` are the steps that the sequences of the batch have, where not all; what an output has behind them is 0.
    """

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    kind: str
    #: Those of each direction, one behind the other.
    activations: tuple[Activation, ...]
    every: bool = True
    backwards: bool = False
    lengths: tuple[int, ...] = ()
    #: Bounds of what activations get, and of the cell; none where not positive.
    clip: float = 0.0
    cell_clip: float = 0.0
    #: Gru: whether r is a factor of the product with h, and not of h.
    reset_after: bool = False
    counted: bool = False

    @property
    def name(self) -> str:
        """`Lstm`, `Gru` or `Rnn`."""
        return self.kind.capitalize()

    @property
    def _is_lstm(self) -> bool:
        return self.kind == "lstm"

    def _constants(self, inputs: Sequence[Array | None]) -> list[Array | None]:
        return list(inputs[3 if self._is_lstm else 2 : -1 if self.counted else None])

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """Checks every shape."""
        x, h = inputs[0], inputs[1]
        if self.counted:
            *inputs, count_ = inputs
            if count_ is None or count_.dtype is not DType.I32 or count_.elements != 1 or self.lengths:
                raise ValueError(f"{count_} does not tell how many steps there are")
        if x is None or h is None or len(x.shape) != 3 or len(h.shape) != 3:
            raise ValueError("the input and the state must have 3 axes")
        (batch, steps, depth), (directions, count, units) = x.shape, h.shape
        rows = GATES[self.kind] * units
        wanted: list[tuple[int, ...]] = [(directions, batch, units)] * (2 if self._is_lstm else 1)
        wanted += [(directions, rows, depth), (directions, rows, units), (directions, rows), (directions, rows)]
        for given, shape in zip(inputs[1:], wanted, strict=False):
            if given is None or given.shape != shape:
                raise ValueError(f"an operand {given}, where the shape {list(shape)} is needed")
        peephole = inputs[7] if self._is_lstm and len(inputs) > 7 else None
        if peephole is not None and peephole.shape != (directions, 3 * units):
            raise ValueError(f"a peephole {peephole}, where the shape {[directions, 3 * units]} is needed")
        if any(v is not None and v.dtype is not DType.F32 for v in inputs):
            raise ValueError("only float32 is supported")
        if count != batch or min(steps, depth, units, batch) == 0 or directions not in (1, 2):
            raise ValueError(f"a state {h} does not fit an input {x}")
        if len(self.activations) != directions * FUNCTIONS[self.kind]:
            raise ValueError(f"{len(self.activations)} activations for {directions} directions")
        if self.lengths and (len(self.lengths) != batch or not all(0 < n <= steps for n in self.lengths)):
            raise ValueError(f"lengths {list(self.lengths)} do not fit an input {x}")
        every = [TensorType(DType.F32, (directions, batch, steps, units))] if self.every else []
        return [*every, *[TensorType(DType.F32, h.shape)] * (2 if self._is_lstm else 1)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Direction by direction, sequence by sequence, step by step."""
        x, h = np.asarray(inputs[0], np.float32), np.array(inputs[1], np.float32)
        c = np.array(inputs[2], np.float32) if self._is_lstm else np.zeros_like(h)
        batch, steps, _ = x.shape
        outputs = np.zeros((h.shape[0], batch, steps, h.shape[2]), np.float32)
        lengths = (
            [min(abs(int(np.asarray(inputs[-1]).reshape(())[()])), steps)] * batch if self.counted else self.lengths
        )
        for direction in range(h.shape[0]):
            weights = [None if w is None else np.asarray(w[direction]) for w in self._constants(inputs)]
            functions = self.activations[direction * FUNCTIONS[self.kind] :]
            for index in range(batch):
                times = list(range(lengths[index] if lengths else steps))
                for time in reversed(times) if direction == 1 or self.backwards else times:
                    state = (h[direction, index], c[direction, index])
                    state = self._step(x[index, time], state, weights, functions)
                    h[direction, index], c[direction, index] = state
                    outputs[direction, index, time] = state[0]
        return [*([outputs] if self.every else []), h, *([c] if self._is_lstm else [])]

    def _step(
        self, x: F32, state: tuple[F32, F32], weights: Sequence[Array | None], functions: Sequence[Activation]
    ) -> tuple[F32, F32]:
        """Returns h and c after a step of one sequence."""
        (h, c), (w, r, bias, recurrent_bias) = state, (np.asarray(v, np.float32) for v in weights[:4])

        def clipped(value: F32, bound: float = self.clip) -> F32:
            return np.clip(value, -np.float32(bound), np.float32(bound)) if bound > 0 else value

        of_x, of_h = w @ x + bias, r @ h + recurrent_bias
        if self.kind == "rnn":
            return functions[0](clipped(of_x + of_h)), c
        parts = np.split(of_x + of_h, GATES[self.kind])
        if self.kind == "gru":
            z, reset = (functions[0](clipped(part)) for part in parts[:2])
            last = slice(2 * len(h), None)
            product = reset * of_h[last] if self.reset_after else r[last] @ (reset * h) + recurrent_bias[last]
            new = functions[1](clipped(of_x[last] + product))
            return (1 - z) * new + z * h, c
        peephole = np.zeros((3, len(h)), np.float32) if weights[4] is None else np.asarray(weights[4]).reshape(3, -1)
        i, f = (functions[0](clipped(part + p * c)) for part, p in zip(parts[:2], peephole[:2], strict=True))
        c = clipped(f * c + i * functions[1](clipped(parts[2])), self.cell_clip)
        return functions[0](clipped(parts[3] + peephole[2] * c)) * functions[2](c), c

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Sequences are computed apart, and their steps where their number is said at run time."""
        axes, states = given[0], given[1 : 3 if self._is_lstm else 2]
        if not self.counted:
            apart(axes, [1], "it goes through it step by step")
        apart(axes, [2], "its steps have as many elements")
        sequences = {1: axes[0]} if 0 in axes else {}
        if any(dict(state) not in ({}, sequences) for state in states) or any(given[1 + len(states) :]):
            raise Mixed("its states or weights depend on it as the sequences do not")
        for value, state in zip(node.inputs[1:], states, strict=False):
            if sequences and not state and (value is None or not value.is_constant):
                raise Mixed("its states are those of all sequences, however many there are")
        every = [sequences | ({2: axes[1]} if 1 in axes else {})] if self.every else []
        return [*every, *[sequences] * (len(node.outputs) - len(every))]

    def counted_nodes(self, node: Node, given: Sequence[Axes], count: Callable[[Bound], Value]) -> list[Node] | None:
        """Takes as many steps as there are."""
        bound = given[0].get(1)
        if bound is None or self.counted:
            return None
        if self.lengths or node.input(0).shape[1] != bound.most:
            raise Mixed("its sequences have lengths of their own")
        return [Node(replace(self, counted=True), [*node.inputs, count(bound)], node.outputs, node.origin)]

    def macs(self, node: Node) -> int:
        """All products of all steps, with weights and of states."""
        (batch, steps, depth), (directions, _, units) = node.input(0).shape, node.input(1).shape
        each = GATES[self.kind] * (depth + units) + {"lstm": 3, "gru": 3, "rnn": 0}[self.kind]
        return directions * batch * steps * units * each

    def lower(self, node: Node) -> KernelCall:
        """`recurrent::LstmF32`, `GruF32` or `RnnF32`."""
        count = [node.input(len(node.inputs) - 1)] if self.counted else []
        (batch, steps, depth), (directions, _, units) = node.input(0).shape, node.input(1).shape
        hidden = 1 if self.every else 0
        states = [node.input(1), node.input(2)] if self._is_lstm else [node.input(1)]
        w, r, bias, recurrent_bias = (constant(v, "a weight").astype(np.float32) for v in self._weights(node)[:4])
        rooms = {"lstm": 4, "gru": 4, "rnn": 1}[self.kind]
        sequences = declared.Sequences(
            input=Operand(node.input(0)),
            hidden=Source(node.input(1)),
            output=Operand(node.outputs[0]),
            next_hidden=Operand(node.outputs[hidden]),
            batch=batch,
            directions=directions,
            steps=steps,
            depth=depth,
            units=units,
            backwards=self.backwards,
            every=self.every,
            lengths=Source(count[0] if count else _lengths(self.lengths)),
            clip=self.clip if self.clip > 0 else FINITE[1],
        )
        # The product of h is one of its own in n of a GRU, with its own bias.
        own = 2 * units if self.kind == "gru" else GATES[self.kind] * units
        summed = bias.copy()
        summed[:, :own] += recurrent_bias[:, :own]
        common: _Common = {
            "sequences": sequences,
            "of_input": _filters(w),
            "bias": Packed(summed, "bias"),
            "of_hidden": _filters(r[:, :own]),
            "activations": tuple(map(_activation, self.activations)),
            "scratch": Scratch(4 * rooms * units),
        }
        kernel: Kernel
        if self._is_lstm:
            peephole = self._weights(node)[4]
            given = np.zeros(0, np.float32) if peephole is None else constant(peephole, "the peephole")
            kernel = declared.LstmF32(
                **common,
                cell=Source(node.input(2)),
                next_cell=Operand(node.outputs[hidden + 1]),
                peephole=Packed(given, "peephole"),
                cell_clip=self.cell_clip if self.cell_clip > 0 else FINITE[1],
            )
        elif self.kind == "gru":
            kernel = declared.GruF32(
                **common,
                of_new=_filters(r[:, own:]),
                new_bias=Packed(recurrent_bias[:, own:], "bias"),
                reset_after=self.reset_after,
            )
        else:
            kernel = declared.RnnF32(**common)
        tiling = Tiling(Axis.ROWS, directions * batch)
        return KernelCall.of(kernel, [node.input(0), *states, *count], list(node.outputs), tiling, self.macs(node))

    def _weights(self, node: Node) -> list[Value | None]:
        return node.inputs[3 if self._is_lstm else 2 : -1 if self.counted else None]


class _Common(TypedDict):
    """What the kernels have in common."""

    sequences: declared.Sequences
    of_input: Packed
    bias: Packed
    of_hidden: Packed
    activations: tuple[declared.Activation, ...]
    scratch: Scratch


def _lengths(lengths: tuple[int, ...]) -> Value:
    """Returns the steps of the sequences as a constant."""
    data = np.array(lengths, np.int32)
    return Value(TensorType(DType.I32, data.shape), "lengths", data)


def _filters(weights: Array) -> Packed:
    """Returns filters [d, channels, k], packed for each direction."""
    return Packed(np.concatenate([packed(each).data for each in weights]), "filter")


def _activation(activation: Activation) -> declared.Activation:
    kind, alpha, beta = activation
    return declared.Activation(kind=declared.Kind(kind), alpha=alpha, beta=beta)
