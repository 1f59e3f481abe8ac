"""Which nodes compute in int8, and which values they store: the choice that the search may change.

A node that computes in int8 has all its operands and its result quantised. A value is quantised where its producer or
one of its readers is such a node; then everybody reads what the stored integers mean. What only moves elements goes
along with its neighbours, and has one scale on both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ariel_build.ir import DType, Graph, Node, Value
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.clip import Clip
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.fixed_point import UNBOUNDED
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.pool2d import Pool2d
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.ops.traits import clamps
from ariel_build.passes.editor import operator
from ariel_build.records import dataclass

__all__ = ["Choice", "can", "choose", "is_layer", "moves", "narrows", "suggested", "widens"]

#: Functions of one or two numbers whose results 256 steps describe well. Those of others (a power, a quotient, a root)
#: spread over several magnitudes: they stay float32 where they stand, which is between int8 mostly.
# fmt: off
_EVEN = frozenset((
    "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid", "HardSwish", "Sigmoid", "Swish", "Tanh",
    "Gelu", "GeluTanh", "Mish", "Softplus", "Softsign", "Neg", "Abs", "Sin", "Cos", "Erf", "Add", "Sub", "Mul",
    "Minimum", "Maximum", "Prelu",
))
# fmt: on


def is_layer(node: Node) -> bool:
    """Whether a node sums products of its input and constant weights, and can do so in int8."""
    traits = operator(node).traits
    return traits.channels is not None and traits.real


def narrows(node: Node) -> bool:
    """Whether a layer may have weights of 4 bits: a dense one, or a pointwise convolution."""
    op = node.op
    if isinstance(op, Conv2d):
        return op.groups == 1 and op.window.taps == 1 and not any(op.window.padding)
    return isinstance(op, FullyConnected)


def moves(node: Node) -> bool:
    """Whether every element of the result is one of the operands', so that both have one scale."""
    op = operator(node)
    if clamps(op) and op.clip != UNBOUNDED:
        return False
    return op.traits.moves or op.chooses


def _moved(node: Node) -> list[Value]:
    return [v for v in node.inputs if v is not None]


def can(node: Node) -> bool:
    """Whether there is a kernel of int8 for a node, and the file that we write says so to onnxruntime, too."""
    given = [v for v in node.inputs if v is not None]
    if node.bodies or len(node.outputs) != 1 or any(v.type.dtype is not DType.F32 for v in [*given, node.output]):
        return False
    if is_layer(node):
        return len(node.inputs) <= 3 and all(v.is_constant for v in given[1:]) and not given[0].is_constant
    if all(v.is_constant for v in given):
        return False
    if moves(node):
        return not any(v.is_constant for v in given)
    return isinstance(node.op, Map1 | Map2 | Clip | Pool2d | Fold | Softmax | LogSoftmax | BatchMatMul)


def widens(node: Node) -> bool:
    """Whether there is a kernel of int16 for a node that can compute in int8."""
    if isinstance(node.op, Pool2d):
        return moves(node)
    constant = not is_layer(node) and any(v is not None and v.is_constant for v in node.inputs)
    return not constant and (moves(node) or operator(node).on_wide() is not None)


def suggested(graph: Graph) -> list[Node]:
    """Returns the nodes that compute in int8 at first, those that only move elements left out.

    What stands between float32 on all sides stays float32, too: the inside of a normalisation.
    """
    producers, readers = graph.producers(), graph.consumers()
    chosen = {
        node: None
        for node in graph.nodes
        if can(node)
        and not moves(node)
        and not (isinstance(node.op, Map1 | Map2) and node.op.kind not in _EVEN)
        and not (isinstance(node.op, Fold) and node.op.kind not in ("Mean", "Sum"))
    }

    def through(node: Node) -> bool:
        return node in chosen or moves(node)

    changed = True
    while changed:
        changed = False
        for node in list(chosen):
            if is_layer(node) or isinstance(node.op, BatchMatMul):
                continue
            sources = [producers.get(v) for v in node.inputs if v is not None and not v.is_constant]
            after = readers.get(node.output, [])
            before_float = all(s is not None and not through(s) for s in sources)
            after_float = bool(after) and not graph.is_kept(node.output) and not any(through(n) for n in after)
            if before_float or after_float:
                del chosen[node]
                changed = True
    return list(chosen)


@dataclass(frozen=True)
class Choice:
    """The nodes that compute in int8, moves among them, and the values that are stored in groups of one scale."""

    nodes: Mapping[Node, None]
    groups: Sequence[Sequence[Value]]

    def quantised(self) -> Iterator[Value]:
        """Yields the values that are quantised."""
        for group in self.groups:
            yield from group

    def may_widen(self, group: Sequence[Value]) -> bool:
        """Whether all that makes the values of a group in integers can make them as int16."""
        own = set(group)
        return all(widens(node) for node in self.nodes if node.output in own)


def choose(graph: Graph, nodes: Collection[Node]) -> Choice:
    """Returns the choice that has these nodes, and what moves elements between them."""
    producers, readers = graph.producers(), graph.consumers()
    chosen = dict.fromkeys(nodes)
    waiting = [node for node in graph.nodes if node not in chosen and moves(node) and can(node)]
    changed = True
    while changed:
        changed = False
        for node in waiting:
            if node in chosen:
                continue
            sources = [producers.get(v) for v in _moved(node)]
            if any(s in chosen for s in sources if s is not None) or any(
                n in chosen for n in readers.get(node.output, [])
            ):
                chosen[node] = None
                changed = True
    values: dict[Value, Value] = {}

    def root(value: Value) -> Value:
        values.setdefault(value, value)
        while values[value] is not value:
            value = values[value]
        return value

    for node in graph.nodes:
        if node not in chosen:
            continue
        computed = [v for v in [*node.inputs, node.output] if v is not None and not v.is_constant]
        for value in computed:
            root(value)
        if moves(node):
            for value in computed[1:]:
                values[root(value)] = root(computed[0])
    groups: dict[Value, list[Value]] = {}
    for value in graph.values():
        if value in values:
            groups.setdefault(root(value), []).append(value)
    return Choice(chosen, list(groups.values()))
