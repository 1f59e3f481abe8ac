"""What the importers of ATen operators work with: named arguments, PyTorch's promotion of types, ONNX operators.

An ATen operator is imported as a function whose body is ONNX: `Call.onnx` runs the importer that exists for an ONNX
operator on values of this graph, so that whatever is learnt there is known here. What it refuses is told of the ATen
operator, and of the user's line that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps

import numpy as np

from ariel_build.frontends.source import Operand, SourceModel, SourceNode, SourceTensor
from ariel_build.ir import Array, DType, Value
from ariel_build.ops.aten.memory import is_in_place, note_views, write
from ariel_build.ops.base import IMPORTERS, Operator, UnsupportedReason, imports
from ariel_build.ops.cast import cast
from ariel_build.ops.concat import concat
from ariel_build.ops.importer import Importer
from ariel_build.ops.importing import refuse_unread
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice

__all__ = ["OPSET", "Call", "Scalar", "aten"]

#: The operator set in whose words ATen operators are told.
OPSET = 20

Scalar = bool | int | float

#: Arguments that say where and how memory lies, which is the compiler's affair, or that choose among equal kernels.
_HARMLESS = dict.fromkeys(
    ("layout", "device", "pin_memory", "memory_format", "non_blocking", "copy", "requires_grad"),
    "it says where tensors lie, not what they hold",
) | dict.fromkeys(
    ("cudnn_enable", "cudnn_enabled", "benchmark", "deterministic", "allow_tf32"),
    "it chooses among kernels that compute the same",
)
_RANKS = {DType.BOOL: 0, DType.F32: 2}


class Call:
    """An ATen node: its arguments by name, and the graph that it becomes part of."""

    def __init__(self, importer: Importer) -> None:
        """Takes the importer, whose node it is."""
        self.importer = importer

    # ---- arguments

    def has(self, name: str) -> bool:
        """Whether an argument is given, and not None."""
        return self.importer.attribute(name) is not None

    def plain(self, name: str, default: object = None) -> object:
        """Returns an argument: a number that the graph computes of shapes is what it comes to."""
        return self._resolved(self.importer.attribute(name, default), name)

    def _resolved(self, value: object, name: str) -> object:
        if isinstance(value, tuple):
            return tuple(self._resolved(one, name) for one in value)
        if not isinstance(value, Operand):
            return value
        data = self._operand(value).data
        if data is None:
            raise UnsupportedReason(f"argument `{name}` is computed at run time; only a constant is supported")
        if data.size != 1:
            raise UnsupportedReason(f"argument `{name}` is a tensor of {data.size} elements, not a number")
        return data.reshape(-1)[0].item()

    def integer(self, name: str, default: int | None = None) -> int:
        """Returns an integer."""
        value = self.plain(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, not an integer")
        return value

    def real(self, name: str, default: float | None = None) -> float:
        """Returns a number."""
        return float(self.scalar(name, default))

    def scalar(self, name: str, default: Scalar | None = None) -> Scalar:
        """Returns a number in the type that Python has it in."""
        value = self.plain(name, default)
        if not isinstance(value, (bool, int, float)):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, not a number")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Returns whether something is so."""
        value = self.plain(name, default)
        if not isinstance(value, bool):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, neither true nor false")
        return value

    def text(self, name: str, default: str = "") -> str:
        """Returns a word."""
        value = self.plain(name, default)
        if not isinstance(value, str):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, not a word")
        return value

    def integers(self, name: str, default: Sequence[int] | None = None, count: int | None = None) -> tuple[int, ...]:
        """Returns a list of integers; one number stands for a list of `count`, and nothing for the default."""
        value = self.plain(name, None if default is None else tuple(default))
        found = (value,) if isinstance(value, int) else value
        if not isinstance(found, tuple) or not all(isinstance(v, int) and not isinstance(v, bool) for v in found):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, not a list of integers")
        numbers = tuple(int(v) for v in found)
        if count is not None:
            if not numbers:
                numbers = tuple(default or ())
            if len(numbers) == 1:
                numbers *= count
            if len(numbers) != count:
                raise UnsupportedReason(
                    f"argument `{name}` is {list(numbers)}, not one number for each of {count} axes"
                )
        return numbers

    def reals(self, name: str) -> tuple[float, ...]:
        """Returns a list of numbers."""
        value = self.plain(name, ())
        if not isinstance(value, tuple) or not all(isinstance(v, (int, float)) for v in value):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, not a list of numbers")
        return tuple(float(v) for v in value)

    def axis(self, name: str, rank: int, default: int | None = None) -> int:
        """Returns an axis, counted from the front; a scalar counts as one of one axis."""
        axis = self.integer(name, default)
        if not -max(rank, 1) <= axis < max(rank, 1):
            raise UnsupportedReason(f"axis {axis} is outside {rank} axes")
        return axis % max(rank, 1)

    def tensor(self, name: str) -> Value:
        """Returns a tensor that the operator needs."""
        value = self.optional(name)
        if value is None:
            raise UnsupportedReason(f"argument `{name}` is missing")
        return value

    def optional(self, name: str) -> Value | None:
        """Returns a tensor, or None."""
        value = self.importer.attribute(name)
        if value is None:
            return None
        if not isinstance(value, Operand):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, not a tensor")
        return self._operand(value)

    def strides(self, name: str) -> tuple[int, ...] | None:
        """Returns how a tensor lies in PyTorch's memory, where the file tells."""
        value = self.importer.attribute(name)
        key = self.importer.node.inputs[value.index] if isinstance(value, Operand) else None
        return None if key is None else self.importer.model.tensors[key].strides

    def tensors(self, name: str) -> list[Value | None]:
        """Returns a list of tensors, None where one is left out."""
        value = self.importer.attribute(name, ())
        if not isinstance(value, tuple) or not all(v is None or isinstance(v, Operand) for v in value):
            raise UnsupportedReason(f"argument `{name}` is {value!r}, not a list of tensors")
        return [None if v is None else self._operand(v) for v in value]

    def all_tensors(self, name: str) -> list[Value]:
        """Returns a list of tensors, none left out."""
        found = [v for v in self.tensors(name) if v is not None]
        if len(found) != len(self.tensors(name)):
            raise UnsupportedReason(f"a tensor of argument `{name}` is left out")
        return found

    def operand(self, name: str) -> Value | Scalar:
        """Returns an argument that is a tensor or a number."""
        value = self.importer.attribute(name)
        return self._operand(value) if isinstance(value, Operand) else self.scalar(name)

    def _operand(self, operand: Operand) -> Value:
        key = self.importer.node.inputs[operand.index]
        if key is None:
            raise UnsupportedReason(f"input {operand.index} is missing")
        return self.importer.value(key)

    def dtype(self, name: str = "dtype", default: DType | None = None) -> DType | None:
        """Returns an element type; UnsupportedReason where it is one that we do not compile."""
        word = self.text(name)
        if not word:
            return default
        if word not in TYPES:
            raise UnsupportedReason(f"elements of {word} are not supported: use float32")
        return TYPES[word]

    def wants(self, index: int) -> bool:
        """Whether somebody reads an output."""
        outputs, model = self.importer.node.outputs, self.importer.model
        if index >= len(outputs):
            return False
        key = outputs[index]
        return key in model.outputs or any(key in node.inputs for node in model.nodes)

    # ---- values

    def constant(self, data: Array | Scalar, dtype: DType | None = None) -> Value:
        """Returns a constant."""
        return self.importer.constant(np.asarray(data, None if dtype is None else dtype.numpy))

    def cast(self, value: Value, dtype: DType) -> Value:
        """Returns a value with another element type."""
        return cast(self.importer, value, dtype)

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Returns a value under another shape."""
        return reshape(self.importer, value, shape)

    def emit(self, op: Operator, *inputs: Value | None) -> Value:
        """Adds one of our operators, and returns its first output."""
        return self.importer.emit(op, inputs)[0]

    def onnx(self, op: str, *inputs: Value | Sequence[int] | float | None, **attributes: object) -> Value:
        """Returns the first output of an ONNX operator; lists of integers become constants, numbers of float32."""
        return self.onnx_all(op, 1, *inputs, **attributes)[0]

    def onnx_all(
        self, op: str, outputs: int, *inputs: Value | Sequence[int] | float | None, **attributes: object
    ) -> list[Value]:
        """Returns all outputs of an ONNX operator."""
        function = IMPORTERS.get(("onnx", op))
        if function is None:
            raise UnsupportedReason(f"it takes ONNX's {op}, which is not supported")
        given: list[str | None] = []
        values: dict[str, Value] = {}
        for index, one in enumerate(inputs):
            given.append(None if one is None else f"x{index}")
            if isinstance(one, Value):
                values[f"x{index}"] = one
            elif isinstance(one, float):
                values[f"x{index}"] = self.constant(one, DType.F32)
            elif one is not None:
                values[f"x{index}"] = self.constant(np.asarray(one, np.int64))
        made = [f"y{index}" for index in range(outputs)]
        node = SourceNode(op, given, made, attributes, self.importer.node.origin, OPSET)
        tensors = {key: SourceTensor("") for key in made}
        model = SourceModel("onnx", "", "", tensors, list(values), made, [node], opset=OPSET)
        inner = self.importer.inner(model, apart=False)
        inner.values.update(values)
        inner.node = node
        inner.count[0] += 1
        function(inner)
        refuse_unread(inner)
        return [inner.value(key) for key in made]

    def add(self, left: Value, right: Value | float) -> Value:
        """Returns a sum of float32."""
        return self.onnx("Add", left, right)

    def mul(self, left: Value, right: Value | float) -> Value:
        """Returns a product of float32; what is multiplied by 1 stays."""
        return left if isinstance(right, float) and right == 1.0 else self.onnx("Mul", left, right)

    def kept_type(self, value: Value | None) -> Value:
        """Returns what is written in place, in the type of the tensor that it is written into."""
        if value is None:
            raise UnsupportedReason("it makes nothing")
        return self.cast(value, self.tensor("self").type.dtype)

    def range_of(self, x: Value) -> tuple[int, tuple[int, int, int]]:
        """Returns the axis, and (first, count, step) along it, that `select`, `slice` or `narrow` takes of `x`."""
        axis = self.axis("dim", len(x.shape), 0)
        if not x.shape:
            raise UnsupportedReason(f"{x.type} has no axes")
        extent = x.shape[axis]
        if self.has("index"):
            index = self.integer("index")
            if not -extent <= index < extent:
                raise UnsupportedReason(f"axis {axis} of {x.type} has no place {index}")
            return axis, (index % extent, 1, 1)
        start = self.integer("start") if self.has("start") else None
        end = self.integer("end") if self.has("end") else None
        step = self.integer("step", 1)
        if self.has("length") and start is not None:
            start = start + extent if start < 0 else start
            end = start + self.integer("length")
        if step < 1:
            raise UnsupportedReason(f"a slice with step {step} is not supported")
        found = range(*slice(start, end, step).indices(extent))
        return axis, (found[0] if found else 0, len(found), step)

    def scattered(self, x: Value, source: Value) -> Value:
        """Returns `x` with `source` at the places that `select`, `slice` or `narrow` would take of it."""
        axis, (first, count, step) = self.range_of(x)
        if step != 1:
            raise UnsupportedReason(f"writing into every {step}th place is not supported")
        source = self.reshape(self.cast(source, x.type.dtype), (*x.shape[:axis], count, *x.shape[axis + 1 :]))
        ends = ((0, first), (first + count, x.shape[axis] - first - count))
        before, behind = (
            [emit_slice(self.importer, x, {axis: (start, size, 1)})] if size else [] for start, size in ends
        )
        return concat(self.importer, [*before, *([source] if count else []), *behind], axis)

    # ---- PyTorch's types

    def real_tensor(self, value: Value) -> Value:
        """Returns a value as float32, which functions of real numbers make of integers."""
        return self.cast(value, DType.F32)

    def together(self, *operands: Value | Scalar) -> list[Value]:
        """Returns operands as tensors of the one type that PyTorch computes in.

        The type is that of the highest category (bool, integers, floats) among tensors with axes; tensors without, and
        then numbers, count only where their category is higher.
        """
        found: DType | None = None
        shaped = [v.type.dtype for v in operands if isinstance(v, Value) and v.shape]
        scalars = [v.type.dtype for v in operands if isinstance(v, Value) and not v.shape]
        numbers = [_number_type(v) for v in operands if not isinstance(v, Value)]
        for group in (shaped, scalars, numbers):
            common = _common(group)
            if common is not None and (found is None or _RANKS.get(common, 1) > _RANKS.get(found, 1)):
                found = common
        if found is None:
            raise UnsupportedReason("it has no operand")
        return [self.cast(v, found) if isinstance(v, Value) else self._number(v, found) for v in operands]

    def _number(self, number: Scalar, dtype: DType) -> Value:
        if dtype.is_integer and not dtype.range[0] <= number <= dtype.range[1]:
            raise UnsupportedReason(f"the number {number} is no {dtype.value}")
        return self.constant(number, dtype)


def _number_type(number: Scalar) -> DType:
    return DType.BOOL if isinstance(number, bool) else DType.I64 if isinstance(number, int) else DType.F32


def _common(types: Sequence[DType]) -> DType | None:
    """Returns the type of the tensors of one group."""
    if not types:
        return None
    highest = max(_RANKS.get(t, 1) for t in types)
    found = {t for t in types if _RANKS.get(t, 1) == highest}
    if len(found) == 1:
        return found.pop()
    # Of integers the wider one; a signed and an unsigned one of a size have a wider one still.
    wide = max(found, key=lambda t: (t.bytes, t.range[0] < 0))
    if all(wide.range[0] <= t.range[0] and t.range[1] <= wide.range[1] for t in found):
        return wide
    return next((t for t in (DType.I16, DType.I32, DType.I64) if t.bytes > wide.bytes), DType.I64)


#: PyTorch's words for the element types that we compile.
TYPES: Mapping[str, DType] = {np.dtype(t.numpy).name: t for t in DType}

Body = Callable[[Call], Value | Sequence[Value | None] | None]


def aten(*names: str, namespace: str = "aten", harmless: Mapping[str, str] | None = None) -> Callable[[Body], Body]:
    """Registers the importer of ATen operators: it returns their outputs, one or several, None for those not there.

    What it returns must be of the type and the shape that the file declares, as far as these are fixed.
    """

    def register(body: Body) -> Body:
        @wraps(body)
        def function(importer: Importer) -> None:
            made = body(Call(importer))
            values = [made] if isinstance(made, Value) else list(made or ())
            if is_in_place(importer.node.op) and values[:1] != [None] and values:
                write(importer, Call(importer).kept_type(values[0]))
                return
            bind(importer, values)
            note_views(importer)

        full = [f"{namespace}.{name}" if namespace else name for name in names]
        imports("pt2", *full, harmless={**_HARMLESS, **(harmless or {})})(function)
        return body

    return register


def bind(importer: Importer, values: Sequence[Value | None]) -> None:
    """Makes values the outputs of the node, after comparing them with what the file says of them."""
    for index, (key, value) in enumerate(zip(importer.node.outputs, values, strict=False)):
        tensor = importer.model.tensors.get(key)
        if value is None or tensor is None or tensor.shape is None:
            continue
        if tensor.dtype is None:
            raise UnsupportedReason(f"output {index} is {tensor.file_type}, which is not supported: use float32")
        fits = len(tensor.shape) == len(value.shape) and all(
            not isinstance(extent, int) or extent == own for extent, own in zip(tensor.shape, value.shape, strict=True)
        )
        if not fits or value.type.dtype is not tensor.dtype:
            declared = f"{tensor.dtype.value}[{', '.join(str(n) for n in tensor.shape)}]"
            raise UnsupportedReason(f"output {index} is declared {declared}, but the operator makes {value.type}")
    importer.bind(*values)
