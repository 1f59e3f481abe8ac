"""Replaces calls of functions that an ONNX model defines itself by their bodies: f(x) -> body[x]."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
import onnx.inliner

from ariel_build.errors import UnsupportedError
from ariel_build.frontends.checks import corrupt, shown

__all__ = ["inline_functions"]

#: Nodes after the expansion; functions that call others twice, level by level, multiply.
_MAX_NODES = 50_000
_MAX_DEPTH = 32

_Key = tuple[str, str, str]


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model without model-local functions; refuses those that call themselves or explode."""
    if not model.functions:
        return model
    functions: dict[_Key, onnx.FunctionProto] = {}
    for function in model.functions:
        key = (function.domain, function.name, function.overload)
        if not function.name or key in functions:
            raise corrupt(f"function `{shown(function.name)}` has no name, or is defined twice")
        functions[key] = function
    sizes: dict[_Key, int] = {}
    _expanded_size(model.graph.node, functions, sizes, 0)
    return onnx.inliner.inline_local_functions(model)


def _expanded_size(
    nodes: Iterable[onnx.NodeProto], functions: dict[_Key, onnx.FunctionProto], sizes: dict[_Key, int], depth: int
) -> int:
    """Returns how many nodes these are once all calls are replaced."""
    if depth > _MAX_DEPTH:
        raise corrupt(f"functions call one another more than {_MAX_DEPTH} deep")
    total = 0
    for node in nodes:
        total += 1
        key = (node.domain, node.op_type, node.overload)
        if key in functions:
            if key not in sizes:
                sizes[key] = _expanded_size(functions[key].node, functions, sizes, depth + 1)
            total += sizes[key]
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                total += _expanded_size(graph.node, functions, sizes, depth + 1)
        if total > _MAX_NODES:
            raise UnsupportedError(
                f"the model's functions expand to more than {_MAX_NODES} nodes",
                help="simplify the model before, for example with onnxsim",
            )
    return total
