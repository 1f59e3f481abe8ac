"""Control flow: what a condition chooses is what the oracles compute; what is called stands in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from ariel_build import boards
from ariel_build.answers.oracle import Answer, ask
from ariel_build.answers.reference import Interpreter
from ariel_build.answers.samples import Samples, split_outputs
from ariel_build.cli import main
from ariel_build.commands.run import execute_compiled
from ariel_build.config.options import ModelOptions
from ariel_build.cores.predict import Clock
from ariel_build.driver import Compiled, compile_model, import_file
from ariel_build.errors import ModelError, UnsupportedError
from ariel_build.ir import Array
from ariel_build.ops.control import If
from ariel_build.ops.reshape import is_view
from ariel_build.passes import optimize
from tests.frontends import tflite_writer as w
from tests.ops.control import models as made

#: Seeds of random graphs that are compared in numpy, and how many of them are built.
SEEDS, BUILT = range(60), (3, 11)


def compiled(path: Path, board: str, cores: int = 1, most: int | None = None) -> Compiled:
    options = ModelOptions(path, cores=cores, max_iterations=most)
    return compile_model(path, options, boards.load(board), "model")


def answers(path: Path, board: str, samples: Samples, cores: int = 1) -> Array:
    model = compiled(path, board, cores)
    execution = execute_compiled(model, boards.load(board), samples.raw(), cores=cores, stats=False)
    (got,) = split_outputs(model.graph.outputs, execution.outputs, samples.lead).values()
    return got


def of_branches(path: Path) -> tuple[Samples, Array]:
    """Returns samples for each of the ways of `branched`, and what TFLite-Micro says."""
    path.write_bytes(made.branched())
    rng = np.random.default_rng(4)
    conditions = np.array([[100], [11], [10], [0], [-50], [-51], [-128], [127]], np.int8)
    x, z = rng.integers(-128, 128, (2, len(conditions), 1, made.WIDTH)).astype(np.int8)
    samples = Samples([x, z, conditions[:, None]], (len(conditions),))
    said = ask(path, import_file(path)[0], samples)
    assert isinstance(said, Answer), said
    return samples, said.outputs[0]


ON = [
    pytest.param("host", 1, id="host"),
    pytest.param("host", 2, id="host-2"),
    pytest.param(
        "qemu-cortex-m7",
        1,
        id="m7",
        marks=[pytest.mark.emulator("qemu-system-arm"), pytest.mark.target("thumbv7em-none-eabihf")],
    ),
    pytest.param(
        "qemu-riscv32",
        2,
        id="riscv32-2",
        marks=[pytest.mark.emulator("qemu-system-riscv32"), pytest.mark.target("riscv32imac-unknown-none-elf")],
    ),
]


@pytest.mark.parametrize("board, cores", ON)
def test_what_a_condition_chooses_is_exact(board: str, cores: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    path = tmp_path / "model.tflite"
    samples, want = of_branches(path)
    assert np.array_equal(answers(path, board, samples, cores), want)


def test_it_is_an_if_of_rust_and_bodies_share_their_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(made.branched())
    one, two = compiled(path, "qemu-cortex-m7"), compiled(path, "qemu-riscv32", 2)
    flow = re.search(r"flow \[\n(.*?)\n        \];", one.module_text, re.DOTALL)
    assert flow is not None
    conditions = [_place(one, label) for label in ("GREATER_0", "LESS_0")]
    want = "0 (if {:_} [ 1 ] else [ 2 (if {:_} [ 3 4 ] else [ 5 ]) ]) 6".format(*conditions)
    assert " ".join(flow[1].split()) == want
    # All bodies make their result in the place of z, or in that of the sum that only one of them has.
    assert one.plan.arena_bytes < 3.1 * made.WIDTH
    assert two.units is not None and len(two.units.blocks) == len(two.schedule.blocks) == 6
    assert all(sum(two.units.units[k].step is not None for k in two.units.blocks[b]) > 1 for b in (1, 3, 4, 5))


def _place(model: Compiled, label: str) -> int:
    """Returns where a step writes its output."""
    (call,) = [call for call in model.schedule.calls if call.label.upper() == label]
    return model.plan.region(call.outputs[0]).offset


def test_the_longest_way_is_predicted(tmp_path: Path) -> None:
    """Half of the bodies are left out of the sum, and the longer one counts, on one core and on two."""
    path = tmp_path / "model.tflite"
    path.write_bytes(made.branched())
    for cores in (1, 2):
        model = compiled(path, "qemu-riscv32", cores)
        costs = [_alone(model, label) for label in ("add_0", "add_1", "mul_0", "mul_1", "add_2")]
        first, second, third, square, last = costs
        want = max(first, second + third, square) + last
        assert 0.45 * want / cores < model.predicted.cycles < 1.3 * want, (model.predicted.cycles, costs)
        assert model.predicted.cycles < 0.95 * sum(costs) or cores > 1


def _alone(model: Compiled, label: str) -> float:
    board = boards.load("qemu-riscv32")
    (call,) = [call for call in model.schedule.calls if call.label == label]
    return Clock(board.cores[:1]).times(call)[0]


def reference(path: Path, x: Array, z: Array) -> npt.NDArray[np.float32]:
    """Returns what ONNX's own reference computes."""
    answer: list[npt.NDArray[np.float32]] = cast("Any", ReferenceEvaluator(str(path))).run(None, {"x": x, "z": z})
    return answer[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_branches_mean_what_onnx_says(seed: int, tmp_path: Path) -> None:
    """The graph after all passes in numpy, and the plans for one and two cores, which the checkers accept."""
    path = made.random_branches(tmp_path / "model.onnx", seed)
    graph, _ = import_file(path)
    optimize(graph)
    interpreter = Interpreter(graph)
    rng = np.random.default_rng(seed)
    for _ in range(6):
        x, z = rng.normal(0, 2, (2, 1, 8)).astype(np.float32)
        want = reference(path, x, z)
        (got,) = interpreter.outputs([x, z])
        assert np.allclose(got, want, rtol=1e-4, atol=1e-5)
    for cores in (1, 2):
        compiled(path, "host", cores)


def test_most_random_graphs_decide_at_run_time(tmp_path: Path) -> None:
    """Else the test above would be of nothing."""
    graphs = [import_file(made.random_branches(tmp_path / "model.onnx", seed))[0] for seed in SEEDS]
    for graph in graphs:
        optimize(graph)
    counts = [sum(isinstance(n.op, If) for region in graph.regions() for n in region.nodes) for graph in graphs]
    assert sum(count >= 2 for count in counts) > len(SEEDS) // 3
    assert (
        sum(any(n.bodies for body in graph.regions() if body is not graph for n in body.nodes) for graph in graphs) > 10
    )


@pytest.mark.parametrize("seed", BUILT)
@pytest.mark.parametrize("cores", [1, 2])
def test_random_branches_in_rust(seed: int, cores: int, tmp_path: Path) -> None:
    path = made.random_branches(tmp_path / "model.onnx", seed)
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(0, 2, (12, 1, 8)).astype(np.float32) for _ in range(2)]
    want = [reference(path, x, z) for x, z in zip(*arrays, strict=True)]
    got = answers(path, "host", Samples(list(arrays), (12,)), cores)
    assert np.allclose(got, np.stack(want), rtol=1e-4, atol=1e-5)


