"""The relations of two numbers and the logic of two booleans, a row each: names, and what each is in numpy and Rust.

A new one is one row here; `python -m tools.rows` makes its kernels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ariel_build.ir import Array
from ariel_build.ops.rows import Names
from ariel_build.records import dataclass

__all__ = ["LOGIC", "RELATIONS", "LogicRow", "RelationRow"]


@dataclass(frozen=True)
class RelationRow:
    """A relation: Rust's `operator` of float32 and of integers, and what it is in numpy."""

    name: str
    operator: str
    function: Callable[[Array, Array], Array]
    tflite: Names = ()
    onnx: Names = ()

    @property
    def about(self) -> str:
        """Its formula."""
        return f"`left {self.operator} right`"


@dataclass(frozen=True)
class LogicRow:
    """A function of two booleans: its formula, what it is in numpy, and in Rust of the bytes `a` and `b`."""

    name: str
    about: str
    function: Callable[[Array, Array], Array]
    rust: str
    tflite: Names = ()
    onnx: Names = ()


RELATIONS = {
    row.name: row
    for row in (
        RelationRow("Equal", "==", np.equal, "EQUAL", "Equal"),
        RelationRow("NotEqual", "!=", np.not_equal, "NOT_EQUAL"),
        RelationRow("Greater", ">", np.greater, "GREATER", "Greater"),
        RelationRow("GreaterEqual", ">=", np.greater_equal, "GREATER_EQUAL", "GreaterOrEqual"),
        RelationRow("Less", "<", np.less, "LESS", "Less"),
        RelationRow("LessEqual", "<=", np.less_equal, "LESS_EQUAL", "LessOrEqual"),
    )
}
LOGIC = {
    row.name: row
    for row in (
        LogicRow("And", "`left && right`", np.logical_and, "a != 0 && b != 0", "LOGICAL_AND", "And"),
        LogicRow("Or", "`left || right`", np.logical_or, "a != 0 || b != 0", "LOGICAL_OR", "Or"),
        LogicRow("Same", "`left == right` of booleans", np.equal, "(a != 0) == (b != 0)"),
        LogicRow("Xor", "`left != right` of booleans", np.logical_xor, "(a != 0) != (b != 0)", onnx="Xor"),
    )
}
