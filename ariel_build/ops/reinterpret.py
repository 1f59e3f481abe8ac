"""Reinterpret: output = the bytes of the input, read as another element type of the same size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.elementwise import same_type
from ariel_build.ops.traits import Traits, alike
from ariel_build.records import dataclass

__all__ = ["Reinterpret"]


@dataclass(frozen=True)
class Reinterpret(Operator):
    """Reads the elements as `dtype`: an alias, which costs nothing."""

    traits = Traits(moves=False, pointwise=True, real=False, reads_scaled=False)
    permuted = alike

    dtype: DType

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[..] -> U[..], of one size."""
        type_ = same_type(inputs)
        if type_.dtype.bytes != self.dtype.bytes:
            raise ValueError(f"{type_.dtype.value} and {self.dtype.value} have different sizes")
        return [TensorType(self.dtype, type_.shape)]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Looks at the same bytes."""
        x = np.ascontiguousarray(np.asarray(inputs[0]))
        return [x.view(self.dtype.numpy).reshape(node.output.shape)]

    def passed_on(self, node: Node) -> Value | None:
        """Passes on what has the type."""
        return node.input(0) if node.input(0).type.dtype is self.dtype else None

    def aliases(self, node: Node) -> dict[Value, tuple[Value, int]] | None:
        """The output is the input's bytes."""
        return {node.output: (node.input(0), 0)}

    def lower(self, node: Node) -> KernelCall:
        """Never asked: the output is an alias."""
        raise UnsupportedReason("it has no kernel")
