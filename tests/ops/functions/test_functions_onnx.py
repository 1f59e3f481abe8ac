"""Operators that ONNX's standard defines as functions, and Scan: the node tests of `onnx`, and how they are put in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.ir import Array
from ariel_build.ops import IMPORTERS
from tests import zoo
from tests.ops import node_suite, parity


def test_scans(tmp_path: Path) -> None:
    """One is of an operator set that had batches of sequences; float16 is rounded after each operator."""
    chosen = list(node_suite.cases("Scan", "LinearAttention"))
    halves = [case for case in chosen if case.name.endswith("fp16")]
    node_suite.judge((case for case in chosen if case not in halves), tmp_path, right=17, rtol=1e-4)
    node_suite.judge(halves, tmp_path, right=1, rtol=2.0**-9)


def test_functions_with_parameters_known(tmp_path: Path) -> None:
    kinds = ("RotaryEmbedding", "SwiGLU")
    chosen = (case for case in node_suite.cases(*kinds) if case.inputs[0].dtype == np.float32)
    cases = (case.with_constants({0}) for case in chosen)
    node_suite.judge(cases, tmp_path, right=10, rtol=1e-4)


def test_a_body_has_the_attributes_of_its_node(tmp_path: Path) -> None:
    """Given, or left to the default of the schema."""
    nodes = [helper.make_node("SwiGLU", ["x", "x"], ["a"]), helper.make_node("SwiGLU", ["x", "x"], ["b"], alpha=2.0)]
    ends = {"a": (zoo.FLOAT, (2, 3)), "b": (zoo.FLOAT, (2, 3))}
    x = np.linspace(-2, 2, 6, dtype=np.float32).reshape(2, 3)
    try:
        path = zoo.onnx_file(tmp_path / "m.onnx", nodes, {"x": (zoo.FLOAT, (2, 3))}, ends, opset=28)
        got = parity.reference(path, [[x]])
    except UnsupportedError as refused:
        pytest.skip(f"the installed `onnx` does not know it: {refused}")
    want: list[Array] = [np.asarray(x * x / (1 + np.exp(-x * k)), np.float32) for k in (1, 2)]
    parity.agree(got, [want], "SwiGLU")


def test_what_a_body_cannot_do_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = helper.make_node("SwiGLU", ["x", "x"], ["y"])
    ends = {"x": (zoo.FLOAT, (2, 3))}, {"y": (zoo.FLOAT, (2, 3))}
    path = zoo.onnx_file(tmp_path / "m.onnx", [node], *ends, opset=28)
    for name in ("Sigmoid", "Swish"):
        monkeypatch.delitem(IMPORTERS, ("onnx", name))
    with pytest.raises(UnsupportedError) as caught:
        import_file(path)
    (problem,) = caught.value.diagnostics
    assert "node 0 (SwiGLU) `y`, in its body: node" in problem.origin
    assert problem.message.startswith("operator S")


@pytest.mark.parametrize("steps", [5, 200])
@pytest.mark.parametrize("backwards", [0, 1])
def test_a_scan_is_a_running_sum(backwards: int, steps: int, tmp_path: Path) -> None:
    """Short ones are unrolled, long ones loop."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "v"], ["t"]), helper.make_node("Identity", ["t"], ["o"])],
        "body",
        [info("s", zoo.FLOAT, (3,)), info("v", zoo.FLOAT, (3,))],
        [info("t", zoo.FLOAT, (3,)), info("o", zoo.FLOAT, (3,))],
    )
    more: dict[str, Any] = {"scan_input_directions": [backwards], "scan_output_directions": [backwards]}
    node = helper.make_node(
        "Scan",
        ["s0", "x"],
        ["last", "sums"],
        body=body,
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
        **more,
    )
    path = zoo.onnx_file(
        tmp_path / "m.onnx",
        [node],
        {"s0": (zoo.FLOAT, (3,)), "x": (zoo.FLOAT, (3, steps))},
        {"last": (zoo.FLOAT, (3,)), "sums": (zoo.FLOAT, (3, steps))},
    )
    rng = np.random.default_rng(31)
    samples = [[rng.normal(size=s).astype(np.float32) for s in ((3,), (3, steps))] for _ in range(2)]
    want = parity.onnxruntime_answers(path, samples)
    parity.agree(parity.reference(path, samples), want, "reference")
    parity.agree(parity.host(path, samples), want, "kernels")


def test_distances_from_many_vectors(tmp_path: Path) -> None:
    """What skl2onnx makes of nearest neighbours: a scan over them, whose state is the input as it is."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["x"], ["same"]),
            helper.make_node("Sub", ["x", "v"], ["d"]),
            helper.make_node("ReduceSumSquare", ["d"], ["o"], axes=[1], keepdims=0),
        ],
        "body",
        [info("x", zoo.FLOAT, (2, 4)), info("v", zoo.FLOAT, (4,))],
        [info("same", zoo.FLOAT, (2, 4)), info("o", zoo.FLOAT, (2,))],
    )
    node = helper.make_node("Scan", ["input", "vectors"], ["again", "all"], body=body, num_scan_inputs=1)
    rng = np.random.default_rng(32)
    vectors, x = (rng.normal(size=s).astype(np.float32) for s in ((150, 4), (2, 4)))
    ends: zoo.Ends = {"input": (zoo.FLOAT, (2, 4))}
    path = zoo.onnx_file(
        tmp_path / "m.onnx",
        [node],
        ends,
        {"all": (zoo.FLOAT, (150, 2)), "again": (zoo.FLOAT, (2, 4))},
        {"vectors": vectors},
    )
    want = parity.onnxruntime_answers(path, [[x]])
    parity.agree(parity.reference(path, [[x]]), want, "reference")
    parity.agree(parity.host(path, [[x]]), want, "kernels")


@pytest.mark.parametrize(
    "directions, lengths, words",
    [([0], "", ""), ([1], "", ""), ([0], "n", "sequences of several lengths"), ([0, 0], "", "are not supported")],
)
def test_a_scan_of_batches(directions: list[int], lengths: str, words: str, tmp_path: Path) -> None:
    """Before operator set 9: all has an axis of batches in front."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "v"], ["t"]), helper.make_node("Identity", ["t"], ["o"])],
        "body",
        [info("s", zoo.FLOAT, (3,)), info("v", zoo.FLOAT, (3,))],
        [info("t", zoo.FLOAT, (3,)), info("o", zoo.FLOAT, (3,))],
    )
    node = helper.make_node(
        "Scan", [lengths, "s0", "x"], ["last", "sums"], body=body, num_scan_inputs=1, directions=directions
    )
    ends: zoo.Ends = {"s0": (zoo.FLOAT, (2, 3)), "x": (zoo.FLOAT, (2, 4, 3))}
    made: zoo.Ends = {"last": (zoo.FLOAT, (2, 3)), "sums": (zoo.FLOAT, (2, 4, 3))}
    path = zoo.onnx_file(tmp_path / "m.onnx", [node], ends, made, {"n": np.array([4, 2])} if lengths else {}, opset=8)
    rng = np.random.default_rng(32)
    start, x = (rng.normal(size=s).astype(np.float32) for s in ((2, 3), (2, 4, 3)))
    if words:
        with pytest.raises(UnsupportedError, match=words):
            import_file(path)
        return
    sums = start[:, None] + np.cumsum(x[:, ::-1] if directions[0] else x, axis=1)
    want: list[Array] = [sums[:, -1], sums]
    parity.agree(parity.reference(path, [[start, x]]), [want], "reference")
