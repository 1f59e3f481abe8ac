"""Svdf: output[u] = activation(bias[u] + sum of v_r . kept_r over the unit's filters r), kept_r the last m of w_r . x.

A dense layer over time whose weights have a low rank. In int8 what is kept is int8 or int16, and both sums are
requantised as TFLite-Micro does it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Scratch, Tiling
from ariel_build.kernels.declared import recurrent as declared
from ariel_build.kernels.declared.quant import Bounds
from ariel_build.kernels.packing import packed
from ariel_build.ops.accumulate import FINITE, Numbers, finish_float, float_bias, tflite_clip
from ariel_build.ops.base import Operator, UnsupportedReason, constant, imports
from ariel_build.ops.elementwise import multiplier, quant_of, rescale
from ariel_build.ops.fixed_point import UNBOUNDED, wrap32
from ariel_build.ops.importer import Importer
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.ops.variables import variable
from ariel_build.records import dataclass

__all__ = ["Svdf"]

#: The type of the bias, by those of input and state.
_TYPES = {(DType.I8, DType.I8): DType.I32, (DType.I8, DType.I16): DType.I32, (DType.F32, DType.F32): DType.F32}


@dataclass(frozen=True)
class Svdf(Operator):
    """A layer over n sequences that have nothing to do with each other.

    Inputs: x [n, k], state [n, f * m], weights of features [f, k] and of time [f, m], bias [f / rank] or none. Outputs:
    [n, f / rank], and the state after it. Integers have no activation but their type's bounds.
    """

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    rank: int = 1
    clip: tuple[float, float] = UNBOUNDED

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """Checks every shape and element type."""
        x, state, feature, time, bias = inputs
        if x is None or state is None or feature is None or time is None or len(x.shape) != 2:
            raise ValueError("the input must have 2 axes")
        if (x.dtype, state.dtype) not in _TYPES:
            raise ValueError(f"an input of {x.dtype.value} with a state of {state.dtype.value} is not supported")
        (count, depth), (filters, memory) = x.shape, time.shape if len(time.shape) == 2 else (0, 0)
        wanted = _TYPES[x.dtype, state.dtype]
        if feature.shape != (filters, depth) or feature.dtype is not x.dtype or time.dtype is not state.dtype:
            raise ValueError(f"weights {feature} and {time} do not fit together")
        if self.rank < 1 or filters % self.rank or min(count, depth, filters, memory) == 0:
            raise ValueError(f"a rank of {self.rank} does not fit {filters} filters")
        if state.shape != (count, filters * memory):
            raise ValueError(f"a state {state}, where [{count}, {filters * memory}] is needed")
        units = filters // self.rank
        if bias is not None and (bias.dtype is not wanted or bias.shape != (units,)):
            raise ValueError(f"a bias {bias}, where {wanted.value}[{units}] is needed")
        return [TensorType(x.dtype, (count, units)), state]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Integers in int64, reduced to int32 where TFLite-Micro has one; floats in float32."""
        x, state, feature, time = (np.asarray(a) for a in inputs[:4])
        bias: Numbers = np.asarray(0 if inputs[4] is None else inputs[4])
        (count, _), (filters, memory) = x.shape, time.shape
        kept = state.reshape(count, filters, memory)
        if x.dtype == np.float32:
            kept = np.concatenate([kept[:, :, 1:], (x @ feature.T)[:, :, None]], axis=2)
            summed = (kept * time).sum(axis=2, dtype=np.float32).reshape(count, -1, self.rank).sum(axis=2)
            return [finish_float(summed + bias, self.clip), kept.reshape(state.shape)]
        zero, held = quant_of(node.input(0), "the input").zero_point, quant_of(node.input(1), "the state").zero_point
        acc = (x.astype(np.int64) - zero) @ feature.T.astype(np.int64)
        scaled = np.clip(rescale(wrap32(acc), self._scales(node)[0]), *node.input(1).type.dtype.range) + held
        # Stored as the type's bits, as TFLite-Micro does: a sum with the zero point may wrap.
        kept = np.concatenate([kept[:, :, 1:], scaled.astype(kept.dtype)[:, :, None]], axis=2)
        summed = ((kept.astype(np.int64) - held) * time).sum(axis=2).reshape(count, -1, self.rank).sum(axis=2)
        stored = rescale(wrap32(summed + bias), self._scales(node)[1])
        stored = stored + quant_of(node.output, "the output").zero_point
        return [np.clip(stored, *DType.I8.range).astype(np.int8), kept.reshape(state.shape)]

    def macs(self, node: Node) -> int:
        """Both kinds of weights, once each."""
        return node.input(0).shape[0] * (node.input(2).type.elements + node.input(3).type.elements)

    def lower(self, node: Node) -> KernelCall:
        """`recurrent::Svdf8`, `Svdf8In16` or `SvdfF32`."""
        x, state, output = node.input(0), node.input(1), node.output
        feature, time = (constant(node.input(index), "a weight") for index in (2, 3))
        units = output.shape[1]
        bias = node.inputs[4]
        memories = declared.Memories(
            input=Operand(x),
            state=Operand(state),
            output=Operand(output),
            next_state=Operand(node.outputs[1]),
            sequences=x.shape[0],
            depth=x.shape[1],
            units=units,
            rank=self.rank,
            memory=time.shape[1],
        )
        filters, scratch = packed(feature), Scratch(feature.shape[0] * state.type.dtype.bytes)
        kernel: Kernel
        if x.type.dtype is DType.F32:
            low, high = (min(max(bound, FINITE[0]), FINITE[1]) for bound in self.clip)
            kernel = declared.SvdfF32(
                memories=memories,
                feature=filters,
                time=Packed(time, "time"),
                bias=Packed(float_bias(bias, units), "bias"),
                min=low,
                max=high,
                scratch=scratch,
            )
        else:
            given = np.zeros(units, np.int64) if bias is None else constant(bias, "the bias").astype(np.int64)
            held, quant = quant_of(state, "the state").zero_point, quant_of(output, "the output")
            least, greatest = DType.I8.range
            first, second = self._scales(node)
            zero = quant_of(x, "the input").zero_point
            made = declared.Svdf8 if state.type.dtype is DType.I8 else declared.Svdf8In16
            kernel = made(
                memories=memories,
                feature=filters,
                # The zero points of input and state, folded in.
                feature_bias=Packed(wrap32(-zero * feature.astype(np.int64).sum(1)).astype(np.int32), "bias"),
                feature_scale=multiplier(first),
                state_zero_point=held,
                time=Packed(time, "time"),
                bias=Packed(wrap32(given - held * _by_unit(time, units)).astype(np.int32), "bias"),
                scale=multiplier(second),
                bounds=Bounds(zero_point=quant.zero_point, min=least, max=greatest),
                scratch=scratch,
            )
        # A unit writes its output, and its filters' part of the state; blocks of four filters lie in one sequence.
        tiling = Tiling(Axis.ROWS, output.type.elements, 4 if x.shape[0] == 1 or units % 4 == 0 else units)
        return KernelCall.of(kernel, [x, state], list(node.outputs), tiling, self.macs(node))

    def _scales(self, node: Node) -> tuple[float, float]:
        """Returns the real multipliers of both sums; TFLite computes them in float32."""
        x, state, feature, time, output = (
            np.float32(quant_of(value, "an operand").scale)
            for value in (node.input(0), node.input(1), node.input(2), node.input(3), node.output)
        )
        return float(x * feature / state), float(state * time / output)


def _by_unit(time: Array, units: int) -> Numbers:
    """Returns the sums of the weights of time of each unit."""
    return np.asarray(time.astype(np.int64).reshape(units, -1).sum(axis=1))


@imports("tflite", "SVDF", harmless={"asymmetric_quantize_inputs": "it is about hybrid models, which are refused"})
def _svdf(importer: Importer) -> None:
    x, feature, time, bias = (importer.input(0), importer.input(1), importer.input(2), importer.optional_input(3))
    for value in (feature, time, bias):
        if value is not None:
            constant(value, "a weight")
    for value in (feature, time):
        if value.type.quant is not None and set(value.type.quant.zero_points) != {0}:
            raise UnsupportedReason("weights with a zero point are not supported")
    state = variable(importer, 4)
    op = Svdf(importer.integer("rank"), tflite_clip(importer))
    types = [importer.output_type(), state.next.type]
    output, state.next = importer.emit(op, [x, state.next, feature, time, bias], types=types)
    importer.bind(output)
