"""Programs of several ATen operators: memory that is shared and kept, free dimensions, branches, and what is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ariel_build.answers.reference import Interpreter
from ariel_build.driver import import_file
from ariel_build.errors import ModelError
from ariel_build.ir import Graph
from tests.pt2_writer import Program, T, node, v

Numbers = npt.NDArray[Any]

ROW = T((1, 4))
X = np.array([[1, -2, 3, -4]], np.float32)
SQUARE = T((2, 3))
Z = np.arange(-3, 3, dtype=np.float32).reshape(2, 3)


def imported(tmp_path: Path, program: Program, **dims: int) -> Graph:
    path = tmp_path / "model.pt2"
    path.write_bytes(program.write())
    return import_file(path, dims)[0]


def answers(tmp_path: Path, program: Program, *inputs: Numbers, **dims: int) -> list[Numbers]:
    return Interpreter(imported(tmp_path, program, **dims)).outputs(list(inputs))


def refusal(tmp_path: Path, program: Program, **dims: int) -> str:
    with pytest.raises(ModelError) as caught:
        imported(tmp_path, program, **dims)
    return caught.value.render()


def relu(result: str, x: str, type_: T = ROW) -> Any:  # noqa: ANN401 - a node
    return node("aten.relu.default", {result: type_}, self=v(x))


# ---- buffers


def sums(*, decomposed: bool) -> Program:
    """A running sum: each call gives what it is after the call."""
    name = "aten.add.Tensor" if decomposed else "aten.add_.Tensor"
    first = np.full((1, 4), 10, np.float32)
    added = node(name, {"a": ROW}, self=v("h"), other=v("x"))
    program = Program({"x": ROW}, [added, relu("y", "a")], ["y"], {}, {"h": first})
    program.mutations = {"h": "a"} if decomposed else {}
    return program


@pytest.mark.parametrize("decomposed", [False, True])
def test_a_buffer_that_changes_is_a_state(decomposed: bool, tmp_path: Path) -> None:
    graph = imported(tmp_path, sums(decomposed=decomposed))
    (state,) = graph.states
    assert state.current.name == "h"
    interpreter = Interpreter(graph)
    assert np.array_equal(interpreter.outputs([X])[0], np.maximum(10 + X, 0))
    assert np.array_equal(interpreter.outputs([X])[0], np.maximum(10 + 2 * X, 0))


def test_who_reads_a_buffer_sees_what_it_held_then(tmp_path: Path) -> None:
    """In a decomposed program the buffer's name means what it held before the call, until the end."""
    program = sums(decomposed=True)
    program.outputs = ["h", "a"]
    interpreter = Interpreter(imported(tmp_path, program))
    interpreter.outputs([X])
    before, after = interpreter.outputs([X])
    assert np.array_equal(before, 10 + X)
    assert np.array_equal(after, 10 + 2 * X)


def test_buffers_that_nobody_reads_are_dropped(tmp_path: Path) -> None:
    count = node("aten.add_.Tensor", {"c": T((), "int64")}, self=v("n"), other=1)
    program = Program({"x": ROW}, [count, relu("y", "x")], ["y"], {}, {"n": np.array(0, np.int64)})
    assert imported(tmp_path, program).states == []


def test_a_buffer_is_written_through_a_view(tmp_path: Path) -> None:
    part = node("aten.slice.Tensor", {"s": T((1, 2))}, self=v("h"), dim=1, start=1, end=3)
    put = node("aten.copy_.default", {"c": T((1, 2))}, self=v("s"), src=v("x"))
    program = Program({"x": T((1, 2))}, [part, put, relu("y", "h")], ["y"], {}, {"h": np.ones((1, 4), np.float32)})
    interpreter = Interpreter(imported(tmp_path, program))
    assert np.array_equal(interpreter.outputs([np.array([[5, 6]], np.float32)])[0], [[1, 5, 6, 1]])


def test_a_buffer_keeps_its_type(tmp_path: Path) -> None:
    program = sums(decomposed=True)
    program.nodes = [node("aten.sum.default", {"a": T(())}, self=v("x")), relu("y", "x")]
    assert "a buffer of f32[1, 4] cannot become f32[]" in refusal(tmp_path, program)


# ---- writing in place


