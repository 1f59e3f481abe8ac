"""Graph -> kernel calls: every node becomes a call of a kernel, or an alias where its bytes are its input's.

Data, no Rust. All nodes that no kernel can compute are reported in one error. The calls of bodies stand among the
others, in the place of their node; which of them run, the flow says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from ariel_build.errors import Diagnostic, InternalError, UnsupportedError
from ariel_build.ir import DType, Graph, Node, TensorType, Value
from ariel_build.kernels import KernelCall, LayerCall, operands
from ariel_build.kernels.flow import Body, Branch, Flow, Loop, decisions
from ariel_build.kernels.layer import Dense, Int4
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.concat import Concat
from ariel_build.ops.copy import Copy
from ariel_build.ops.importer import INCONSISTENT
from ariel_build.ops.loops import Loop as LoopOp
from ariel_build.ops.shorter import Axes
from ariel_build.ops.slice import ALIGNMENT, Slice
from ariel_build.records import dataclass

__all__ = ["Lowered", "keep_rows_apart", "lower"]


@dataclass
class Lowered:
    """The kernel calls in the graph's order, and the values that are views of others: alias -> (base, byte offset).

    `flow` says which calls run; without control flow it is one block of all of them. `images` are the parts of
    batches that calls read and make: image -> (batch, number).
    """

    calls: list[KernelCall | LayerCall] = field(default_factory=list)
    aliases: dict[Value, tuple[Value, int]] = field(default_factory=dict)
    flow: Flow = ()
    images: dict[Value, tuple[Value, int]] = field(default_factory=dict)

    def joined(self) -> dict[Value, tuple[Value, int]]:
        """Returns the aliases, and those by which what a body gives is a part of its branch's result.

        For estimates of whole storages only: the two are not there at one time.
        """
        found = dict(self.aliases)
        for branch in decisions(self.flow):
            for part in branch.parts:
                for result, given in zip(branch.results, part, strict=True):
                    root = given
                    while root in found:
                        root = found[root][0]
                    found[root] = result, 0
        return found


def lower(graph: Graph, most: int | None = None) -> Lowered:
    """Returns the calls that compute `graph`; UnsupportedError lists every node that no kernel computes.

    `most` is how often loops run, at most, whose end is decided at run time: what predictions count with.
    """
    separate_outputs(graph)
    lowering = _Lowering(graph.source, most)
    lowering.lowered.flow = lowering.walk(graph)
    if lowering.problems:
        raise UnsupportedError(lowering.problems)
    return lowering.lowered


def keep_rows_apart(lowered: Lowered, axes: Mapping[Value, Axes]) -> None:
    """Has dense layers cut along rows, if only a few, where some of these may not be there: they are left out."""
    for call in lowered.calls:
        if not isinstance(call, LayerCall) or not axes.get(call.outputs[0]):
            continue
        match call.layer:
            case Dense() as dense:
                call.layer = replace(dense, apart=True)
            case Int4(layer=Dense() as dense) as packed:
                call.layer = replace(packed, layer=replace(dense, apart=True))


@dataclass
class _Lowering:
    """What the walk over a graph and the bodies of its nodes adds to."""

    source: str
    most: int | None = None
    lowered: Lowered = field(default_factory=Lowered)
    problems: list[Diagnostic] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def walk(self, graph: Graph) -> Flow:
        """Adds the calls of a graph's nodes, and returns which of them run."""
        calls, flow = self.lowered.calls, list[range | Branch | Loop]()
        start = len(calls)
        for node in graph.nodes:
            if not node.bodies:
                self.node(node)
                continue
            begins = self.begins(node) if isinstance(node.op, LoopOp) else []
            if len(calls) > start:
                flow.append(range(start, len(calls)))
            flow.append(self.loop(node, node.op, begins) if isinstance(node.op, LoopOp) else self.branch(node))
            start = len(calls)
        if len(calls) > start:
            flow.append(range(start, len(calls)))
        return tuple(flow)

    def node(self, node: Node) -> None:
        """Adds the call, or the aliases, of a node without bodies."""
        op = node.op
        if not isinstance(op, Operator):
            raise InternalError("a node holds no operator of ours", {"op": op})
        try:
            if op.traits.by_image and node.output.shape[0] > 1:
                self.images(node, op)
                return
            views = op.aliases(node)
            if views is not None:
                self.lowered.aliases.update(views)
                return
            call = op.lower(node)
            check_types(call)
        except UnsupportedReason as reason:
            self.problems.append(Diagnostic(f"{op.name}: {reason}", f"{self.source}: {node.origin}", HELP))
            return
        except INCONSISTENT as error:
            why = f"its operands do not fit together ({type(error).__name__}: {str(error)[:80]})"
            self.problems.append(Diagnostic(f"{op.name}: {why}", f"{self.source}: {node.origin}", HELP))
            return
        stem = snake_case(op.name)
        call.label = f"{stem}_{self.counts.get(stem, 0)}"
        self.counts[stem] = self.counts.get(stem, 0) + 1
        call.origin = node.origin
        call.summary = summary(node)
        call.macs = op.macs(node)
        self.lowered.calls.append(call)

    def images(self, node: Node, op: Operator) -> None:
        """Adds a call for each image of a batch, which reads and writes its part of the two values."""
        batch, result = node.input(0), node.output
        results: list[Value] = []
        found = len(self.problems)
        for index in range(result.shape[0]):
            part, made = (
                Value(v.type.with_shape((1, *v.shape[1:])), v.name, origin=node.origin) for v in (batch, result)
            )
            begin = (index, *(0 for _ in part.shape[1:]))
            self.node(Node(Slice(begin, part.shape, (1,) * len(begin)), [batch], [part], node.origin))
            self.node(Node(op, [part, *node.inputs[1:]], [made], node.origin))
            self.lowered.images.update({part: (batch, index), made: (result, index)})
            results.append(made)
            if len(self.problems) > found:
                return
        if results[0].type.bytes % ALIGNMENT:
            self.node(Node(Concat(0), [*results], [result], node.origin))
        else:
            self.lowered.aliases.update({v: (result, k * v.type.bytes) for k, v in enumerate(results)})

    def branch(self, node: Node) -> Branch:
        """Adds the calls of both bodies, which read the node's inputs where these lie."""
        first, second = (self.body(body, node.inputs[1:]) for body in node.bodies)
        return Branch(node.input(0), (first, second), tuple(node.outputs))

    def begins(self, node: Node) -> list[Value]:
        """Adds copies of what a loop carries at first: the loop overwrites them."""
        copies = []
        for value in node.inputs[: len(node.outputs)]:
            assert value is not None  # noqa: S101 - the verifier has seen it
            copy = Value(value.type, value.name, origin=node.origin)
            self.node(Node(Copy(), [value], [copy], node.origin))
            copies.append(copy)
        return copies

    def loop(self, node: Node, op: LoopOp, begins: Sequence[Value]) -> Loop:
        """Adds the calls of a loop's test and body.

        What it gives is made where it lies in the next iteration, unless that is still read then: it is copied at the
        end, when all is made.
        """
        body, count = node.bodies[0], len(node.outputs)
        carried, kept = body.inputs[:count], [v for v in node.inputs[count:] if v is not None]
        for inner, outer in zip(body.inputs[count:], kept, strict=True):
            if outer.is_constant:
                raise InternalError("a constant is handed to a body", {"body": body.name})
            self.lowered.aliases[inner] = outer, 0
        test = self.body(node.bodies[1], [*carried, *kept]) if op.times is None else None
        separate_outputs(body, whole=True)
        start = len(self.lowered.calls)
        flow = list(self.walk(body))
        calls, gives = self.lowered.calls, list(body.outputs)
        late = len(calls)
        for index, (value, given) in enumerate(zip(carried, gives, strict=True)):
            makers = [k for k in range(start, late) if any(self.root(v) is self.root(given) for v in calls[k].outputs)]
            readers = [k for k in range(start, late) if any(self.root(v) is value for v in calls[k].inputs)]
            looked_at = [v for item in decisions(tuple(flow)) for v in _read_by(item)]
            if not makers or any(k >= makers[0] for k in readers) or any(self.root(v) is value for v in looked_at):
                gives[index] = Value(given.type, given.name, origin=given.origin)
                self.node(Node(Copy(), [given], [gives[index]], node.origin))
        if len(calls) > late:
            flow.append(range(late, len(calls)))
        counter = None if test is not None else Value(TensorType(DType.I32, (1,)), "counter", origin=node.origin)
        ends = tuple(begins), tuple(carried), Body(_joined(flow), tuple(gives)), tuple(node.outputs)
        times = op.times if test is None else op.most or self.most
        return Loop(times, *ends, tuple(kept), counter, test)

    def root(self, value: Value) -> Value:
        """Returns the value whose bytes those of `value` are."""
        while value in self.lowered.aliases:
            value = self.lowered.aliases[value][0]
        return value

    def body(self, body: Graph, given: Sequence[Value | None]) -> Body:
        """Adds the calls of a body whose inputs are views of the values `given`."""
        separate_outputs(body, whole=True)
        for inner, outer in zip(body.inputs, given, strict=True):
            if outer is None or outer.is_constant:
                raise InternalError("a constant is handed to a body", {"body": body.name})
            self.lowered.aliases[inner] = outer, 0
        return Body(self.walk(body), tuple(body.outputs))


