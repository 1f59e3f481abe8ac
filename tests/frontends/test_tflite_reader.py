"""The TFLite reader: what it takes from honest files, and how it refuses dishonest ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ariel_build.errors import MetadataError, ModelError, UnsupportedError
from ariel_build.frontends import SourceModel, read
from ariel_build.ir import DType, Quant
from tests.frontends.tflite_writer import (
    FLOAT32,
    INT8,
    INT32,
    Table,
    code,
    encode,
    model,
    operator,
    quant,
    subgraph,
    tensor,
)

ADD, CONV_2D, CUSTOM, RESHAPE, CALL_ONCE = 0, 3, 32, 22, 129
CONV_OPTIONS, POOL_OPTIONS, ADD_OPTIONS, CALL_ONCE_OPTIONS, STRIDED_SLICE_OPTIONS = 1, 5, 11, 103, 32

Load = Callable[..., SourceModel]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Returns a function that writes a model and reads it."""

    def load(table: Table | bytes, **dims: int) -> SourceModel:
        path = tmp_path / "net.tflite"
        path.write_bytes(table if isinstance(table, bytes) else encode(table))
        return read(path, {name.replace("__", "."): n for name, n in dims.items()})

    return load


def conv(**changes: object) -> Table:
    """Returns a model of one int8 convolution; `changes` replace tensors by name."""
    tensors = {
        "x": tensor("image", [1, 4, 4, 1], INT8, quant=quant([0.5], [-128]), signature=[-1, 4, 4, 1]),
        "filter": tensor("filter", [2, 1, 1, 1], INT8, 1, quant=quant([0.25, 0.125], [0, 0], 0)),
        "bias": tensor("bias", [2], INT32, 2, quant=quant([0.125, 0.0625], [0, 0], 3)),
        "y": tensor("sum", [1, 4, 4, 2], INT8, quant=quant([0.75], [3])),
    }
    tensors |= {k: v for k, v in changes.items() if k in tensors and isinstance(v, dict)}
    options: Table = {0: ("b", 1), 1: ("i", 1), 2: ("i", 2), 3: ("b", 3)}
    kind = changes.get("kind", CONV_OPTIONS)
    assert isinstance(kind, int)
    op = operator(0, [0, 1, 2], [3], (kind, options))
    return model([code(CONV_2D, 3)], [subgraph([*tensors.values()], [0], [3], [op])], [b"\x01\xff", bytes(8)])


def add(kind: int = FLOAT32, buffers: tuple[bytes | Table, ...] = (), **tensor_changes: object) -> Table:
    """Returns a model of one addition y = a + b."""
    tensors = [tensor("a", [2], kind), tensor("b", [2], kind), tensor("y", [2], kind)]
    for number, name in enumerate(("a", "b", "y")):
        changed = tensor_changes.get(name)
        if isinstance(changed, dict):
            tensors[number] = changed
    inputs = [0] if "b" in tensor_changes else [0, 1]
    return model([code(ADD)], [subgraph(tensors, inputs, [2], [operator(0, [0, 1], [2])])], buffers)


def test_a_convolution_is_read_whole(load: Load) -> None:
    source = load(conv())
    (node,) = source.nodes
    assert (node.op, node.version, node.inputs, node.outputs) == ("CONV_2D", 3, ["t0", "t1", "t2"], ["t3"])
    assert node.origin == "operator 0 (CONV_2D) `sum`"
    assert node.attributes == {
        "padding": "VALID",
        "stride_w": 1,
        "stride_h": 2,
        "fused_activation_function": "RELU6",
        "dilation_w_factor": 1,
        "dilation_h_factor": 1,
        "quantized_bias_type": "FLOAT32",
    }
    assert (source.format, source.name, source.input_names, source.output_names) == (
        "tflite",
        "net",
        ["image"],
        ["sum"],
    )
    x, weights, bias, y = (source.tensors[k] for k in ("t0", "t1", "t2", "t3"))
    assert (x.dtype, x.shape, x.quant) == (DType.I8, (1, 4, 4, 1), Quant((0.5,), (-128,)))
    assert weights.quant == Quant((0.25, 0.125), (0, 0), 0)
    assert weights.data is not None
    assert weights.data.reshape(-1).tolist() == [1, -1]
    assert not weights.data.flags.writeable
    assert bias.quant == Quant((0.125, 0.0625), (0, 0), 0), "the axis of a bias is 0, whatever the file says"
    assert bias.data is not None
    assert bias.data.dtype == np.int32
    assert y.data is None


