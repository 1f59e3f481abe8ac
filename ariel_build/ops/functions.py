"""Operators that ONNX's standard defines as functions of others: importers only, onto what their bodies say.

The body is the one that the `onnx` package builds for the node's attributes and the types of its inputs. An operator
stands here where the graph of its body costs no more than a kernel of its own would, or where nobody has needed one.
"""

from __future__ import annotations

from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.control import inline
from ariel_build.ops.importer import Importer

__all__ = ["by_body"]


def by_body(importer: Importer) -> None:
    """Puts the body of the node's operator into the graph; it accounts for all attributes."""
    node = importer.node
    if node.body is None:
        raise UnsupportedReason(f"the standard has no body of it in operator set {node.version}")
    importer.asked |= set(node.attributes)
    given = [None if key is None else importer.value(key) for key in node.inputs]
    model = node.body([None if value is None else value.type for value in given])
    results = iter(inline(importer, model, [value for value in given if value is not None]))
    wanted = [bool(importer.model.tensors[key].name) for key in node.outputs]
    importer.bind(*(next(results) if is_wanted else None for is_wanted in wanted))


imports(
    "onnx",
    "Attention",
    "CausalConvWithState",
    "LinearAttention",
    "NegativeLogLikelihoodLoss",
    "RotaryEmbedding",
    "SoftmaxCrossEntropyLoss",
    "SwiGLU",
    "ai.onnx.preview:FlexAttention",
)(by_body)
