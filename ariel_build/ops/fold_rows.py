"""The reductions, a row each: what they are called, what they make of many numbers in numpy and in Rust.

A new one is one row here; `python -m tools.rows` makes its kernels.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ariel_build.ops.accumulate import FINITE
from ariel_build.ops.rows import Names
from ariel_build.records import dataclass

__all__ = ["FOLDS", "FoldRow"]


@dataclass(frozen=True)
class FoldRow:
    """A reduction.

    `ufunc` combines two numbers, `operator` does so in Rust, or tells, of one that `chooses`, which is the better one.
    It begins with `start`; TFLite's, where it chooses, with the finite number next to that. `divides` makes the sum a
    mean. `of_bytes` says that a sum of int8 is requantised to what it is.
    """

    name: str
    about: str
    ufunc: np.ufunc
    operator: Literal["+", "*", "<", ">"]
    start: float
    tflite: Names = ()
    onnx: Names = ()
    divides: bool = False
    of_bytes: bool = False

    @property
    def chooses(self) -> bool:
        """Whether the result is one of the numbers."""
        return self.operator in "<>"

    @property
    def bound(self) -> str:
        """The field of a kernel that chooses which has what it begins with."""
        return "least" if self.operator == ">" else "greatest"

    @property
    def finite(self) -> float:
        """What TFLite begins with, where it chooses."""
        return FINITE[0] if self.operator == ">" else FINITE[1]


FOLDS = {
    row.name: row
    for row in (
        FoldRow("Mean", "Mean", np.add, "+", 0.0, "MEAN", "ReduceMean", divides=True, of_bytes=True),
        FoldRow("Sum", "Sum", np.add, "+", 0.0, "SUM", "ReduceSum", of_bytes=True),
        FoldRow("Max", "Maximum", np.fmax, ">", -math.inf, "REDUCE_MAX", "ReduceMax"),
        FoldRow("Min", "Minimum", np.fmin, "<", math.inf, "REDUCE_MIN", "ReduceMin"),
        FoldRow("Prod", "Product", np.multiply, "*", 1.0, "REDUCE_PROD", "ReduceProd"),
    )
}