def test_options_that_are_absent_have_the_defaults_of_the_schema(load: Load) -> None:
    assert load(add()).nodes[0].attributes == {"fused_activation_function": "NONE", "pot_scale_int16": True}


def test_old_files_have_the_operator_in_another_field(load: Load) -> None:
    table = add()
    table[1] = [{0: ("b", 18)}]
    assert load(table).nodes[0].op == "MUL"


def test_a_free_dimension_is_1_or_what_is_bound(load: Load) -> None:
    source = load(conv())
    assert source.tensors["t0"].shape == (1, 4, 4, 1)
    assert source.free_dims == {"image.0": [("t0", 0)]}
    assert source.notes == [], "a batch of 1 is what everybody means"
    for name in ("image__0", "input_0__0"):
        source = load(conv(), **{name: 3})
        assert source.tensors["t0"].shape == (3, 4, 4, 1)
        assert source.tensors["t3"].shape is None, "the file's shapes are those of batch 1"
        assert source.notes == []
    assert load(conv(), image__0=1).tensors["t3"].shape == (1, 4, 4, 2)
    assert load(conv(), image__1=4).tensors["t0"].shape == (1, 4, 4, 1)


@pytest.mark.parametrize("dims", [{"image__1": 5}, {"imag__0": 2}, {"batch": 2}, {"image__0": 0}])
def test_dims_that_do_not_fit_are_refused(load: Load, dims: dict[str, int]) -> None:
    with pytest.raises(MetadataError):
        load(conv(), **dims)


def test_a_free_dimension_with_a_similar_name_is_proposed(load: Load) -> None:
    with pytest.raises(MetadataError, match=r"no free dimension `imag\.0`") as caught:
        load(conv(), imag__0=2)
    assert "`image.0`" in caught.value.render()


def test_names_that_are_empty_or_repeated_are_replaced(load: Load) -> None:
    tensors = [tensor(name, [2]) for name in ("", "x", "x", "", "odd")]
    graph = subgraph(tensors, [0, 1, 2], [3, 4], [operator(0, [0, 1], [3]), operator(0, [1, 2], [4])])
    source = load(model([code(ADD)], [graph]))
    assert source.input_names == ["input_0", "input_1", "input_2"]
    assert source.output_names == ["output_0", "odd"]


def test_names_that_are_no_utf8_or_hostile_stay_harmless(load: Load) -> None:
    table = add(y=tensor("y", [2]))
    table[2][0][0][2][3] = b"\xff`\n"
    source = load(table)
    assert source.output_names == ["\N{REPLACEMENT CHARACTER}`\n"]
    assert source.nodes[0].origin.count("`") == 2
    assert "\n" not in source.nodes[0].origin


def test_operators_that_nobody_knows_keep_what_they_carry(load: Load) -> None:
    custom = operator(0, [0], [1]) | {5: b"\x01\x02"}
    unknown = operator(1, [1, -1], [2])
    graph = subgraph([tensor(n, [1]) for n in "abc"], [0], [2], [custom, unknown])
    first, second = load(model([code(CUSTOM, custom="Fancy"), code(4000)], [graph])).nodes
    assert (first.op, first.attributes) == ("CUSTOM:Fancy", {"custom_options": b"\x01\x02"})
    assert (second.op, second.inputs) == ("BUILTIN_4000", ["t1", None])


@pytest.mark.parametrize("kind, name, size", [(1, "float16", 2), (10, "float64", 8), (5, "string", 4)])
def test_other_element_types_are_told_not_compiled(load: Load, kind: int, name: str, size: int) -> None:
    source = load(add(b=tensor("b", [2], kind, 1), buffers=(bytes(2 * size),)))
    constant = source.tensors["t1"]
    assert (constant.dtype, constant.file_type) == (None, name)
    assert (constant.data is not None) == (name in ("float16", "float64"))


