"""The graph that is quantised: layers with their batch norms, biases and activations in them, still in float32."""

from __future__ import annotations

from ariel_build import passes
from ariel_build.errors import Diagnostic, ModelError, UnsupportedError
from ariel_build.ir import Graph, Node, TensorType, Value
from ariel_build.ir.types import DType
from ariel_build.ops.dynamic_quantize import DynamicQuantize, is_hybrid
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.passes import Pass
from ariel_build.quantize.constants import all_finite

__all__ = ["clean"]

#: What is about stored integers, or what only code generation gains from.
_LEFT_OUT = (
    "normalize_unsigned",
    "cancel_quantize",
    "move_quantize",
    "fuse_qdq",
    "fuse_wide_qdq",
    "fuse_row_norm",
    "fold_scale",
    "fuse_transpose",
    "fuse_table",
)
PASSES: tuple[Pass, ...] = tuple(rewrite for rewrite in passes.PASSES if rewrite.__name__ not in _LEFT_OUT)


def clean(graph: Graph) -> None:
    """Rewrites the graph, in place; refuses what is quantised already, and weights that are not numbers.

    What has int8 weights only (TFLite's dynamic range) is a float model whose weights have been rounded.
    """
    _weights_as_float(graph)
    _refuse(graph)
    passes.optimize(graph, PASSES)


def _weights_as_float(graph: Graph) -> None:
    """Makes layers of float32 of those that quantise their activations while they run."""
    producers = graph.producers()
    for node in graph.nodes:
        source = producers.get(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None
        if source is None or not isinstance(source.op, DynamicQuantize) or not is_hybrid(node.inputs):
            continue
        node.inputs = [source.input(0), _real(node.input(1)), node.inputs[2]]
    graph.nodes = [node for node in graph.nodes if not isinstance(node.op, DynamicQuantize)]


def _real(filter_: Value) -> Value:
    (data,) = Dequantize().reference([filter_.data], Node(Dequantize(), [filter_], []))
    return Value(TensorType(DType.F32, filter_.shape), filter_.name, data, filter_.origin)


def _refuse(graph: Graph) -> None:
    states = len(graph.states) - len(graph.kept)
    if states:
        raise UnsupportedError(
            f"it keeps {states} variables between calls, which ONNX has no word for",
            help="export the model with its states as inputs and outputs, and name them by `state`",
        )
    for node in graph.nodes:
        if isinstance(node.op, Quantize | Dequantize) or any(v.type.quant is not None for v in node.outputs):
            raise ModelError(
                "the model is quantised already", node.origin, "give the float model, or compile this one as it is"
            )
    problems = [
        Diagnostic(f"{node.op.name}: a weight is not a number, or infinite", node.origin, "train the model again")
        for node in graph.nodes
        if not all_finite([v for v in node.inputs[1:3] if v is not None and v.type.elements > 1])
    ]
    if problems:
        raise ModelError(problems)
