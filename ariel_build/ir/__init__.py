"""The neutral intermediate representation: types, quantisation, graph, verifier, printer."""

from ariel_build.ir.converted import converted, readable
from ariel_build.ir.graph import Array, Graph, Node, Op, State, Value
from ariel_build.ir.types import MAX_TENSOR_BYTES, Bound, DType, Quant, TensorType
from ariel_build.ir.verify import verify

__all__ = [
    "MAX_TENSOR_BYTES",
    "Array",
    "Bound",
    "DType",
    "Graph",
    "Node",
    "Op",
    "Quant",
    "State",
    "TensorType",
    "Value",
    "converted",
    "readable",
    "verify",
]
