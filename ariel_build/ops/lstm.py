"""Lstm in integers: gates i, f, o = logistic(Wx + b + Rh), g = tanh(Wx + b + Rh); c = f * c + i * g; h = o * tanh(c).

As TFLite-Micro computes it: x and h in int8 or int16, weights in int8, gates in Q0.15, what they are functions of in
Q3.12, and the cell in int16. Both products of a gate are requantised before they are added, with saturation. The order
of gates is TFLite's: i, f, g, o.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Operand, Packed, Scratch, Tiling
from ariel_build.kernels.declared import recurrent as declared
from ariel_build.kernels.declared.quant import Bounds
from ariel_build.kernels.packing import packed
from ariel_build.ops import sigmoid16
from ariel_build.ops.accumulate import MOST_SHIFT
from ariel_build.ops.base import Operator, UnsupportedReason, constant
from ariel_build.ops.elementwise import multiplier, quant_of
from ariel_build.ops.fixed_point import multiply, quantize_multiplier, reduced_multiplier, wrap32
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["GATES", "Lstm"]

I64 = npt.NDArray[np.int64]
#: Gates, in the order in which weights and biases stand among the inputs.
GATES = ("input", "forget", "cell", "output")
#: Where weights of x, weights of h and biases begin among the inputs, behind x, h and c.
_WX, _WH, _BIAS = 3, 7, 11
#: Scale of what a gate is a function of, Q3.12, and of the gate, Q0.15.
_PRE, _GATE = 2.0**-12, 2.0**-15
_LEAST, _GREATEST = DType.I16.range


class _Cell(NamedTuple):
    """Constants of the cell: real multipliers, the bound of |c|, and how tanh reads c."""

    forget: float
    input: float
    output: float
    clip: int
    tanh: tuple[int, int]


@dataclass(frozen=True)
class Lstm(Operator):
    """A layer over n sequences that have nothing to do with each other.

    Inputs: x [n, t, k], h [n, u], c [n, u], four weights of x [u, k], four of h [u, u], four biases [u] or none.
    Outputs: what h was after each step [n, t, u], and the last h and c.
    """

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    cell_clip: float = 0.0

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """Checks every shape and element type against x and h."""
        x, h, c = inputs[:3]
        if x is None or h is None or c is None or len(x.shape) != 3 or len(h.shape) != 2:
            raise ValueError("the input must have 3 axes, and the hidden state 2")
        (count, steps, depth), units = x.shape, h.shape[1]
        if h.shape != (count, units) or c.shape != h.shape or min(steps, depth, units) == 0:
            raise ValueError(f"states {h} and {c} do not fit an input {x}")
        if x.dtype not in _SUMS or h.dtype is not x.dtype or c.dtype is not DType.I16:
            raise ValueError(f"an input of {x.dtype.value}, with states {h.dtype.value} and {c.dtype.value}")
        for index, deep in [*((k, depth) for k in range(_WX, _WH)), *((k, units) for k in range(_WH, _BIAS))]:
            weights = inputs[index]
            if weights is None or weights.dtype is not DType.I8 or weights.shape != (units, deep):
                raise ValueError(f"weights {weights}, where [{units}, {deep}] of i8 are needed")
        for bias in inputs[_BIAS:]:
            if bias is not None and (bias.dtype is not _SUMS[x.dtype] or bias.shape != (units,)):
                raise ValueError(f"a bias {bias}, where {_SUMS[x.dtype].value}[{units}] is needed")
        return [h.with_shape((count, steps, units)), h, c]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Step by step, all sequences at once."""
        x, h, c = (np.asarray(a).astype(np.int64) for a in inputs[:3])
        cell = self._cell(node)
        zero, store = quant_of(node.input(1), "the hidden state").zero_point, node.input(1).type.dtype
        outputs = []
        for step in range(x.shape[1]):
            i, f, g, o = (_gate(node, gate, x[:, step], h) for gate in range(4))
            c = _saturated(_saturated(_scaled(f * c, cell.forget)) + _saturated(_scaled(i * g, cell.input)))
            c = np.clip(c, -cell.clip, cell.clip)
            squashed = sigmoid16.tanh(sigmoid16.prescaled(c, *cell.tanh))
            h = np.clip(_scaled(squashed * o, cell.output) + zero, *store.range)
            outputs.append(h)
        return [np.stack(outputs, axis=1).astype(store.numpy), h.astype(store.numpy), c.astype(np.int16)]

    def macs(self, node: Node) -> int:
        """Both products of four gates, and three products of each unit."""
        count, steps, depth = node.input(0).shape
        units = node.input(1).shape[1]
        return count * steps * units * (4 * (depth + units) + 3)

    def lower(self, node: Node) -> KernelCall:
        """`recurrent::Lstm8` or `Lstm16`."""
        x, h, c = node.input(0), node.input(1), node.input(2)
        (count, steps, depth), units = x.shape, h.shape[1]
        cell, quant = self._cell(node), quant_of(h, "the hidden state")
        least, greatest = h.type.dtype.range
        output, next_hidden, next_cell = map(Operand, node.outputs)
        kernel = {DType.I8: declared.Lstm8, DType.I16: declared.Lstm16}[x.type.dtype](
            lstm=declared.Cell(
                input=Operand(x),
                hidden=Operand(h),
                cell=Operand(c),
                output=output,
                next_hidden=next_hidden,
                next_cell=next_cell,
                sequences=count,
                steps=steps,
                depth=depth,
                units=units,
                table=Packed(sigmoid16.table(), "table"),
                forget=multiplier(cell.forget),
                input_gate=multiplier(cell.input),
                clip=cell.clip,
                tanh_multiplier=cell.tanh[0],
                tanh_shift=cell.tanh[1],
                output_gate=multiplier(cell.output),
                bounds=Bounds(zero_point=quant.zero_point, min=least, max=greatest),
            ),
            of_input=_product(node, 0, _WX),
            of_hidden=_product(node, 1, _WH),
            # The four gates of a step.
            scratch=Scratch(8 * units),
        )
        return KernelCall.of(kernel, [x, h, c], list(node.outputs), Tiling(Axis.ROWS, count), self.macs(node))

    def _cell(self, node: Node) -> _Cell:
        scale = quant_of(node.input(2), "the cell").scale
        hidden = quant_of(node.input(1), "the hidden state").scale
        clip = int(min(float(np.float32(self.cell_clip)) / scale, _GREATEST))
        # The scale is a power of two: c * scale in Q3.12 is c * 2^power.
        power = round(math.log2(scale)) + 12
        if not -15 <= power <= 14:
            raise UnsupportedReason(f"a cell with the scale {scale:.6g} is not supported")
        tanh = (3 << power, 0) if power >= 0 else (3, -power)
        bound = clip if self.cell_clip > 0 else -_LEAST
        return _Cell(_GATE * scale / scale, _GATE * _GATE / scale, _GATE * _GATE / hidden, bound, tanh)


