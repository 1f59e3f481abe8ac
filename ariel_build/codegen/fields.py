"""Kernel fields -> Rust expressions."""

from __future__ import annotations

import numpy as np

from ariel_build.codegen.imports import Imports
from ariel_build.codegen.layout import Expression, List, Struct
from ariel_build.codegen.text import integer, real
from ariel_build.codegen.weights import Weights
from ariel_build.errors import InternalError
from ariel_build.kernels import Field, Nested, Operand, Packed, Scratch, Slice, Variant
from ariel_build.memory import MemoryPlan
from ariel_build.schedule import Step

__all__ = ["FieldPrinter"]


class FieldPrinter:
    """Prints one step: regions come from the memory plan, constants go to the weights, names to the imports."""

    def __init__(self, plan: MemoryPlan, weights: Weights, imports: Imports, step: Step) -> None:
        """Takes the plan, the weights and imports to add to, and the step."""
        self.plan = plan
        self.weights = weights
        self.imports = imports
        self.step = step

    def kernel(self) -> Struct:
        """Returns the kernel with its constants."""
        call = self.step.call
        return Struct(call.kernel.partition("<")[0], {key: self.value(value) for key, value in call.fields.items()})

    def name(self, path: str) -> str:
        """Returns how the module writes a type of the runtime crate."""
        return self.imports.name(path, self.step.call.kernel.partition("::")[0])

    def value(self, value: Field) -> Expression:
        """Returns the expression of one field."""
        match value:
            case bool():
                return "true" if value else "false"
            case int() | np.integer():
                return integer(int(value))
            case float() | np.floating():
                return real(float(value))
            case tuple():
                return List([self.value(v) for v in value])
            case Operand():
                return self.region(*self.plan.region(value.value))
            case Scratch():
                return self.region(*(self.plan.scratch(self.step.index) if value.bytes else (0, 0)), value.bytes)
            case Packed():
                return self.slice(value)
            case Slice():
                return List([self.value(item) for item in value.items], "&")
            case Variant():
                return self.name(value.path)
            case Nested(type="Source"):
                return self.source(value)
            case Nested():
                return Struct(self.name(value.type), {key: self.value(field) for key, field in value.fields.items()})
        raise InternalError("a field has no Rust form", {"field": value})

    def region(self, offset: int, planned: int, size: int | None = None) -> str:
        """Returns a region of the arena."""
        return f"{self.name('Region')}::new({integer(offset)}, {integer(planned if size is None else size)})"

    def slice(self, packed: Packed) -> str:
        """Returns a slice of the weights; pairs of int32 are `Multiplier`s."""
        data = packed.data
        pairs = data.dtype == np.int32 and data.ndim == 2 and data.shape[1] == 2 and packed.what == "multipliers"
        count = data.shape[0] if pairs else data.size
        return f"WEIGHTS.slice({integer(self.weights.place(packed))}, {integer(count)})" if count else "&[]"

    def source(self, nested: Nested) -> str:
        """Returns a `Source`: a region, or a slice of the weights where the operand is a constant."""
        operand = nested.fields["value"]
        source = self.name("Source")
        if isinstance(operand, Packed):
            return f"{source}::Flash({self.slice(operand)})"
        if not isinstance(operand, Operand):
            raise InternalError("a Source holds an Operand or Packed", {"field": operand})
        data = operand.value.data
        if data is not None:
            count = data.nbytes if nested.fields.get("bytes") else data.size
            offset = self.weights.place(Packed(data, "operand"))
            return f"{source}::Flash(WEIGHTS.slice({integer(offset)}, {integer(count)}))"
        return f"{source}::Arena({self.region(*self.plan.region(operand.value))})"
