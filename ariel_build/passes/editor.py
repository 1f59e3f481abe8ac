"""Edits of a graph while a pass walks it: nodes added, removed and rewired, with producers and readers at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ariel_build.errors import InternalError
from ariel_build.ir import Graph, Node, Op, Quant, TensorType, Value
from ariel_build.ops import Operator
from ariel_build.passes.base import PassLog

__all__ = ["Editor", "operator"]


def operator(node: Node) -> Operator:
    """Returns a node's operator; the graph itself knows no more of it than its small interface `Op`."""
    assert isinstance(node.op, Operator)  # noqa: S101 - the graph's nodes hold our operators only
    return node.op


class Editor:
    """One walk over a graph. The list of nodes is written back by `finish`; until then only the editor knows of all.

    A node that is added takes its place before an anchor, so that the nodes stay in an order in which they can run.
    """

    def __init__(self, graph: Graph, log: PassLog) -> None:
        """Starts a walk."""
        self.graph = graph
        self.log = log
        self.changed = False
        self._producers = graph.producers()
        self._readers = graph.consumers()
        self._before: dict[Node, list[Node]] = {}
        self._gone: set[Node] = set()

    def nodes(self) -> Iterator[Node]:
        """Yields the nodes that the graph had at the start, in order, without those removed meanwhile."""
        return (node for node in self.graph.nodes if node not in self._gone)

    def producer(self, value: Value) -> Node | None:
        """Returns the node that makes `value`, or None for inputs, states and constants."""
        return self._producers.get(value)

    def readers(self, value: Value) -> list[Node]:
        """Returns the nodes that read `value`, each once."""
        return self._readers.get(value, [])

    def sole_reader(self, value: Value) -> Node | None:
        """Returns the one node that reads `value`, or None where there are several, or where the outside sees it."""
        readers = self.readers(value)
        return readers[0] if len(readers) == 1 and not self.graph.is_kept(value) else None

    def add(self, node: Node, before: Node) -> Node:
        """Adds a node in front of the anchor `before`."""
        self._before.setdefault(before, []).append(node)
        for value in node.outputs:
            self._producers[value] = node
        self._read(node)
        self.changed = True
        return node

    def emit(
        self, op: Op, inputs: Sequence[Value | None], before: Node, *, quant: Quant | None = None, name: str = ""
    ) -> Value:
        """Adds a node of one output and returns that; its type is inferred, its quantisation `quant`."""
        (type_,) = op.infer([None if v is None else v.type for v in inputs])
        if type_ is None:
            raise InternalError("the type of a new node is not inferred", {"op": op})
        output = Value(TensorType(type_.dtype, type_.shape, quant), name, origin=before.origin)
        self.add(Node(op, list(inputs), [output], before.origin), before)
        return output

    def substitute(self, node: Node, op: Op, inputs: Sequence[Value | None]) -> Node:
        """Replaces a node by another one that makes the same values."""
        new = Node(op, list(inputs), node.outputs, node.origin)
        self.add(new, node)
        self.remove(node)
        return new

    def remove(self, node: Node) -> None:
        """Removes a node, and what it alone needed."""
        self.changed = True
        unread = [node]
        while unread:
            node = unread.pop()
            if node in self._gone:
                continue
            self._gone.add(node)
            for value in node.outputs:
                if self._producers.get(value) is node:
                    del self._producers[value]
            for source in dict.fromkeys(v for v in node.inputs if v is not None):
                self._readers[source].remove(node)
                producer = self._producers.get(source)
                if producer is not None and not any(self.readers(v) or self.graph.is_kept(v) for v in producer.outputs):
                    unread.append(producer)

    def replace(self, old: Value, new: Value) -> bool:
        """Makes every reader of `old` read `new`; False, and nothing done, where the outside must go on seeing `old`.

        Names and types of what the outside sees stay: where it sees `old`, the producer of `new` makes `old` instead.
        """
        if self.graph.is_kept(old):
            producer = self._producers.get(new)
            if producer is None or self.graph.is_kept(new) or old.type != new.type:
                return False
            former = self._producers.get(old)
            if former is not None:
                former.outputs = [Value(v.type, v.name, origin=v.origin) if v is old else v for v in former.outputs]
            producer.outputs = [old if v is new else v for v in producer.outputs]
            self._producers[old] = producer
            self._rewire(new, old)
        else:
            self._rewire(old, new)
        self.changed = True
        return True

    def _rewire(self, old: Value, new: Value) -> None:
        for node in self._readers.pop(old, []):
            node.inputs = [new if v is old else v for v in node.inputs]
            readers = self._readers.setdefault(new, [])
            if node not in readers:
                readers.append(node)

    def _read(self, node: Node) -> None:
        for value in dict.fromkeys(v for v in node.inputs if v is not None):
            self._readers.setdefault(value, []).append(node)

    def finish(self) -> bool:
        """Writes the nodes back into the graph; returns whether anything changed."""
        if not self.changed:
            return False
        nodes: list[Node] = []
        waiting = self.graph.nodes[::-1]
        while waiting:
            added = self._before.pop(waiting[-1], None)
            if added:
                waiting += added[::-1]
            elif waiting[-1] not in self._gone:
                nodes.append(waiting.pop())
            else:
                waiting.pop()
        self.graph.nodes = nodes
        return True
