"""The reader of .pt2 archives: what it makes of honest ones, and how it answers all others."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.errors import ArielError, MetadataError, ModelError, UnsupportedError
from ariel_build.frontends import SourceModel, read
from ariel_build.frontends.source import Operand
from tests.frontends.test_read import check
from tests.pt2_writer import Program, T, node, v, zipped

RELU = node("aten.relu.default", {"y": T((1, 3))}, self=v("x"))
W = np.arange(6, dtype=np.float32).reshape(2, 3)


def program(**changes: Any) -> Program:  # noqa: ANN401 - fields of Program
    return Program(**{"inputs": {"x": T((1, 3))}, "nodes": [RELU], "outputs": ["y"], **changes})


def opened(tmp_path: Path, data: bytes, **dims: int) -> SourceModel:
    path = tmp_path / "net.pt2"
    path.write_bytes(data)
    source = read(path, dims)
    check(source)
    return source


def refusal(tmp_path: Path, data: bytes, kind: type[ArielError] = ModelError, **dims: int) -> str:
    with pytest.raises(kind) as caught:
        opened(tmp_path, data, **dims)
    return caught.value.render()


def changed(change: Callable[[dict[str, Any]], object], base: Program | None = None) -> bytes:
    """Returns an archive whose program was changed."""
    members = (base or program()).members()
    content = json.loads(members["models/model.json"])
    change(content)
    return zipped(members | {"models/model.json": json.dumps(content).encode()})


def test_an_archive_is_read(tmp_path: Path) -> None:
    trace = (
        'File "net.py", line 7, in forward\n    y = f(x)\n  File "/p/site-packages/torch/nn/f.py", line 1, in f\n    z'
    )
    linear = node("aten.linear.default", {"y": T((1, 2))}, trace, input=v("x"), weight=v("w"), bias=None)
    source = opened(tmp_path, program(nodes=[linear], constants={"w": W}).write())
    assert (source.format, source.name) == ("pt2", "net")
    assert (source.input_names, source.output_names) == (["x"], ["y"])
    (found,) = source.nodes
    assert found.op == "aten.linear.default"
    assert found.attributes == {"input": Operand(0), "weight": Operand(1)}
    assert found.origin == "node 0 (aten.linear.default) `y`, made at net.py:7: `y = f(x)`"
    data = source.tensors["w"].data
    assert data is not None
    assert np.array_equal(data, W)
    assert not data.flags.writeable


def test_a_tensor_is_a_view_of_its_storage(tmp_path: Path) -> None:
    base = program(constants={"w": W})
    members = base.members()
    config = json.loads(members["data/weights/model_weights_config.json"])
    meta = config["config"]["m.w"]["tensor_meta"]
    meta["sizes"], meta["strides"], meta["storage_offset"] = (
        [{"as_int": 2}] * 2,
        [{"as_int": 1}, {"as_int": 3}],
        {"as_int": 1},
    )
    name = "data/weights/model_weights_config.json"
    source = opened(tmp_path, zipped(members | {name: json.dumps(config).encode()}))
    data = source.tensors["w"].data
    assert data is not None
    assert np.array_equal(data, W[:, 1:3].T)
    for place, value in (("storage_offset", 3), ("storage_offset", -1), ("storage_offset", 1 << 62)):
        meta[place] = {"as_int": value}
        told = refusal(tmp_path, zipped(members | {name: json.dumps(config).encode()}))
        assert "elements" in told or "fit" in told


def test_free_dimensions_are_bound(tmp_path: Path) -> None:
    free = {"x": T(("Symbol('s0', positive=True, integer=True)", "s1", 3))}
    data = program(inputs=free, nodes=[], outputs=["x"]).write()
    source = opened(tmp_path, data)
    assert source.tensors["x"].shape == (1, 1, 3)
    assert any("`s1` is free" in note for note in source.notes)
    assert opened(tmp_path, data, s0=4, s1=5).tensors["x"].shape == (4, 5, 3)
    assert opened(tmp_path, data, **{"x.1": 7}).tensors["x"].shape == (1, 7, 3)
    assert "no free dimension `s2`" in refusal(tmp_path, data, MetadataError, s2=1)

    def bounded(content: dict[str, Any]) -> None:
        content["range_constraints"]["s1"] = {"min_val": 1, "max_val": 9}

    limited = changed(bounded, program(inputs=free, nodes=[], outputs=["x"]))
    assert "at most 9" in refusal(tmp_path, limited, MetadataError, s1=10)
    computed = program(inputs={"x": T(("Mul(Integer(2), Symbol('s0'))", 3))}, nodes=[], outputs=["x"]).write()
    assert "computed of other free dimensions" in refusal(tmp_path, computed)


def test_names_that_repeat_get_numbers(tmp_path: Path) -> None:
    assert opened(tmp_path, program(outputs=["y", "y"]).write()).output_names == ["output_0", "output_1"]


def test_graphs_that_compute_no_gradients_are_read_in_place(tmp_path: Path) -> None:
    inner = {
        "inputs": [{"as_tensor": {"name": "x"}}],
        "outputs": [{"as_tensor": {"name": "y"}}],
        "nodes": [{k: w for k, w in RELU.items() if k != "_types"}],
        "tensor_values": {"y": T((1, 3)).meta()},
    }
    wrapper = node(
        "higher_order.wrap_with_set_grad_enabled",
        {"z": T((1, 3))},
        arg0=False,
        arg1={"as_graph": {"name": "g", "graph": inner}},
        arg2=v("x"),
    )
    source = opened(tmp_path, program(nodes=[wrapper], outputs=["z"]).write())
    assert [found.op for found in source.nodes] == ["aten.relu.default"]
    assert source.output_names == ["z"]
    wrapper["inputs"] = wrapper["inputs"][:2]
    assert "takes 1 values, it is given 0" in refusal(tmp_path, program(nodes=[wrapper], outputs=["z"]).write())


# ---- what is not opened


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    again = "torch.export.save("
    old = zipped({"serialized_exported_program.json": b"{}", "serialized_state_dict.pt": b"x"}, folder="")
    assert "stored as a pickle (`serialized_state_dict.pt`)" in refusal(tmp_path, old, UnsupportedError)
    assert again in refusal(tmp_path, old)
    checkpoint = zipped({"data.pkl": b"x", "data/0": b"x"})
    assert "checkpoint of torch.save" in refusal(tmp_path, checkpoint, UnsupportedError)
    members = program(constants={"w": W}).members()
    del members["data/weights/model_weights_config.json"]
    told = refusal(tmp_path, zipped(members | {"data/weights/model.pt": b"x"}), UnsupportedError)
    assert "`data/weights/model.pt`" in told
    assert again in told
    members = program(constants={"w": W}).members()
    name = "data/weights/model_weights_config.json"
    pickled = members[name].replace(b'"use_pickle": false', b'"use_pickle": true')
    told = refusal(tmp_path, zipped(members | {name: pickled}), UnsupportedError)
    assert "`m.w` is stored as a pickle" in told
    assert "plain torch.Tensor" in told


def test_other_versions_are_refused(tmp_path: Path) -> None:
    opened(tmp_path, program(version=(8, 99)).write())
    newer = refusal(tmp_path, program(version=(9, 0)).write(), UnsupportedError)
    assert "schema version 9.0 of the exported program is newer than 8.x" in newer
    assert "update ariel_build" in newer
    older = refusal(tmp_path, program(version=(7, 3)).write(), UnsupportedError)
    assert "7.3 of the exported program is older" in older
    members = program().members()
    del members["models/model.json"]
    assert "no `models/model.json`" in refusal(tmp_path, zipped(members), UnsupportedError)
    assert "byte order `big`" in refusal(tmp_path, zipped(program().members() | {"byteorder": b"big"}))


def test_an_archive_cannot_explode(tmp_path: Path) -> None:
    """What it unpacks to is bounded before it is unpacked, and constants that strides of 0 blow up."""
    bomb = program().members() | {"models/model.json": bytes(1 << 26)}
    assert "more than are read" in refusal(tmp_path, zipped(bomb, method=zipfile.ZIP_DEFLATED))
    members = program(constants={"w": W}).members()
    config = json.loads(members["data/weights/model_weights_config.json"])
    meta = config["config"]["m.w"]["tensor_meta"]
    meta["sizes"], meta["strides"] = [{"as_int": 1 << 14}] * 2, [{"as_int": 0}] * 2
    name = "data/weights/model_weights_config.json"
    assert "larger than" in refusal(tmp_path, zipped(members | {name: json.dumps(config).encode()}))
    meta["sizes"] = [{"as_int": 1 << 13}] * 2
    twice = {"config": {f"m.{k}": config["config"]["m.w"] for k in "ab"}}
    both = program(constants={"a": W, "b": W})
    both_members = both.members() | {name: json.dumps(twice).encode()}
    assert "constants take more than" in refusal(tmp_path, zipped(both_members))
    deep = b"[" * 100_000
    assert "is no JSON" in refusal(tmp_path, zipped(program().members() | {"models/model.json": deep}))
    assert "two members" in refusal(tmp_path, _doubled())


def _doubled() -> bytes:
    data = zipped(program().members() | {"byteordex": b"little"})
    return data.replace(b"byteordex", b"byteorder")


# ---- what contradicts itself


def _at(*path: str | int) -> Callable[[dict[str, Any], object], None]:
    """Returns what sets a place of the program; a last word that begins with - deletes it."""

    def put(content: dict[str, Any], value: object) -> None:
        for step in path[:-1]:
            content = content[step]  # type: ignore[index]
        content[path[-1]] = value  # type: ignore[index]

    return put


GRAPH = ("graph_module", "graph")
NODE = (*GRAPH, "nodes", 0)
SIGNATURE = ("graph_module", "signature")
WRONG: list[tuple[tuple[str | int, ...], object, str]] = [
    (("schema_version",), None, "where the schema has dict"),
    (("schema_version", "major"), True, "where the schema has int"),
    ((*GRAPH, "nodes"), {}, "where the schema has list"),
    ((*NODE, "target"), 7, "where the schema has str"),
    ((*NODE, "inputs", 0, "arg"), {}, "is not one thing"),
    ((*NODE, "inputs", 0, "arg"), {"as_int": 1, "as_float": 2.0}, "is not one thing"),
    ((*NODE, "inputs", 0, "arg"), {"as_int": 1 << 70}, "does not fit 64 bits"),
    ((*NODE, "inputs", 0, "arg"), {"as_tensor": {"name": "nothing"}}, "reads `nothing`, which nothing makes before"),
    ((*NODE, "outputs", 0), {"as_tensor": {"name": "x"}}, "is made twice"),
    ((*NODE, "outputs", 0), {"as_custom_obj": {"name": "x"}}, "makes a custom_obj"),
    ((*GRAPH, "tensor_values", "y", "sizes"), [{"as_int": 1}] * 40, "40 axes"),
    ((*GRAPH, "tensor_values", "y", "sizes"), [{"as_int": -1}], "negative extent"),
    ((*GRAPH, "tensor_values", "x", "sizes"), [{"as_int": 1 << 40}], "larger than"),
    ((*SIGNATURE, "output_specs", 0), {"user_output": {"arg": {"as_tensor": {"name": "q"}}}}, "reads `q`"),
    ((*SIGNATURE, "output_specs", 0), {"user_output": {"arg": {"as_int": 3}}}, "it is a int, not a tensor"),
    ((*SIGNATURE, "output_specs", 0), {"loss_output": {"arg": {"name": "y"}}}, "loss output"),
    ((*SIGNATURE, "output_specs", 0), {"buffer_mutation": {"arg": {"name": "y"}, "buffer_name": "b"}}, "none of the"),
    ((*SIGNATURE, "input_specs", 0), {"user_input": {"arg": {"as_sym_int": {"as_name": "n"}}}}, "not a tensor"),
    ((*SIGNATURE, "input_specs", 0), {"custom_obj": {"arg": {"name": "o"}}}, "custom obj"),
    ((*SIGNATURE, "input_specs", 0), {"parameter": {"arg": {"name": "x"}, "parameter_name": "p"}}, "no tensor `p`"),
]


@pytest.mark.parametrize(
    "path, value, word", WRONG, ids=[f"{'.'.join(map(str, p))}_{k}" for k, (p, _, _) in enumerate(WRONG)]
)
def test_what_contradicts_itself_is_told(path: tuple[str | int, ...], value: object, word: str, tmp_path: Path) -> None:
    assert word in refusal(tmp_path, changed(lambda content: _at(*path)(content, value)))


def test_arguments_of_other_kinds_are_told_with_their_node(tmp_path: Path) -> None:
    odd = node("aten.relu.default", {"y": T((1, 3))}, self=v("x"), other={"as_operator": "f"})
    source = opened(tmp_path, program(nodes=[odd]).write())
    assert source.nodes[0].misfits == {"other": "is a operator, which is not supported"}


def test_numbers_that_json_has_not_are_strings(tmp_path: Path) -> None:
    many = node(
        "aten.f.default", {"y": T((1, 3))}, self=v("x"), a={"as_float": "-Infinity"}, b={"as_floats": ["NaN", 1]}
    )
    attributes = opened(tmp_path, program(nodes=[many]).write()).nodes[0].attributes
    assert attributes["a"] == -np.inf
    assert np.isnan(attributes["b"][0])  # type: ignore[index]


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    assert "is no zip archive" in refusal(tmp_path, b"PK nothing")
    assert "has not one `archive_format`" in refusal(tmp_path, zipped({"a": b""}))
    data = bytearray(program().write())
    place = data.find(b'"graph_module"')
    data[place + 3] ^= 1
    assert "cannot be unpacked" in refusal(tmp_path, bytes(data))


def test_signatures_are_not_chosen(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes(program().write())
    with pytest.raises(MetadataError, match="no signatures"):
        read(path, {}, "serving_default")