def test_a_sparse_tensor_that_is_computed_is_told_not_compiled(load: Load) -> None:
    source = load(add(y=tensor("y", [2], FLOAT32, sparsity={})))
    assert (source.tensors["t2"].dtype, source.tensors["t2"].file_type) == (None, "sparse float32")


def test_integers_of_four_bits_are_unpacked(load: Load) -> None:
    constant = load(add(INT8, b=tensor("b", [3], 17, 1, quant=quant([0.5], [0])), buffers=(b"\xf7\x08",))).tensors["t1"]
    assert constant.data is not None
    assert (constant.data.dtype.name, constant.data.tolist()) == ("int8", [7, -1, -8])
    assert constant.quant is not None
    with pytest.raises(ModelError, match="3 integers of 4 bits need 2 bytes, its buffer has 3"):
        load(add(INT8, b=tensor("b", [3], 17, 1), buffers=(bytes(3),)))


def level(size: int, segments: Sequence[int] = (), indices: Sequence[int] = ()) -> dict[int, Any]:
    """A dense level of a sparse tensor, or one with segments and indices in bytes."""
    if not segments:
        return {0: ("b", 0), 1: ("i", size)}
    return {0: ("b", 1), 2: ("B", 3), 3: {0: ("B*", segments)}, 4: ("B", 3), 5: {0: ("B*", indices)}}


def sparse(levels: Sequence[dict[int, Any]], order: Sequence[int], blocks: Sequence[int] = ()) -> dict[int, Any]:
    return {0: ("i*", order), 1: ("i*", blocks), 2: list(levels)}


def test_a_sparse_constant_is_made_dense(load: Load) -> None:
    levels = [level(3), level(0, [0, 1, 1, 3], [3, 0, 2])]
    table = add(b=tensor("b", [3, 4], FLOAT32, 1, sparsity=sparse(levels, [0, 1])), buffers=(bytes(range(12)),))
    constant = load(table).tensors["t1"].data
    assert constant is not None
    first, second, third = np.frombuffer(bytes(range(12)), np.float32)
    np.testing.assert_array_equal(constant, [[0, 0, 0, first], [0, 0, 0, 0], [second, 0, third, 0]])


def test_a_sparse_constant_of_blocks_is_made_dense(load: Load) -> None:
    levels = [level(2), level(0, [0, 1, 2], [1, 0]), level(2), level(2)]
    found = sparse(levels, [0, 1, 2, 3], [0, 1])
    data = np.arange(1, 9, dtype=np.int8)
    constant = (
        load(add(INT8, b=tensor("b", [4, 4], INT8, 1, sparsity=found), buffers=(data.tobytes(),))).tensors["t1"].data
    )
    assert constant is not None
    np.testing.assert_array_equal(constant, [[0, 0, 1, 2], [0, 0, 3, 4], [5, 6, 0, 0], [7, 8, 0, 0]])


def test_levels_without_end_are_refused_before_they_are_made(load: Load) -> None:
    found = sparse([level(1 << 12), level(1 << 12)], [0, 1])
    with pytest.raises(ModelError, match="a level has 4096 nodes, more than the file can tell of"):
        load(add(INT8, b=tensor("b", [1 << 12, 1 << 12], INT8, 1, sparsity=found), buffers=(bytes(12),)))


