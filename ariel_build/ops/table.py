"""Table: output = table[input], element by element: any function of one byte, known for all 256 of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.elementwise import BYTES, lookup_call, same_type
from ariel_build.ops.traits import Traits, alike, never
from ariel_build.records import dataclass

__all__ = ["Table"]


@dataclass(frozen=True)
class Table(Operator):
    """Looks bytes up; `table` is in the order of their bits, and holds elements of `dtype`."""

    traits = Traits(moves=False, pointwise=True, real=False, reads_scaled=True)
    passed_on = never
    permuted = alike

    table: bytes
    dtype: DType = DType.I8

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """byte[..] -> dtype[..]."""
        type_ = same_type(inputs)
        if type_.dtype not in BYTES or self.dtype not in BYTES or len(self.table) != 256:
            raise ValueError(f"{len(self.table)} bytes are no table from {type_.dtype.value} to {self.dtype.value}")
        return [TensorType(self.dtype, type_.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Looks up."""
        x = inputs[0]
        if x is None:
            raise UnsupportedReason("the input is missing")
        return [np.frombuffer(self.table, self.dtype.numpy)[np.ascontiguousarray(x).view(np.uint8)]]

    def lower(self, node: Node) -> KernelCall:
        """`lookup::Int8`."""
        return lookup_call(node, node.input(0), lambda data: self.reference([data], node)[0])
