"""Kernel fields -> Rust expressions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ariel_build.codegen.layout import Expression, List, Struct
from ariel_build.codegen.text import integer, real
from ariel_build.codegen.weights import Weights
from ariel_build.errors import InternalError
from ariel_build.kernel import Field, Nested, Operand, Packed, Scratch, Slice, Variant
from ariel_build.memory import MemoryPlan

__all__ = ["FieldPrinter"]


class FieldPrinter:
    """Prints the fields of one step: regions come from the memory plan, constants go to the weights."""

    def __init__(self, plan: MemoryPlan, weights: Weights, step: int) -> None:
        """Takes the plan, the weights to add to, and the index of the step."""
        self.plan = plan
        self.weights = weights
        self.step = step

    def struct(self, name: str, fields: Mapping[str, Field]) -> Struct:
        """Returns `Name { field: value, .. }`."""
        return Struct(name, {key: self.value(value) for key, value in fields.items()})

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
                return self.region(*(self.plan.scratch(self.step) if value.bytes else (0, 0)), value.bytes)
            case Packed():
                return self.slice(value)
            case Slice():
                return List([self.value(item) for item in value.items], "&")
            case Variant():
                return value.path
            case Nested(type="Source"):
                return self.source(value)
            case Nested():
                return self.struct(value.type, value.fields)
        raise InternalError("a field has no Rust form", {"field": value})

    def region(self, offset: int, planned: int, size: int | None = None) -> str:
        """Returns a region of the arena."""
        return f"Region::new({integer(offset)}, {integer(planned if size is None else size)})"

    def slice(self, packed: Packed) -> str:
        """Returns a slice of the weights; pairs of int32 are `Multiplier`s."""
        data = packed.data
        pairs = data.dtype == np.int32 and data.ndim == 2 and data.shape[1] == 2 and packed.what == "multipliers"
        count = data.shape[0] if pairs else data.size
        return f"WEIGHTS.slice({integer(self.weights.place(packed))}, {integer(count)})" if count else "&[]"

    def source(self, nested: Nested) -> str:
        """Returns a `Source`: a region, or a slice of the weights where the operand is a constant."""
        operand = nested.fields["value"]
        if isinstance(operand, Packed):
            return f"Source::Flash({self.slice(operand)})"
        if not isinstance(operand, Operand):
            raise InternalError("a Source holds an Operand or Packed", {"field": operand})
        data = operand.value.data
        if data is not None:
            count = data.nbytes if nested.fields.get("bytes") else data.size
            offset = self.weights.place(Packed(data, "operand"))
            return f"Source::Flash(WEIGHTS.slice({integer(offset)}, {integer(count)}))"
        return f"Source::Arena({self.region(*self.plan.region(operand.value))})"
