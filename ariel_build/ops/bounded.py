"""Bounded dimensions: the graph of the bounds computes what there is of a dimension as a graph of that size would.

1. The model is imported for the bounds, and for a few other sizes. What the file computes of a size (constants,
   branches, shapes) must be the same, or a part of what it is for the bound: so nothing depends on the bound itself.
2. Each node says which axes of what it makes follow a dimension (`Operator.shorter`). One that mixes parts of it
   becomes nodes that know how much there is (`Operator.counted_nodes`), or is refused.
3. Inputs and outputs have the dimension in front, so that a shorter one is the beginning of a longer one.

How much there is is a `State` of one int32 that the caller sets (`State.dimension`), the first of the graph's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ariel_build.errors import ArielError, Diagnostic, UnsupportedError
from ariel_build.ir import Array, Bound, DType, Graph, Node, State, TensorType, Value, converted, readable
from ariel_build.ops.base import Operator
from ariel_build.ops.cut import Uncut, last
from ariel_build.ops.evaluate import evaluate
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.shorter import Axes, Mixed
from ariel_build.ops.slice import Slice

__all__ = ["bind_bounds", "follow", "in_front"]

#: Sizes for which a model is imported beside the bound: the least, small ones, the middle, the last but one.
_TRIED = (1, 2, 3)


def bind_bounds(
    graph: Graph, places: Mapping[Bound, Sequence[tuple[Value, int]]], again: Callable[[str, int], Graph]
) -> None:
    """Makes a graph of bounds one of all sizes up to them, in place.

    `places` are the axes of inputs that follow each bounded dimension; `again` imports the model with a dimension of
    another size. Raises UnsupportedError with all that cannot be done.
    """
    axes: dict[Value, dict[int, Bound]] = {}
    for bound, found_at in places.items():
        for value, axis in found_at:
            axes.setdefault(value, {})[axis] = bound
    problems = [
        Diagnostic(f"input `{value.name}`: {why}", graph.source, _fix(found))
        for value, found in axes.items()
        if (why := in_front(value, found))
    ]
    if problems:
        raise UnsupportedError(problems)
    constants: dict[Value, dict[int, Bound]] = {}
    shapes: dict[Value, dict[int, Bound]] = {}
    loose: list[tuple[Graph, Bound, int]] = []
    lasts: dict[Node, tuple[int, Bound]] = {}
    for bound in places:
        for size in sorted({*_TRIED, bound.most // 2, bound.most - 1}):
            if 1 <= size < bound.most:
                other = _imported(again, bound, size)
                if _compare(graph, other, bound, size, constants, shapes, lasts):
                    loose.append((other, bound, size))
    states = {bound: _state(bound) for bound in places}
    nodes: list[Node] = []
    known: dict[Value, Axes] = {**axes, **constants}
    for node in graph.nodes:
        made = [node]
        try:
            given = _given(node, known)
            if node in lasts:
                made = last(node, *lasts[node], lambda bound: states[bound].current)
            elif any(given) and isinstance(node.op, Operator):
                made = node.op.counted_nodes(node, given, lambda bound: states[bound].current) or [node]
            for one in made:
                _follow(one, known)
        except Mixed as reason:
            found = {k: b for axes_ in given for k, b in axes_.items()}
            problems.append(_refused(graph, node, found, str(reason)))
            # What is made of it is as the model of another size has it, so that others are judged, too.
            known.update({value: shapes.get(value, {}) for value in node.outputs})
        nodes += made
        for value in node.outputs:
            if not problems and value in shapes and dict(known.get(value, {})) != shapes[value]:
                found = {**known.get(value, {}), **shapes[value]}
                problems.append(
                    _refused(graph, node, found, "its shape depends on it in another way than its elements")
                )
    graph.nodes[:] = nodes
    for value in graph.outputs:
        if not problems and (why := in_front(value, known.get(value, {}))):
            problems.append(Diagnostic(f"output `{value.name}`: {why}", graph.source, _fix(known[value])))
    for state in graph.states:
        if not problems and (known.get(state.next) or known.get(state.current)):
            problems.append(
                Diagnostic(f"state `{state.current.name}`: a state has one size", graph.source, _fix(known[state.next]))
            )
    if problems:
        raise UnsupportedError(problems)
    graph.states[:0] = states.values()
    for other, bound, size in loose:
        _refuse_unlike(graph, other, bound, size)
    graph.input_bounds = [next(iter(axes.get(value, {}).values()), None) for value in graph.inputs]
    graph.output_bounds = [next(iter(known.get(value, {}).values()), None) for value in graph.outputs]


def follow(graph: Graph) -> dict[Value, Axes] | None:
    """Returns which axes of a rewritten graph's values follow a dimension; None where that is not known of all."""
    known: dict[Value, Axes] = {}
    for value, bound in zip(graph.inputs, graph.input_bounds, strict=True):
        if bound is not None:
            known[value] = {bound.axis(value.shape): bound}
    try:
        for node in graph.nodes:
            _follow(node, known)
    except Mixed:
        return None
    return known


