"""Kernel fields -> Rust expressions."""

from __future__ import annotations

import numpy as np

from ariel_build.codegen.imports import Imports
from ariel_build.codegen.layout import Expression, List, Struct
from ariel_build.codegen.program import Runnable
from ariel_build.codegen.text import integer, real
from ariel_build.codegen.weights import Weights
from ariel_build.errors import InternalError
from ariel_build.ir import DType, Value
from ariel_build.kernels import Axis, Bottleneck, Choice, Field, Kernel, Operand, Packed, Part, Scratch, Source, Variant
from ariel_build.kernels.fetched import Fetched
from ariel_build.memory import FAST, MemoryPlan, Region

__all__ = ["FieldPrinter", "near_bytes"]

#: Bytes of what slices hold.
_SIZES = {dtype.value: dtype.bytes for dtype in DType if not dtype.is_half} | {"Multiplier": 8}


def is_near(kernel: Kernel, name: str) -> bool:
    """Whether a constant stands in the module itself, and not among the weights, which are in slow memory.

    So do those of layers whose filters are fetched ahead: they are small, and are read between the products.
    """
    return isinstance(kernel, Fetched) and name not in ("layer.filter", "layer.stream")


def near_bytes(kernel: Kernel) -> int:
    """Returns the bytes of the constants that stand in the module itself."""
    if not isinstance(kernel, Fetched):
        return 0
    inner = [(f"layer.{name}", value) for name, value in kernel.layer]
    return sum(value.data.nbytes for name, value in inner if isinstance(value, Packed) and is_near(kernel, name))


def literal(packed: Packed) -> List:
    """Returns a constant as a slice of numbers."""
    return List([integer(int(number)) for number in packed.data.reshape(-1)], "&")


class FieldPrinter:
    """Prints one step: regions come from the memory plan, constants go to the weights, names to the imports."""

    def __init__(self, plan: MemoryPlan, weights: Weights, imports: Imports, run: Runnable) -> None:
        """Takes the plan, the weights and imports to add to, and what is printed, with the places of what rolls."""
        self.plan = plan
        self.places = run.places
        self.weights = weights
        self.imports = imports
        self.step = run.step
        self.call = run.call

    def kernel(self, kernel: Kernel) -> Struct:
        """Returns the kernel, of the step or for a part of it, with its constants."""
        return Struct(kernel.path.partition("<")[0], self.fields(kernel, None, ""))

    def fields(self, part: Part, inside: Part | None, prefix: str) -> dict[str, Expression]:
        """Returns the fields of a struct: of the kernel, or of one `inside` of it, in the field that `prefix` names."""
        return {name: self.value(value, inside, prefix + name) for name, value in part}

    def value(self, value: Field, inside: Part | None, name: str) -> Expression:
        """Returns the expression of the field `name` of a struct."""
        match value:
            case bool():
                return "true" if value else "false"
            case int() | np.integer():
                return integer(int(value))
            case float() | np.floating():
                return real(float(value))
            case tuple():
                # Arrays have elements: what has none is a slice.
                prefix = "&" if not value or any(isinstance(item, Part) for item in value) else ""
                return List([self.value(item, inside, name) for item in value], prefix)
            case Operand():
                return self.region(*self.place(value.value))
            case Scratch():
                return self.scratch(value)
            case Packed():
                held = self.call.kernel.holds(name, inside)
                return literal(value) if is_near(self.call.kernel, name) else self.slice(value, held)
            case Source():
                return self.source(value, self.call.kernel.holds(name, inside))
            case Variant():
                return self.imports.own(value.path, self.call.kernel)
            case Choice():
                return f"{self.imports.own(type(value).__name__, self.call.kernel)}::{value.value}"
            case Axis():
                return f"{self.imports.common('tile', 'Axis')}::{value.value}"
            case Part():
                type_ = self.imports.part(value, self.call.kernel)
                return Struct(type_, self.fields(value, value, f"{name}.")) if value.FIELDS else type_
        raise InternalError("a field has no Rust form", {"field": value})

    def place(self, value: Value) -> Region:
        """Returns the region of an operand."""
        return self.places.get(value) or self.plan.region(value)

    def scratch(self, scratch: Scratch) -> str:
        """Returns the region of one of the step's scratches; that of none is nowhere."""
        if not scratch.bytes:
            return self.region(0, 0)
        all_of_step = self.step.call.scratches
        # Layers of a bottleneck take turns in what it has last.
        other = len(all_of_step) - 1 if isinstance(self.step.call.kernel, Bottleneck) else 0
        part = next((k for k, own in enumerate(all_of_step) if own is scratch), other)
        return self.region(self.plan.scratch_part(self.step.index, part).offset, scratch.bytes)

    def region(self, offset: int, planned: int, size: int | None = None) -> str:
        """Returns a region of the arena, or of scratch in fast memory."""
        region = self.imports.common("memory", "Region")
        if offset >= FAST:
            return f"{region}::fast({integer(offset - FAST)}, {integer(planned if size is None else size)})"
        return f"{region}::new({integer(offset)}, {integer(planned if size is None else size)})"

    def slice(self, packed: Packed, held: str) -> str:
        """Returns a slice of the weights."""
        count, rest = divmod(packed.data.nbytes, _SIZES[held])
        if rest or (held not in ("u8", "i8", "Multiplier") and packed.data.itemsize != _SIZES[held]):
            raise InternalError("constants are not what the kernel reads", {"reads": held, "has": packed.data.dtype})
        return self.constant(packed, count) if count else "&[]"

    def source(self, source: Source, held: str) -> str:
        """Returns a `Source`: a region, or a slice of the weights where the operand is a constant."""
        name, data = self.imports.common("memory", "Source"), source.value.data
        if data is None:
            return f"{name}::Arena({self.region(*self.place(source.value))})"
        if not data.size:
            return f"{name}::Flash(&[])"
        return f"{name}::Flash({self.constant(Packed(data, 'operand'), data.nbytes // _SIZES[held])})"

    def constant(self, packed: Packed, count: int) -> str:
        """Returns so many elements of the weights, of those in fast memory where the step's are there."""
        name, blob = ("HOT", self.weights.hot) if self.step.call.hot else ("WEIGHTS", self.weights)
        return f"{name}.slice({integer(blob.place(packed))}, {integer(count)})"
