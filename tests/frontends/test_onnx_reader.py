"""The ONNX reader: what it takes from honest files, and how it refuses dishonest ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ariel_build.errors import MetadataError, ModelError, UnsupportedError
from ariel_build.frontends import SourceModel, read
from ariel_build.ir import DType, readable

FLOAT = TensorProto.FLOAT
Array = np.ndarray[Any, Any]
Load = Callable[..., SourceModel]


def of(kind: str, data: Any) -> Array:  # noqa: ANN401 - what numpy takes
    """Returns an array of a kind."""
    return np.array(data, kind)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Returns a function that writes a model and reads it."""

    def load(model: onnx.ModelProto | bytes, **dims: int) -> SourceModel:
        path = tmp_path / "net.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return read(path, {name.replace("__", "."): n for name, n in dims.items()})

    return load


def value(name: str, shape: list[int | str | None] | None = None, kind: int = FLOAT) -> onnx.ValueInfoProto:
    """Returns a graph input or output."""
    return helper.make_tensor_value_info(name, kind, [2] if shape is None else shape)


def graph(*nodes: onnx.NodeProto, inputs: str = "x", outputs: str = "y", **more: Any) -> onnx.ModelProto:  # noqa: ANN401
    """Returns a model over the named float inputs and outputs."""
    made = helper.make_graph(
        nodes,
        "g",
        more.pop("input_values", [value(n) for n in inputs.split()]),
        [value(n) for n in outputs.split()],
        more.pop("initializer", []),
        **more,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def relu(x: str = "x", y: str = "y") -> onnx.NodeProto:
    """Returns a node y = max(x, 0)."""
    return helper.make_node("Relu", [x], [y])


def constant(name: str, data: Any) -> onnx.TensorProto:  # noqa: ANN401 - what numpy takes
    """Returns an initialiser."""
    return numpy_helper.from_array(np.asarray(data), name)


def test_nodes_constants_and_attributes_are_read(load: Load) -> None:
    nodes = [
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Mul", ["x", "two"], ["z"], name="double"),
        helper.make_node("QLinearAdd", ["z", "", "w"], ["y"], domain="com.microsoft"),
        helper.make_node("Odd", ["y"], ["u"], i=3, f=0.5, s="SAME", ints=[1, 2], floats=[0.5], strings=["a"]),
    ]
    model = graph(*nodes, outputs="u", initializer=[constant("w", of("int8", [1, -1]))])
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    source = load(model)
    assert (source.format, source.name, source.opset, source.inputs, source.outputs) == (
        "onnx",
        "net",
        17,
        ["x"],
        ["u"],
    )
    assert [n.op for n in source.nodes] == ["Mul", "com.microsoft:QLinearAdd", "Odd"]
    assert [n.version for n in source.nodes] == [17, 1, 17]
    assert source.nodes[0].origin == "node 1 (Mul) `double`"
    assert source.nodes[1].origin == "node 2 (com.microsoft:QLinearAdd) `y`"
    assert source.nodes[1].inputs == ["z", None, "w"]
    assert source.nodes[2].attributes == {
        "i": 3,
        "f": 0.5,
        "s": "SAME",
        "ints": (1, 2),
        "floats": (0.5,),
        "strings": ("a",),
    }
    two, w, z = (source.tensors[k] for k in ("two", "w", "z"))
    assert two.data is not None
    assert two.data.shape == ()
    assert (two.data.dtype, two.dtype) == (np.dtype(np.float32), DType.F32)
    assert w.data is not None
    assert (w.data.tolist(), w.dtype, w.shape) == ([1, -1], DType.I8, (2,))
    assert (z.dtype, z.shape, z.data) == (None, None, None), "ops infer what the file may have wrong"


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    "data",
    [
        of("float32", [[1.5, -2]]),
        of("int8", [-128, 127]),
        of("uint8", [0, 255]),
        of("int16", [-32768]),
        of("uint16", [65535]),
        of("int32", [-(2**31)]),
        of("uint32", [2**32 - 1]),
        of("int64", [-(2**63)]),
        np.array([True, False]),
        np.array(7, np.int64),
        np.empty((0, 3), np.float32),
        of("float16", [0.1]),
        of("float64", [0.1]),
        of("uint64", [2**64 - 1]),
    ],
)
def test_constants_of_all_types_raw_and_listed(load: Load, data: Array, *, raw: bool) -> None:
    proto = numpy_helper.from_array(data, "c")
    if not raw:
        listed = data.view(np.uint16) if data.dtype == np.float16 else data
        proto = helper.make_tensor("c", proto.data_type, data.shape, listed.reshape(-1).tolist())
        if data.dtype == np.float16:
            proto = TensorProto(name="c", data_type=TensorProto.FLOAT16, dims=data.shape)
            proto.int32_data.extend(listed.tolist())
    tensor = load(graph(relu(), initializer=[proto])).tensors["c"]
    assert tensor.data is not None
    assert tensor.data.dtype == data.dtype
    assert tensor.data.tolist() == data.tolist()
    assert tensor.data.shape == tensor.shape == data.shape
    assert tensor.file_type == data.dtype.name
    assert not tensor.data.flags.writeable
    assert tensor.dtype == DType.of(data.dtype)


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    "kind, held, low, bits",
    [("INT4", np.int8, -8, 4), ("UINT4", np.uint8, 0, 4), ("INT2", np.int8, -2, 2), ("UINT2", np.uint8, 0, 2)],
)
def test_integers_of_few_bits_stand_one_in_a_byte(
    load: Load, kind: str, held: type[np.generic], low: int, bits: int, *, raw: bool
) -> None:
    mask = (1 << bits) - 1
    numbers = [low, low + mask, low + 1, low + 2, low + mask - 1]
    proto = helper.make_tensor("c", TensorProto.DataType.Value(kind), [5], numbers)
    if raw:
        together = sum((number & mask) << (bits * k) for k, number in enumerate(numbers))
        data = together.to_bytes(-(-5 * bits // 8), "little")
        proto = TensorProto(name="c", data_type=proto.data_type, dims=[5], raw_data=data)
    tensor = load(graph(relu(), initializer=[proto])).tensors["c"]
    assert tensor.data is not None
    assert (tensor.data.tolist(), tensor.file_type) == (numbers, kind.lower())
    assert tensor.data.dtype == held


def test_bfloat16_is_two_bytes(load: Load) -> None:
    for proto in (
        TensorProto(name="c", data_type=TensorProto.BFLOAT16, dims=[2], int32_data=[0x3FC0, 0xC000]),
        TensorProto(name="c", data_type=TensorProto.BFLOAT16, dims=[2], raw_data=b"\xc0\x3f\x00\xc0"),
    ):
        tensor = load(graph(relu(), initializer=[proto])).tensors["c"]
        assert tensor.data is not None
        assert (tensor.dtype, readable(tensor.data).tolist()) == (DType.BF16, [1.5, -2.0])


@pytest.mark.parametrize(
    "attribute, data",
    [
        ({"value_int": 3}, 3),
        ({"value_ints": [1, 2]}, [1, 2]),
        ({"value_floats": [0.5]}, [0.5]),
        ({"value": constant("", of("int8", [[1]]))}, [[1]]),
    ],
)
def test_constant_nodes_of_all_forms(load: Load, attribute: dict[str, Any], data: object) -> None:
    tensor = load(graph(helper.make_node("Constant", [], ["c"], **attribute), relu())).tensors["c"]
    assert tensor.data is not None
    assert tensor.data.tolist() == data


@pytest.mark.parametrize("indices", [[1, 5], [[0, 1], [1, 2]]])
def test_a_sparse_constant_becomes_dense(load: Load, indices: object) -> None:
    sparse = helper.make_sparse_tensor(constant("c", of("float32", [7, 8])), constant("", of("int64", indices)), [2, 3])
    tensor = load(graph(relu(), sparse_initializer=[sparse])).tensors["c"]
    assert tensor.data is not None
    assert tensor.data.tolist() == [[0, 7, 0], [0, 0, 8]]


def test_an_input_with_an_initialiser_is_a_constant(load: Load) -> None:
    source = load(graph(relu(), inputs="x c", initializer=[constant("c", of("float32", [1, 2]))]))
    assert source.inputs == ["x"]
    assert source.tensors["c"].data is not None


def test_free_dimensions_are_bound_by_symbol_or_place(load: Load) -> None:
    model = graph(relu(), input_values=[value("x", ["batch", 3, None]), value("z", ["batch"]), value("w", [0, -1])])
    source = load(model)
    assert [source.tensors[k].shape for k in "xzw"] == [(1, 3, 1), (1,), (1, 1)]
    assert source.free_dims == {
        "batch": [("x", 0), ("z", 0)],
        "x.2": [("x", 2)],
        "w.0": [("w", 0)],
        "w.1": [("w", 1)],
    }
    assert len(source.notes) == 2
    source = load(model, batch=4, x__2=5, w__0=6, input_2__1=7)
    assert [source.tensors[k].shape for k in "xzw"] == [(4, 3, 5), (4,), (6, 7)]
    assert source.notes == []
    for wrong in ({"x__1": 2}, {"bach": 2}, {"batch": 0}):
        with pytest.raises(MetadataError):
            load(model, **wrong)


def test_outputs_may_be_inputs_constants_or_repeated(load: Load) -> None:
    source = load(graph(outputs="x c x", initializer=[constant("c", of("float32", [1]))]))
    assert source.outputs == ["x", "c", "x"]
    assert source.output_names == ["output_0", "c", "output_2"]


def test_an_absent_output_has_a_key_that_nobody_reads(load: Load) -> None:
    node = helper.make_node("LSTM", ["x"], ["", "y", ""])
    source = load(graph(node))
    assert len(source.nodes[0].outputs) == 2
    assert source.nodes[0].outputs[1] == "y"
    assert source.nodes[0].outputs[0] in source.tensors


def test_a_subgraph_sees_what_is_made_around_it(load: Load) -> None:
    inner = helper.make_graph([helper.make_node("Add", ["a", "c"], ["b"])], "then", [], [value("b")])
    middle = helper.make_graph(
        [helper.make_node("If", ["a"], ["m"], name="inner", then_branch=inner)], "outer", [], [value("m")]
    )
    nodes = [relu("x", "a"), helper.make_node("If", ["a"], ["y"], name="outer", then_branch=middle)]
    source = load(graph(*nodes, initializer=[constant("c", of("float32", [1]))]))
    branch = source.nodes[1].subgraphs["then_branch"]
    assert branch.captured == ["a", "c"]
    innermost = branch.nodes[0].subgraphs["then_branch"]
    assert innermost.captured == ["a", "c"]
    assert innermost.tensors["c"].data is not None
    assert innermost.nodes[0].origin == (
        "node 1 (If) `outer`, then_branch: node 0 (If) `inner`, then_branch: node 0 (Add) `b`"
    )
    # What the innermost graph reads comes first, wherever the file has it: onnxruntime writes such files.
    turned = load(graph(nodes[1], nodes[0], initializer=[constant("c", of("float32", [1]))]))
    assert [node.origin for node in turned.nodes] == ["node 1 (Relu) `a`", "node 0 (If) `outer`"]


def test_nodes_come_behind_what_they_read(load: Load) -> None:
    nodes = [relu("c", "y"), relu("a", "b"), relu("b", "c"), relu("x", "unused"), relu("x", "a")]
    source = load(graph(*nodes))
    assert [node.outputs[0] for node in source.nodes] == ["a", "b", "c", "y", "unused"]
    assert source.nodes[0].origin == "node 4 (Relu) `a`"
    many = 5000
    source = load(
        graph(*[relu(f"v{k}" if k else "x", f"v{k + 1}" if k + 1 < many else "y") for k in range(many)][::-1])
    )
    assert [source.nodes[0].inputs, source.nodes[-1].outputs] == [["x"], ["y"]]
    with pytest.raises(ModelError, match="makes from this node's result: a circle"):
        load(graph(relu("c", "b"), relu("b", "c"), relu("x", "y")))


def function(name: str, *called: str) -> onnx.FunctionProto:
    """Returns a function that calls others one after the other."""
    values = ["a", *(f"v{i}" for i in range(len(called) - 1)), "b"]
    nodes = [
        helper.make_node(op, [x], [y], domain="own" if op != "Relu" else "")
        for op, x, y in zip(called, values, values[1:], strict=False)
    ]
    return helper.make_function(
        "own", name, ["a"], ["b"], nodes, [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    )


def with_functions(*functions: onnx.FunctionProto) -> onnx.ModelProto:
    """Returns a model that calls the first of its functions."""
    model = graph(helper.make_node(functions[0].name, ["x"], ["y"], domain="own"))
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend(functions)
    return model


def test_functions_of_the_model_are_inlined(load: Load) -> None:
    source = load(with_functions(function("Outer", "Inner", "Relu"), function("Inner", "Relu", "Relu")))
    assert [n.op for n in source.nodes] == ["Relu"] * 3
    assert source.outputs == ["y"]


def test_functions_that_recur_or_explode_are_refused(load: Load) -> None:
    with pytest.raises(ModelError, match="more than 32 deep"):
        load(with_functions(function("F", "G"), function("G", "F")))
    doubling = [function(f"F{i}", f"F{i + 1}", f"F{i + 1}") for i in range(30)]
    with pytest.raises(UnsupportedError, match="expand to more than"):
        load(with_functions(*doubling, function("F30", "Relu")))


def external(location: str, data: Array, **entries: int) -> onnx.TensorProto:
    """Returns an initialiser `c` whose bytes lie in a file."""
    proto = TensorProto(name="c", data_type=FLOAT, dims=data.shape, data_location=TensorProto.EXTERNAL)
    for key, entry in {"location": location, **entries}.items():
        proto.external_data.add(key=key, value=str(entry))
    return proto


def test_external_data_is_read_beside_the_model_only(load: Load, tmp_path: Path) -> None:
    data = of("float32", [1, 2, 3])
    (tmp_path / "net.data").write_bytes(b"1234" + data.tobytes())
    source = load(graph(relu(), initializer=[external("net.data", data, offset=4, length=12)]))
    assert source.files == ["net.data"]
    assert source.tensors["c"].data is not None
    assert source.tensors["c"].data.tolist() == [1, 2, 3]
    (tmp_path.parent / "secret").write_bytes(data.tobytes())
    (tmp_path / "link").symlink_to(tmp_path.parent / "secret")
    for location in ("../secret", str(tmp_path.parent / "secret"), "link", "", ".", "none", "a\0b"):
        with pytest.raises(ModelError):
            load(graph(relu(), initializer=[external(location, data)]))
    for entries in ({"offset": 5}, {"offset": -4}, {"length": 8}, {"offset": 1 << 70}):
        with pytest.raises(ModelError):
            load(graph(relu(), initializer=[external("net.data", data, **entries)]))


def test_other_element_types_are_told_not_compiled(load: Load) -> None:
    text = TensorProto(name="c", data_type=TensorProto.STRING, dims=[1], string_data=[b"a"])
    source = load(
        graph(relu("w"), input_values=[value("x", kind=TensorProto.FLOAT8E5M2), value("w")], initializer=[text])
    )
    assert [(source.tensors[k].dtype, source.tensors[k].file_type) for k in "xc"] == [
        (None, "float8e5m2"),
        (None, "string"),
    ]


def test_names_that_are_no_utf8_are_mended(load: Load) -> None:
    data = graph(relu("xxxx"), inputs="xxxx").SerializeToString().replace(b"xxxx", b"x\xff`\n")
    source = load(data)
    assert source.input_names == ["x\N{REPLACEMENT CHARACTER}`\n"]
    assert source.nodes[0].inputs == source.inputs


def changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    """Returns a small model after `change`."""
    model = graph(relu(), initializer=[constant("c", of("float32", [1, 2]))])
    change(model)
    return model


def _no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def _more_opset(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx", 16))


@pytest.mark.parametrize(
    "model, reason",
    [
        (b"", "no graph"),
        (b"no protobuf", "DecodeError"),
        (changed(_no_opset), "imports no version"),
        (changed(_more_opset), "two versions"),
        (changed(lambda m: m.graph.ClearField("node")), "nothing makes this output"),
        (changed(lambda m: m.graph.node.append(relu())), "made twice"),
        (changed(lambda m: m.graph.node.append(relu("y", "x"))), "made twice"),
        (changed(lambda m: m.graph.node.append(relu("y", "c"))), "made twice"),
        (changed(lambda m: m.graph.node.append(relu("gone", "z"))), "which nothing makes"),
        (changed(lambda m: m.graph.node.append(relu("z", "z"))), "a circle"),
        (changed(lambda m: m.graph.node.append(onnx.NodeProto(input=["x"]))), "no operator"),
        (changed(lambda m: m.graph.input.append(value("x"))), "made twice"),
        (changed(lambda m: m.graph.output.append(value(""))), "nothing makes this output"),
        (changed(lambda m: m.graph.initializer[0].dims.append(2)), "needs 16 bytes, there are 8"),
        (changed(lambda m: m.graph.initializer[0].dims.append(-1)), "negative extent"),
        (changed(lambda m: m.graph.initializer[0].dims.append(1 << 40)), "larger than"),
        (changed(lambda m: m.graph.initializer[0].dims.extend([1] * 40)), "axes"),
        (changed(lambda m: m.graph.initializer[0].ClearField("raw_data")), "needs 2 elements, there are 0"),
        (changed(lambda m: m.graph.initializer[0].ClearField("name")), "has no name"),
        (changed(lambda m: m.graph.node[0].attribute.append(helper.make_attribute("a", 1))), ""),
        (changed(lambda m: m.graph.input[0].type.tensor_type.shape.dim[0].ClearField("value")), ""),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(load: Load, model: onnx.ModelProto | bytes, reason: str) -> None:
    if not reason:  # harmless changes, so that the table shows where the border is
        load(model)
        return
    with pytest.raises(ModelError, match=reason) as caught:
        load(model)
    assert "net.onnx" in caught.value.diagnostics[0].origin
    assert caught.value.diagnostics[0].help


@pytest.mark.parametrize(
    "model, reason",
    [
        (changed(lambda m: setattr(m, "ir_version", 99)), "IR version 99"),
        (changed(lambda m: setattr(m.opset_import[0], "version", 5)), "operator set 5"),
        (changed(lambda m: setattr(m.opset_import[0], "version", 999)), "operator set 999"),
        (changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")), "shape is unknown"),
        (changed(lambda m: m.graph.input[0].ClearField("type")), "not a tensor"),
    ],
)
def test_a_sound_model_that_no_reader_knows_is_unsupported(load: Load, model: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        load(model)


def test_an_older_operator_set_is_read_where_its_operators_mean_the_same(load: Load) -> None:
    assert load(changed(lambda m: setattr(m.opset_import[0], "version", 6))).opset == 6


def test_a_sparse_constant_with_wild_indices_is_refused(load: Load) -> None:
    for indices, dims in (([1, 6], [2, 3]), ([-1, 0], [2, 3]), ([[0, 3], [0, 0]], [2, 3]), ([0, 1], [1 << 40])):
        sparse = helper.make_sparse_tensor(
            constant("c", of("float32", [7, 8])), constant("", of("int64", indices)), dims
        )
        with pytest.raises(ModelError):
            load(graph(relu(), sparse_initializer=[sparse]))