def in_front(value: Value, axes: Axes) -> str:
    """Returns why what there is of a value is not its beginning; nothing where it is."""
    if not axes:
        return ""
    if len(axes) > 1:
        names = " and ".join(f"`{bound.name}`" for bound in axes.values())
        return f"{names} are both bounded: one of them may be"
    ((axis, bound),) = axes.items()
    if math.prod(value.shape[:axis]) != 1:
        return (
            f"`{bound.name}` is axis {axis} of {list(value.shape)}: "
            "a bounded dimension stands in front of all others but those of 1"
        )
    return ""


def _state(bound: Bound) -> State:
    """Returns the state that holds how much there is of a dimension."""
    value = Value(TensorType(DType.I32, (1,)), f"size of {bound.name}", origin=f"the size of `{bound.name}`")
    return State(value, value, np.array([bound.most], np.int32), dimension=bound.name)


def _given(node: Node, known: Mapping[Value, Axes]) -> list[Axes]:
    return [{} if v is None else known.get(v, {}) for v in node.inputs]


def _follow(node: Node, known: dict[Value, Axes]) -> None:
    """Adds the axes of a node's outputs."""
    given = _given(node, known)
    if not any(given) and not isinstance(node.op, Uncut):
        return
    if not isinstance(node.op, Operator) or node.bodies:
        raise Mixed("control flow is not known to go through each part of it apart")
    known.update(zip(node.outputs, node.op.shorter(node, given), strict=True))


def _refused(graph: Graph, node: Node, axes: Axes, reason: str) -> Diagnostic:
    names = " and ".join(sorted({f"`{bound.name}`" for bound in axes.values()})) or "a dimension"
    most = " and ".join(sorted({str(bound.most) for bound in axes.values()}))
    told = f"{node.op.name}: {names} is bounded to {most}, and {reason}"
    return Diagnostic(told, f"{graph.source}: {node.origin}", _fix(axes))


def _fix(axes: Axes) -> str:
    sizes = ", ".join(f"{bound.name} = {bound.most}" for bound in dict.fromkeys(axes.values()))
    return f"fix it: `dims = {{ {sizes} }}`"


def _imported(again: Callable[[str, int], Graph], bound: Bound, size: int) -> Graph:
    """Returns the graph of another size, which the model must have."""
    try:
        return again(bound.name, size)
    except ArielError as error:
        told = [
            Diagnostic(
                f"with `{bound.name}` of {size}, which is bounded to {bound.most}: {d.message}",
                d.origin,
                _fix({0: bound}),
            )
            for d in error.diagnostics
        ]
        raise UnsupportedError(told) from None


# ---- the graph of another size