def _read_by(item: Branch | Loop) -> tuple[Value, ...]:
    """Returns what control flow itself reads."""
    return (*item.begins, *item.kept) if isinstance(item, Loop) else (item.condition,)


def _joined(flow: Sequence[range | Branch | Loop]) -> Flow:
    """Returns the flow with the last block and the copies behind it as one."""
    *rest, before, last = [range(0), *flow] if len(flow) < 2 else flow
    if isinstance(before, range) and isinstance(last, range) and before.stop == last.start and len(before):
        return (*rest, range(before.start, last.stop))
    return tuple(flow)


#: What kernels call the types of elements. They read `u8` as bytes of any meaning: booleans, both integers of a byte,
#: and whatever is moved.
_ELEMENTS = {dtype.value: dtype for dtype in DType if dtype.bytes > 1 or dtype is DType.I8}


def check_types(call: KernelCall | LayerCall) -> None:
    """Refuses operands of another type than the kernel reads and writes: never a silent wrong result."""
    if isinstance(call, LayerCall):
        return
    for value, element in operands(call.kernel):
        wanted = _ELEMENTS.get(element)
        if wanted is not None and value.type.dtype is not wanted:
            raise UnsupportedReason(f"elements of type {value.type.dtype.value} are not supported, only {wanted.value}")


