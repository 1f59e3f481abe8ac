"""Shape and its kin: what depends on shapes only is known at build time, and becomes a constant."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import DType, converted
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.broadcast import filled
from ariel_build.ops.cast import cast
from ariel_build.ops.compare import Compare
from ariel_build.ops.concat import Concat
from ariel_build.ops.element_types import onnx_type
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reshape import reshape
from ariel_build.ops.select import select

__all__ = ["bounded"]


@imports("onnx", "Shape", stored=True)
@imports("tflite", "SHAPE", harmless={"out_type": "the output is declared with a type"})
def _shape(importer: Importer) -> None:
    shape = importer.input(0).shape
    if importer.model.format == "tflite":
        importer.bind(importer.constant(np.array(shape, importer.output_type().dtype.numpy)))
        return
    end = importer.attribute("end")
    part = shape[importer.integer("start") : None if end is None else importer.integer("end")]
    importer.bind(importer.constant(np.array(part, np.int64)))


@imports("tflite", "RANK")
def _rank(importer: Importer) -> None:
    importer.bind(importer.constant(np.array(len(importer.input(0).shape), np.int32)))


@imports("tflite", "ZEROS_LIKE")
def _zeros_like(importer: Importer) -> None:
    type_ = importer.output_type()
    importer.bind(importer.constant(np.zeros(type_.shape, type_.dtype.numpy), quant=type_.quant))


@imports("tflite", "BROADCAST_ARGS")
def _broadcast_args(importer: Importer) -> None:
    if any(importer.input(k).data is None for k in range(2)):
        _broadcast_at_run_time(importer)
        return
    shapes = [tuple(int(d) for d in importer.constant_input(k, "a shape").reshape(-1)) for k in range(2)]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise UnsupportedReason(f"the shapes {list(shapes[0])} and {list(shapes[1])} do not go together") from None
    importer.bind(importer.constant(np.array(shape, importer.output_type().dtype.numpy)))


def _broadcast_at_run_time(importer: Importer) -> None:
    """Of two extents the one that is not 1, shorter shapes with axes of 1 in front."""
    type_ = importer.output_type()
    padded = []
    for k in range(2):
        value = importer.input(k)
        missing = type_.shape[0] - value.type.elements
        if value.type.dtype is not DType.I32 or len(value.shape) != 1 or missing < 0:
            raise UnsupportedReason(f"shapes of {value.type} that are computed at run time are not supported")
        ones = importer.constant(np.ones(missing, np.int32))
        padded.append(importer.emit(Concat(0), [ones, value])[0] if missing else value)
    one = importer.constant(np.ones((), np.int32))
    (is_one,) = importer.emit(Compare("Equal"), [padded[0], one])
    importer.bind(select(importer, is_one, padded[1], padded[0]))


@imports("onnx", "Size", stored=True)
def _size(importer: Importer) -> None:
    importer.bind(importer.constant(np.array(importer.input(0).type.elements, np.int64)))


@imports("onnx", "ConstantOfShape")
def _constant_of_shape(importer: Importer) -> None:
    if importer.input(0).data is None:
        shape = importer.declared_shape("the shape")
    else:
        shape = tuple(int(d) for d in importer.constant_input(0, "the shape").reshape(-1))
    value = importer.attribute("value", np.zeros(1, np.float32))
    importer.bind(importer.constant(np.full(bounded(shape), np.asarray(value).reshape(-1)[0])))


@imports("onnx", "EyeLike", stored=True)
def _eye_like(importer: Importer) -> None:
    x, number = importer.input(0), importer.integer("dtype")
    if len(x.shape) != 2:
        raise UnsupportedReason(f"it is of {len(x.shape)} axes, not of 2")
    eye = np.eye(*x.shape, k=importer.integer("k"))
    importer.bind(importer.constant(converted(eye, onnx_type(number) if number else x.type.dtype)))


@imports("tflite", "FILL")
def _fill(importer: Importer) -> None:
    shape = tuple(int(d) for d in importer.constant_input(0, "the shape").reshape(-1))
    value = importer.input(1)
    if value.type.elements != 1:
        raise UnsupportedReason(f"{value.type} is not one value")
    if value.data is not None:
        importer.bind(importer.constant(np.full(bounded(shape), value.data.reshape(())), quant=value.type.quant))
        return
    one = reshape(importer, value, (1,) * len(shape))
    importer.bind(filled(importer, one, bounded(shape)))


@imports("onnx", "Range", harmless={"stash_type": "the bounds are constants, and computed in float64"})
@imports("tflite", "RANGE")
def _range(importer: Importer) -> None:
    if any(importer.input(k).data is None for k in range(3)):
        _range_at_run_time(importer)
        return
    bounds = [importer.constant_input(k, "a bound") for k in range(3)]
    start, limit, delta = (b.reshape(()).item() for b in bounds)
    if delta == 0 or (limit - start) / delta > MOST_ELEMENTS:
        raise UnsupportedReason(f"a range from {start} to {limit} by {delta} has too many elements")
    importer.bind(importer.constant(np.arange(start, limit, delta).astype(bounds[0].dtype)))


def _range_at_run_time(importer: Importer) -> None:
    """Counts from `start` by `delta`, as often as is declared."""
    tflite = importer.model.format == "tflite"
    (count,) = importer.output_type().shape if tflite else importer.declared_shape("a bound")
    first, _, delta = (importer.input(k) for k in range(3))
    dtype = first.type.dtype
    wide = dtype is DType.I64
    start, step = (cast(importer, reshape(importer, v, (1,)), DType.I32 if wide else dtype) for v in (first, delta))
    numbers = importer.constant(np.arange(count).astype(start.type.dtype.numpy))
    rounding = Rounding.DOUBLE if tflite else Rounding.NEAREST_EVEN
    (steps,) = importer.emit(Map2("Mul", rounding=rounding), [numbers, step])
    (sums,) = importer.emit(Map2("Add", rounding=rounding), [steps, start])
    importer.bind(cast(importer, sums, dtype))


MOST_ELEMENTS = 1 << 24


def bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape of a constant; UnsupportedReason where it has more elements than any model needs."""
    if any(d < 0 for d in shape) or np.prod(shape, dtype=np.float64) > MOST_ELEMENTS:
        raise UnsupportedReason(f"a constant of shape {list(shape)} has too many elements")
    return shape
