"""Branches decide and hand over no more than they have to."""

from __future__ import annotations

import numpy as np

from ariel_build.answers.reference import Interpreter
from ariel_build.ir import DType, Graph, Node, TensorType, Value, verify
from ariel_build.ops.control import If
from ariel_build.ops.map2 import Map2
from ariel_build.passes import optimize
from ariel_build.passes.base import PassLog
from ariel_build.passes.simplify_branches import simplify_branches

VECTOR = TensorType(DType.F32, (4,))


def value(name: str) -> Value:
    return Value(VECTOR, name)


def branch(condition: Value, given: list[Value], outputs: int = 1) -> tuple[Graph, Node]:
    """`y_k = condition ? first + second : first * second`, of which the body has all of `given` as inputs."""
    bodies = []
    for op in (Map2("Add"), Map2("Mul")):
        inputs = [value(f"inner {v.name}") for v in given]
        outs = [value(f"given {k}") for k in range(outputs)]
        nodes = [Node(op, [inputs[0], inputs[1]], [out], op.name) for out in outs]
        bodies.append(Graph("body", inputs, outs, nodes))
    results = [value(f"y{k}") for k in range(outputs)]
    node = Node(If((VECTOR,) * outputs), [condition, *given], results, "branch", bodies)
    outside = [v for v in (condition, *given) if v.data is None]
    graph = Graph("g", list(dict.fromkeys(outside)), [results[0]], [node])
    verify(graph)
    return graph, node


def same_answers(graph: Graph, before: list[list[np.ndarray]], inputs: list[list[np.ndarray]]) -> None:
    verify(graph)
    for given, want in zip(inputs, before, strict=True):
        got = Interpreter(graph).outputs(given)
        assert all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))


CONDITION = TensorType(DType.BOOL, ())
NUMBERS = [np.arange(4, dtype=np.float32), np.full(4, 3, np.float32), np.full(4, -2, np.float32)]


def test_a_known_condition_leaves_the_nodes_of_its_body() -> None:
    for chosen, op in ((True, "Add"), (False, "Mul")):
        condition = Value(CONDITION, "c", np.array(chosen))
        graph, _ = branch(condition, [value("a"), value("b")])
        before = [Interpreter(graph).outputs(NUMBERS[:2])]
        log = PassLog()
        assert simplify_branches(graph, log)
        same_answers(graph, before, [NUMBERS[:2]])
        optimize(graph)
        assert [node.op.name for node in graph.nodes] == [op]
        assert graph.outputs[0].name == "y0"


def test_constants_go_into_the_bodies_and_what_is_not_read_is_not_given() -> None:
    condition = Value(CONDITION, "c")
    a, constant = value("a"), Value(VECTOR, "k", NUMBERS[1])
    graph, node = branch(condition, [a, constant, a, value("unread")])
    inputs = [[np.array(c), NUMBERS[0], NUMBERS[2]] for c in (True, False)]
    before = [Interpreter(graph).outputs(given) for given in inputs]
    assert simplify_branches(graph, PassLog())
    same_answers(graph, before, inputs)
    assert node.inputs == [condition, a]
    assert all(len(body.inputs) == 1 for body in node.bodies)
    assert not simplify_branches(graph, PassLog())


def test_outputs_that_nobody_reads_are_not_made() -> None:
    condition = Value(CONDITION, "c")
    graph, node = branch(condition, [value("a"), value("b")], outputs=3)
    inputs = [[np.array(c), *NUMBERS[:2]] for c in (True, False)]
    before = [Interpreter(graph).outputs(given) for given in inputs]
    optimize(graph)
    same_answers(graph, before, inputs)
    assert len(node.outputs) == 1
    assert all(len(body.nodes) == 1 for body in node.bodies)


def test_passes_run_in_bodies() -> None:
    """A node that nobody reads goes, and one that does nothing."""
    condition = Value(CONDITION, "c")
    graph, node = branch(condition, [value("a"), value("b")])
    body = node.bodies[0]
    neutral = Value(VECTOR, "one", np.ones(4, np.float32))
    out = value("through")
    body.nodes += [
        Node(Map2("Mul"), [body.outputs[0], neutral], [out], "one"),
        Node(Map2("Add"), [out, out], [value("x")], "dead"),
    ]
    body.outputs = [out]
    inputs = [[np.array(c), *NUMBERS[:2]] for c in (True, False)]
    before = [Interpreter(graph).outputs(given) for given in inputs]
    log = optimize(graph)
    same_answers(graph, before, inputs)
    assert [n.op.name for n in body.nodes] == ["Add"]
    assert {"remove_dead_code", "remove_identities"} <= {name for name, _, _ in log.rewrites}
