"""FullyConnected(Reshape(Transpose(x)), W) -> FullyConnected(Reshape(x), W'): the columns of W are permuted instead.

So a flattened image in NCHW order, as exporters of NCHW models leave it, needs no transpose in NHWC.
"""

from __future__ import annotations

import math

import numpy as np

from ariel_build.ir import Graph, Node, TensorType, Value
from ariel_build.ops.fully_connected import FullyConnected
from ariel_build.ops.permutation import Perm, inverse
from ariel_build.ops.reshape import Reshape
from ariel_build.passes.base import PassLog
from ariel_build.passes.editor import Editor
from ariel_build.passes.region import transpose_of

__all__ = ["permute_weights"]


def permute_weights(graph: Graph, log: PassLog) -> bool:
    """Works a transpose in front of a layer into the layer's weights."""
    editor = Editor(graph, log)
    for node in editor.nodes():
        if not isinstance(node.op, FullyConnected):
            continue
        reshape = editor.producer(node.input(0))
        transpose = reshape
        if reshape is not None and isinstance(reshape.op, Reshape):
            transpose = editor.producer(reshape.input(0))
        perm = transpose_of(transpose)
        if transpose is None or perm is None:
            continue
        columns = column_order(node, transpose, perm)
        if isinstance(columns, str):
            log.refused(node, columns)
            continue
        log.rewrote(node, f"permuted the weights instead of {transpose.origin}")
        filter_ = permuted_columns(node.input(1), columns)
        source = editor.emit(Reshape(node.input(0).shape), [transpose.input(0)], node, quant=node.input(0).type.quant)
        editor.substitute(node, node.op, [source, filter_, *node.inputs[2:]])
    return editor.finish()


def column_order(node: Node, transpose: Node, perm: Perm) -> list[int] | str:
    """Returns which column of the weights meets each element of a row of the source, or why there is no one order."""
    filter_ = node.input(1)
    if filter_.data is None:
        return "the weights are computed at run time"
    depth = filter_.shape[1]
    shape = transpose.output.shape
    # The trailing axes that make one row.
    first = next((k for k in range(len(shape) + 1) if math.prod(shape[k:]) == depth), None)
    if first is None:
        return "a row of the layer is no whole number of axes of the transposed tensor"
    rows, row = perm[:first], perm[first:]
    # The axes in front count rows: they must be in front, and in order, in the source, too.
    real = [p for p in rows if transpose.input(0).shape[p] != 1]
    if real != sorted(real) or any(p > q and transpose.input(0).shape[q] != 1 for p in real for q in row):
        return "the transpose changes the order of rows"
    order = np.arange(depth).reshape([shape[k] for k in range(first, len(shape))])
    ranks = sorted(row)
    back = inverse(tuple(ranks.index(p) for p in row))
    return [int(k) for k in order.transpose(back).reshape(-1)]


def permuted_columns(filter_: Value, columns: list[int]) -> Value:
    """Returns weights [n, k] with columns in another order; their stored twin is permuted alike."""
    data = np.ascontiguousarray(np.asarray(filter_.data)[:, columns])
    twin = None if filter_.stored is None else permuted_columns(filter_.stored, columns)
    type_ = TensorType(filter_.type.dtype, data.shape, filter_.type.quant)
    return Value(type_, filter_.name, data, filter_.origin, twin)
