"""Loops of a known count: as the oracles run them, as Rust's own `for`; what they carry, and what they need not."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from ariel_build.answers.oracle import Answer, ask
from ariel_build.answers.reference import Interpreter
from ariel_build.answers.samples import Samples
from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from ariel_build.ops.loops import Loop
from ariel_build.passes import optimize
from tests.frontends import tflite_writer as w
from tests.ops.control.models import WIDTH
from tests.ops.control.test_control import ON, answers, compiled

ADD, MUL, LESS, WHILE = 0, 18, 58, 119
CODES = [w.code(ADD, 2), w.code(MUL, 2), w.code(LESS, 2), w.code(WHILE)]
ADD_OPTIONS, MUL_OPTIONS, WHILE_OPTIONS = 11, 21, 93
INT32, BOOL = 2, 6


def _vector(name: str) -> w.Table:
    return w.tensor(name, [1, WIDTH], w.INT8, quant=w.quant([0.05], [3]))


def _number(name: str, buffer: int = 0) -> w.Table:
    return w.tensor(name, [], INT32, buffer)


def _while(options: tuple[int, int] = (1, 2)) -> tuple[int, w.Table]:
    return WHILE_OPTIONS, {0: ("i", options[0]), 1: ("i", options[1])}


def fibonacci(times: int, *, at_run_time: bool = False) -> bytes:
    """`(a, b) = (b + a * k, a)` some times, then `a + b`: what is carried changes places, `k` and a counter stay.

    `at_run_time` lets the caller say with which number it begins to count.
    """
    vectors = ("a", "b", "k")
    zero = 0 if at_run_time else 1
    main = w.subgraph(
        [_number("zero", zero), *map(_vector, vectors), _number("n"), *map(_vector, ("a'", "b'", "k'", "y"))],
        [0, 1, 2, 3] if at_run_time else [1, 2, 3],
        [8],
        [w.operator(3, [0, 1, 2, 3], [4, 5, 6, 7], _while()), w.operator(0, [5, 6], [8], (ADD_OPTIONS, {}))],
    )
    test = w.subgraph(
        [_number("i"), *map(_vector, vectors), _number("limit", 2), w.tensor("c", [], BOOL)],
        [0, 1, 2, 3],
        [5],
        [w.operator(2, [0, 4], [5])],
    )
    body = w.subgraph(
        [_number("i"), *map(_vector, vectors), _number("one", 3), _number("next"), _vector("product"), _vector("sum")],
        [0, 1, 2, 3],
        [5, 7, 1, 3],
        [
            w.operator(0, [0, 4], [5], (ADD_OPTIONS, {})),
            w.operator(1, [1, 3], [6], (MUL_OPTIONS, {})),
            w.operator(0, [2, 6], [7], (ADD_OPTIONS, {})),
        ],
    )
    numbers = [bytes(np.array([n], np.int32)) for n in (0, times, 1)]
    return w.encode(w.model(CODES, [main, test, body], numbers))


@pytest.mark.parametrize("board, cores", ON)
def test_a_loop_is_exact(board: str, cores: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    path = tmp_path / "model.tflite"
    path.write_bytes(fibonacci(5))
    vectors = np.random.default_rng(8).integers(-128, 128, (3, 3, 1, WIDTH)).astype(np.int8)
    samples = Samples(list(vectors), (3,))
    said = ask(path, import_file(path)[0], samples)
    assert isinstance(said, Answer), said
    assert np.array_equal(answers(path, board, samples, cores), said.outputs[0])


@pytest.mark.parametrize("board, cores", ON)
def test_a_loop_whose_count_is_decided_at_run_time_is_exact(board: str, cores: int, tmp_path: Path) -> None:
    """Beginning with 5, 4, 1 and 9, it runs 0, 1, 4 and 0 times."""
    pytest.importorskip("tflite_micro")
    path = tmp_path / "model.tflite"
    path.write_bytes(fibonacci(5, at_run_time=True))
    vectors = np.random.default_rng(8).integers(-128, 128, (3, 4, 1, WIDTH)).astype(np.int8)
    begins = np.array([5, 4, 1, 9], np.int32)
    samples = Samples([begins, *vectors], (4,))
    said = ask(path, import_file(path)[0], samples)
    assert isinstance(said, Answer), said
    assert np.array_equal(answers(path, board, samples, cores), said.outputs[0])
    model = Interpreter(import_file(path)[0])
    assert np.array_equal(model.outputs([begins[2], *vectors[:, 2]])[0], said.outputs[0][2])


def test_it_is_a_loop_of_rust_whose_time_has_no_bound(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(fibonacci(5, at_run_time=True))
    one = compiled(path, "qemu-cortex-m7")
    flow = re.search(r"flow \[\n(.*?)\n        \];", one.module_text, re.DOTALL)
    assert flow is not None
    said = re.sub(r"\] [\d_]+ \[", "] X [", " ".join(flow[1].split()))
    assert re.fullmatch(r"[\d ]+ \(while \[ [\d ]+ \] X \[ [\d ]+ \]\) \d+", said), said
    assert math.isinf(one.predicted.cycles)
    few, many = (compiled(path, "qemu-cortex-m7", most=n).predicted.cycles for n in (2, 20))
    assert 5 < many / few < 10


def test_it_is_a_for_of_rust_and_carries_what_it_must(tmp_path: Path) -> None:
    """The counter and `k` are not carried; the two others are copied at the end, since each is read for the other."""
    path = tmp_path / "model.tflite"
    path.write_bytes(fibonacci(5))
    one, two = compiled(path, "qemu-cortex-m7"), compiled(path, "qemu-riscv32", 2)
    flow = re.search(r"flow \[\n(.*?)\n        \];", one.module_text, re.DOTALL)
    assert flow is not None
    assert re.sub(r"at [\d_]+", "at X", " ".join(flow[1].split())) == "0 1 (for 5 at X [ 2 3 4 5 ]) 6"
    labels = [call.label for call in one.schedule.calls]
    assert labels == ["copy_0", "copy_1", "mul_0", "add_0", "copy_2", "copy_3", "add_1"]
    assert two.units is not None and len(two.units.blocks) == 3
    (node,) = (node for node in one.graph.nodes if node.bodies)
    assert (len(node.inputs), len(node.outputs)) == (3, 2)
    shorter = tmp_path / "shorter.tflite"
    shorter.write_bytes(fibonacci(1))
    once, five = compiled(shorter, "qemu-riscv32").predicted.cycles, compiled(path, "qemu-riscv32").predicted.cycles
    assert 2.2 < five / once < 5


def test_a_loop_that_does_not_run_gives_what_it_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(fibonacci(0))
    graph, _ = import_file(path)
    optimize(graph)
    assert [node.op.name for node in graph.nodes] == ["Add"]


def onnx_loop(
    folder: Path, most: int | None, bound: float | None, *, scan: bool = False, runtime: bool = False
) -> Path:
    """Writes `(v, s) = (tanh(v * k) + x, s + 1)` while `s < bound`, at most so many times; `x` is from around it."""
    info = helper.make_tensor_value_info
    asks = ("Identity", ["c"]) if bound is None else ("Less", ["s1", "bound"])
    nodes = [
        helper.make_node("Mul", ["v", "k"], ["p"]),
        helper.make_node("Tanh", ["p"], ["t"]),
        helper.make_node("Add", ["t", "x"], ["v1"]),
        helper.make_node("Add", ["s", "one"], ["s1"]),
        helper.make_node(asks[0], asks[1], ["c1"]),
    ]
    ends = [info("c1", TensorProto.BOOL, []), info("v1", TensorProto.FLOAT, [1, 8]), info("s1", TensorProto.FLOAT, [])]
    if scan:
        nodes.append(helper.make_node("Identity", ["v1"], ["v2"]))
        ends.append(info("v2", TensorProto.FLOAT, [1, 8]))
    vectors = [info(name, TensorProto.FLOAT, None) for name in "vs"]
    given = [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []), *vectors]
    body = helper.make_graph(nodes, "body", given, ends)
    outs = ["v9", "s9", *(["all"] if scan else [])]
    first = "start" if runtime else "zero"
    loop = helper.make_node("Loop", ["most" if most is not None else "", "yes", "x", first], outs, body=body)
    tail = [helper.make_node("Mul", ["all" if scan else "v9", "s9"], ["y"])]
    head = [helper.make_node("ReduceSum", ["x"], ["start"], keepdims=0)] if runtime else []
    constants: dict[str, Array] = {
        "k": np.linspace(-2, 2, 8, dtype=np.float32).reshape(1, 8),
        "yes": np.array(True),
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.float32),
        "bound": np.array(bound or 0, np.float32),
        "most": np.array(most or 0, np.int64),
    }
    graph = helper.make_graph(
        [*head, loop, *tail],
        "g",
        [info("x", TensorProto.FLOAT, [1, 8])],
        [info("y", TensorProto.FLOAT, ["rows", 1, 8] if scan else [1, 8])],
        [numpy_helper.from_array(data, name) for name, data in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def reference(path: Path, x: Array) -> npt.NDArray[np.float32]:
    """Returns what ONNX's own reference computes."""
    answer: list[npt.NDArray[np.float32]] = cast("Any", ReferenceEvaluator(str(path))).run(None, {"x": x})
    return answer[0]


