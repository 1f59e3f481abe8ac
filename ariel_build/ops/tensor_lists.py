"""A list of tensors, one of which is written: SLICE up to it, what is written, and SLICE behind it, joined.

TensorFlow's converter makes that of TensorListSetItem, in the loops of recurrent layers that return all their steps.
How long the two slices are, only the run time knows; the list is as long as before: its row `index` is another one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Node, Quant, Value
from ariel_build.ops.importer import Importer, Unsized
from ariel_build.ops.map2 import Map2
from ariel_build.ops.quantize import requantized
from ariel_build.ops.reshape import Reshape, reshape
from ariel_build.ops.scatter import AtIndices, Scatter

__all__ = ["written"]


def written(importer: Importer, quant: Quant | None) -> bool:
    """Imports the CONCATENATION of three along axis 0 as a row that is written, if it is one; else does nothing."""
    keys = importer.node.inputs
    if len(keys) != 3 or keys[1] is None:
        return False
    before, behind = (importer.unsized.get(key or "") for key in (keys[0], keys[2]))
    if before is None or behind is None or before.source is not behind.source:
        return False
    index, row = _index(importer, before, behind), importer.input(1)
    data = before.source
    if index is None or row.shape != (1, *data.shape[1:]):
        return False
    values = [
        requantized(importer, data, quant),
        reshape(importer, index, (1, 1)),
        requantized(importer, row, quant),
    ]
    importer.bind(*importer.emit(Scatter(AtIndices(wraps=False)), values, [quant]))
    return True


def _index(importer: Importer, before: Unsized, behind: Unsized) -> Value | None:
    """Returns the index of the row between two slices of a list; None where it is not one row, or not known to be."""
    extents = before.source.shape
    first, last = _leading(importer, before.size), _leading(importer, behind.begin)
    begins = before.begin.data is not None and not before.begin.data.any()
    if first is None or last is None or not begins or behind.size.data is None:
        return None
    (up_to, sizes), (begin, begins_behind) = first, last
    to_the_end, *rest = behind.size.data.reshape(-1).tolist()
    if not _whole(sizes, extents[1:]) or any(begins_behind) or to_the_end != -1 or not _whole(rest, extents[1:]):
        return None
    after = _made_by(importer, begin)
    if after is None or after.op != Map2("Add"):
        return None
    one = [
        v for v in after.inputs if v is not None and v.data is not None and v.type.elements == 1 and v.data.item() == 1
    ]
    others = [v for v in after.inputs if v is not None and v not in one]
    return up_to if one and len(others) == 1 and _root(importer, others[0]) is up_to else None


def _whole(sizes: Sequence[int], extents: Sequence[int]) -> bool:
    """Whether a slice of such sizes has all of the axes; -1 is what there is."""
    return len(sizes) == len(extents) and all(size in (-1, n) for size, n in zip(sizes, extents, strict=True))


def _leading(importer: Importer, vector: Value) -> tuple[Value, Sequence[int]] | None:
    """Returns the first number of a vector, which the run time computes, and the others, which are known."""
    joined = _made_by(importer, vector)
    if joined is None or joined.op.name != "Concat" or len(joined.inputs) < 2:
        return None
    first, *others = joined.inputs
    if first is None or first.type.elements != 1 or any(v is None or v.data is None for v in others):
        return None
    return _root(importer, first), [int(n) for v in others if v is not None for n in np.asarray(v.data).reshape(-1)]


def _root(importer: Importer, value: Value) -> Value:
    """Returns what a value is a view of."""
    while (node := _made_by(importer, value)) is not None and isinstance(node.op, Reshape):
        value = node.input(0)
    return value


def _made_by(importer: Importer, value: Value) -> Node | None:
    return next((node for node in reversed(importer.nodes) if value in node.outputs), None)
