"""Operators of StableHLO that converters leave in TFLite files: importers only, onto what they mean.

A composite is the subgraph that it names. What has no exact counterpart here is not imported. Quantised tensors are
refused: the dialect's integers are plain ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.boxes import Boxed, boxed
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare, Logic
from ariel_build.ops.concat import concat
from ariel_build.ops.control import inline, subgraph
from ariel_build.ops.dilate import dilated
from ariel_build.ops.einsum import einsum
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pad import Pad
from ariel_build.ops.reshape import reshape
from ariel_build.ops.scatter import AtStart, Scatter
from ariel_build.ops.select import select
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []

_ONE = {
    "STABLEHLO_ABS": "Abs",
    "STABLEHLO_COSINE": "Cos",
    "STABLEHLO_EXPONENTIAL": "Exp",
    "STABLEHLO_FLOOR": "Floor",
    "STABLEHLO_LOG": "Log",
    "STABLEHLO_LOGISTIC": "Sigmoid",
    "STABLEHLO_NEGATE": "Neg",
    "STABLEHLO_RSQRT": "Rsqrt",
    "STABLEHLO_TANH": "Tanh",
}
_TWO = {
    "STABLEHLO_ADD": "Add",
    "STABLEHLO_DIVIDE": "Div",
    "STABLEHLO_MAXIMUM": "Maximum",
    "STABLEHLO_MINIMUM": "Minimum",
    "STABLEHLO_MULTIPLY": "Mul",
    "STABLEHLO_POWER": "Pow",
    "STABLEHLO_REMAINDER": "Remainder",
    "STABLEHLO_SHIFT_LEFT": "ShiftLeft",
    "STABLEHLO_SUBTRACT": "Sub",
}
_RELATIONS = {
    "STABLEHLO_COMPARISON_DIRECTION_EQ": "Equal",
    "STABLEHLO_COMPARISON_DIRECTION_NE": "NotEqual",
    "STABLEHLO_COMPARISON_DIRECTION_GE": "GreaterEqual",
    "STABLEHLO_COMPARISON_DIRECTION_GT": "Greater",
    "STABLEHLO_COMPARISON_DIRECTION_LE": "LessEqual",
    "STABLEHLO_COMPARISON_DIRECTION_LT": "Less",
}
_EVEN = Rounding.NEAREST_EVEN


@imports(
    "tflite",
    "STABLEHLO_COMPOSITE",
    harmless={
        "decomposition_subgraph_index": "the node carries the subgraph itself",
        **dict.fromkeys(
            ("name", "composite_attributes", "composite_attributes_format", "version"),
            "the subgraph says what it means",
        ),
    },
)
def _composite(importer: Importer) -> None:
    importer.bind(*inline(importer, subgraph(importer, "decomposition_subgraph"), importer.inputs()))


def _operands(importer: Importer) -> list[Value]:
    """Returns the inputs, which are plain numbers."""
    values = importer.inputs()
    for value in values:
        if value.type.quant is not None:
            raise UnsupportedReason(f"an operand, {value.type}, is quantised")
    return values


@imports("tflite", *_ONE)
def _of_one(importer: Importer) -> None:
    importer.bind(*importer.emit(Map1(_ONE[importer.node.op], (), _EVEN), _operands(importer)))


@imports("tflite", "STABLEHLO_CBRT")
def _cube_root(importer: Importer) -> None:
    (x,) = _operands(importer)
    if x.type.dtype is not DType.F32:
        raise UnsupportedReason(f"of {x.type.dtype.value} is not supported, only of float32")
    third = importer.constant(np.array(1 / 3, np.float32))
    size, sign = (importer.emit(Map1(kind, (), _EVEN), [x])[0] for kind in ("Abs", "Sign"))
    (root,) = importer.emit(Map2("Pow", rounding=_EVEN), [size, third])
    importer.bind(*importer.emit(Map2("Mul", rounding=_EVEN), [root, sign]))


@imports("tflite", *_TWO)
def _of_two(importer: Importer) -> None:
    importer.bind(*importer.emit(Map2(_TWO[importer.node.op], rounding=_EVEN), _operands(importer)))


@imports("tflite", "STABLEHLO_AND", "STABLEHLO_OR")
def _of_bits(importer: Importer) -> None:
    values, kind = _operands(importer), importer.node.op.removeprefix("STABLEHLO_").capitalize()
    op = Logic(kind) if values[0].type.dtype is DType.BOOL else Map2(f"Bit{kind}", rounding=_EVEN)
    importer.bind(*importer.emit(op, values))


@imports("tflite", "STABLEHLO_CLAMP")
def _clamp(importer: Importer) -> None:
    low, x, high = _operands(importer)
    (x,) = importer.emit(Map2("Maximum", rounding=_EVEN), [x, low])
    importer.bind(*importer.emit(Map2("Minimum", rounding=_EVEN), [x, high]))


@imports("tflite", "STABLEHLO_COMPARE", harmless={"compare_type": "the operands have a type"})
def _compare(importer: Importer) -> None:
    if "TOTAL_ORDER" in importer.text("compare_type"):
        raise UnsupportedReason("a total order of floats is not supported")
    relation = _RELATIONS.get(importer.text("comparison_direction"))
    if relation is None:
        raise UnsupportedReason(f"direction {importer.text('comparison_direction')} is not known")
    importer.bind(*importer.emit(Compare(relation), _operands(importer)))


@imports("tflite", "STABLEHLO_SELECT")
def _select(importer: Importer) -> None:
    condition, left, right = _operands(importer)
    importer.bind(select(importer, condition, left, right))


@imports("tflite", "STABLEHLO_CONVERT")
def _convert(importer: Importer) -> None:
    (x,) = _operands(importer)
    importer.bind(cast(importer, x, importer.output_type().dtype))


@imports("tflite", "STABLEHLO_RESHAPE")
def _reshape(importer: Importer) -> None:
    (x,) = _operands(importer)
    importer.bind(reshape(importer, x, importer.output_type().shape))


@imports("tflite", "STABLEHLO_TRANSPOSE")
def _transpose(importer: Importer) -> None:
    (x,) = _operands(importer)
    importer.bind(transpose(importer, x, importer.integers("permutation")))


@imports("tflite", "STABLEHLO_CONCATENATE")
def _concatenate(importer: Importer) -> None:
    importer.bind(concat(importer, _operands(importer), importer.integer("dimension")))


@imports("tflite", "STABLEHLO_BROADCAST_IN_DIM")
def _broadcast_in_dim(importer: Importer) -> None:
    x, target = importer.input(0), importer.output_type().shape
    axes = importer.integers("broadcast_dimensions")
    if len(importer.node.inputs) > 1:
        axes = tuple(int(a) for a in importer.constant_input(1, "the axes").reshape(-1))
    if len(axes) != len(x.shape) or sorted(set(axes)) != list(axes) or any(not 0 <= a < len(target) for a in axes):
        raise UnsupportedReason(f"axes {list(axes)} do not lead from {x.type} to {list(target)}")
    shape = [1] * len(target)
    for axis, extent in zip(axes, x.shape, strict=True):
        shape[axis] = extent
    if any(n not in (1, m) for n, m in zip(shape, target, strict=True)):
        raise UnsupportedReason(f"{x.type} does not broadcast to {list(target)}")
    wide = reshape(importer, x, shape)
    repeats = tuple(m // n for n, m in zip(shape, target, strict=True))
    importer.bind(*importer.emit(Tile(repeats), [wide]) if any(r != 1 for r in repeats) else [wide])


@imports("tflite", "STABLEHLO_SLICE")
def _slice(importer: Importer) -> None:
    (x,) = _operands(importer)
    ranges = [importer.integers(name) for name in ("start_indices", "limit_indices", "strides")]
    if any(len(r) != len(x.shape) for r in ranges) or min(ranges[2], default=1) < 1:
        raise UnsupportedReason(f"ranges {[list(r) for r in ranges]} do not fit {x.type}")
    axes = {k: (s, -(-(e - s) // step), step) for k, (s, e, step) in enumerate(zip(*ranges, strict=True))}
    importer.bind(emit_slice(importer, x, axes))


@imports("tflite", "STABLEHLO_PAD")
def _pad(importer: Importer) -> None:
    x, value = _operands(importer)
    if value.data is None or value.type.elements != 1:
        raise UnsupportedReason("the value of its border (input 1) must be a constant number")
    low, high, inner = (importer.integers(f"{name}_padding{end}") for name, end in _BORDERS)
    if any(len(n) != len(x.shape) for n in (low, high, inner)) or min(inner, default=0) < 0:
        raise UnsupportedReason(f"borders {[list(low), list(high), list(inner)]} do not fit {x.type}")
    number = float(value.data.reshape(()))
    apart = dilated(importer, x, [n + 1 for n in inner], number)
    pads = tuple(zip(low, high, strict=True))
    importer.bind(*importer.emit(Pad(pads, number), [apart]) if any(map(any, pads)) else [apart])


_BORDERS = (("edge", "_low"), ("edge", "_high"), ("interior", ""))


@imports("tflite", "STABLEHLO_IOTA")
def _iota(importer: Importer) -> None:
    type_, axis = importer.output_type(), importer.integer("iota_dimension")
    if not 0 <= axis < len(type_.shape):
        raise UnsupportedReason(f"there is no axis {axis} in {type_}")
    shape = [n if k == axis else 1 for k, n in enumerate(type_.shape)]
    row = np.arange(type_.shape[axis]).astype(type_.dtype.numpy).reshape(shape)
    importer.bind(importer.constant(np.broadcast_to(row, type_.shape)))


def _starts(importer: Importer, values: Sequence[Value], most: Sequence[int]) -> Value:
    """Returns the starts along all axes, a number each, so that a box does not leave: 0 up to `most`."""
    rows = [reshape(importer, cast(importer, value, DType.I32), (1,)) for value in values]
    if len(rows) != len(most) or min(most, default=0) < 0:
        raise UnsupportedReason(f"{len(rows)} starts do not fit {len(most)} axes, or the box is larger")
    start = concat(importer, rows, 0)
    for kind, bounds in (("Maximum", np.zeros(len(most))), ("Minimum", np.array(most))):
        (start,) = importer.emit(Map2(kind, rounding=_EVEN), [start, importer.constant(bounds.astype(np.int32))])
    return start


@imports("tflite", "STABLEHLO_DYNAMIC_SLICE")
def _dynamic_slice(importer: Importer) -> None:
    x, *starts = _operands(importer)
    sizes = importer.integers("slice_sizes")
    start = _starts(importer, starts, [n - s for n, s in zip(x.shape, sizes, strict=True)])
    importer.bind(boxed(importer, Boxed(sizes), x, (start, None, None)))


@imports("tflite", "STABLEHLO_DYNAMIC_UPDATE_SLICE")
def _dynamic_update_slice(importer: Importer) -> None:
    x, updates, *starts = _operands(importer)
    start = _starts(importer, starts, [n - s for n, s in zip(x.shape, updates.shape, strict=True)])
    importer.bind(*importer.emit(Scatter(AtStart(wraps=False)), [x, start, updates]))


@imports("tflite", "STABLEHLO_DOT_GENERAL", harmless={"precision_config": "sums are those of float32"})
def _dot_general(importer: Importer) -> None:
    """A product over the contracting axes, for each of the batching ones, which are the first of the result."""
    left, right = _operands(importer)
    both, inner = (
        [importer.integers(f"{side}_{kind}_dimensions") for side in ("lhs", "rhs")]
        for kind in ("batching", "contracting")
    )
    letters = iter(_LETTERS)
    words = [[""] * len(v.shape) for v in (left, right)]
    for pairs in (both, inner):
        for axes in zip(*pairs, strict=True):
            letter = next(letters)
            for word, axis in zip(words, axes, strict=True):
                word[axis] = letter
    kept = "".join(words[0][axis] for axis in both[0])
    for word in words:
        for axis, letter in enumerate(word):
            if not letter:
                word[axis] = next(letters)
                kept += word[axis]
    importer.bind(einsum(importer, f"{''.join(words[0])},{''.join(words[1])}->{kept}", [left, right]))


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