@pytest.mark.parametrize(
    "sparsity, why",
    [
        ({}, "0 levels are not its 2 axes and 0 blocks"),
        (sparse([level(3)], [0, 1]), "1 levels are not its 2 axes"),
        (sparse([level(3), level(4)], [0, 2]), "2 levels are not its 2 axes"),
        (sparse([level(2), level(4)], [0, 1]), "a level has 2 coordinates, its axis 3"),
        (sparse([level(3), level(4)], [0, 1]), "its levels lead to 12 elements, its buffer has 3"),
        (sparse([level(3), level(0, [0, 1, 3], [0, 1, 2])], [0, 1]), "segments of a level are not those of 3 nodes"),
        (sparse([level(3), level(0, [0, 2, 1, 3], [0, 1, 2])], [0, 1]), "segments of a level are not those"),
        (sparse([level(3), level(0, [0, 1, 1, 3], [0, 4, 2])], [0, 1]), "lies outside its axis of 4"),
        (sparse([level(3), level(1), level(2)], [0, 1, 2], [5]), r"its blocks \[5\] lie along no axes"),
        (sparse([level(3), level(1), level(3)], [0, 1, 2], [1]), r"its blocks of \[3\] do not divide"),
    ],
)
def test_sparse_constants_that_contradict_themselves_are_refused(load: Load, sparsity: Table, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        load(add(b=tensor("b", [3, 4], FLOAT32, 1, sparsity=sparsity), buffers=(bytes(12),)))


def test_constants_may_lie_behind_the_tables(load: Load) -> None:
    size = len(encode(add(b=tensor("b", [2], FLOAT32, 1), buffers=({1: ("Q", 2), 2: ("Q", 8)},))))
    table = add(b=tensor("b", [2], FLOAT32, 1), buffers=({1: ("Q", size), 2: ("Q", 8)},))
    data = np.array([1.5, -2], np.float32)
    constant = load(encode(table) + data.tobytes()).tensors["t1"].data
    assert constant is not None
    assert constant.tolist() == [1.5, -2]
    with pytest.raises(ModelError, match="outside the file"):
        load(encode(table) + data.tobytes()[:-1])


def test_bools_are_false_or_true_whatever_their_byte(load: Load) -> None:
    constant = load(add(6, b=tensor("b", [2], 6, 1), buffers=(b"\x00\x7f",))).tensors["t1"].data
    assert constant is not None
    assert constant.tolist() == [False, True]
    assert constant.view(np.uint8).tolist() == [0, 1]


def test_scalars_variables_and_tensors_without_elements(load: Load) -> None:
    tensors = [
        tensor("x", [2]),
        tensor("two", [], FLOAT32, 1),
        tensor("kept", [2], is_variable=1),
        tensor("none", [0], INT32),
        tensor("y", [2]),
    ]
    graph = subgraph(tensors, [0], [4], [operator(0, [0, 1, 2, 3], [4]) | {8: ("i*", [3])}])
    source = load(model([code(CUSTOM, custom="Four")], [graph], [np.float32(2).tobytes()]))
    two, kept, none = (source.tensors[k] for k in ("t1", "t2", "t3"))
    assert two.data is not None
    assert two.data.shape == ()
    assert kept.is_variable
    assert none.data is not None
    assert none.data.size == 0
    assert source.nodes[0].attributes["intermediates"] == ("t3",)


def test_an_output_may_be_an_input_or_a_constant(load: Load) -> None:
    tensors = [tensor("x", [2]), tensor("c", [2], FLOAT32, 1)]
    source = load(model([], [subgraph(tensors, [0], [0, 1], [])], [bytes(8)]))
    assert (source.outputs, source.output_names, source.nodes) == (["t0", "t1"], ["x", "c"], [])


def test_subgraphs_are_read_with_the_operators_that_call_them(load: Load) -> None:
    main = subgraph([tensor("x", [1])], [0], [0], [operator(0, [], [], (CALL_ONCE_OPTIONS, {0: ("i", 1)}))])
    inner = subgraph([tensor("a", [1]), tensor("y", [1])], [0], [1], [operator(1, [0, 0], [1])])
    (node,) = load(model([code(CALL_ONCE), code(ADD)], [main, inner])).nodes
    assert node.attributes == {"init_subgraph_index": 1}
    called = node.subgraphs["init_subgraph"]
    assert called.nodes[0].origin == "subgraph 1, operator 0 (ADD) `y`"
    main[3][0][4] = {0: ("i", 0)}
    with pytest.raises(ModelError, match="calls itself"):
        load(model([code(CALL_ONCE), code(ADD)], [main, inner]))


def graph_of(*wires: tuple[list[int], list[int]], inputs: list[int], outputs: list[int]) -> Table:
    """Returns a model of additions over four tensors, the last of them constant."""
    tensors = [tensor(n, [2]) for n in "abc"] + [tensor("d", [2], FLOAT32, 1)]
    operators = [operator(0, i, o) for i, o in wires]
    return model([code(ADD)], [subgraph(tensors, inputs, outputs, operators)], [bytes(8)])


@pytest.mark.parametrize(
    "table, reason",
    [
        (b"", "identifier"),
        (b"\x08\0\0\0TFL3", "outside the file"),
        (b"\xff\xff\xff\xffTFL3", "outside the file"),
        (model([], []), "no subgraph"),
        (graph_of(([0, 9], [1]), inputs=[0], outputs=[1]), "no tensor 9"),
        (graph_of(([0, 0], [1]), inputs=[0], outputs=[-1]), "no tensor -1"),
        (graph_of(([0, 0], [1]), ([0, 0], [1]), inputs=[0], outputs=[1]), "makes too"),
        (graph_of(([0, 0], [3]), inputs=[0], outputs=[3]), "an input or a constant"),
        (graph_of(([0, 0], [0]), inputs=[0], outputs=[0]), "an input or a constant"),
        (graph_of(([0, 2], [1]), ([0, 1], [2]), inputs=[0], outputs=[2]), "makes only later"),
        (graph_of(([0, 1], [1]), inputs=[0], outputs=[1]), "makes only later"),
        (graph_of(([0, 2], [1]), inputs=[0], outputs=[1]), "nothing makes tensor 2"),
        (graph_of(inputs=[0], outputs=[1]), "nothing makes tensor 1"),
        (graph_of(inputs=[0, 0], outputs=[0]), "two inputs are one tensor"),
        (graph_of(inputs=[3], outputs=[3]), "constant or a variable"),
        (conv(kind=POOL_OPTIONS), "carries Pool2DOptions, not Conv2DOptions"),
        (conv(kind=250), "unknown options"),
        (conv(x=tensor("x", [1, -4, 4, 1], INT8)), "negative extent"),
        (conv(x=tensor("x", [1 << 15, 1 << 15], INT8)), "larger than"),
        (conv(x=tensor("x", [0, 1 << 30, 1 << 30], INT8)), "larger than"),
        (conv(x=tensor("x", [1] * 99, INT8)), "99 axes"),
        (conv(x=tensor("x", [1], INT8, quant=quant([0.0], [0]))), "not a positive number"),
        (conv(x=tensor("x", [1], INT8, quant=quant([float("nan")], [0]))), "not a positive number"),
        (conv(x=tensor("x", [1], INT8, quant=quant([1.0], [128]))), "outside i8"),
        (conv(x=tensor("x", [1], INT8, quant=quant([1.0, 1.0], [0]))), "2 scales and 1 zero points"),
        (conv(x=tensor("x", [3, 1], INT8, quant=quant([1.0, 1.0], [0, 0], 1))), "along axis 1"),
        (conv(x=tensor("x", [3, 2], INT8, quant=quant([1.0, 1.0], [0, 0], 7))), "along axis 7"),
        (conv(filter=tensor("f", [3, 1, 1, 1], INT8, 1)), "needs 3 bytes, its buffer has 2"),
        (conv(filter=tensor("f", [2, 1, 1, 1], INT8, 77)), "no buffer 77"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(load: Load, table: Table | bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        load(table)
    assert "net.tflite" in caught.value.diagnostics[0].origin
    assert caught.value.diagnostics[0].help


def test_another_schema_or_quantisation_is_unsupported(load: Load) -> None:
    table = add()
    table[0] = ("I", 2)
    with pytest.raises(UnsupportedError, match="schema version 2"):
        load(table)
    custom = quant([1.0], [0]) | {4: ("B", 1), 5: {}}
    with pytest.raises(UnsupportedError, match="custom kind"):
        load(conv(x=tensor("x", [1], INT8, quant=custom)))


def test_an_unknown_member_of_an_enum_is_refused(load: Load) -> None:
    table = conv()
    table[2][0][3][0][4][3] = ("b", 77)
    with pytest.raises(ModelError, match="77 is no fused activation function"):
        load(table)


def test_tables_that_multiply_by_sharing_are_refused(load: Load) -> None:
    inputs = ("i*", [0] * 10_000)
    one = {0: ("I", 0), 1: inputs, 2: ("i*", [])}
    table = model([code(CUSTOM, custom="Wide")], [subgraph([tensor("x", [1])], [0], [0], [one] * 10_000)])
    data = encode(table)
    assert len(data) < 200_000
    with pytest.raises(ModelError, match="overlap"):
        load(data)


def test_every_truncation_is_refused(load: Load) -> None:
    data = encode(conv())
    for size in range(len(data) - 8):  # the last bytes are padding of the last buffer
        with pytest.raises(ModelError):
            load(data[:size])
