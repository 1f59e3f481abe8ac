"""The graph: values, nodes, and the rewrites that keep it consistent.

A graph is in single-assignment form: each value has one producer (a node, a graph input, or constant data). Operators
are frozen dataclasses of their attributes (`ariel_build.ops`); the graph knows only the small interface `Op`.

A node of control flow has bodies: graphs of their own, which see nothing of the graph around them. What they take from
there are inputs of the node, and inputs of the body; constants alone may stand in several graphs. So a rewrite that
knows one graph knows all that it needs, in a body as outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ariel_build.ir.types import Bound, TensorType
from ariel_build.records import dataclass

__all__ = ["Array", "Graph", "Node", "Op", "State", "Value"]

Array = npt.NDArray[np.generic]


@runtime_checkable
class Op(Protocol):
    """What the graph and its verifier need to know of an operator."""

    @property
    def name(self) -> str:
        """Name of the operator in the field's terms, such as `Conv2d`."""
        ...

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """Returns the shapes and types of the outputs that follow from the inputs.

        An entry is None where the operator alone does not decide it. Raises ValueError(reason) on wrong inputs.
        """
        ...

    def ties(self, node: Node) -> list[tuple[Value, Value]]:
        """Returns pairs of values that are one tensor inside and outside of the node's bodies; ValueError(reason)."""
        ...


class Value:
    """One tensor. `data` holds a constant's elements; values are compared by identity.

    Its type is fixed when it is made: a node computes by the types of what it makes, so that another scale is another
    value, a view. `stored` is set on a float constant that the file holds quantised (ONNX: DequantizeLinear of an
    initialiser): the quantised constant of the same shape, so that QDQ fusion can compute in integers.
    """

    __slots__ = ("__weakref__", "_type", "data", "name", "origin", "stored")

    def __init__(
        self,
        type_: TensorType,
        name: str = "",
        data: Array | None = None,
        origin: str = "",
        stored: Value | None = None,
    ) -> None:
        """Makes a value; with `data` it is a constant."""
        self._type = type_
        self.name = name
        self.data = data
        self.origin = origin
        self.stored = stored

    @property
    def type(self) -> TensorType:
        """Element type, shape and quantisation; there is no setter."""
        return self._type

    @property
    def is_constant(self) -> bool:
        """Whether the elements are known at build time."""
        return self.data is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.type.shape

    def __repr__(self) -> str:
        """Short form for failures in tests."""
        return f"Value({self.name or '_'}: {self.type})"


@dataclass(eq=False)
class Node:
    """One application of an operator; an input is None where an optional one is absent."""

    op: Op
    inputs: list[Value | None]
    outputs: list[Value]
    origin: str = ""
    bodies: list[Graph] = field(default_factory=list)

    @property
    def output(self) -> Value:
        """The first output."""
        return self.outputs[0]

    def input(self, index: int) -> Value:
        """Returns an input that must be there."""
        value = self.inputs[index]
        if value is None:
            raise ValueError(f"{self.op.name} has no input {index}")
        return value

    def input_types(self) -> list[TensorType | None]:
        """Types of the inputs."""
        return [None if v is None else v.type for v in self.inputs]

    def __repr__(self) -> str:
        """Short form for failures in tests."""
        return f"Node({self.op} {self.inputs} -> {self.outputs})"


@dataclass(eq=False)
class State:
    """Memory kept between inferences: `current` is read, `next` is stored at the end, `initial` fills it at reset.

    `variable` is what all signatures of the file call it, where they do. One that holds how much there is of a bounded
    `dimension` is no memory: the caller says it before an inference, nobody writes it, `next` is `current`, and
    `initial` is the bound.
    """

    current: Value
    next: Value
    initial: Array
    variable: str = ""
    dimension: str = ""

    @property
    def most(self) -> int:
        """The most that there is of its dimension, where it holds how much there is."""
        return int(self.initial.astype(np.int64).reshape(()))


@dataclass(eq=False)
class Graph:
    """Inputs, outputs, states and nodes in an order in which they can run.

    `input_bounds` and `output_bounds` are the bounded dimensions that stand in front of these, None where there is
    none.
    `kept` are pairs of an input and an output of the file, by their numbers, that have become states.
    `input_aliases` and `output_aliases` are what the TFLite signature calls them, empty where it has no name.
    `tensors` has the values that tensors of the file became when it was imported, by the keys of the frontend; rewrites
    leave it alone.
    """

    name: str
    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    states: list[State] = field(default_factory=list)
    source: str = ""
    format: str = ""
    signature: str = ""
    input_aliases: Sequence[str] = ()
    output_aliases: Sequence[str] = ()
    input_bounds: Sequence[Bound | None] = ()
    output_bounds: Sequence[Bound | None] = ()
    kept: Sequence[tuple[int, int]] = ()
    tensors: Mapping[str, Value] = field(default_factory=dict)

    @property
    def sizes(self) -> list[State]:
        """The states that are no memory, but hold how much there is of bounded dimensions."""
        return [state for state in self.states if state.dimension]

    @property
    def memories(self) -> list[State]:
        """All other states."""
        return [state for state in self.states if not state.dimension]

    def regions(self) -> Iterator[Graph]:
        """Yields this graph, and then the bodies that its nodes have by then, with theirs."""
        yield self
        for node in self.nodes:
            for body in node.bodies:
                yield from body.regions()

    def producer(self, value: Value) -> Node | None:
        """Returns the node that makes `value`, or None for inputs, states and constants."""
        return self.producers().get(value)

    def producers(self) -> dict[Value, Node]:
        """Maps each computed value to its node."""
        return {v: n for n in self.nodes for v in n.outputs}

    def consumers(self) -> dict[Value, list[Node]]:
        """Maps each value to the nodes that read it, once per node."""
        table: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(v for v in node.inputs if v is not None):
                table.setdefault(value, []).append(node)
        return table

    def values(self) -> Iterator[Value]:
        """Yields every value once: inputs, states, constants and computed ones."""
        seen: dict[Value, None] = dict.fromkeys(self.inputs)
        seen.update(dict.fromkeys(s.current for s in self.states))
        for node in self.nodes:
            seen.update(dict.fromkeys(v for v in node.inputs if v is not None))
            seen.update(dict.fromkeys(node.outputs))
        seen.update(dict.fromkeys(self.outputs))
        return iter(seen)

    def is_kept(self, value: Value) -> bool:
        """Whether the outside sees the value: a graph output, or the next content of a state."""
        return value in self.outputs or any(value is s.next for s in self.states)

    def replace_uses(self, old: Value, new: Value) -> None:
        """Makes every reader of `old`, graph outputs and states included, read `new`."""
        for node in self.nodes:
            node.inputs = [new if v is old else v for v in node.inputs]
        self.outputs = [new if v is old else v for v in self.outputs]
        for state in self.states:
            if state.next is old:
                state.next = new
