"""What operators say of themselves is true: each is run with numpy, moved, permuted and passed over as it says."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from ariel_build.ir import Array, Bound, DType, Node, Quant, TensorType, Value
from ariel_build.ops import IMPORTERS, Operator
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.boxes import Beyond, Boxed
from ariel_build.ops.broadcast import Tile
from ariel_build.ops.cast import Cast, Wrapped
from ariel_build.ops.clip import Clip
from ariel_build.ops.compare import Compare, Logic, Not
from ariel_build.ops.concat import Concat
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.conv_transpose import ConvTranspose
from ariel_build.ops.copy import Copy
from ariel_build.ops.cut import Cut, Last, Uncut
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.dynamic_quantize import DynamicQuantize
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import Gather, GatherConstant, GatherElements, GatherNd
from ariel_build.ops.grid_sample import GridSample
from ariel_build.ops.l2_normalization import L2Normalization
from ariel_build.ops.lstm import Lstm
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.map2_rows import MAP2
from ariel_build.ops.pad import Pad
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.recurrent import Activation, Recurrent
from ariel_build.ops.reinterpret import Reinterpret
from ariel_build.ops.resample import Bilinear, Resample
from ariel_build.ops.reshape import Reshape
from ariel_build.ops.roi_align import RoiAlign
from ariel_build.ops.row_norm import RowNorm
from ariel_build.ops.running import Running
from ariel_build.ops.scatter import AtIndices, AtRows, AtStart, Elements, Scatter
from ariel_build.ops.select import Select
from ariel_build.ops.slice import Slice
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.ops.suppression import Suppress
from ariel_build.ops.svdf import Svdf
from ariel_build.ops.table import Table
from ariel_build.ops.traits import OPAQUE, Wish, keeps_axes, never
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.window import Window
from tools.recorded import ROOT

SHAPE = (1, 2, 3, 4)
ROWS = (2, 3, 4)
HALF = Quant((0.5,), (3,))
WINDOW = Window((2, 2))

#: An operator, the types of its inputs, and the quantisation of its output.
Example = tuple[Operator, list[TensorType], Quant | None]


def reals(*shape: int) -> TensorType:
    return TensorType(DType.F32, shape)


def stored(*shape: int, quant: Quant | None = HALF) -> TensorType:
    return TensorType(DType.I8, shape, quant)


def indices(*shape: int) -> TensorType:
    """Any numbers: most are far outside."""
    return TensorType(DType.I32, shape)


def booleans(*shape: int) -> TensorType:
    return TensorType(DType.BOOL, shape)


#: A layer of 5 units over rows of 4.
RNN = [reals(1, 5, 4), reals(1, 5, 5), reals(1, 5), reals(1, 5)]
CELL = TensorType(DType.I16, (2, 5), Quant((2.0**-12,), (0,)))
FLAT = Quant((0.5,), (0,))
LSTM = [
    *(stored(2, 3, 4), stored(2, 5), CELL),
    *[stored(5, 4, quant=FLAT)] * 4,
    *[stored(5, 5, quant=FLAT)] * 4,
    *[TensorType(DType.I32, (5,))] * 4,
]

OF_REALS = [kind for kind, row in MAP2.items() if not row.of_bits]
EXAMPLES: list[Example] = [
    *((Map2(kind, rounding=Rounding.NEAREST_EVEN), [reals(*SHAPE)] * 2, None) for kind in OF_REALS),
    *((Map2(kind), [reals(*SHAPE), reals(4)], None) for kind in OF_REALS),
    *((Map2(kind), [stored(*SHAPE, quant=None)] * 2, None) for kind, row in MAP2.items() if not row.of_reals),
    (Map2("Add"), [stored(*SHAPE)] * 2, HALF),
    (Map1("Tanh"), [reals(*SHAPE)], None),
    (Map1("LeakyRelu", (0.25,)), [stored(*SHAPE)], HALF),
    (Clip((0.0, 6.0)), [stored(*SHAPE)], HALF),
    (Cast(DType.I32), [reals(*SHAPE)], None),
    (Wrapped(4, signed=True), [stored(*SHAPE, quant=None)], None),
    (Reinterpret(DType.I32), [reals(*SHAPE)], None),
    (Compare("Less"), [reals(*SHAPE)] * 2, None),
    (Logic("Xor"), [booleans(*SHAPE)] * 2, None),
    (Not(), [booleans(*SHAPE)], None),
    (Quantize(), [reals(*SHAPE)], HALF),
    (Dequantize(), [stored(*SHAPE)], None),
    (Table(bytes(range(255, -1, -1))), [stored(*SHAPE)], HALF),
    (Copy(), [reals(*SHAPE)], None),
    (Concat(3), [reals(*SHAPE)] * 2, None),
    (GatherConstant(2, (2, 0)), [reals(*SHAPE)], None),
    (Gather(wraps=True, axis=2, batch=1), [stored(*SHAPE), indices(1, 5)], HALF),
    (Last(wraps=False, axis=2), [stored(*SHAPE), indices(1)], HALF),
    (GatherElements(wraps=False, axis=3), [reals(*SHAPE), indices(1, 1, 2, 6)], None),
    (GatherNd(wraps=True), [reals(*SHAPE), indices(7, 2)], None),
    (Boxed((1, 2, 4, 3), Beyond.MIRROR, borders=True), [reals(*SHAPE), *[indices(2)] * 3, reals()], None),
    (Boxed((1, 2, 4, 3), Beyond.VALUE), [stored(*SHAPE), *[indices(2)] * 3, stored()], HALF),
    (Running(1), [reals(*SHAPE)], None),
    (Select(), [booleans(*SHAPE), reals(*SHAPE), reals(4)], None),
    (Cut(1), [booleans(*SHAPE), reals(*SHAPE), reals(1, 1, 1, 1)], None),
    (Scatter(AtIndices(wraps=True)), [reals(*SHAPE), indices(2, 3), reals(2, 4)], None),
    (Scatter(AtRows(wraps=True, axis=2, batch=1)), [reals(*SHAPE), indices(1, 2), reals(1, 2, 2, 4)], None),
    (Scatter(AtStart(wraps=False)), [stored(*SHAPE), indices(4), stored(1, 1, 2, 3)], HALF),
    (Scatter(Elements(wraps=False, axis=1)), [reals(*SHAPE), indices(1, 3, 2, 4), reals(1, 3, 2, 4)], None),
    (Pad(((0, 0), (1, 0), (0, 2), (0, 0)), 0.5), [reals(*SHAPE)], None),
    (Reshape((1, 6, 4)), [reals(*SHAPE)], None),
    (Uncut((1, 6, 4), 1, Bound("n", 3)), [reals(*SHAPE)], None),
    (Slice((0, 1, 0, 1), (1, 1, 3, 2), (1, 1, 1, 2)), [reals(*SHAPE)], None),
    (Tile((1, 2, 1, 3)), [reals(*SHAPE)], None),
    (Transpose((0, 3, 1, 2)), [reals(*SHAPE)], None),
    (Softmax(), [reals(*SHAPE)], None),
    (LogSoftmax(1), [reals(*SHAPE)], None),
    (Fold("Mean", (1, 2)), [reals(*SHAPE)], None),
    (Fold("Max", (3,), keep_dims=True), [reals(*SHAPE)], None),
    (Pool2d(PoolKind.MAX, WINDOW), [reals(*SHAPE)], None),
    (Pool2d(PoolKind.AVERAGE, WINDOW), [reals(*SHAPE)], None),
    (Resample(2, (0, 1, 1), ((0.5, 0.5), (0.75, 0.25), (0.0, 1.0))), [reals(*SHAPE)], None),
    (Bilinear((5, 2)), [stored(*SHAPE)], HALF),
    (RowNorm(2, 1e-5), [reals(*ROWS), reals(4), reals(4)], None),
    (L2Normalization(), [stored(*ROWS)], Quant((1 / 128,), (0,))),
    (GridSample(), [reals(*SHAPE), reals(1, 5, 2)], None),
    (RoiAlign((2, 2)), [reals(*SHAPE), reals(3, 4), TensorType(DType.I64, (3,))], None),
    (Suppress(4), [reals(1, 5, 4), reals(1, 2, 5), TensorType(DType.I64, ()), reals(), reals()], None),
    (Conv2d(WINDOW), [reals(*SHAPE), reals(5, 2, 2, 4), reals(5)], None),
    (ConvTranspose(WINDOW, (3, 4)), [reals(*SHAPE), reals(5, 2, 2, 4), reals(5)], None),
    (DepthwiseConv2d(WINDOW), [reals(*SHAPE), reals(1, 2, 2, 4), reals(4)], None),
    (FullyConnected(keep_dims=True), [reals(*ROWS), reals(5, 4), reals(5)], None),
    (BatchMatMul(), [reals(*ROWS), reals(2, 4, 3)], None),
    (DynamicQuantize(symmetric=True), [reals(*ROWS)], None),
    (Lstm(), LSTM, HALF),
    (Recurrent("rnn", (Activation("Tanh"),)), [reals(2, 3, 4), reals(1, 2, 5), *RNN], None),
    (Svdf(rank=2), [reals(2, 4), reals(2, 18), reals(6, 4), reals(6, 3), reals(3)], None),
]
#: Operators that do nothing, and which input they pass on.
IDENTITIES: list[tuple[Example, int]] = [
    ((Map2("Add"), [reals(*SHAPE), reals(4)], None), 0),
    ((Clip(), [reals(*SHAPE)], None), 0),
    ((Cast(DType.F32), [reals(*SHAPE)], None), 0),
    ((Copy(), [stored(*SHAPE)], HALF), 0),
    ((Reinterpret(DType.I8), [stored(*SHAPE, quant=None)], None), 0),
    ((Concat(1), [reals(*SHAPE)], None), 0),
    ((GatherConstant(2, (0, 1, 2)), [reals(*SHAPE)], None), 0),
    ((Pad(((0, 0),) * 4), [reals(*SHAPE)], None), 0),
    ((Reshape(SHAPE), [reals(*SHAPE)], None), 0),
    ((Slice((0,) * 4, SHAPE, (1,) * 4), [reals(*SHAPE)], None), 0),
    ((Tile((1,) * 4), [reals(*SHAPE)], None), 0),
    ((Transpose((0, 1, 2, 3)), [reals(*SHAPE)], None), 0),
    ((Pool2d(PoolKind.MAX, Window((1, 1))), [reals(*SHAPE)], None), 0),
    ((Fold("Sum", (0,)), [reals(*SHAPE)], None), 0),
    ((Resample(2, (0, 1, 2), ((1.0,),) * 3), [reals(*SHAPE)], None), 0),
]


def title(example: Example) -> str:
    return f"{type(example[0]).__name__}-{example[0].name}-{example[1][0].dtype.value}"


def operators(kind: type[Operator] = Operator) -> Iterator[type[Operator]]:
    """Yields the operators that there are."""
    for sub in kind.__subclasses__():
        yield from operators(sub)
        if not inspect.isabstract(sub) and sub.__module__.startswith("ariel_build."):
            yield sub


def families() -> Iterator[ModuleType]:
    """Yields the modules of operators."""
    yield from (module for name, module in sorted(sys.modules.items()) if name.startswith("ariel_build.ops."))


def elements(type_: TensorType, rng: np.random.Generator) -> Array:
    if type_.dtype is DType.F32:
        return np.asarray(rng.uniform(0.1, 9.0, type_.shape), np.float32)
    low, high = (0, 1) if type_.dtype is DType.BOOL else type_.dtype.range
    return rng.integers(low, high, type_.shape, endpoint=True).astype(type_.dtype.numpy)


def build(example: Example) -> tuple[Node, list[Array]]:
    """Returns a node of the operator, and elements for its inputs; those behind the first are constants."""
    op, types, quant = example
    rng = np.random.default_rng(5)
    data = [elements(t, rng) for t in types]
    inputs = [Value(t, f"input_{k}", d if k else None) for k, (t, d) in enumerate(zip(types, data, strict=True))]
    made = [t for t in op.infer(types) if t is not None]
    outputs = [Value(TensorType(t.dtype, t.shape, quant), "output") for t in made]
    return Node(op, list(inputs), outputs, "here"), data


def test_no_operator_lacks_a_part() -> None:
    """Shape inference, reference, lowering and answers: a base of others may leave them open, an operator not."""
    kinds = {kind for module in families() for kind in vars(module).values() if isinstance(kind, type)}
    last = [kind for kind in kinds if issubclass(kind, Operator) and not kind.__subclasses__()]
    assert len(last) > 25
    lacking = {
        kind.__name__: sorted(kind.__abstractmethods__) + ([] if hasattr(kind, "traits") else ["traits"])
        for kind in last
    }
    assert {name: parts for name, parts in lacking.items() if parts} == {}
    page = (ROOT / "docs/supported-ops.md").read_text(encoding="utf-8")
    assert [name for source, name in IMPORTERS if source != "pt2" and f"| {name} |" not in page] == []
    # PyTorch's stand many in a row.
    listed = {name for line in page.splitlines() for name in line.removeprefix("| ").partition(" |")[0].split(", ")}
    assert [name for source, name in IMPORTERS if source == "pt2" and name.removeprefix("aten.") not in listed] == []


def claims_something(op: type[Operator]) -> bool:
    """Tells whether a pass may do anything with it: what claims nothing has nothing to show."""
    return op.traits != OPAQUE or op.passed_on is not never or op.permuted is not keeps_axes


def test_every_operator_is_asked() -> None:
    assert {type(op) for op, _, _ in EXAMPLES} >= set(filter(claims_something, operators()))
    answering = {op for op in operators() if op.passed_on.__name__ != "never"}
    assert {type(op) for (op, _, _), _ in IDENTITIES} == answering


@pytest.mark.parametrize("example", EXAMPLES, ids=title)
def test_results_have_the_shapes_and_types_that_were_inferred(example: Example) -> None:
    node, data = build(example)
    for value, result in zip(node.outputs, example[0].reference(data, node), strict=True):
        assert (result.shape, result.dtype) == (value.shape, value.type.dtype.numpy)


@pytest.mark.parametrize("example", EXAMPLES, ids=title)
def test_what_moves_elements_makes_none(example: Example) -> None:
    node, data = build(example)
    result = example[0].reference(data, node)[0]
    own = [np.asarray(getattr(example[0], "value", data[0].flat[0]))]
    known = np.concatenate([np.asarray(d, np.float64).reshape(-1) for d in [*data, *own]])
    copied = bool(np.isin(np.asarray(result, np.float64), known).all())
    assert copied or not example[0].traits.moves
    # Those that choose copy as well; a function of each element may, for some numbers.
    assert not copied or example[0].traits.moves or example[0].traits.pointwise or example[0].chooses


@pytest.mark.parametrize("example", EXAMPLES, ids=title)
def test_an_element_of_a_pointwise_operator_depends_on_its_own_place_only(example: Example) -> None:
    node, data = build(example)
    before = example[0].reference(data, node)[0]
    depends_elsewhere = False
    for place in np.ndindex(data[0].shape):
        changed: Numbers = data[0].copy()
        changed[place] = np.logical_not(changed[place]) if changed.dtype == np.bool_ else changed[place] // 2
        after = example[0].reference([changed, *data[1:]], node)[0]
        if before.shape != data[0].shape:
            depends_elsewhere = True
        else:
            depends_elsewhere |= any(tuple(p) != place for p in np.argwhere(before != after))
    # What is written into the input comes from another one, whose places are others.
    depends_elsewhere |= isinstance(example[0], Scatter)
    assert depends_elsewhere != example[0].traits.pointwise


@pytest.mark.parametrize("example", EXAMPLES, ids=title)
@pytest.mark.parametrize("at_output", [False, True])
def test_permuted_operators_compute_the_same(example: Example, at_output: bool) -> None:
    node, data = build(example)
    op = example[0]
    rank = len(node.output.shape if at_output else node.input(0).shape)
    answers = 0
    for perm in ((0, 1, 3, 2), (0, 2, 3, 1), (0, 3, 1, 2), (1, 0, 2), (0, 2, 1), (1, 0)):
        moved = op.permuted(Wish(node, perm, at_output)) if len(perm) == rank else None
        if moved is None:
            continue
        answers += 1
        inputs = [
            d if p is None else np.transpose(d.reshape((1,) * (len(p) - d.ndim) + d.shape), p)
            for d, p in zip(data, moved.inputs, strict=True)
        ]
        types = [
            TensorType(v.type.dtype, i.shape, v.type.quant)
            for v, i in zip((node.input(k) for k in range(len(data))), inputs, strict=True)
        ]
        like, _ = build((moved.op, types, example[2]))
        want: Numbers = np.transpose(op.reference(data, node)[0], moved.outputs[0])
        got: Numbers = moved.op.reference(inputs, like)[0]
        np.testing.assert_allclose(got, want, rtol=1e-6)
        assert (moved.outputs[0] if at_output else moved.inputs[0]) == perm
    if op.permuted.__name__ == "keeps_axes":
        assert answers == 0
    elif op.traits.pointwise or op.traits.moves:
        assert answers > 0, "it says that it can be permuted"


@pytest.mark.parametrize("case", IDENTITIES, ids=lambda case: title(case[0]))
def test_an_operator_that_does_nothing_passes_its_input_on(case: tuple[Example, int]) -> None:
    example, place = case
    node, data = build(example)
    if len(data) > 1:
        data[1] = np.zeros_like(data[1])
        node.input(1).data = data[1]
    assert example[0].passed_on(node) is node.input(place)
    np.testing.assert_array_equal(example[0].reference(data, node)[0].reshape(data[place].shape), data[place])


@pytest.mark.parametrize("example", EXAMPLES, ids=title)
def test_an_operator_that_does_something_is_not_passed_over(example: Example) -> None:
    node, data = build(example)
    result = example[0].reference(data, node)[0]
    if not (result.shape == data[0].shape and np.array_equal(result, data[0])):
        assert example[0].passed_on(node) is None


@pytest.mark.parametrize("kind", [row.name for row in MAP2.values() if row.neutral is not None])
@pytest.mark.parametrize("left", [False, True])
def test_neutral_operands_are_neutral(kind: str, left: bool) -> None:
    op = Map2(kind, rounding=Rounding.NEAREST_EVEN)
    neutral = Value(reals(), "neutral", np.array(op.row.neutral, np.float32))
    x, y = Value(reals(5), "x"), Value(reals(5), "y")
    node = Node(op, [neutral, x] if left else [x, neutral], [y], "here")
    data = np.array([0.5, 1.0, 2.0, 3.0, 7.5], np.float32)
    pair: list[Array] = [np.asarray(neutral.data), data]
    result = op.reference(pair if left else pair[::-1], node)[0]
    assert np.array_equal(result, data) == (not left or op.row.commutes)
    assert (op.passed_on(node) is x) == (not left or op.row.commutes)


#: The operators that each pass is about; of all others it knows their traits.
ABOUT: dict[str, set[str]] = {
    "simplify_branches": {"If", "Reshape"},
    "simplify_loops": {"Loop", "Reshape"},
    "cancel_quantize": {"Dequantize", "Quantize", "Reshape"},
    "chain": {"Reshape", "Transpose"},
    "eliminate_transposes": {"Reshape", "Transpose"},
    "fold_batch_norm": {"Map2"},
    "fuse_activation": {"Clip"},
    "fuse_padding": {"Pad", "Reshape"},
    "fuse_qdq": {"Dequantize", "Quantize"},
    "fuse_wide_qdq": {"Dequantize", "Quantize"},
    "fold_scale": {"Map2", "Softmax"},
    "fuse_transpose": {"BatchMatMul"},
    "fuse_row_norm": {"Fold", "Map1", "Map2", "Reshape", "RowNorm"},
    "fuse_table": {"Table"},
    "merge_movement": {"Reshape", "Transpose"},
    "move_quantize": {"Dequantize", "Quantize"},
    "normalize_unsigned": {"Quantize"},
    "permute_weights": {"FullyConnected", "Reshape"},
    "region": {"Transpose"},
    "remove_identities": {"Reshape"},
}


def test_passes_name_the_operators_that_they_are_about_and_no_others() -> None:
    kinds = {kind.__name__ for kind in operators()}
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "ariel_build/passes").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        named |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        if named & kinds:
            found[path.stem] = named & kinds
    assert found == ABOUT
