"""Nodes of a graph behind those whose results they read: ONNX asks for it, but not all that write files keep to it.

onnxruntime's optimiser puts a Loop before what its body reads, its converter to float16 puts casts at the end.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import onnx

__all__ = ["in_order"]


def in_order(nodes: Sequence[onnx.NodeProto], given: Container[str]) -> list[int]:
    """Returns the nodes' numbers, each behind its makers, as near to the file's order as that allows.

    `given` are names of what no node makes. Nodes that wait for each other in a circle stay: the reader refuses them.
    """
    made = {name: number for number, node in enumerate(nodes) for name in node.output if name and name not in given}
    needs = [[made[name] for name in _read(node) if name in made] for node in nodes]
    if all(maker < number for number, makers in enumerate(needs) for maker in makers):
        return list(range(len(nodes)))
    order: list[int] = []
    begun, done = set[int](), set[int]()
    for first in range(len(nodes)):
        waiting = [first]
        while waiting:
            number = waiting[-1]
            missing = [] if number in begun else [m for m in needs[number] if m not in begun]
            begun.add(number)
            if missing:
                waiting.extend(reversed(missing))
                continue
            waiting.pop()
            if number not in done:
                done.add(number)
                order.append(number)
    return order


def _read(node: onnx.NodeProto) -> Iterator[str]:
    """Yields the values that a node reads, those of its subgraphs that are made outside of them included."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            graph = attribute.g
            own = {value.name for value in (*graph.input, *graph.initializer)}
            own.update(sparse.values.name for sparse in graph.sparse_initializer)
            own.update(name for inner in graph.node for name in inner.output)
            read = [name for inner in graph.node for name in _read(inner)] + [value.name for value in graph.output]
            yield from (name for name in read if name not in own)