def written(*nodes: Any, outputs: list[str]) -> Program:  # noqa: ANN401 - nodes
    first = node("aten.add.Tensor", {"z": SQUARE}, self=v("x"), other=1.0)
    return Program({"x": SQUARE}, [first, *nodes], outputs)


def test_all_views_see_a_write(tmp_path: Path) -> None:
    """z[:, 1] = 7, then z.T is clipped at 0: z, the row and the transposed see both."""
    wanted = Z + 1
    wanted[:, 1] = 7
    wanted = np.maximum(wanted, 0)
    turned = T((3, 2))
    program = written(
        node("aten.select.int", {"row": T((3,))}, self=v("z"), dim=0, index=0),
        node("aten.select.int", {"column": T((2,))}, self=v("z"), dim=1, index=1),
        node("aten.fill_.Scalar", {"filled": T((2,))}, self=v("column"), value=7.0),
        node("aten.transpose.int", {"t": turned}, self=v("z"), dim0=0, dim1=1),
        node("aten.relu_.default", {"r": turned}, self=v("t")),
        outputs=["z", "row", "filled", "t", "r"],
    )
    found = answers(tmp_path, program, Z)
    for got, want in zip(found, [wanted, wanted[0], wanted[:, 1], wanted.T, wanted.T], strict=True):
        assert np.array_equal(got, want)


def test_a_write_through_a_reshape(tmp_path: Path) -> None:
    flat = T((6,))
    program = written(
        node("aten.view.default", {"f": flat}, self=v("z"), size=[6]),
        node("aten.unsqueeze.default", {"u": T((6, 1))}, self=v("f"), dim=1),
        node("aten.mul_.Scalar", {"m": T((6, 1))}, self=v("u"), other=2.0),
        outputs=["z", "f"],
    )
    found = answers(tmp_path, program, Z)
    assert np.array_equal(found[0], 2 * (Z + 1))
    assert np.array_equal(found[1], (2 * (Z + 1)).reshape(6))


def test_what_strides_decide_is_refused_where_it_matters(tmp_path: Path) -> None:
    nodes = (
        node("aten.reshape.default", {"f": T((6,))}, self=v("z"), shape=[6]),
        node("aten.relu_.default", {"r": T((6,))}, self=v("f")),
    )
    assert np.array_equal(answers(tmp_path, written(*nodes, outputs=["f"]), Z)[0], np.maximum(Z + 1, 0).reshape(6))
    told = refusal(tmp_path, written(*nodes, outputs=["f", "z"]))
    assert "whether `z` shares that memory depends on strides" in told


def test_writing_through_a_repetition_is_refused(tmp_path: Path) -> None:
    program = written(
        node("aten.expand.default", {"e": T((4, 2, 3))}, self=v("z"), size=[4, 2, 3]),
        node("aten.relu_.default", {"r": T((4, 2, 3))}, self=v("e")),
        outputs=["r"],
    )
    assert "in place through aten.expand.default" in refusal(tmp_path, program)


# ---- free dimensions, branches, types


def test_numbers_of_shapes_are_known(tmp_path: Path) -> None:
    free = T(("s0", 3))
    program = Program(
        {"x": free},
        [
            node("aten.sym_size.int", {"n": None}, self=v("x"), dim=0),
            node("aten.sym_numel.default", {"all": None}, self=v("x")),
            node("_operator.mul", {"m": None}, a=v("n", symbolic=True), b=3),
            node("_operator.eq", {"same": "bool"}, a=v("m", symbolic=True), b=v("all", symbolic=True)),
            node("torch.sym_max", {"k": None}, a=v("m", symbolic=True), b=2),
            node("math.trunc", {"t": None}, x=v("k", symbolic=True)),
            node("aten._assert_scalar.default", {}, self=v("same", symbolic=True), assert_msg="no"),
            node("aten.view.default", {"y": T(("s1",))}, self=v("x"), size=[v("t", symbolic=True)]),
            node("aten.arange.default", {"a": T(("s0",), "int64")}, end=v("n", symbolic=True)),
        ],
        ["y", "a"],
    )
    given = np.arange(12, dtype=np.float32).reshape(4, 3)
    flat, counted = answers(tmp_path, program, given, s0=4)
    assert np.array_equal(flat, given.reshape(12))
    assert np.array_equal(counted, np.arange(4))


