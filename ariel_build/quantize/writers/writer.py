"""The ONNX file in the making: names, nodes, initialisers, and in which order of axes each image stands in it.

Our images are [N, H, W, C], ONNX's [N, C, H, W]. A value may stand in the file in its own order, with channels first,
or both: who writes an operator reads its operands in the order that suits it, and a Transpose is written only where
nobody has made that order before. So a row of convolutions has no transposes in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ariel_build
from ariel_build.errors import Diagnostic, UnsupportedError
from ariel_build.frontends.checks import public_names
from ariel_build.ir import Array, DType, Graph, Node, Quant, Value
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.quantize import Quantize
from ariel_build.records import dataclass

__all__ = ["OPSET", "WRITERS", "Writer", "write_model", "writes"]

#: The first operator set with Gelu, which onnxruntime has since 1.17, and that with integers of 16 and of 4 bits, since
#: 1.18; and the versions of the file format that go with them.
OPSET, _OPSET_WIDE = 20, 21
_FORMATS = {OPSET: 9, _OPSET_WIDE: 10}

#: [N, H, W, C] -> [N, C, H, W], and back.
FIRST, LAST = (0, 3, 1, 2), (0, 2, 3, 1)

_TYPES = {
    DType.I8: TensorProto.INT8,
    DType.U8: TensorProto.UINT8,
    DType.I16: TensorProto.INT16,
    DType.U16: TensorProto.UINT16,
    DType.I32: TensorProto.INT32,
    DType.U32: TensorProto.UINT32,
    DType.I64: TensorProto.INT64,
    DType.U64: TensorProto.UINT64,
    DType.F16: TensorProto.FLOAT16,
    DType.F32: TensorProto.FLOAT,
    DType.F64: TensorProto.DOUBLE,
    DType.BOOL: TensorProto.BOOL,
}

Write = Callable[["Writer", Node], None]
WRITERS: dict[type[Operator], Write] = {}


def writes(*operators: type[Operator]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function that writes a node of these operators as nodes of ONNX."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        for operator in operators:
            if operator in WRITERS:
                raise ValueError(f"{operator.__name__} is written twice")
            WRITERS[operator] = function
        return function

    return register


@dataclass
class _Forms:
    """The names under which a value stands in the file: in its own order of axes, and with channels first."""

    own: str = ""
    first: str = ""


@dataclass
class Writer:
    """Nodes and initialisers so far, and what values are called."""

    graph: Graph
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    _forms: dict[Value, _Forms] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)
    _public: dict[Value, str] = field(default_factory=dict)
    _constants: dict[tuple[object, ...], str] = field(default_factory=dict)
    #: The operator that is being written: what makes no value of a name is called after it.
    _op: str = "value"

    @cached_property
    def has_integers(self) -> bool:
        """Whether parts of the model compute in integers."""
        return any(isinstance(node.op, Quantize) for node in self.graph.nodes)

    def reserve(self, names: Sequence[str]) -> None:
        """Keeps names for what users see."""
        self._taken.update(dict.fromkeys(names, 1))

    def name(self, hint: str) -> str:
        """Returns a name that nothing else has."""
        hint = hint or "value"
        count = self._taken.get(hint, 0)
        while count and f"{hint}_{count}" in self._taken:
            count += 1
        self._taken[hint] = count + 1
        if not count:
            return hint
        self._taken[f"{hint}_{count}"] = 1
        return f"{hint}_{count}"

    def constant(self, data: Array, hint: str, bits: int | None = None) -> str:
        """Adds an initialiser, once for the same elements, of int4 where it has 4 `bits`; returns its name."""
        data = np.asarray(data, order="C")  # ascontiguousarray makes axes of scalars
        key = data.dtype.str, data.shape, data.tobytes(), bits
        if key not in self._constants:
            self._constants[key] = self.name(hint)
            made = numpy_helper.from_array(data) if bits is None else _int4(data)
            made.name = self._constants[key]
            self.initializers.append(made)
        return self._constants[key]

    def node(self, op: str, inputs: Sequence[str], hint: str, **attributes: Any) -> str:  # noqa: ANN401 - ONNX's
        """Adds a node of one output; returns the output's name. Attributes that are None are left out."""
        return self.nodes_outputs(op, inputs, [hint], **attributes)[0]

    def nodes_outputs(self, op: str, inputs: Sequence[str], hints: Sequence[str], **attributes: Any) -> list[str]:  # noqa: ANN401
        """Adds a node; returns the names of its outputs, "" where a hint is."""
        names = [self.name(hint) if hint else "" for hint in hints]
        given = {key: value for key, value in attributes.items() if value is not None}
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=next(n for n in names if n), **given))
        return names

    # Values of the graph.

    def has(self, value: Value, *, first: bool) -> bool:
        """Whether a computed value stands in the file in that order already."""
        forms = self._forms.get(value, _Forms())
        return bool(forms.first if first else forms.own)

    def read(self, value: Value) -> str:
        """Returns the name of a value in its own order of axes."""
        forms = self._forms.setdefault(value, _Forms())
        if not forms.own:
            if value.data is not None:
                forms.own = self.weights(value, value.name or "constant")
            else:
                self.bind(value, self.node("Transpose", [forms.first], self.hint(value), perm=LAST))
        return forms.own

    def read_first(self, value: Value) -> str:
        """Returns the name of an image with channels first."""
        forms = self._forms.setdefault(value, _Forms())
        if not forms.first:
            if value.data is not None:
                forms.first = self.weights(value, value.name or "constant", FIRST)
            else:
                forms.first = self.node("Transpose", [self.read(value)], f"{self.hint(value)}_nchw", perm=FIRST)
        return forms.first

    def hint(self, value: Value) -> str:
        """Returns what a value is to be called: the user's name of an output of the model, once."""
        public = self._public.pop(value, None)
        if public is not None:
            # It is taken by nobody but this value.
            del self._taken[public]
            return public
        return value.name or self._op

    def hint_first(self, value: Value) -> str:
        """Returns what a value is to be called with channels first."""
        return f"{value.name or self._op}_nchw"

    def bind(self, value: Value, name: str, *, first: bool = False) -> None:
        """Says under which name a value stands in the file."""
        forms = self._forms.setdefault(value, _Forms())
        if first:
            forms.first = name
        else:
            forms.own = name

    def write(self, value: Value, op: str, inputs: Sequence[str], *, first: bool = False, **attributes: Any) -> None:  # noqa: ANN401
        """Adds the node that makes a value, in its own order of axes or with channels first."""
        hint = self.hint_first(value) if first else self.hint(value)
        self.bind(value, self.node(op, inputs, hint, **attributes), first=first)

    def weights(
        self, value: Value, hint: str, perm: Sequence[int] | None = None, shape: Sequence[int] | None = None
    ) -> str:
        """Returns the name of a constant, its axes permuted and then reshaped; what is stored quantised is so written.

        A reshape must leave the axis along which the scales run where it is.
        """

        def moved(data: Array) -> Array:
            data = data if perm is None else data.transpose(perm)
            return data if shape is None else data.reshape(shape)

        if value.data is None:
            raise UnsupportedReason(f"`{hint}` is computed at run time; only a constant is supported")
        stored = value.stored
        if stored is None or stored.data is None or stored.type.quant is None:
            return self.constant(moved(value.data), hint)
        quant = stored.type.quant
        axis = quant.axis if quant.axis is None or perm is None else list(perm).index(quant.axis)
        integers = self.constant(moved(stored.data), f"{hint}_quantized", quant.bits)
        key = ("dequantized", integers, quant, axis)
        if key not in self._constants:
            inputs = [integers, *self.scale(quant, stored.type.dtype, hint)]
            self._constants[key] = self.node("DequantizeLinear", inputs, f"{hint}_real", axis=axis)
        return self._constants[key]

    def scale(self, quant: Quant, dtype: DType, hint: str) -> list[str]:
        """Returns the names of scale and zero point."""
        scales, zeros = np.array(quant.scales, np.float32), np.array(quant.zero_points, dtype.numpy)
        if quant.axis is None:
            scales, zeros = scales.reshape(()), zeros.reshape(())
        return [self.constant(scales, f"{hint}_scale"), self.constant(zeros, f"{hint}_zero_point", quant.bits)]

    # The model.

    def model(self) -> onnx.ModelProto:
        """Writes all of the graph."""
        graph = self.graph
        inputs = [*graph.inputs, *(state.current for state in graph.states)]
        outputs = [*graph.outputs, *(state.next for state in graph.states)]
        given = public_names([v.name for v in inputs], "input")
        made = public_names([v.name for v in outputs], "output")
        self.reserve([*given, *made])
        for value, name in zip(inputs, given, strict=True):
            self.bind(value, name)
        self._public = dict(zip(reversed(outputs), reversed(made), strict=True))
        problems = []
        for node in graph.nodes:
            try:
                self.write_node(node)
            except UnsupportedReason as reason:
                problems.append(Diagnostic(f"{node.op.name}: {reason}", node.origin))
        if problems:
            raise UnsupportedError(problems)
        for value, name in zip(outputs, made, strict=True):
            if self.read(value) != name:
                self.nodes.append(helper.make_node("Identity", [self.read(value)], [name], name=name))
        proto = helper.make_graph(
            self.nodes,
            graph.name or "model",
            [_ends(value, name) for value, name in zip(inputs, given, strict=True)],
            [_ends(value, name) for value, name in zip(outputs, made, strict=True)],
            initializer=self.initializers,
        )
        wide = any(v.type.quant and v.type.dtype is DType.I16 for v in graph.values())
        packed = any(tensor.data_type == TensorProto.INT4 for tensor in self.initializers)
        opset = _OPSET_WIDE if wide or packed else OPSET
        return helper.make_model(
            proto,
            producer_name="ariel-build",
            producer_version=ariel_build.__version__,
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=_FORMATS[opset],
        )

    def write_node(self, node: Node) -> None:
        """Writes one node; UnsupportedReason where it has no counterpart in ONNX."""
        function = next((WRITERS[kind] for kind in type(node.op).__mro__ if kind in WRITERS), None)
        if function is None:
            raise UnsupportedReason("nothing writes it as ONNX")
        self._op = node.op.name
        function(self, node)


def _int4(data: Array) -> onnx.TensorProto:
    """Returns integers of 4 bits, two in a byte, the first one in its low half."""
    halves = np.pad(data.reshape(-1), (0, data.size % 2)).astype(np.uint8) & 15
    packed = halves[::2] | halves[1::2] << 4
    return onnx.TensorProto(data_type=TensorProto.INT4, dims=data.shape, raw_data=packed.tobytes())


def onnx_type(dtype: DType) -> int:
    """Returns the number of an element type in ONNX; UnsupportedReason where it is not written."""
    if dtype not in _TYPES:
        raise UnsupportedReason(f"elements of {dtype.value} are not written as ONNX")
    return int(_TYPES[dtype])


def _ends(value: Value, name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx_type(value.type.dtype), list(value.shape))


def write_model(graph: Graph) -> onnx.ModelProto:
    """Returns the graph as an ONNX model; UnsupportedError names every operator that has no counterpart."""
    return Writer(graph).model()