def test_a_called_subgraph_stands_in_its_place(tmp_path: Path) -> None:
    """Twice, with the scales of each call's tensors: as if its operators had been written there."""
    path = tmp_path / "model.tflite"
    path.write_bytes(made.called())
    graph, _ = import_file(path)
    optimize(graph)
    assert [node.op.name for node in graph.nodes if not is_view(node)] == ["Add", "Mul", "Add", "Mul"]
    x, z = np.random.default_rng(5).integers(-128, 128, (2, 3, 1, made.WIDTH)).astype(np.int8)
    want = np.stack([Interpreter(graph).outputs(list(pair))[0] for pair in zip(x, z, strict=True)])
    assert len(np.unique(want)) > 20
    assert np.array_equal(answers(path, "host", Samples([x, z], (3,))), want)


def if_model(
    folder: Path, condition: Sequence[onnx.NodeProto], *bodies: onnx.GraphProto, **constants: npt.ArrayLike
) -> Path:
    """Writes `y = If(c)`, where the nodes of `condition` make `c`, and the bodies read `x`."""
    node = helper.make_node("If", ["c"], ["y"], then_branch=bodies[0], else_branch=bodies[1])
    tensors = [numpy_helper.from_array(np.asarray(data), name) for name, data in constants.items()]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([*condition, node], "g", ends, outs, tensors)
    path = folder / "model.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def body(op: str, *more: str, **attributes: int) -> onnx.GraphProto:
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    return helper.make_graph(
        [helper.make_node(op, ["x", *more], ["out"], None, None, None, None, **attributes)], op, [], [out]
    )


def test_a_condition_that_is_known_leaves_one_body(tmp_path: Path) -> None:
    """The other may have what is not supported."""
    known = [helper.make_node("Greater", ["two", "one"], ["c"])]
    bounds = {"two": np.float32(2), "one": np.float32(1)}
    graph, _ = import_file(if_model(tmp_path, known, body("Relu"), body("Bernoulli"), **bounds))
    assert [node.op.name for node in graph.nodes if not is_view(node)] == ["Relu"]


#: The first element of `x`, as a condition.
FIRST = (
    helper.make_node("Slice", ["x", "zero", "one"], ["first"]),
    helper.make_node("Cast", ["first"], ["c"], to=TensorProto.BOOL),
)
BOUNDS = {"zero": [0, 0], "one": [1, 1]}


