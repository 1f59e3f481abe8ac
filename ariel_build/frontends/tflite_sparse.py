"""Sparse constants of a TFLite file, made dense: a tree whose levels are the tensor's axes, dense or compressed.

A level is an axis of the tensor, or the inside of a block along one. Under each node of the level above, a dense level
has a node for every coordinate, a compressed one for those that `array_indices[array_segments[k] .. [k + 1]]` lists.
The nodes of the last level are the stored elements, in order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.frontends.checks import corrupt
from ariel_build.frontends.flatbuffer import FlatFile
from ariel_build.frontends.tflite_schema import index_vector
from ariel_build.ir import Array

__all__ = ["dense"]

Indices = npt.NDArray[np.int64]

_DENSE, _COMPRESSED = 0, 1


def dense(file: FlatFile, sparsity: Any, elements: Array, shape: tuple[int, ...], origin: str) -> Array:  # noqa: ANN401 - generated
    """Returns the tensor of which `elements` are the stored ones, zeros elsewhere; ModelError where they do not fit."""
    order, blocks = file.tuple(sparsity, "TraversalOrder"), file.tuple(sparsity, "BlockMap")
    levels = file.tables(sparsity, "DimMetadata")
    rank = len(shape)
    if sorted(order) != list(range(rank + len(blocks))) or len(levels) != len(order):
        raise corrupt(f"its {len(levels)} levels are not its {rank} axes and {len(blocks)} blocks", origin)
    if len(set(blocks)) < len(blocks) or not all(0 <= axis < rank for axis in blocks):
        raise corrupt(f"its blocks {list(blocks)} lie along no axes", origin)
    sizes = {order[k]: level.DenseSize() for k, level in enumerate(levels) if order[k] >= rank}
    inner = dict(zip(blocks, (sizes[rank + k] for k in range(len(blocks))), strict=True))
    if any(size < 1 or shape[axis] % size for axis, size in inner.items()):
        raise corrupt(f"its blocks of {list(inner.values())} do not divide its shape {list(shape)}", origin)
    nodes, places = 1, np.zeros(1, np.int64)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(rank)]
    for number, level in zip(order, levels, strict=True):
        axis = number if number < rank else blocks[number - rank]
        size = inner.get(axis, 1)
        extent, step = (shape[axis] // size, size * strides[axis]) if number < rank else (size, strides[axis])
        counts, coordinates = _level(file, level, nodes, extent, origin)
        places = np.repeat(places, counts) + coordinates * step
        nodes = len(places)
    if nodes != elements.size:
        raise corrupt(f"its levels lead to {nodes} elements, its buffer has {elements.size}", origin)
    made = np.zeros(math.prod(shape), elements.dtype)
    made[places] = elements
    return made.reshape(shape)


def _level(file: FlatFile, level: Any, nodes: int, extent: int, origin: str) -> tuple[Indices, Indices]:  # noqa: ANN401 - generated
    """Returns how many nodes of a level lie under each of those above, and the coordinate of each."""
    if level.Format() == _DENSE:
        if level.DenseSize() != extent:
            raise corrupt(f"a level has {level.DenseSize()} coordinates, its axis {extent}", origin)
        # Each node is one of the next level's segments, or a stored element, of half a byte at least.
        if nodes * extent > 2 * len(file.data):
            raise corrupt(f"a level has {nodes * extent} nodes, more than the file can tell of", origin)
        return np.full(nodes, extent, np.int64), np.tile(np.arange(extent, dtype=np.int64), nodes)
    if level.Format() != _COMPRESSED:
        raise corrupt(f"a level is of an unknown kind, {level.Format()}", origin)
    segments, coordinates = (index_vector(file, level, name) for name in ("ArraySegments", "ArrayIndices"))
    counts = np.diff(segments)
    if len(segments) != nodes + 1 or segments[0] != 0 or segments[-1] != len(coordinates) or (counts < 0).any():
        raise corrupt(f"the segments of a level are not those of {nodes} nodes", origin)
    if len(coordinates) and not 0 <= coordinates.min() <= coordinates.max() < extent:
        raise corrupt(f"a coordinate of a level lies outside its axis of {extent}", origin)
    return counts, coordinates