def test_branches_are_decided_at_run_time(tmp_path: Path) -> None:
    def branch(op: str) -> Any:  # noqa: ANN401 - JSON
        inner = node(op, {"b": ROW}, self=v("a"))
        del inner["_types"]
        graph = {
            "inputs": [{"as_tensor": {"name": "a"}}],
            "outputs": [{"as_tensor": {"name": "b"}}],
            "nodes": [inner],
            "tensor_values": {"a": ROW.meta(), "b": ROW.meta()},
        }
        return {"as_graph": {"name": op, "graph": graph}}

    program = Program(
        {"x": ROW},
        [
            node("aten.sum.default", {"s": T(())}, self=v("x")),
            node("aten.gt.Scalar", {"c": T((), "bool")}, self=v("s"), other=0),
            node(
                "higher_order.cond",
                {"y": ROW},
                arg0=v("c"),
                arg1=branch("aten.neg.default"),
                arg2=branch("aten.abs.default"),
                arg3=[v("x")],
            ),
        ],
        ["y"],
    )
    interpreter = Interpreter(imported(tmp_path, program))
    assert np.array_equal(interpreter.outputs([X])[0], np.abs(X))
    assert np.array_equal(interpreter.outputs([X + 5])[0], -(X + 5))


def test_integers_keep_their_scale_to_those_who_know_it(tmp_path: Path) -> None:
    """Operators between quantize and dequantize of integers act on the integers."""
    scale: dict[str, Any] = {
        "scale": 0.5,
        "zero_point": 3,
        "quant_min": -128,
        "quant_max": 127,
        "dtype": {"as_scalar_type": 2},
    }
    stored, whole = T((1, 4), "int8"), "quantized_decomposed"
    program = Program(
        {"x": ROW},
        [
            node(f"{whole}.quantize_per_tensor.default", {"q": stored}, input=v("x"), **scale),
            node("aten.gt.Scalar", {"g": T((1, 4), "bool")}, self=v("q"), other=5),
            node(f"{whole}.dequantize_per_tensor.default", {"y": ROW}, input=v("q"), **scale),
        ],
        ["g", "y"],
    )
    above, real = answers(tmp_path, program, X)
    assert np.array_equal(above, X / 0.5 + 3 > 5)
    assert np.array_equal(real, X)


# ---- what is told


def test_errors_name_the_users_line(tmp_path: Path) -> None:
    trace = 'File "net.py", line 12, in forward\n    y = weird(x)'
    program = Program({"x": ROW}, [node("aten.no_such.default", {"y": ROW}, trace, self=v("x"))], ["y"])
    told = refusal(tmp_path, program)
    assert "operator aten.no_such.default is not supported" in told
    assert "model.pt2: node 0 (aten.no_such.default) `y`, made at net.py:12: `y = weird(x)`" in told


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    odd = [
        node("aten.no_such.default", {"a": ROW}, self=v("x")),
        node("aten.dropout.default", {"b": ROW}, input=v("x"), p=0.5, train=True),
        node("aten.relu.default", {"c": ROW}, self=v("x"), strange=3),
        node("aten.sum.default", {"d": T((7,))}, self=v("x")),
        node("aten.softplus.default", {"e": ROW}, self=v("x"), threshold=1.0),
        node("aten.cat.default", {"f": ROW}, tensors=[v("x")], dim=5),
        node("aten.add.Tensor", {"g": T((1, 4), "complex64")}, self=v("x"), other=1.0),
        node(
            "aten.batch_norm.default", {"h": ROW}, input=v("x"), running_mean=v("x"), running_var=v("x"), training=True
        ),
        node("aten.item.default", {"i": T(())}, self=v("x")),
        node("aten.zeros.default", {"j": T((1 << 13, 1 << 13))}, size=[1 << 13, 1 << 13]),
    ]
    told = refusal(tmp_path, Program({"x": ROW}, odd, list("abcdefghij")))
    for word in (
        "aten.no_such.default is not supported",
        "aten.dropout.default: it drops at random: call model.eval()",
        "attribute `strange`: not supported",
        "output 0 is declared f32[7], but the operator makes f32[]",
        "threshold 1 is not supported",
        "axis 5 is outside 2 axes",
        "output 0 is type_99, which is not supported: use float32",
        "as in training: call model.eval()",
        "a number that run time computes",
        "too many elements",
    ):
        assert word in told, word