def test_what_the_two_bodies_make_must_be_alike(tmp_path: Path) -> None:
    wider = body("Concat", "x", axis=1)
    path = if_model(tmp_path, [helper.make_node("Cast", ["x"], ["c"], to=TensorProto.BOOL)], body("Relu"), wider)
    with pytest.raises(UnsupportedError, match=re.escape("its condition is bool[1, 4], not one bool")):
        import_file(path)
    path = if_model(tmp_path, FIRST, body("Relu"), wider, **BOUNDS)
    with pytest.raises(UnsupportedError, match=re.escape("output 0 is f32[1, 4] or f32[1, 8]: that decides only")):
        import_file(path)


def test_every_operator_of_every_body_that_is_not_supported_is_reported(tmp_path: Path) -> None:
    path = if_model(tmp_path, FIRST, body("Bernoulli"), body("Multinomial"), **BOUNDS)
    with pytest.raises(UnsupportedError) as caught:
        import_file(path)
    messages = [problem.message for problem in caught.value.diagnostics]
    assert messages == ["operator Bernoulli is not supported", "operator Multinomial is not supported"]
    assert all("then_branch" in d.origin or "else_branch" in d.origin for d in caught.value.diagnostics)


def test_a_small_file_that_calls_without_end_is_refused_soon(tmp_path: Path) -> None:
    """Each subgraph calls the next one four times: four to the power of their number."""
    path = tmp_path / "model.tflite"
    codes = [w.code(made.CALL), w.code(made.ADD)]

    def call(source: int, target: int, callee: int) -> w.Table:
        return w.operator(0, [source], [target], (made.CALL_OPTIONS, {0: ("I", callee)}))

    def tensors() -> list[w.Table]:
        return [w.tensor(name, [1]) for name in "vwxyz"]

    graphs = [w.subgraph(tensors(), [0], [4], [call(i, i + 1, k + 1) for i in range(4)]) for k in range(14)]
    last = w.subgraph(tensors(), [0], [1], [w.operator(1, [0, 0], [1], (made.ADD_OPTIONS, {}))])
    path.write_bytes(w.encode(w.model(codes, [*graphs, last])))
    with pytest.raises(ModelError, match="more than 50,000 operations with the subgraphs that it calls"):
        import_file(path)


def test_a_variable_inside_a_branch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    codes = [w.code(made.IF), w.code(142), w.code(143)]
    tensors = [w.tensor("c", [1], made.BOOL), w.tensor("y", [1])]
    main = w.subgraph(tensors, [0], [1], [w.operator(0, [0], [1], (made.IF_OPTIONS, {0: ("i", 1), 1: ("i", 1)}))])
    inner = w.subgraph(
        [w.tensor("v", [1], 13), w.tensor("y", [1])],
        [],
        [1],
        [w.operator(1, [], [0], (111, {1: "v"})), w.operator(2, [0], [1])],
    )
    path.write_bytes(w.encode(w.model(codes, [main, inner])))
    with pytest.raises(UnsupportedError, match="a variable inside of a branch is not supported"):
        import_file(path)


def test_inspect_counts_the_operators_of_bodies(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(made.branched())
    model = compiled(path, "host")
    assert model.operators == {"Add": 3, "Greater": 1, "If": 2, "Less": 1, "Mul": 2}


def test_inspect_counts_what_refused_bodies_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = if_model(tmp_path, FIRST, body("Bernoulli"), body("Relu"), **BOUNDS)
    assert main(["inspect", str(path), "--json"]) == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["operators"] == {"Bernoulli": 1, "Cast": 1, "If": 1, "Relu": 1, "Slice": 1}
    assert [problem["operator"] for problem in facts["unsupported"]] == ["Bernoulli"]


def test_subgraphs_number_the_handles_of_variables_each_for_itself(tmp_path: Path) -> None:
    """Tensor 1 is a handle of `a` in the model, and one of `b` in the subgraph that it calls in between."""
    path = tmp_path / "model.tflite"
    codes = [w.code(made.CALL), w.code(142), w.code(143), w.code(144)]

    def handle(name: str) -> w.Table:
        return w.operator(1, [], [1], (111, {1: name}))

    def graph_of(outputs: list[int], operators: list[w.Table]) -> w.Table:
        tensors = [w.tensor("x", [1, 4]), w.tensor("v", [1], 13), w.tensor("z", [1, 4]), w.tensor("y", [1, 4])]
        return w.subgraph(tensors, [0], outputs, operators)

    called = w.operator(0, [0], [2], (made.CALL_OPTIONS, {0: ("I", 1)}))
    keeps = graph_of([2, 3], [handle("a"), called, w.operator(2, [1], [3]), w.operator(3, [1, 0], [])])
    path.write_bytes(w.encode(w.model(codes, [keeps, graph_of([2], [handle("b"), w.operator(2, [1], [2])])])))
    model, x = Interpreter(import_file(path)[0]), np.arange(4, dtype=np.float32).reshape(1, 4)
    for y in (0 * x, x):
        assert [output.tolist() for output in model.outputs([x])] == [[[0.0] * 4], y.tolist()]