@pytest.mark.parametrize("most, bound, times", [(4, None, 4), (7, 3.0, 3), (None, 5.0, 5), (2, 9.0, 2)])
def test_how_often_an_onnx_loop_runs_is_found_out(
    most: int | None, bound: float | None, times: int, tmp_path: Path
) -> None:
    path = onnx_loop(tmp_path, most, bound)
    graph, _ = import_file(path)
    optimize(graph)
    (loop,) = (node.op for node in graph.nodes if isinstance(node.op, Loop))
    assert loop.times == times
    x = np.random.default_rng(3).normal(size=(1, 8)).astype(np.float32)
    (got,) = Interpreter(graph).outputs([x])
    assert np.allclose(got, reference(path, x), rtol=1e-5, atol=1e-6)
    compiled(path, "host", 2)


def test_an_onnx_loop_in_rust(tmp_path: Path) -> None:
    path = onnx_loop(tmp_path, 7, 3.0)
    x = np.random.default_rng(3).normal(size=(4, 1, 8)).astype(np.float32)
    want = np.stack([reference(path, one) for one in x])
    assert np.allclose(answers(path, "host", Samples([x], (4,))), want, rtol=1e-5, atol=1e-6)


def test_an_onnx_loop_whose_end_is_decided_at_run_time(tmp_path: Path) -> None:
    """`s` begins with the sum of `x`: above the bound it runs once, far below it as often as its limit says."""
    path = onnx_loop(tmp_path, None, 3.0, runtime=True)
    x = np.zeros((4, 1, 8), np.float32)
    x[:, 0, 0] = [4.0, 0.5, -2.25, 2.5]
    x[:, 0, 1:] = np.random.default_rng(3).normal(size=(4, 7)) * 0.01
    want = np.stack([reference(path, one) for one in x])
    assert np.allclose(answers(path, "host", Samples([x], (4,))), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("most, bound", [(4, None), (7, 3.0)])
def test_what_the_iterations_of_an_onnx_loop_give_is_stacked(most: int, bound: float | None, tmp_path: Path) -> None:
    path = onnx_loop(tmp_path, most, bound, scan=True)
    x = np.random.default_rng(3).normal(size=(4, 1, 8)).astype(np.float32)
    # ONNX's reference concatenates along the first axis, the standard asks for a new one.
    want = np.stack([reference(path, one).reshape(-1, 1, 8) for one in x])
    assert want.shape == (4, 4 if bound is None else 3, 1, 8)
    graph, _ = import_file(path)
    optimize(graph)
    got = np.stack([Interpreter(graph).outputs([one])[0] for one in x])
    assert np.allclose(got, want, rtol=1e-5, atol=1e-6)
    assert np.allclose(answers(path, "host", Samples([x], (4,))), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "given, says",
    [
        ({"most": None, "bound": None}, "does not end within 10,000 iterations"),
        ({"most": 3, "bound": 2.0, "runtime": True, "scan": True}, "it stacks .*, and how often it runs is decided at"),
        ({"most": 0, "bound": None, "scan": True}, "does not run at all, and stacks"),
    ],
)
def test_what_is_not_known_is_refused(given: dict[str, float | bool | None], says: str, tmp_path: Path) -> None:
    path = onnx_loop(tmp_path, **given)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match=says):
        import_file(path)
