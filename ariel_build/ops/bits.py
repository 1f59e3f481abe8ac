"""What is asked of the bits of a number: whether it is infinite, or none, or what its bits are in another type."""

from __future__ import annotations

import math

import numpy as np

from ariel_build.ir import DType, Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.compare import Compare
from ariel_build.ops.element_types import onnx_type, small_integers
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.reinterpret import Reinterpret

__all__: list[str] = []


@imports("onnx", "IsNaN")
def _is_nan(importer: Importer) -> None:
    # What is not a number differs from itself.
    x = importer.input(0)
    importer.bind(*importer.emit(Compare("NotEqual"), [x, x]))


@imports("onnx", "IsInf")
def _is_inf(importer: Importer) -> None:
    x = importer.input(0)
    negative, positive = (bool(importer.integer(f"detect_{sign}", 1)) for sign in ("negative", "positive"))
    if negative and positive:
        (x,) = importer.emit(Map1("Abs", (), Rounding.NEAREST_EVEN), [x])
    if not (negative or positive):
        importer.bind(importer.constant(np.zeros(x.shape, np.bool_)))
        return
    infinite = importer.constant(np.array(math.inf if positive else -math.inf, x.type.dtype.numpy))
    importer.bind(*importer.emit(Compare("Equal"), [x, infinite]))


@imports("onnx", "BitwiseNot")
def _bitwise_not(importer: Importer) -> None:
    x = importer.input(0)
    if not x.type.dtype.is_integer:
        raise UnsupportedReason(f"of {x.type.dtype.value} is not supported, only of integers")
    importer.bind(*importer.emit(Map2("BitXor"), [x, importer.constant(_ones(x))]))


def _ones(x: Value) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """Returns a number of the type of which every bit is set."""
    return np.frombuffer(b"\xff" * x.type.dtype.bytes, x.type.dtype.numpy).reshape(())


@imports("onnx", "BitCast", stored=True)
def _bit_cast(importer: Importer) -> None:
    x, dtype = importer.input(0), onnx_type(importer.integer("to"))
    if small_integers(importer, 0):
        raise UnsupportedReason("integers of 4 or 2 bits are not supported: they are stored one in a byte")
    if dtype is DType.BOOL and x.type.dtype is not DType.BOOL:
        raise UnsupportedReason("to bool is not supported: a byte may be neither 0 nor 1")
    importer.bind(*importer.emit(Reinterpret(dtype), [x]))


@imports("tflite", "BITCAST", stored=True)
def _bit_cast_from_tflite(importer: Importer) -> None:
    x, type_ = importer.input(0), importer.output_type()
    if DType.BOOL in (x.type.dtype, type_.dtype):
        raise UnsupportedReason("of bool is not supported: a byte may be neither 0 nor 1")
    if x.type.dtype.bytes != type_.dtype.bytes:
        raise UnsupportedReason(f"of {x.type} to {type_}, whose elements have another size, is not supported")
    importer.bind(*importer.emit(Reinterpret(type_.dtype), [importer.view(x, None)]))