HELP = "docs/supported-ops.md lists what is supported"


def separate_outputs(graph: Graph, *, whole: bool = False) -> None:
    """Gives every graph output, and every next state, bytes of its own.

    An output that is a constant, an input, a state, or a view of one of these or of another output is copied; with
    `whole`, which bodies need, one that is only a part of what is made as well.
    """
    aliases: dict[Value, Value] = {}
    for node in graph.nodes:
        if isinstance(node.op, Operator):
            for alias, (base, _) in (node.op.aliases(node) or {}).items():
                aliases[alias] = base

    def root(value: Value) -> Value:
        while value in aliases:
            value = aliases[value]
        return value

    taken = {root(v) for v in graph.inputs} | {s.current for s in graph.states}
    for index, value in enumerate(graph.outputs):
        is_part = whole and root(value).type.bytes != value.type.bytes
        if value.is_constant or root(value) in taken or root(value).is_constant or is_part:
            graph.outputs[index] = copy_of(graph, value)
        taken.add(root(graph.outputs[index]))
    for state in graph.memories:
        if state.next.is_constant or root(state.next) in taken or root(state.next).is_constant:
            state.next = copy_of(graph, state.next)
        taken.add(root(state.next))


def copy_of(graph: Graph, value: Value) -> Value:
    """Appends a node that copies `value`, and returns the copy."""
    copy = Value(value.type, value.name, origin=value.origin)
    graph.nodes.append(Node(Copy(), [value], [copy], value.origin))
    return copy


def snake_case(name: str) -> str:
    """`Conv2d` -> `conv2d`, `FullyConnected` -> `fully_connected`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def summary(node: Node) -> str:
    """`i8[1, 49, 10, 1] -> i8[1, 25, 5, 64]`, constants left out."""
    inputs = [v.type for v in node.inputs if v is not None and not v.is_constant]
    return f"{', '.join(map(str, inputs))} -> {', '.join(str(v.type) for v in node.outputs)}"
