"""Graphs of operators in many types and sizes, for kernels that few models have: every row of the operators' tables."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ariel_build.boards.board import Board
from ariel_build.errors import InternalError
from ariel_build.ir import Array, DType, Graph, Node, Quant, TensorType, Value
from ariel_build.isa.portable import portable
from ariel_build.isa.select import select
from ariel_build.kernels import KernelCall, LayerCall
from ariel_build.kernels.declared.index import Combined
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.best import Best, Top
from ariel_build.ops.boxes import Beyond, Boxed
from ariel_build.ops.cast import Cast
from ariel_build.ops.clip import Clip
from ariel_build.ops.compare import Compare, Logic, Not
from ariel_build.ops.compare_rows import LOGIC, RELATIONS
from ariel_build.ops.conv2d import Conv2d
from ariel_build.ops.conv_transpose import ConvTranspose
from ariel_build.ops.copy import Copy
from ariel_build.ops.depthwise_conv2d import DepthwiseConv2d
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.fold import Fold
from ariel_build.ops.fold_rows import FOLDS
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.gather import Gather, GatherElements, GatherNd
from ariel_build.ops.grid_sample import GridSample
from ariel_build.ops.l2_normalization import L2Normalization
from ariel_build.ops.map1 import Map1
from ariel_build.ops.map1_rows import MAP1
from ariel_build.ops.map2 import Map2
from ariel_build.ops.map2_rows import MAP2
from ariel_build.ops.pool2d import Pool2d, PoolKind
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.ops.recurrent import GATES, Activation, Recurrent
from ariel_build.ops.resample import Bilinear, Resample
from ariel_build.ops.row_norm import RowNorm
from ariel_build.ops.running import Running
from ariel_build.ops.scatter import AtIndices, AtRows, AtStart, Combine, Elements, Scatter
from ariel_build.ops.select import Select
from ariel_build.ops.softmax import LogSoftmax, Softmax
from ariel_build.ops.svdf import Svdf
from ariel_build.ops.transpose import Transpose
from ariel_build.ops.window import Window
from ariel_build.schedule.features import features
from tools.costs.rare import rare
from tools.costs.wanted import Wanted

__all__ = ["calls", "chosen", "each_once", "graphs"]

#: Shapes of operators that work element by element.
SHAPES = ((16,), (5, 20), (3, 8, 30))
I8 = Quant((0.05,), (3,))
I16 = Quant((1e-4,), (0,))
#: The nodes of a graph, and calls of a kernel, at most.
_MANY, _CALLS = 60, 4


def graphs(only: Collection[str] = ()) -> Iterator[Graph]:
    """Yields graphs whose nodes do not depend on each other; what no kernel computes is left out.

    `only` has the paths of the kernels that are asked for, where not all are.
    """
    different = [one for one in _different(wanted()) if not only or _portable(one).kernel.path in only]
    for start in range(0, len(different), _MANY):
        yield _graph(different[start : start + _MANY])


def each_once(board: Board, only: Collection[str] = ()) -> Iterator[Graph]:
    """Yields graphs that have one call of each kernel that the board chooses, or of `only` some: the greatest."""
    found: dict[str, tuple[int, Wanted]] = {}
    for one in _different(wanted()):
        call = select([one.op.lower(_node(one, {}))], board).calls[0]
        size = call.macs + sum(value.type.elements for value in call.outputs)
        found[call.kernel.path] = max(found.get(call.kernel.path, (0, one)), (size, one), key=lambda item: item[0])
    chosen = [one for path, (_, one) in found.items() if not only or path in only]
    for start in range(0, len(chosen), _MANY):
        yield _graph(chosen[start : start + _MANY])


def chosen(board: Board, only: Collection[str]) -> Iterator[Graph]:
    """Yields graphs of calls for which the board chooses one of the kernels `only` in place of a portable one."""
    nodes = [
        one for one in _different(wanted(), lambda call: select([call], board).calls[0]) if _path(one, board) in only
    ]
    for start in range(0, len(nodes), _MANY):
        yield _graph(nodes[start : start + _MANY])


def calls(board: Board) -> Iterator[KernelCall]:
    """Yields some calls of each kernel that the board chooses, and of those that are portable."""
    for of in (None, lambda call: select([call], board).calls[0]):
        for one in _different(wanted(), of):
            yield _portable(one) if of is None else select([one.op.lower(_node(one, {}))], board).calls[0]


def _path(one: Wanted, board: Board) -> str:
    return select([one.op.lower(_node(one, {}))], board).calls[0].kernel.path


def wanted() -> Iterator[Wanted]:
    """Yields all nodes, also such as no kernel computes."""
    return itertools.chain(
        _maps(),
        _spread(),
        _comparisons(),
        _folds(),
        _casts(),
        _rows(),
        _indices(),
        _images(),
        _products(),
        _recurrent(),
        rare(),
    )


def _different(
    nodes: Iterable[Wanted], of: Callable[[LayerCall | KernelCall], KernelCall] | None = None
) -> Iterator[Wanted]:
    """Yields what some kernel computes, for each kernel a few calls that differ in what their costs are made of.

    `of` chooses the kernel, without it the portable one.
    """
    seen: dict[str, set[object]] = defaultdict(set)
    for one in nodes:
        try:
            call = _portable(one) if of is None else of(one.op.lower(_node(one, {})))
        except (UnsupportedReason, ValueError, InternalError, KeyError, TypeError, AttributeError):
            continue
        counts = tuple(features(call).items())
        known = seen[call.kernel.path]
        if counts not in known and len(known) < _CALLS:
            known.add(counts)
            yield one


def _portable(one: Wanted) -> KernelCall:
    call = one.op.lower(_node(one, {}))
    return portable(call) if isinstance(call, LayerCall) else call


def _graph(wanted: Sequence[Wanted]) -> Graph:
    """Returns the graph; inputs of one type and place are one."""
    given: dict[tuple[TensorType, int], Value] = {}
    nodes = [_node(one, given) for one in wanted]
    outputs = [value for node in nodes for value in node.outputs]
    return Graph("made", list(given.values()), outputs, nodes, source="made")


def _node(one: Wanted, given: dict[tuple[TensorType, int], Value]) -> Node:
    inputs: list[Value | None] = []
    for place, type_ in enumerate(one.inputs):
        if type_ is None:
            inputs.append(None)
        elif place in one.constants:
            inputs.append(Value(type_, f"constant_{place}", one.data.get(place, _constant(type_))))
        else:
            inputs.append(given.setdefault((type_, place), Value(type_, f"input_{len(given)}")))
    made = [t for t in one.op.infer(list(one.inputs)) if t is not None]
    quants = one.quant if isinstance(one.quant, tuple) else (one.quant,) * len(made)
    outputs = [
        Value(TensorType(t.dtype, t.shape, quant), f"output_{k}")
        for k, (t, quant) in enumerate(zip(made, quants, strict=True))
    ]
    return Node(one.op, inputs, outputs, "made")


def _constant(type_: TensorType) -> Array:
    rng = np.random.default_rng(7)
    if type_.dtype.is_real:
        return rng.standard_normal(type_.shape).astype(type_.dtype.numpy)
    return rng.integers(1, 100, type_.shape).astype(type_.dtype.numpy)


def _type(dtype: DType, *shape: int, quant: Quant | None = None) -> TensorType:
    return TensorType(dtype, shape, quant)


def _reals(*shape: int) -> TensorType:
    return _type(DType.F32, *shape)


def _stored(*shape: int, quant: Quant | None = I8) -> TensorType:
    return _type(DType.I16 if quant == I16 else DType.I8, *shape, quant=quant)


def _every(*shape: int) -> Iterator[TensorType]:
    """Yields a tensor of each type, and of each quantised one."""
    yield from (_type(dtype, *shape) for dtype in DType)
    yield from (_stored(*shape), _stored(*shape, quant=I16))


def _maps() -> Iterator[Wanted]:
    for shape in SHAPES:
        for type_ in _every(*shape):
            for kind, row in MAP1.items():
                yield Wanted(Map1(kind, (0.7,) * len(row.parameters)), (type_,), type_.quant)
            yield Wanted(Clip((0.0, 6.0)), (type_,), type_.quant)
            yield Wanted(Not(), (type_,))
            for low in ((-1.0, 1.0), (0.0, 2.0)):
                yield Wanted(Clip(low), (type_,), type_.quant)
            for kind, rounding in itertools.product(MAP2, (Rounding.DOUBLE, Rounding.NEAREST_EVEN)):
                op = Map2(kind, rounding=rounding)
                yield Wanted(op, (type_, type_), type_.quant)
                if len(shape) > 1:
                    for spread in (shape[-1:], (*shape[:-1], 1)):
                        yield Wanted(op, (type_, replace(type_, shape=spread)), type_.quant)


def _spread() -> Iterator[Wanted]:
    """Operators of two operands of int8, one of which stays along rows of several lengths."""
    for shape in ((2, 60), (12, 12), (40, 7), (9, 33)):
        for kind in ("Add", "Mul", "SquaredDifference"):
            quant = Quant((0.004 if kind != "Add" else 0.05,), (-5,))
            yield Wanted(Map2(kind), (_stored(*shape), _stored(shape[0], 1)), quant)


def _comparisons() -> Iterator[Wanted]:
    for shape in SHAPES:
        for type_ in _every(*shape):
            spread = replace(type_, shape=shape[-1:])
            for other in (type_, spread):
                yield from (Wanted(Compare(relation), (type_, other)) for relation in RELATIONS)
                yield from (Wanted(Logic(kind), (type_, other)) for kind in LOGIC)
                yield Wanted(Select(), (_type(DType.BOOL, *shape), type_, other), type_.quant)


def _folds() -> Iterator[Wanted]:
    for shape, axes in (((4, 12), (1,)), ((4, 12), (0,)), ((3, 8, 30), (2,)), ((3, 8, 30), (0, 1)), ((6, 6, 20), (1,))):
        for type_ in _every(*shape):
            for kind, rounding in itertools.product(FOLDS, (Rounding.DOUBLE, Rounding.NEAREST_EVEN)):
                yield Wanted(Fold(kind, axes, rounding=rounding), (type_,), type_.quant)


def _casts() -> Iterator[Wanted]:
    for shape in ((16,), (5, 20), (600,)):
        for dtype, to in itertools.product(DType, DType):
            yield Wanted(Cast(to), (_type(dtype, *shape),))
        for quant, other in itertools.product((I8, I16), (I8, I16)):
            yield Wanted(Quantize(), (_stored(*shape, quant=quant),), replace(other, scales=(0.07,)))
            yield Wanted(Dequantize(), (_stored(*shape, quant=quant),))
            yield Wanted(Quantize(), (_reals(*shape),), quant)
        yield Wanted(Quantize(DType.I16, Rounding.NEAREST_EVEN), (_reals(*shape),), I16)
        for dtype in (DType.I32, DType.U8):
            quant = Quant((0.01,), (0,))
            yield Wanted(Dequantize(), (_type(dtype, *shape, quant=quant),))
            yield Wanted(Quantize(), (_stored(*shape),), quant)


def _rows() -> Iterator[Wanted]:
    for shape in ((1, 10), (8, 8), (4, 100), (2, 12, 24)):
        for type_, rounding in itertools.product(
            (_reals(*shape), _stored(*shape), _stored(*shape, quant=I16)), (Rounding.DOUBLE, Rounding.NEAREST_EVEN)
        ):
            for quant in (type_.quant, Quant((1 / 256,), (-128,)), Quant((1 / 32768,), (0,))):
                for kind in (Softmax, LogSoftmax):
                    for axis in (-1, 0):
                        yield Wanted(kind(axis % len(shape), rounding=rounding), (type_,), quant)
            yield Wanted(L2Normalization(), (type_,), Quant((1 / 128,), (0,)))
        last = shape[-1]
        yield Wanted(RowNorm(len(shape) - 1, 1e-5), (_reals(*shape), _reals(last), _reals(last)))
        yield Wanted(RowNorm(len(shape) - 1, 1e-5, centred=False), (_reals(*shape), _reals(last), _reals(last)))


def _indices() -> Iterator[Wanted]:
    for rows, row in ((3, 8), (12, 20), (30, 7), (6, 120)):
        for type_ in _every(rows, row):
            some = _type(DType.I32, 5)
            quant = type_.quant
            for axis in (0, 1):
                yield Wanted(Best(axis), (type_,))
                yield Wanted(Top(axis, 3), (type_,), quant)
                yield Wanted(Running(axis), (type_,), quant)
                yield Wanted(Gather(wraps=True, axis=axis, batch=0), (type_, some), quant)
                yield Wanted(GatherElements(wraps=True, axis=axis), (type_, _type(DType.I32, rows, row)), quant)
            updates = replace(type_, shape=(5, row))
            ways = {
                AtRows(wraps=True, axis=0, batch=0): some,
                AtIndices(wraps=True): _type(DType.I32, 5, 1),
                Elements(wraps=True, axis=0): _type(DType.I32, 5, row),
            }
            for way, places in ways.items():
                yield Wanted(Scatter(way), (type_, places, updates), quant)
                yield Wanted(Combine(way, Combined.ADD), (type_, places, updates), quant)
            yield Wanted(
                Scatter(AtStart(wraps=True)), (type_, _type(DType.I32, 2), replace(type_, shape=(2, row))), quant
            )
            yield Wanted(GatherNd(wraps=True), (type_, _type(DType.I32, 9, 2)), quant)
            for beyond in Beyond:
                value = replace(type_, shape=())
                ends = [_type(DType.I32, 2)] * 3
                yield Wanted(Boxed((rows + 1, row + 2), beyond, borders=True), (type_, *ends, value), quant)
            yield Wanted(Copy(), (type_,), quant)
            yield Wanted(Transpose((1, 0)), (type_,), quant)


def _images() -> Iterator[Wanted]:
    window = Window((2, 2), (2, 2))
    for side, depth in ((4, 3), (8, 8), (12, 16)):
        shape = (1, side, side, depth)
        for type_ in (_reals(*shape), _stored(*shape), _stored(*shape, quant=I16)):
            quant = type_.quant
            for kind, size in itertools.product(PoolKind, (window, Window((3, 3)))):
                yield Wanted(Pool2d(kind, size), (type_,), quant)
            yield Wanted(Bilinear((side + 3, side * 2)), (type_,), quant)
            yield Wanted(Resample(1, (0, 1, 1), ((0.5, 0.5), (0.75, 0.25), (0.0, 1.0))), (type_,), quant)
            yield Wanted(Resample(3, (0, 1, 1), ((0.5, 0.5), (0.75, 0.25), (0.0, 1.0))), (type_,), quant)
            yield Wanted(GridSample(), (type_, _reals(1, side * 2, 2)), quant)
            yield from _layers(type_, side, depth)


def _layers(type_: TensorType, side: int, depth: int) -> Iterator[Wanted]:
    """Yields convolutions of all kinds, with both roundings."""
    window, double = Window((3, 3)), Window((4, 4), (2, 2), padding=(1, 1, 1, 1))
    along = Window((1, 4), (1, 2), padding=(0, 1, 0, 1))
    quant = type_.quant
    if quant is None:
        weights: TensorType = _reals(depth + 2, 3, 3, depth)
        sums = _reals(depth + 2)
    else:
        weights = _stored(depth + 2, 3, 3, depth, quant=Quant((0.02,), (0,)))
        wide = DType.I64 if quant == I16 else DType.I32
        sums = _type(wide, depth + 2, quant=Quant((quant.scale * 0.02,), (0,)))
    for rounding, bias in itertools.product(Rounding, (sums, replace(sums, dtype=DType.I32))):
        args = (type_, weights, bias)
        fixed = (1, 2)
        yield Wanted(Conv2d(window, rounding=rounding), args, quant, fixed)
        own = (type_, replace(weights, shape=(1, 3, 3, depth)), replace(bias, shape=(depth,)))
        doubled = (type_, replace(weights, shape=(depth, 4, 4, depth)), replace(bias, shape=(depth,)))
        # Of sound: a row that is deep.
        line = replace(type_, shape=(1, 1, side, depth * 8))
        deep = (line, replace(weights, shape=(depth, 1, 4, depth * 8)), replace(bias, shape=(depth,)))
        # As if a ReLU ended it.
        ended = Quant((20.0,), (-128,))
        for end in (quant, ended) if quant == I8 else (quant,):
            yield Wanted(ConvTranspose(window, (side + 2, side + 2), rounding=rounding), args, end, fixed)
            if depth % 4 == 0:
                yield Wanted(ConvTranspose(double, (side * 2, side * 2), rounding=rounding), doubled, end, fixed)
                yield Wanted(ConvTranspose(along, (1, side * 2), rounding=rounding), deep, end, fixed)
        for stride in (1, 2):
            strided = Window((3, 3), (stride, stride))
            yield Wanted(DepthwiseConv2d(strided, rounding=rounding), own, quant, fixed)
            if quant == I8:
                yield Wanted(Conv2d(window, rounding=rounding), args, ended, fixed)
                yield Wanted(DepthwiseConv2d(strided, rounding=rounding), own, ended, fixed)
        flat = (replace(type_, shape=(side, depth)), replace(weights, shape=(depth * 2, depth)))
        dense = (*flat, replace(bias, shape=(depth * 2,)))
        yield Wanted(FullyConnected(rounding=rounding, keep_dims=True), dense, quant, fixed)


def _products() -> Iterator[Wanted]:
    for rows, depth, columns in ((2, 8, 3), (8, 16, 8), (5, 24, 30)):
        for type_ in _every(2, rows, depth):
            other = replace(type_, shape=(2, depth, columns))
            for rounding in Rounding:
                yield Wanted(BatchMatMul(rounding=rounding), (type_, other), type_.quant)
    # Of transformers: heads of few rows.
    for heads, rows, depth, columns in ((2, 8, 8, 8), (4, 6, 12, 16), (1, 16, 32, 20), (3, 9, 4, 9)):
        for type_ in (_reals(heads, rows, depth), _stored(heads, rows, depth)):
            other = replace(type_, shape=(heads, columns, depth))
            for rounding in Rounding:
                yield Wanted(BatchMatMul(adj_y=True, rounding=rounding), (type_, other), type_.quant)


def _recurrent() -> Iterator[Wanted]:
    tanh, sigmoid = Activation("Tanh"), Activation("Sigmoid")
    kinds = {"rnn": (tanh,), "gru": (sigmoid, tanh), "lstm": (sigmoid, tanh, tanh)}
    for steps, depth, units in ((2, 4, 5), (5, 8, 16), (9, 12, 24)):
        state = _reals(1, 1, units)
        for kind, functions in kinds.items():
            rows = GATES[kind] * units
            weights = (_reals(1, rows, depth), _reals(1, rows, units), _reals(1, rows), _reals(1, rows))
            states = (state, state) if kind == "lstm" else (state,)
            rest = (None,) if kind == "lstm" else ()
            fixed = tuple(range(1 + len(states), 1 + len(states) + len(weights)))
            given = (_reals(1, steps, depth), *states, *weights, *rest)
            yield Wanted(Recurrent(kind, functions), given, None, fixed)
        filters = units * 2
        memory = (_reals(1, depth), _reals(1, filters * 9), _reals(filters, depth), _reals(filters, 9), _reals(units))
        yield Wanted(Svdf(rank=2), memory, None, (2, 3, 4))
