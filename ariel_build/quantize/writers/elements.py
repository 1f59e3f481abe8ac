"""Functions of one element, or of two that are broadcast to one shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import DType, Node, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.compare import Compare, Logic, Not
from ariel_build.ops.compare_rows import LOGIC, RELATIONS
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map1_rows import MAP1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.map2_rows import MAP2
from ariel_build.ops.rows import Attribute, Named, called
from ariel_build.ops.select import Select
from ariel_build.quantize.writers.writer import FIRST, Writer, onnx_type, writes
from ariel_build.records import dataclass

__all__ = ["Elements", "activation", "elements_of"]


@dataclass(frozen=True)
class Elements:
    """A node that acts element by element, and the order of axes in which it is written."""

    writer: Writer
    node: Node
    first: bool

    def operand(self, value: Value) -> str:
        """Returns the name of an operand in that order."""
        if not self.first or len(value.shape) == 0 or value.type.elements == 1:
            return self.writer.read(value)
        if len(value.shape) == 4:
            return self.writer.read_first(value)
        # A constant of lower rank gets axes of 1 in front.
        shape = (*(1 for _ in range(4 - len(value.shape))), *value.shape)
        return self.writer.weights(value, value.name or "constant", shape=tuple(shape[k] for k in FIRST))

    def operands(self) -> list[str]:
        """Returns the names of all operands."""
        return [self.operand(v) for v in self.node.inputs if v is not None]

    def result(self, op: str, inputs: Sequence[str], **attributes: object) -> None:
        """Writes the node that makes the result, and what bounds it."""
        clip = getattr(self.node.op, "clip", UNBOUNDED)
        writer, output = self.writer, self.node.output
        hint = writer.hint_first(output) if self.first else writer.hint(output)
        if clip != UNBOUNDED:
            made = writer.node(op, inputs, f"{output.name or op}_raw", **attributes)
            writer.bind(output, activation(writer, made, clip, hint, output.type.dtype), first=self.first)
        else:
            writer.bind(output, writer.node(op, inputs, hint, **attributes), first=self.first)

    def step(self, op: str, inputs: Sequence[str], **attributes: object) -> str:
        """Writes a node on the way to the result."""
        return self.writer.node(op, inputs, f"{self.node.output.name or self.node.op.name}_{op.lower()}", **attributes)


def elements_of(writer: Writer, node: Node) -> Elements:
    """Returns how a node is written: with channels first where its images stand so in the file, and only so."""
    computed = [v for v in node.inputs if v is not None and not v.is_constant]
    low = [v for v in node.inputs if v is not None and v.is_constant and v.type.elements > 1 and len(v.shape) < 4]
    first = (
        len(node.output.shape) == 4
        and bool(computed)
        and all(len(v.shape) == 4 and writer.has(v, first=True) for v in computed)
        and not all(writer.has(v, first=False) for v in computed)
        # A stored constant of lower rank has its scale along no axis, or stays as it is.
        and all(v.stored is None or v.stored.type.quant is None or v.stored.type.quant.axis is None for v in low)
    )
    return Elements(writer, node, first)


def activation(writer: Writer, name: str, clip: tuple[float, float], hint: str, dtype: DType = DType.F32) -> str:
    """Adds what clamps a tensor to real bounds; returns its name, or that of the tensor where there are none."""
    if clip == UNBOUNDED:
        return name
    if clip == (0.0, math.inf):
        return writer.node("Relu", [name], hint)
    low, high = (
        "" if math.isinf(bound) else writer.constant(np.array(bound, dtype.numpy), kind)
        for bound, kind in zip(clip, ("low", "high"), strict=True)
    )
    return writer.node("Clip", [name, low, high], hint)


@writes(Clip)
def _clip(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Clip)  # noqa: S101 - registered for it
    elements = elements_of(writer, node)
    output = node.output
    hint = writer.hint_first(output) if elements.first else writer.hint(output)
    (x,) = elements.operands()
    if node.op.clip == UNBOUNDED:
        writer.bind(output, writer.node("Identity", [x], hint), first=elements.first)
    else:
        writer.bind(output, activation(writer, x, node.op.clip, hint, output.type.dtype), first=elements.first)


#: What each row is called in ONNX.
_NAMES: dict[str, Named] = {
    row.name: named
    for rows in (MAP1, MAP2)
    for found in called(rows.values(), "onnx").values()
    for row, named in found
    # One of two operands, where it has a name of its own.
    if not named.many or row.onnx in (named, (named,))
}


def _square(x: Elements) -> None:
    (value,) = x.operands()
    x.result("Mul", [value, value])


def _rsqrt(x: Elements) -> None:
    x.result("Reciprocal", [x.step("Sqrt", x.operands())])


def _swish(x: Elements) -> None:
    (value,) = x.operands()
    (alpha,) = getattr(x.node.op, "parameters", (1.0,))
    scaled = value if alpha == 1.0 else x.step("Mul", [value, x.writer.constant(np.float32(alpha), "alpha")])  # type: ignore[arg-type]
    x.result("Mul", [value, x.step("Sigmoid", [scaled])])


def _squared_difference(x: Elements) -> None:
    difference = x.step("Sub", x.operands())
    x.result("Mul", [difference, difference])


def _log1p(x: Elements) -> None:
    one = x.writer.constant(np.array(1, np.float32), "one")
    x.result("Log", [x.step("Add", [*x.operands(), one])])


def _expm1(x: Elements) -> None:
    one = x.writer.constant(np.array(1, np.float32), "one")
    x.result("Sub", [x.step("Exp", x.operands()), one])


#: Rows that ONNX, or its set of operators that we write, has no name for.
_COMPOSED: dict[str, Callable[[Elements], None]] = {
    "Square": _square,
    "Rsqrt": _rsqrt,
    "Swish": _swish,
    "SquaredDifference": _squared_difference,
    "Log1p": _log1p,
    "Expm1": _expm1,
}


@writes(Map1, Map2)
def _row(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Map1 | Map2)  # noqa: S101 - registered for them
    elements, kind = elements_of(writer, node), node.op.kind
    if kind in _COMPOSED:
        _COMPOSED[kind](elements)
        return
    if kind not in _NAMES:
        raise UnsupportedReason("ONNX has no operator for it")
    named = _NAMES[kind]
    if kind == "Mod" and node.output.type.dtype.is_real:
        raise UnsupportedReason("ONNX has the remainder with the divisor's sign for integers only")
    attributes: dict[str, object] = {}
    parameters = node.op.parameters if isinstance(node.op, Map1) else ()
    for value, number in zip(named.values, parameters, strict=True):
        if isinstance(value, Attribute):
            attributes[value.name] = float(number)
        elif value != number:
            raise UnsupportedReason(f"ONNX has no operator for it with {number:g}")
    if named.when is not None:
        flag, given = named.when
        attributes[flag] = given if isinstance(given, str) else int(given)
    elements.result(named.name, elements.operands(), **attributes)


_RELATIONS = {row.name: name for name, found in called(RELATIONS.values(), "onnx").items() for row, _ in found}
_LOGIC = {row.name: name for name, found in called(LOGIC.values(), "onnx").items() for row, _ in found}


@writes(Compare, Logic)
def _relation(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Compare | Logic)  # noqa: S101 - registered for them
    elements = elements_of(writer, node)
    name = _RELATIONS.get(node.op.name) if isinstance(node.op, Compare) else _LOGIC.get(node.op.name)
    if name is not None:
        elements.result(name, elements.operands())
    elif node.op.name == "NotEqual":
        elements.result("Not", [elements.step("Equal", elements.operands())])
    else:
        raise UnsupportedReason("ONNX has no operator for it")


@writes(Not)
def _not(writer: Writer, node: Node) -> None:
    elements = elements_of(writer, node)
    elements.result("Not", elements.operands())


@writes(Select)
def _select(writer: Writer, node: Node) -> None:
    elements = elements_of(writer, node)
    elements.result("Where", elements.operands())


@writes(Cast)
def _cast(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Cast)  # noqa: S101 - registered for it
    if node.input(0).type.dtype.is_real and node.op.dtype.is_integer:
        raise UnsupportedReason("runtimes differ in what becomes of floats that an integer type does not hold")
    elements = elements_of(writer, node)
    elements.result("Cast", elements.operands(), to=onnx_type(node.op.dtype))
