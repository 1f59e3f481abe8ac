"""The loop that imports: names of outputs, attributes that nobody reads, versions, and what can be done instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

from ariel_build.driver import import_file
from ariel_build.errors import UnsupportedError
from ariel_build.frontends.onnx_schema import NEWEST_OPSET
from ariel_build.lower import lower
from ariel_build.ops import IMPORTERS
from ariel_build.ops.advice import _ADVICE, GENERAL, advice
from ariel_build.passes import optimize
from tests.zoo import FLOAT, onnx_file

X = {"x": (FLOAT, [1, 2, 3])}


def model(folder: Path, *nodes: onnx.NodeProto, outputs: tuple[str, ...] = ("y",), opset: int = 17) -> Path:
    ends = dict.fromkeys(outputs, (FLOAT, None))
    constants = {"c": np.ones(3, np.float32), "same": np.array([1, 2, 3], np.int64)}
    return onnx_file(folder / "m.onnx", nodes, X, ends, constants, opset)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "nodes, outputs",
    [
        ([helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Identity", ["a"], ["y"])], ("y",)),
        ([helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Dropout", ["a"], ["y"])], ("y",)),
        ([helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Reshape", ["a", "same"], ["y"])], ("y",)),
        ([helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Identity", ["a"], ["y"])], ("a", "y")),
        ([helper.make_node("Identity", ["x"], ["y"])], ("y",)),
        ([helper.make_node("Relu", ["x"], ["a"])], ("x", "a")),
        ([helper.make_node("Relu", ["x"], ["a"])], ("a", "c")),
    ],
)
def test_outputs_bear_the_names_that_the_file_declares(
    nodes: list[onnx.NodeProto], outputs: tuple[str, ...], tmp_path: Path
) -> None:
    graph, _ = import_file(model(tmp_path, *nodes, outputs=outputs))
    for _ in range(2):
        assert [v.name for v in graph.outputs] == list(outputs)
        assert len(set(graph.outputs)) == len(outputs)
        optimize(graph)
    lower(graph)
    assert [v.name for v in graph.outputs] == list(outputs)


def test_an_alias_at_the_end_costs_nothing(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Identity", ["a"], ["y"])]
    graph, _ = import_file(model(tmp_path, *nodes))
    optimize(graph)
    assert [n.op.name for n in graph.nodes] == ["Relu"]


@pytest.mark.parametrize(
    "node, words",
    [
        (helper.make_node("Relu", ["x"], ["y"], slope=1), "attribute `slope` does not exist"),
        (helper.make_node("Softmax", ["x"], ["y"], axis=1.0), "attribute `axis` is of kind float, not int"),
        (helper.make_node("Transpose", ["x"], ["y"], perm=[0]), "does not fit"),
        (helper.make_node("Flatten", ["x"], ["y"], axis=4), "axis 4 is outside"),
        (helper.make_node("Split", ["x"], ["y"], axis=9), "axis 9 is outside"),
        (
            helper.make_node("QLinearSigmoid", ["x"], ["y"], domain="com.microsoft", temperature=2),
            "QLinearSigmoid: input 1 is missing",
        ),
    ],
)
def test_attributes_that_do_not_fit_are_refused(node: onnx.NodeProto, words: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=words):
        import_file(model(tmp_path, node))


def test_an_attribute_that_nobody_reads_is_refused_by_name(tmp_path: Path) -> None:
    """Also where no schema says that it does not exist."""
    node = helper.make_node("Swish", ["x"], ["y"])
    path = model(tmp_path, node, opset=24)
    import_file(path)
    scale = helper.make_node("QLinearLeakyRelu", ["q", "s", "z", "s", "z"], ["y"], domain="com.microsoft", beta=3.0)
    constants: dict[str, npt.ArrayLike] = {"s": np.float32(0.5), "z": np.int8(0)}
    ends = {"q": (onnx.TensorProto.INT8, [4])}, {"y": (onnx.TensorProto.INT8, [4])}
    path = onnx_file(tmp_path / "q.onnx", [scale], *ends, constants)
    file = onnx.load(path)
    file.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(file, path)
    with pytest.raises(UnsupportedError, match="attribute `beta`: not supported"):
        import_file(path)


def test_the_newest_operator_set_is_ours_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx.defs, "onnx_opset_version", lambda: NEWEST_OPSET + 9)
    path = model(tmp_path, helper.make_node("Relu", ["x"], ["y"]), opset=NEWEST_OPSET + 1)
    with pytest.raises(UnsupportedError, match=f"operator set {NEWEST_OPSET + 1} is newer") as caught:
        import_file(path)
    assert f"opset_version={NEWEST_OPSET}" in caught.value.diagnostics[0].help


def test_advice_is_of_operators_that_are_not_supported() -> None:
    for format_, table in _ADVICE.items():
        assert table
        for operator in table:
            assert (format_, operator) not in IMPORTERS, f"{operator} is supported: delete its advice"


def test_each_operator_of_tflite_is_supported_or_has_an_advice() -> None:
    names = pytest.importorskip("tflite").BuiltinOperator.__dict__
    # What stands for others, and what a delegate has taken.
    rest = {"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"}
    own = {name for name in names if name.isupper() and ("tflite", name) not in IMPORTERS} - rest
    assert own <= set(_ADVICE["tflite"])
    assert "decompress" not in advice("tflite", "CUSTOM:Mine") and "compressed" in advice(
        "tflite", "CUSTOM:TFLM_DECODE"
    )


def test_who_has_an_unsupported_operator_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError) as caught:
        import_file(model(tmp_path, helper.make_node("Bernoulli", ["x"], ["y"])))
    (problem,) = caught.value.diagnostics
    assert problem.message == "operator Bernoulli is not supported"
    assert "draw random numbers in your code" in problem.help
    assert advice("onnx", "NoSuchOperator") == GENERAL
