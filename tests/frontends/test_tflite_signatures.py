"""Operator codes and signatures of TFLite files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.answers.samples import load
from ariel_build.driver import import_file
from ariel_build.errors import MetadataError, UnsupportedError
from ariel_build.frontends import read
from ariel_build.ir import DType, TensorType, Value
from tests.frontends import tflite_writer as w

MAXIMUM, RELU = 55, 19


def signature(key: str, subgraph: int, given: str, made: str) -> w.Table:
    def named(name: str, index: int) -> w.Table:
        return {0: name, 1: ("I", index)}

    return {0: [named(given, 0)], 1: [named(made, 1)], 2: key, 4: ("I", subgraph)}


def write(path: Path, codes: list[w.Table], signatures: list[w.Table]) -> Path:
    graphs = [
        w.subgraph([w.tensor(f"x{k}", [1, 3 + k]), w.tensor(f"y{k}", [1, 3 + k])], [0], [1], [w.operator(0, [0], [1])])
        for k in range(2)
    ]
    path.write_bytes(w.encode(w.model(codes, graphs) | ({7: signatures} if signatures else {})))
    return path


@pytest.mark.parametrize(
    "deprecated, builtin, name", [(0, MAXIMUM, "MAXIMUM"), (MAXIMUM, 0, "MAXIMUM"), (127, 150, "GELU"), (0, 0, "ADD")]
)
def test_the_greater_of_two_operator_codes_counts(deprecated: int, builtin: int, name: str, tmp_path: Path) -> None:
    code: w.Table = {0: ("b", deprecated), 3: ("i", builtin)}
    assert read(write(tmp_path / "m.tflite", [code], [])).nodes[0].op == name


def test_signatures_are_named_and_chosen(tmp_path: Path) -> None:
    signatures = [signature("serve", 0, "image", "scores"), signature("train", 1, "batch", "loss")]
    path = write(tmp_path / "m.tflite", [w.code(RELU)], signatures)
    first = read(path)
    assert (first.signature, first.input_aliases, first.output_aliases) == ("serve", ["image"], ["scores"])
    assert first.input_names == ["x0"]
    assert any("`train`" in note for note in first.notes)
    second = read(path, signature="train")
    assert (second.signature, second.input_names, second.input_aliases) == ("train", ["x1"], ["batch"])
    with pytest.raises(MetadataError, match="no signature `other`") as caught:
        read(path, signature="other")
    assert "`serve`, `train`" in caught.value.diagnostics[0].help


def test_inputs_go_by_the_names_of_the_signature(tmp_path: Path) -> None:
    data = np.ones((2, 1, 3), np.float32)
    np.savez(tmp_path / "in.npz", image=data)
    samples = load(tmp_path / "in.npz", [Value(TensorType(DType.F32, (1, 3)), "x0")], ["image"])
    np.testing.assert_array_equal(samples.arrays[0], data)


def test_a_dense_layer_follows_the_sizes_of_its_rows(tmp_path: Path) -> None:
    tensors = [
        w.tensor("x", [1, 4], signature=[-1, 4]),
        w.tensor("w", [2, 4], buffer=1),
        w.tensor("y", [1, 2], signature=[-1, 2]),
    ]
    graph = w.subgraph(tensors, [0], [2], [w.operator(0, [0, 1, -1], [2])])
    path = tmp_path / "m.tflite"
    path.write_bytes(w.encode(w.model([w.code(9)], [graph], [np.ones((2, 4), np.float32).tobytes()])))
    assert import_file(path)[0].outputs[0].shape == (1, 2)
    assert import_file(path, {"x.0": 3})[0].outputs[0].shape == (3, 2)


def test_sizes_that_an_operator_does_not_follow_are_told_as_such(tmp_path: Path) -> None:
    """The file says the shape that something gets for its own batch only."""
    tensors = [w.tensor("x", [1, 4], signature=[-1, 4]), w.tensor("y", [4, 1], signature=[4, -1])]
    graph = w.subgraph(tensors, [0], [1], [w.operator(0, [0], [1])])
    path = tmp_path / "m.tflite"
    path.write_bytes(w.encode(w.model([w.code(22)], [graph])))
    assert import_file(path)[0].outputs[0].shape == (4, 1)
    with pytest.raises(UnsupportedError, match="the shape of `y` is not known") as caught:
        import_file(path, {"x.0": 3})
    assert "leave `dims` out" in caught.value.diagnostics[0].help
