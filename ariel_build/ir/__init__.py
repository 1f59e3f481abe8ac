"""The neutral intermediate representation: types, quantisation, graph, verifier, printer."""

from ariel_build.ir.graph import Array, Graph, Node, Op, State, Value
from ariel_build.ir.types import DType, Quant, TensorType
from ariel_build.ir.verify import verify

__all__ = ["Array", "DType", "Graph", "Node", "Op", "Quant", "State", "TensorType", "Value", "verify"]
