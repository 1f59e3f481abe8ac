"""Models with control flow: TFLite files of a few subgraphs, and random ONNX graphs with branches in branches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.frontends import tflite_writer as w

__all__ = ["WIDTH", "branched", "called", "random_branches"]

ADD, MUL, CALL, LESS, GREATER, IF = 0, 18, 31, 58, 61, 118
ADD_OPTIONS, CALL_OPTIONS, MUL_OPTIONS, IF_OPTIONS = 11, 16, 21, 92
CODES = [w.code(ADD, 2), w.code(MUL, 2), w.code(CALL), w.code(LESS, 2), w.code(GREATER, 2), w.code(IF)]
BOOL = 6
#: Elements of the vectors: enough that two cores share each step.
WIDTH = 6_000


def _int8(name: str, count: int, scale: float = 0.05, buffer: int = 0) -> w.Table:
    return w.tensor(name, [1, count], w.INT8, buffer, quant=w.quant([scale], [3]))


def _add(a: int, b: int, y: int) -> w.Table:
    return w.operator(0, [a, b], [y], (ADD_OPTIONS, {}))


def _mul(a: int, b: int, y: int) -> w.Table:
    return w.operator(1, [a, b], [y], (MUL_OPTIONS, {}))


def _given() -> list[w.Table]:
    return [_int8("x", WIDTH), _int8("z", WIDTH), _int8("s", 1)]


def _product() -> w.Table:
    """`f(x, z) = (x + z) * z`."""
    tensors = [_int8("x", WIDTH), _int8("z", WIDTH), _int8("sum", WIDTH, 0.09), _int8("y", WIDTH, 0.08)]
    return w.subgraph(tensors, [0, 1], [3], [_add(0, 1, 2), _mul(2, 1, 3)])


def branched() -> bytes:
    """`y = (s > 10 ? x + z : s < -50 ? (x + z) * z : x * z) + x`, in int8; the inner choice is a subgraph's own."""
    bounds = [bytes(np.array([n], np.int8)) for n in (10, -50)]
    main = w.subgraph(
        [
            *_given(),
            _int8("ten", 1, buffer=1),
            w.tensor("c", [1, 1], BOOL),
            _int8("r", WIDTH, 0.08),
            _int8("y", WIDTH, 0.12),
        ],
        [0, 1, 2],
        [6],
        [
            w.operator(4, [2, 3], [4]),
            w.operator(5, [4, 0, 1, 2], [5], (IF_OPTIONS, {0: ("i", 1), 1: ("i", 2)})),
            _add(5, 0, 6),
        ],
    )
    first = w.subgraph([*_given(), _int8("y", WIDTH, 0.08)], [0, 1, 2], [3], [_add(0, 1, 3)])
    second = w.subgraph(
        [*_given(), _int8("low", 1, buffer=2), w.tensor("c", [1, 1], BOOL), _int8("y", WIDTH, 0.08)],
        [0, 1, 2],
        [5],
        [w.operator(3, [2, 3], [4]), w.operator(5, [4, 0, 1], [5], (IF_OPTIONS, {0: ("i", 3), 1: ("i", 4)}))],
    )
    last = w.subgraph([*_given()[:2], _int8("y", WIDTH, 0.08)], [0, 1], [2], [_mul(0, 1, 2)])
    return w.encode(w.model(CODES, [main, first, second, _product(), last], bounds))


def called() -> bytes:
    """`y = f(f(x, z), z)`, where `f` is a subgraph that is called twice."""
    tensors = [_int8("x", WIDTH), _int8("z", WIDTH), _int8("once", WIDTH, 0.08), _int8("y", WIDTH, 0.08)]
    calls = [w.operator(2, [i, 1], [o], (CALL_OPTIONS, {0: ("I", 1)})) for i, o in ((0, 2), (2, 3))]
    return w.encode(w.model(CODES, [w.subgraph(tensors, [0, 1], [3], calls), _product()]))


def random_branches(path: Path, seed: int) -> Path:
    """Writes a random graph of float vectors with branches in branches, which read what is around them."""
    rng = np.random.default_rng(seed)
    names = iter(range(10**6))

    def some(known: list[str]) -> str:
        return known[-1 - min(int(rng.integers(0, 4)), len(known) - 1)]

    def fresh() -> str:
        return f"v{next(names)}"

    def steps(known: list[str], depth: int, count: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        nodes, constants = [], []
        for _ in range(count):
            kind = rng.choice(
                ["Add", "Mul", "Tanh", "Neg", "MatMul", "If", "If", "If"] if depth else ["Add", "Mul", "Tanh"]
            )
            out = fresh()
            if kind == "If":
                score, bound, condition, outs = fresh(), fresh(), fresh(), [fresh() for _ in range(rng.integers(1, 3))]
                constants.append(numpy_helper.from_array(np.array(rng.normal(), np.float32), bound))
                nodes.append(helper.make_node("ReduceSum", [some(known)], [score], keepdims=0))
                nodes.append(helper.make_node("Greater", [score, bound], [condition]))
                bodies = [body(list(known), depth - 1, len(outs)) for _ in range(2)]
                nodes.append(helper.make_node("If", [condition], outs, then_branch=bodies[0], else_branch=bodies[1]))
                known += outs
                continue
            inputs = [some(known)] if kind in ("Tanh", "Neg") else [some(known), some(known)]
            if kind == "MatMul":
                inputs[1] = fresh()
                constants.append(numpy_helper.from_array(rng.normal(0, 0.4, (8, 8)).astype(np.float32), inputs[1]))
            nodes.append(helper.make_node(kind, inputs, [out]))
            known.append(out)
        return nodes, constants

    def ends(given: list[str]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in given]

    def body(known: list[str], depth: int, count: int) -> onnx.GraphProto:
        nodes, constants = steps(known, depth, int(rng.integers(0, 4)))
        # An output may be what is around the body, and one may be another.
        outs = [fresh() for _ in range(count)]
        nodes += [helper.make_node("Identity", [some(known)], [out]) for out in outs]
        return helper.make_graph(nodes, "body", [], ends(outs), constants)

    known = ["x", "z"]
    nodes, constants = steps(known, 2, int(rng.integers(3, 7)))
    nodes.append(helper.make_node("Add", [known[-1], "x"], ["y"]))
    graph = helper.make_graph(nodes, "random", ends(["x", "z"]), ends(["y"]), constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
