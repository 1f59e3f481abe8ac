"""Map1: output = f(input), one function of one number; in int8 it is a table of 256 bytes.

The functions are the rows of `map1_rows.py`; what TFLite computes in fixed point instead is in `map1_int8.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.kernels import Kernel, KernelCall, Packed
from ariel_build.kernels.declared import map1 as declared
from ariel_build.ops import table16
from ariel_build.ops.accumulate import bounds
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.elementwise import (
    BYTES,
    call_of,
    dequantize,
    lookup_call,
    one_operand,
    plain_call,
    quant_of,
    quantize,
    same_type,
    spread_operands,
)
from ariel_build.ops.fixed_point import I64, UNBOUNDED, Rounding
from ariel_build.ops.importer import Importer
from ariel_build.ops.map1_rows import MAP1, Map1Row
from ariel_build.ops.rows import called, named, parameters
from ariel_build.ops.traits import POINTWISE, alike, never
from ariel_build.records import dataclass

__all__ = ["Map1"]


@dataclass(frozen=True)
class Map1(Operator):
    """The function `kind` of every element; `parameters` in the order in which its row names them."""

    traits = POINTWISE
    passed_on = never
    permuted = alike

    kind: str
    parameters: tuple[float, ...] = ()
    rounding: Rounding = Rounding.DOUBLE

    @property
    def name(self) -> str:
        """The function's name."""
        return self.kind

    @property
    def row(self) -> Map1Row:
        """All that there is to say of the function."""
        return MAP1[self.kind]

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T -> T."""
        type_ = same_type(inputs)
        row = self.row
        wide = type_.dtype is DType.I16 and (row.wide is not None or row.tabled is not None)
        plain = row.integer is not None and type_.dtype.is_integer
        real = type_.dtype is DType.F32 or (type_.dtype is DType.F64 and not row.parameters)
        if not (real or plain or wide or type_.dtype in BYTES):
            raise ValueError(f"{self.kind} of {type_.dtype.value} is not supported")
        return [type_]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Computes in double; int8 by TFLite's formula, or rne of the real function."""
        x = inputs[0]
        assert x is not None  # noqa: S101 - infer has seen it
        row = self.row
        if x.dtype == np.float32:
            return [self.real(x)]
        if x.dtype == np.float64:
            with np.errstate(all="ignore"):
                return [np.asarray(row.real(x), np.float64)]
        if node.output.type.quant is None:
            if row.integer is None:
                raise UnsupportedReason(f"{self.kind} of {node.output.type.dtype.value} without quantisation")
            with np.errstate(all="ignore"):
                return [row.integer(x).astype(x.dtype)]
        source, target = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        dtype = node.output.type.dtype
        if dtype is DType.I16 and row.tabled is not None and self.rounding is Rounding.DOUBLE:
            return [table16.interpolated(self._table(source, target), x.astype(np.int64)).astype(np.int16)]
        special = row.stored if self.rounding is Rounding.DOUBLE else None
        if special is not None:
            return [special(x.astype(np.int64), source, target, dtype, self.parameters)]
        return [quantize(self.real(dequantize(x, source)), target, dtype, self.rounding)]

    def real(self, x: Array) -> Array:
        """Returns the function of float32 elements; its parameters are float32 too."""
        parameters = [float(np.float32(p)) for p in self.parameters]
        with np.errstate(all="ignore"):
            return np.asarray(self.row.real(x.astype(np.float64), *parameters), np.float32)

    def _table(self, source: Quant, target: Quant) -> I64:
        """Returns TFLite's table of int16."""
        tabled, least = self.row.tabled, table16.least(target)
        assert tabled is not None  # noqa: S101 - who asks has seen it
        return table16.tabled(lambda x: tabled(x, least), source, target)

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Table`, `map1::<kind>`, `<kind>F64`, `<kind>Int16` or `TableInt16`, or `map2::Plain<type>`."""
        x = node.input(0)
        if x.type.dtype in BYTES:
            return lookup_call(node, x, lambda data: self.reference([data], node)[0])
        if x.type.quant and x.type.dtype is DType.I16 and self.row.wide and self.rounding is Rounding.DOUBLE:
            quants = quant_of(x, "the input"), quant_of(node.output, "the output")
            wide: type[Kernel] = getattr(declared, f"{self.kind}Int16")
            ends = {"bounds": bounds(node, UNBOUNDED, self.rounding)} if "bounds" in wide.FIELDS else {}
            return call_of(wide.made({**one_operand(node), **self.row.wide(*quants, self.parameters), **ends}), node)
        if x.type.dtype is DType.F64:
            made: type[Kernel] = getattr(declared, f"{self.kind}F64")
            return call_of(made.made(one_operand(node)), node)
        if x.type.dtype is DType.I16 and self.row.tabled is not None and self.rounding is Rounding.DOUBLE:
            table = self._table(quant_of(x, "the input"), quant_of(node.output, "the output"))
            packed = Packed(table.astype(np.int16), "table")
            return call_of(declared.TableInt16(**one_operand(node), table=packed), node)
        if x.type.dtype is not DType.F32:
            return self._plain(node)
        kernel: type[Kernel] = getattr(declared, self.kind)
        parameters = dict(zip(self.row.parameters, self.parameters, strict=True))
        return call_of(kernel.made({**one_operand(node), **parameters}), node)

    def _plain(self, node: Node) -> KernelCall:
        """Returns the operator of two numbers that computes plain integers, one of them 0, or both of them one."""
        x, dtype = node.input(0), node.output.type.dtype
        if self.kind not in _PLAIN or node.output.type.quant is not None:
            raise UnsupportedReason(f"{self.kind} of {dtype.value} is not supported")
        function, pair = _PLAIN[self.kind]
        zero = Value(TensorType(dtype, (1,)), "", np.zeros(1, dtype.numpy))
        left, right = pair(x, zero)
        return plain_call(function, node, spread_operands(left, right, node.output))


#: What a function of plain integers is of two of them: the number and 0.
_PLAIN: Mapping[str, tuple[str, Callable[[Value, Value], tuple[Value, Value]]]] = {
    "Neg": ("Sub", lambda x, zero: (zero, x)),
    "Abs": ("Distance", lambda x, zero: (x, zero)),
    "Sign": ("Order", lambda x, zero: (x, zero)),
    "Square": ("Mul", lambda x, _: (x, x)),
}
_TFLITE, _ONNX = (called(MAP1.values(), format_) for format_ in ("tflite", "onnx"))


@imports("tflite", *_TFLITE)
def _from_tflite(importer: Importer) -> None:
    row, name = named(importer, _TFLITE[importer.node.op])
    importer.emit_declared(Map1(row.name, parameters(importer, name)), [importer.input(0)])


@imports("onnx", *_ONNX)
def _from_onnx(importer: Importer) -> None:
    row, name = named(importer, _ONNX[importer.node.op])
    op = Map1(row.name, parameters(importer, name), Rounding.NEAREST_EVEN)
    importer.bind(*importer.emit(op, [importer.input(0)]))


@imports("onnx", "Identity", stored=True)
def _identity_from_onnx(importer: Importer) -> None:
    importer.bind(importer.input(0))


@imports(
    "onnx",
    "Dropout",
    harmless={"ratio": "nothing is dropped at inference", "seed": "nothing is dropped at inference"},
)
def _dropout_from_onnx(importer: Importer) -> None:
    training, ratio = importer.optional_input(2), importer.optional_input(1)
    nothing = ratio is not None and ratio.data is not None and not ratio.data.any()
    if training is not None and not nothing and importer.constant_input(2, "the training mode").any():
        raise UnsupportedReason("training mode is not supported: it draws random numbers; export it for inference")
    # At inference, and with a ratio of 0, nothing is dropped.
    x = importer.input(0)
    importer.bind(x, importer.constant(np.ones(x.shape, np.bool_)))
