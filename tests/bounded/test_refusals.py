"""What depends on parts of a bounded dimension, or on how long it is, is refused by name: never a wrong number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper

from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import import_file
from ariel_build.errors import MetadataError, UnsupportedError
from tests.zoo import FLOAT, Ends, node, onnx_file

BOUND = 12
IN_FRONT: Ends = {"x": (FLOAT, [1, "n", 4])}
SAME: Ends = {"y": (FLOAT, [1, "n", 4])}


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def of(
    nodes: list[NodeProto],
    constants: dict[str, np.ndarray] | None = None,
    outputs: Ends = SAME,
    inputs: Ends = IN_FRONT,
) -> Callable[[Path], Path]:
    return lambda path: onnx_file(path, nodes, inputs, outputs, constants)


def branches() -> Callable[[Path], Path]:
    """Twice, where it has more than six elements: the exporter left a branch in that depends on the size."""
    made = helper.make_tensor_value_info
    then, otherwise = (
        helper.make_graph([node(op, ["x", "x"], [out])], "body", [], [made(out, FLOAT, None)])
        for op, out in (("Add", "a"), ("Mul", "b"))
    )
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "one"], ["length"], axis=0),
        node("Greater", ["length", "six"], ["long"]),
        node("If", ["long"], ["y"], then_branch=then, else_branch=otherwise),
    ]
    return of(nodes, {"one": numbers(1)[0], "six": numbers(6)[0]})


def same_branches() -> Callable[[Path], Path]:
    """Both branches are one operator, of other operands."""
    made = helper.make_tensor_value_info
    then, otherwise = (
        helper.make_graph([node("Add", ["x", other], [other + "2"])], "body", [], [made(other + "2", FLOAT, None)])
        for other in ("z", "x")
    )
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "one"], ["length"], axis=0),
        node("Greater", ["length", "six"], ["long"]),
        node("If", ["long"], ["y"], then_branch=then, else_branch=otherwise),
    ]
    both: Ends = {**IN_FRONT, "z": (FLOAT, [1, "n", 4])}
    return of(nodes, {"one": numbers(1)[0], "six": numbers(6)[0]}, inputs=both)


def scan() -> Callable[[Path], Path]:
    """Sums, as a loop of the file."""
    made = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Add", ["s", "row"], ["t"]), node("Identity", ["t"], ["out"])],
        "body",
        [made("s", FLOAT, [4]), made("row", FLOAT, [4])],
        [made("t", FLOAT, [4]), made("out", FLOAT, [4])],
    )
    nodes = [node("Scan", ["zero", "x"], ["last", "y"], body=body, num_scan_inputs=1)]
    ends: Ends = {"x": (FLOAT, ["n", 4])}
    return of(nodes, {"zero": np.zeros(4, np.float32)}, {"y": (FLOAT, ["n", 4])}, ends)


WEIGHTS = {"w": np.ones((4, 4, 3), np.float32)}
REFUSED = {
    "behind others": (
        of([node("Relu", ["x"], ["y"])], inputs={"x": (FLOAT, [1, 4, "n"])}, outputs={"y": (FLOAT, [1, 4, "n"])}),
        "input `x`: `n` is axis 2 of [1, 4, 12]",
    ),
    "an output behind others": (
        of([node("Transpose", ["x"], ["y"], perm=[0, 2, 1])], outputs={"y": (FLOAT, [1, 4, "n"])}),
        "output `y`: `n` is axis 2 of [1, 4, 12]",
    ),
    "a part": (
        of(
            [node("Slice", ["x", "zero", "three", "one"], ["y"])],
            {"zero": numbers(0), "three": numbers(3), "one": numbers(1)},
            {"y": (FLOAT, [1, 3, 4])},
        ),
        "`n`",
    ),
    "the last but one": (
        of([node("Gather", ["x", "last"], ["y"], axis=1)], {"last": numbers(-2)[0]}, {"y": (FLOAT, [1, 4])}),
        "`n` of 1, which is bounded to 12",
    ),
    "the second": (
        of([node("Gather", ["x", "second"], ["y"], axis=1)], {"second": numbers(1)[0]}, {"y": (FLOAT, [1, 4])}),
        "`n` of 1, which is bounded to 12",
    ),
    "turned round": (
        of(
            [node("Slice", ["x", "end", "begin", "one", "back"], ["y"])],
            {"end": numbers(-1), "begin": numbers(-1000), "one": numbers(1), "back": numbers(-1)},
        ),
        "Slice: `n` is bounded to 12",
    ),
    "joined with itself": (
        of([node("Concat", ["x", "x"], ["y"], axis=1)], outputs={"y": (FLOAT, [1, None, 4])}),
        "Concat: `n` is bounded to 12, and it joins along it",
    ),
    "its length": (
        of(
            [
                node("Shape", ["x"], ["shape"]),
                node("Cast", ["shape"], ["sizes"], to=TensorProto.FLOAT),
                node("Gather", ["sizes", "one"], ["length"], axis=0),
                node("Div", ["x", "length"], ["y"]),
            ],
            {"one": numbers(1)[0]},
        ),
        "a number that it computes with depends on how much there is of it",
    ),
    "a branch by its length": (branches(), "with 1 of it"),
    "another operand by its length": (same_branches(), "one of its operands is another one"),
    "the greatest": (
        of([node("ArgMax", ["x"], ["y"], axis=1)], outputs={"y": (TensorProto.INT64, [1, 1, 4])}),
        "it compares along it",
    ),
    "a running sum from its end": (
        of([node("CumSum", ["x", "one"], ["y"], reverse=1)], {"one": numbers(1)[0]}),
        "it sums from its end on",
    ),
    "a border": (
        of(
            [node("Pad", ["x", "pads"], ["y"])],
            {"pads": numbers(0, 1, 0, 0, 0, 0)},
            {"y": (FLOAT, [1, None, 4])},
        ),
        "Pad: `n` is bounded to 12",
    ),
    "windows that step": (
        of(
            [
                node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
                node("Conv", ["t", "w"], ["y"], strides=[2], pads=[1, 1]),
            ],
            WEIGHTS,
            {"y": (FLOAT, [1, 4, None])},
        ),
        "`n` is bounded to 12",
    ),
    "windows without a border": (
        of(
            [node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), node("Conv", ["t", "w"], ["y"])],
            WEIGHTS,
            {"y": (FLOAT, [1, 4, None])},
        ),
        "`n`",
    ),
    "two rows of it": (
        of([node("Reshape", ["x", "shape"], ["y"])], {"shape": numbers(2, -1)}, {"y": (FLOAT, [2, None])}),
        "`n`",
    ),
    "a shape of its own": (
        of([node("Reshape", ["x", "shape"], ["y"])], {"shape": numbers(12, 4)}, {"y": (FLOAT, [12, 4])}),
        "with `n` of 1, which is bounded to 12",
    ),
    "as many of another": (
        of(
            [node("Add", ["x", "z"], ["y"])],
            inputs={"x": (FLOAT, [1, "n", 4]), "z": (FLOAT, [1, 12, 4])},
        ),
        "`n`",
    ),
    "a loop": (scan(), "`n` is bounded to 12"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_mixes_is_refused(name: str, tmp_path: Path) -> None:
    write, told = REFUSED[name]
    path = write(tmp_path / "model.onnx")
    import_file(path, {"n": BOUND})
    with pytest.raises(UnsupportedError) as refusal:
        import_file(path, {"n": AtMost(BOUND)})
    assert told in str(refusal.value)
    assert all("dims = { n = 12 }" in found.help for found in refusal.value.diagnostics)


def test_two_dimensions_cannot_both_be_in_front(tmp_path: Path) -> None:
    ends: Ends = {"x": (FLOAT, ["b", "n", 4])}
    path = of([node("Relu", ["x"], ["y"])], inputs=ends, outputs={"y": (FLOAT, ["b", "n", 4])})(tmp_path / "m.onnx")
    with pytest.raises(UnsupportedError, match="`b` and `n` are both bounded"):
        import_file(path, {"b": AtMost(3), "n": AtMost(5)})
    graph, _ = import_file(path, {"n": AtMost(5)})
    assert [bound and bound.name for bound in graph.input_bounds] == ["n"]


def test_a_state_has_one_size(tmp_path: Path) -> None:
    path = of(
        [node("Add", ["x", "h"], ["y"]), node("Relu", ["y"], ["g"])],
        inputs={**IN_FRONT, "h": (FLOAT, [1, "n", 4])},
        outputs={**SAME, "g": (FLOAT, [1, "n", 4])},
    )(tmp_path / "m.onnx")
    with pytest.raises(UnsupportedError, match="state `h`: a state has one size"):
        import_file(path, {"n": AtMost(5)}, options=ModelOptions(path, state={"h": "g"}))


def test_a_dimension_that_the_file_fixes_has_no_bound(tmp_path: Path) -> None:
    path = of([node("Relu", ["x"], ["y"])])(tmp_path / "m.onnx")
    with pytest.raises(MetadataError, match=r"fixed to 4 in the model, not \.\.=4"):
        import_file(path, {"x.2": AtMost(4)})


def test_a_bound_of_one_is_a_size(tmp_path: Path) -> None:
    path = of([node("Relu", ["x"], ["y"])])(tmp_path / "m.onnx")
    graph, _ = import_file(path, {"n": AtMost(1)})
    assert not graph.sizes