def _compare(
    graph: Graph,
    other: Graph,
    bound: Bound,
    size: int,
    constants: dict[Value, dict[int, Bound]],
    shapes: dict[Value, dict[int, Bound]],
    lasts: dict[Node, tuple[int, Bound]],
) -> bool:
    """Raises UnsupportedError where a graph of another size is not that of the bound but for extents.

    Adds the axes of constants, and of all other values, that follow the dimension, and the nodes that take the last of
    it. Returns whether moves were left out.
    """
    mine, theirs = _nodes(graph), _nodes(other)
    # Of one element what moves elements may be a view as well: then both are computed and compared in the end.
    is_loose = size == 1 and _kinds(mine) != _kinds(theirs)
    if is_loose:
        mine, theirs = _nodes(graph, loose=True), _nodes(other, loose=True)

    def refuse(node: Node | None, why: str) -> UnsupportedError:
        origin = graph.source if node is None else f"{graph.source}: {node.origin}"
        name = "" if node is None else f"{node.op.name}: "
        return UnsupportedError(
            [Diagnostic(f"{name}`{bound.name}` is bounded to {bound.most}, and {why}", origin, _fix({0: bound}))]
        )

    if _kinds(mine) != _kinds(theirs):
        unlike = (a for a, b in zip(mine, theirs, strict=False) if type(a.op) is not type(b.op))
        node = next(unlike, [*mine, *theirs][min(len(mine), len(theirs))])
        raise refuse(node, f"with {size} of it the model is made of other operators")
    # Views are looked at, too, where they are the same ones: at some sizes there are fewer.
    made = (graph.nodes, other.nodes) if _kinds(graph.nodes) == _kinds(other.nodes) else (mine, theirs)
    twins = _twins(graph, other, mine, theirs)
    seen: list[tuple[Node | None, Sequence[Value], Sequence[Value]]] = [
        *((a, a.outputs, b.outputs) for a, b in zip(*made, strict=True)),
        (None, graph.inputs, other.inputs),
        (None, graph.outputs, other.outputs),
    ]
    for node_, values, others in seen:
        for value, twin in zip(values, others, strict=True):
            if (axes := _axes(value, twin, bound, size)) is None:
                raise refuse(node_, f"it makes {value.type}, but {twin.type} with {size} of it")
            shapes.setdefault(value, {}).update(axes)
    for node, twin_node in zip(mine, theirs, strict=True):
        if (axis := _last_axis(node, twin_node)) is not None:
            lasts[node] = axis, bound
        elif not _alike(node.op, twin_node.op, bound, size) or bool(node.bodies) != bool(twin_node.bodies):
            raise refuse(node, f"with {size} of it this is another operator, or one of other attributes")
        if node.bodies and not all(_same_body(x, y) for x, y in zip(node.bodies, twin_node.bodies, strict=True)):
            raise refuse(node, f"its subgraphs are others with {size} of it")
        if len(node.inputs) != len(twin_node.inputs):
            raise refuse(node, f"with {size} of it there are other operands")
        for operand, its_twin in zip(node.inputs, twin_node.inputs, strict=True):
            if not twins(operand, its_twin):
                raise refuse(node, f"with {size} of it one of its operands is another one")
            if operand is None or its_twin is None or not operand.is_constant:
                continue
            found = _axes(operand, its_twin, bound, size)
            if found is None or not _begins(operand, its_twin):
                raise refuse(
                    node, f"a number that it computes with depends on how much there is of it ({size}, for one)"
                )
            if found:
                constants.setdefault(operand, {}).update(found)
    for value, twin in zip(graph.outputs, other.outputs, strict=True):
        if not twins(value, twin):
            raise refuse(None, f"with {size} of it output `{value.name}` is another value")
    return is_loose


def _kinds(nodes: Sequence[Node]) -> list[type]:
    return [type(node.op) for node in nodes]


def _twins(
    graph: Graph, other: Graph, mine: Sequence[Node], theirs: Sequence[Node]
) -> Callable[[Value | None, Value | None], bool]:
    """Returns what tells whether two values are computed alike, constants and what moves elements apart."""
    ends = [(graph.inputs, other.inputs), ([s.current for s in graph.states], [s.current for s in other.states])]
    pairs = [*ends, *((a.outputs, b.outputs) for a, b in zip(mine, theirs, strict=True))]
    twin_of = {a: b for left, right in pairs for a, b in zip(left, right, strict=False)}
    left_out = [
        {v: node.input(0) for node in each.nodes if node not in kept for v in node.outputs}
        for each, kept in ((graph, set(mine)), (other, set(theirs)))
    ]

    def root(value: Value, table: Mapping[Value, Value]) -> Value:
        while value in table:
            value = table[value]
        return value

    def are_twins(value: Value | None, twin: Value | None) -> bool:
        if value is None or twin is None:
            return value is twin
        a, b = root(value, left_out[0]), root(twin, left_out[1])
        return twin_of.get(a) is b if not a.is_constant else b.is_constant

    return are_twins


def _nodes(graph: Graph, *, loose: bool = False) -> list[Node]:
    """Returns the nodes but for views, with `loose` those that do more than move elements of one operand."""

    def moves(node: Node) -> bool:
        if isinstance(node.op, Reshape):
            return True
        is_move = isinstance(node.op, Operator) and node.op.traits.moves and not node.op.traits.pointwise
        return loose and is_move and len(node.inputs) == 1

    return [node for node in graph.nodes if not moves(node)]