#: What products are summed in, by the type of x.
_SUMS = {DType.I8: DType.I32, DType.I16: DType.I64}


def _scaled(product: I64, real: float) -> I64:
    return multiply(product, *quantize_multiplier(real))


def _saturated(value: I64) -> I64:
    return np.clip(value, _LEAST, _GREATEST)


def _zero_point(weights: Value) -> int:
    return quant_of(weights, "a weight").zero_point


def _scale(node: Node, index: int, weights: int) -> float:
    """Returns the real multiplier of a product: sx * sw in float32, as TFLite's dense layers with one scale have it."""
    x, w = quant_of(node.input(index), "an input"), quant_of(node.input(weights), "a weight")
    return float(np.float32(x.scale) * np.float32(w.scale)) / _PRE


def _gate(node: Node, gate: int, x: I64, h: I64) -> I64:
    """Returns a gate of one step, in Q0.15."""
    total: I64 = np.zeros((), np.int64)
    for index, values, first in ((0, x, _WX), (1, h, _WH)):
        weights = constant(node.inputs[first + gate], "a weight").astype(np.int64)
        zero = quant_of(node.input(index), "an input").zero_point
        acc = (values - zero) @ (weights.T - _zero_point(node.input(first + gate)))
        bias = node.inputs[_BIAS + gate] if index == 0 else None
        acc = acc if bias is None else acc + constant(bias, "a bias").astype(np.int64)
        if node.input(0).type.dtype is DType.I8:
            scaled = _scaled(wrap32(acc), _scale(node, index, first + gate))
        else:
            q, shift = reduced_multiplier(_scale(node, index, first + gate))
            scaled = wrap32((acc * q + (1 << (14 - shift))) >> (15 - shift))
        total = total + _saturated(scaled)
    pre = sigmoid16.prescaled(_saturated(total), 3, 0)
    return sigmoid16.tanh(pre) if GATES[gate] == "cell" else sigmoid16.logistic(pre)


def _product(node: Node, index: int, first: int) -> declared.Product:
    """Returns the `Product` of the runtime crate: packed weights of all four gates, their biases and multipliers."""
    values = [node.input(first + gate) for gate in range(4)]
    if any(_zero_point(v) for v in values):
        raise UnsupportedReason("weights with a zero point are not supported")
    wide = node.input(0).type.dtype is DType.I16
    weights = np.concatenate([constant(v, "a weight") for v in values])
    biases = [node.inputs[_BIAS + gate] if index == 0 else None for gate in range(4)]
    units = values[0].shape[0]
    given = [np.zeros(units, np.int64) if b is None else constant(b, "a bias").astype(np.int64) for b in biases]
    # The zero point of x or h, folded in.
    bias = np.concatenate(given) - quant_of(node.input(index), "an input").zero_point * weights.astype(np.int64).sum(1)
    quantized = reduced_multiplier if wide else quantize_multiplier
    pairs = np.array([quantized(_scale(node, index, first + gate)) for gate in range(4)], np.int32)
    if wide and (pairs[:, 1] >= MOST_SHIFT).any():
        raise UnsupportedReason(f"scales of more than {1 << MOST_SHIFT} from input to output are not supported")
    return declared.Product(
        filter=packed(weights, groups=4),
        bias=Packed(bias.astype(np.int64 if wide else np.int32), "bias"),
        multipliers=Packed(pairs, "multipliers"),
    )
