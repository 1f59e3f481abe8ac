"""LSTM, GRU and RNN whose weights or lengths are known at run time only: written out, step by step.

The formulas are those of `recurrent.py`; gates are in ONNX's order, and weights lie as the file has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.concat import concat
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.integers_onnx import scaled_product, stored_by_range
from ariel_build.ops.recurrent import FUNCTIONS, GATES, Activation
from ariel_build.ops.reshape import reshape
from ariel_build.ops.reverse_sequence import reversed_rows
from ariel_build.ops.select import select
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose
from ariel_build.records import dataclass

__all__ = ["Layer", "StoredLayer"]

#: Steps of all directions for which nodes are made.
MOST_STEPS = 64


@dataclass(frozen=True)
class Layer:
    """A layer of `kind` over n sequences in d directions.

    Operands: W [d, gates * u, k], R [d, gates * u, u], their biases [d, gates * u] or none, the peephole of i, o and f
    [d, 3 * u] or none, and the steps that each sequence has [n], or none where they have all.
    """

    importer: Importer
    kind: str
    activations: Sequence[Activation]
    of_input: Value
    of_hidden: Value
    biases: tuple[Value, Value] | None
    peephole: Value | None = None
    lengths: Value | None = None
    backwards: bool = False
    clip: float = 0.0
    reset_after: bool = False
    #: Lstm: whether the forget gate is what the input gate leaves.
    coupled: bool = False

    def outputs(self, x: Value, states: Sequence[Value]) -> list[Value]:
        """Returns h after each step [d, n, t, u], the last h and, of an LSTM, the last c [d, n, u].

        Takes the input [n, t, k] and the first states [d, n, u].
        """
        directions, (batch, steps, depth), units = self.of_input.shape[0], x.shape, self.of_hidden.shape[-1]
        rows = GATES[self.kind] * units
        if self.of_input.shape != (directions, rows, depth) or self.of_hidden.shape != (directions, rows, units):
            raise UnsupportedReason(f"weights {self.of_input.type} and {self.of_hidden.type} do not fit {x.type}")
        if self.lengths is not None and self.lengths.shape != (batch,):
            raise UnsupportedReason(f"lengths {self.lengths.type} do not fit {x.type}")
        if steps * directions > MOST_STEPS:
            raise UnsupportedReason(
                f"{steps} steps in {directions} directions with weights or lengths that are computed at run time are "
                f"not supported, only up to {MOST_STEPS} in all"
            )
        parts = [self._direction(x, [self._of(state, d) for state in states], d) for d in range(directions)]
        return [concat(self.importer, list(each), 0) for each in zip(*parts, strict=True)]

    def _of(self, value: Value, direction: int) -> Value:
        """Returns what is of a direction, without that axis."""
        own = emit_slice(self.importer, value, {0: (direction, 1, 1)})
        return reshape(self.importer, own, value.shape[1:])

    def _turned(self, rows: Value) -> Value:
        """Returns [n, t, ..] with time backwards."""
        if self.lengths is not None:
            return reversed_rows(self.importer, rows, self.lengths)
        return emit_slice(self.importer, rows, {1: (rows.shape[1] - 1, rows.shape[1], -1)})

    def _direction(self, x: Value, states: list[Value], direction: int) -> list[Value]:
        """Returns the outputs of one direction, with an axis of 1 for it."""
        importer, (batch, steps, _) = self.importer, x.shape
        is_turned = direction == 1 or self.backwards
        rows = self._turned(x) if is_turned else x
        flat = reshape(importer, rows, (batch * steps, rows.shape[-1]))
        of_x = self._of_inputs(flat, direction)
        biases = [self._of(b, direction) for b in self.biases] if self.biases is not None else []
        if biases:
            of_x = map2(importer, "Add", of_x, biases[0])
        of_x = reshape(importer, of_x, (batch, steps, of_x.shape[-1]))
        functions = self.activations[direction * FUNCTIONS[self.kind] :][: FUNCTIONS[self.kind]]
        every = []
        for step in range(steps):
            own = reshape(importer, emit_slice(importer, of_x, {1: (step, 1, 1)}), (batch, of_x.shape[-1]))
            new = self._step(own, states, direction, biases[1] if biases else None, functions)
            made = new[0]
            if self.lengths is not None:
                ends = cast(importer, reshape(importer, self.lengths, (batch, 1)), DType.I32)
                (goes_on,) = importer.emit(Compare("Greater"), [ends, importer.constant(np.array(step, np.int32))])
                new = [select(importer, goes_on, n, old) for n, old in zip(new, states, strict=True)]
                made = select(importer, goes_on, made, importer.constant(np.zeros((), np.float32)))
            states = new
            every.append(reshape(importer, made, (batch, 1, made.shape[-1])))
        output = concat(importer, every, 1)
        output = self._turned(output) if is_turned else output
        return [reshape(importer, value, (1, *value.shape)) for value in (output, *states)]

    def _of_inputs(self, rows: Value, direction: int) -> Value:
        """Returns rows [n, k] times the transposed weights of x."""
        return _transposed_product(self.importer, rows, self._of(self.of_input, direction))

    def _of_states(self, rows: Value, direction: int, first: int, count: int) -> Value:
        """Returns rows [n, u] times the transposed weights of h, of `count` gates from one on."""
        units = rows.shape[-1]
        weights = self._of(self.of_hidden, direction)
        own = emit_slice(self.importer, weights, {0: (first * units, count * units, 1)})
        return _transposed_product(self.importer, rows, own)

    def _gate(self, value: Value, gate: int, units: int, count: int = 1) -> Value:
        """Returns `count` gates from one on, of rows or of one row."""
        return emit_slice(self.importer, value, {len(value.shape) - 1: (gate * units, count * units, 1)})

    def _step(
        self, x: Value, states: list[Value], direction: int, bias: Value | None, functions: Sequence[Activation]
    ) -> list[Value]:
        """Returns the states [n, u] after a step; `x` is what the input comes to [n, gates * u], and its bias."""
        importer, h, units = self.importer, states[0], states[0].shape[-1]

        def of(kind: str, left: Value | float, right: Value | float) -> Value:
            return map2(importer, kind, left, right)

        def hidden(rows: Value, first: int, count: int) -> Value:
            total = self._of_states(rows, direction, first, count)
            return total if bias is None else of("Add", total, self._gate(bias, first, units, count))

        if self.kind == "gru":
            both = of("Add", self._gate(x, 0, units, 2), hidden(h, 0, 2))
            z, reset = (self._applied(functions[0], self._gate(both, k, units)) for k in range(2))
            of_h = of("Mul", reset, hidden(h, 2, 1)) if self.reset_after else hidden(of("Mul", reset, h), 2, 1)
            new = self._applied(functions[1], of("Add", self._gate(x, 2, units), of_h))
            return [of("Add", of("Mul", of("Sub", 1.0, z), new), of("Mul", z, h))]
        total = of("Add", x, hidden(h, 0, GATES[self.kind]))
        if self.kind == "rnn":
            return [self._applied(functions[0], total)]
        # In the order i, o, f, g.
        i, o, f, g = (self._gate(total, k, units) for k in range(4))
        cell = states[1]

        def seen(gate: Value, which: int, c: Value) -> Value:
            if self.peephole is None:
                return gate
            return of("Add", gate, of("Mul", self._gate(self._of(self.peephole, direction), which, units), c))

        i = self._applied(functions[0], seen(i, 0, cell))
        f = of("Sub", 1.0, i) if self.coupled else self._applied(functions[0], seen(f, 2, cell))
        cell = of("Add", of("Mul", f, cell), of("Mul", i, self._applied(functions[1], g)))
        o = self._applied(functions[0], seen(o, 1, cell))
        return [of("Mul", o, _activated(importer, functions[2], cell)), cell]

    def _applied(self, function: Activation, x: Value) -> Value:
        """Returns an activation of what is within the clip."""
        if self.clip > 0:
            x = map2(self.importer, "Minimum", map2(self.importer, "Maximum", x, -self.clip), self.clip)
        return _activated(self.importer, function, x)


@dataclass(frozen=True)
class StoredLayer(Layer):
    """A layer whose weights are integers, and whose rows are quantised by their range before each product.

    Scales and zero points of W and of R are one number, or one for each row of the weights, for each direction.
    """

    scales: Sequence[Value | None] = (None, None)
    zeros: Sequence[Value | None] = (None, None)

    def _of_inputs(self, rows: Value, direction: int) -> Value:
        return self._stored(rows, self.of_input, direction, 0)

    def _of_states(self, rows: Value, direction: int, first: int, count: int) -> Value:
        return self._gate(self._stored(rows, self.of_hidden, direction, 1), first, rows.shape[-1], count)

    def _stored(self, rows: Value, weights: Value, direction: int, which: int) -> Value:
        importer, scales, zeros = self.importer, self.scales[which], self.zeros[which]
        if scales is None:
            raise UnsupportedReason("a scale is missing")
        stored, scale, zero = stored_by_range(importer, rows)
        own = transpose(importer, self._of(weights, direction), (1, 0))
        zero_point = None if zeros is None else self._of(zeros, direction)
        factor = map2(importer, "Mul", scale, self._of(scales, direction))
        return scaled_product(importer, (stored, own), (zero, zero_point), factor)


def _transposed_product(importer: Importer, rows: Value, weights: Value) -> Value:
    """Returns rows [n, k] times the transposed weights [m, k]."""
    return importer.emit(BatchMatMul(adj_y=True, rounding=Rounding.NEAREST_EVEN), [rows, weights])[0]


def _activated(importer: Importer, function: Activation, x: Value) -> Value:
    kind, alpha, beta = function
    made: dict[str, Callable[[], Value]] = {
        "Affine": lambda: map2(importer, "Add", map2(importer, "Mul", x, alpha), beta),
        "HardSigmoid": lambda: map1(importer, "HardSigmoid", x, alpha, beta),
        "Relu": lambda: map2(importer, "Maximum", x, 0.0),
        "ScaledTanh": lambda: map2(importer, "Mul", map1(importer, "Tanh", map2(importer, "Mul", x, beta)), alpha),
    }
    if kind in made:
        return made[kind]()
    return map1(importer, kind, x, *([alpha] if kind in ("Elu", "LeakyRelu", "ThresholdedRelu") else []))