def _refuse_unlike(graph: Graph, other: Graph, bound: Bound, size: int) -> None:
    """Computes both graphs for random inputs, and refuses the one of the bound where it makes another beginning."""
    rng = np.random.default_rng(0)
    given: dict[Value, Array] = {s.current: s.initial for s in graph.states}
    theirs: dict[Value, Array] = {s.current: s.initial for s in other.states}
    given |= {s.current: np.array([size], np.int32) for s in graph.sizes if s.dimension == bound.name}
    for value, twin in zip(graph.inputs, other.inputs, strict=True):
        part = rng.standard_normal(twin.shape) if twin.type.dtype.is_real else rng.integers(0, 2, twin.shape)
        whole = rng.standard_normal(value.shape) if value.type.dtype.is_real else rng.integers(0, 2, value.shape)
        whole[tuple(slice(n) for n in twin.shape)] = part
        given[value], theirs[twin] = converted(whole, value.type.dtype), converted(part, twin.type.dtype)
    made, wanted = evaluate(graph, given), evaluate(other, theirs)
    for value, twin in zip(graph.outputs, other.outputs, strict=True):
        a, b = readable(made[value]), readable(wanted[twin])
        part = a[tuple(slice(n) for n in b.shape)].astype(np.float64)
        if not np.allclose(part, b.astype(np.float64), rtol=1e-3, atol=1e-4, equal_nan=True):
            told = (
                f"`{bound.name}` is bounded to {bound.most}, and with {size} of it output `{value.name}` is another one"
            )
            raise UnsupportedError([Diagnostic(told, graph.source, _fix({0: bound}))])


def _axes(value: Value, twin: Value, bound: Bound, size: int) -> dict[int, Bound] | None:
    """Returns the axes that follow the dimension; None where the twin is another tensor."""
    if len(value.shape) != len(twin.shape) or (value.type.dtype, value.type.quant) != (
        twin.type.dtype,
        twin.type.quant,
    ):
        return None
    found = {}
    for axis, (extent, other) in enumerate(zip(value.shape, twin.shape, strict=True)):
        if extent != other:
            if extent * size != other * bound.most or extent % bound.most:
                return None
            found[axis] = bound
    return found


def _begins(value: Value, twin: Value) -> bool:
    """Whether a constant is the beginning of another one, along all axes."""
    if value.data is None or twin.data is None:
        return False
    part = value.data[tuple(slice(n) for n in twin.shape)]
    return np.ascontiguousarray(part).tobytes() == np.ascontiguousarray(twin.data).tobytes()


def _last_axis(node: Node, twin: Node) -> int | None:
    """Returns the axis of which two nodes take the last element, each of its own extent."""
    if type(node.op) is not type(twin.op) or not isinstance(node.op, Operator) or not isinstance(twin.op, Operator):
        return None
    axis = node.op.last_axis(node)
    if axis is None or axis != twin.op.last_axis(twin) or node.input(0).shape[axis] == twin.input(0).shape[axis]:
        return None
    return axis


def _alike(op: object, other: object, bound: Bound, size: int) -> bool:
    """Whether two operators are one, but for the extents of a part that is taken."""
    if isinstance(op, Slice) and isinstance(other, Slice) and len(op.shape) == len(other.shape):
        fits = [a == b or a * size == b * bound.most for a, b in zip(op.shape, other.shape, strict=True)]
        return all(fits) and replace(op, shape=()) == replace(other, shape=())
    return type(op) is type(other) and op == other


def _bytes(value: Value | None) -> bytes | None:
    return None if value is None or value.data is None else value.data.tobytes()


def _same_body(body: Graph, other: Graph) -> bool:
    """Whether two bodies compute the same: nothing in them follows a dimension."""
    if [v.type for v in body.inputs] != [v.type for v in other.inputs] or len(body.nodes) != len(other.nodes):
        return False
    for node, twin in zip(body.nodes, other.nodes, strict=True):
        data = [(_bytes(v), _bytes(t)) for v, t in zip(node.inputs, twin.inputs, strict=True)]
        if node.op != twin.op or [v.type for v in node.outputs] != [v.type for v in twin.outputs]:
            return False
        if any(a != b for a, b in data):
            return False
        if not all(_same_body(x, y) for x, y in zip(node.bodies, twin.bodies, strict=True)):
            return False
    return True
