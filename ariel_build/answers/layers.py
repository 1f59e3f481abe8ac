"""Which tensor of the model's file each layer of the compiled graph computes, so that an oracle can judge it.

Rewrites fuse, move and permute operators: names alone do not tell. A layer's counterpart is a tensor that has the same
elements in our own reference, on the samples at hand, in the file's order of axes or another one. So our reference says
only which tensor to look at; whether the layer is right, the oracle's answer for that tensor says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ariel_build.answers.reference import Interpreter
from ariel_build.answers.samples import Samples
from ariel_build.ir import Array, DType, Graph, Value, readable
from ariel_build.records import dataclass

__all__ = ["ABSOLUTE", "Counterpart", "counterparts", "evaluate", "relative_of", "tolerance"]

#: |got - want| <= ABSOLUTE + RELATIVE * |want| for float32: our own order of sums.
RELATIVE, ABSOLUTE = 1e-4, 1e-5
#: The same of floats of 16 bits: two steps of their own.
_OF_HALVES = {DType.F16: 2.0**-9, DType.BF16: 2.0**-6}
#: The share of elements by which a tensor of a layer's name or place is its counterpart, where none has them all:
#: behind many layers, reals and the integers that stand for them are more than some quanta apart here and there.
_NEARLY = 0.99
#: More axes than that are compared in the file's order only.
_MOST_AXES = 5


@dataclass(frozen=True)
class Counterpart:
    """A tensor of the file, and the axes and the offset that make a layer's elements of its."""

    key: str
    axes: tuple[int, ...]
    offset: int

    def seen(self, tensor: Array, layer: Value) -> Array:
        """Returns what the file's tensor `[samples, *shape]` would be as this layer."""
        moved = tensor.transpose(0, *(axis + 1 for axis in self.axes)).reshape(-1, *layer.shape)
        return (moved.astype(np.int64) + self.offset).astype(layer.type.dtype.numpy) if self.offset else moved


def evaluate(graph: Graph, samples: Samples) -> Mapping[Value, Array]:
    """Returns every value of the graph in our own reference, `[samples, *shape]`."""
    interpreter = Interpreter(graph)
    runs = [interpreter.run([a[k] for a in samples.arrays]) for k in range(samples.count)]
    return {value: np.stack([run[value] for run in runs]) for value in runs[0]}


def tolerance(value: Value, want: Array, quanta: int, step: float = 0.0) -> Array:
    """Returns how far each element may be from `want`.

    Stored integers may be `quanta` steps away, other integers not at all; float32 as far as another order of sums
    leads, and `quanta` times `step` where they stand for stored integers of that scale.
    """
    if value.type.dtype.is_real:
        return ABSOLUTE + relative_of(value.type.dtype) * np.abs(readable(want).astype(np.float64)) + quanta * step
    return np.full(want.shape, float(quanta if value.type.quant is not None else 0))


def relative_of(dtype: DType) -> float:
    """Returns how far a real number may be from what it should be, in parts of that."""
    return _OF_HALVES.get(dtype, RELATIVE)


def counterparts(
    layers: Sequence[Value], mine: Mapping[Value, Array], imported: Graph, theirs: Mapping[Value, Array], quanta: int
) -> list[Counterpart | None]:
    """Returns for each layer the tensor of the file with the same elements, or None where there is none.

    `mine` has the layers' elements, `theirs` those of the graph as it was imported. A tensor of the layer's name comes
    first, then those made at the same place in the file, then the others.
    """
    tensors = [(key, value) for key, value in imported.tensors.items() if value in theirs and value.type.bytes]
    return [_counterpart(layer, mine[layer], tensors, theirs, quanta) for layer in layers]


def _counterpart(
    layer: Value, elements: Array, tensors: Sequence[tuple[str, Value]], theirs: Mapping[Value, Array], quanta: int
) -> Counterpart | None:
    def is_stranger(value: Value) -> bool:
        return layer.name != value.name and layer.origin != value.origin

    best, most = None, _NEARLY
    for key, value in sorted(tensors, key=lambda item: (item[1].name != layer.name, is_stranger(item[1]))):
        offset = _offset(value, layer)
        if offset is None:
            continue
        for axes in _orders(value.shape, layer.shape):
            candidate = Counterpart(key, axes, offset)
            want = candidate.seen(theirs[value], layer)
            distance = np.abs(readable(elements).astype(np.float64) - readable(want).astype(np.float64))
            same = (distance <= tolerance(layer, want, quanta)) | (
                np.isnan(readable(elements)) & np.isnan(readable(want))
            )
            if same.all():
                return candidate
            if same.mean() > most and not is_stranger(value):
                best, most = candidate, float(same.mean())
    return best


def _offset(tensor: Value, layer: Value) -> int | None:
    """Returns what added to the tensor's elements gives the layer's (uint8 became int8), or None for another type."""
    a, b = tensor.type, layer.type
    if (a.quant is None) != (b.quant is None) or a.elements != b.elements:
        return None
    if a.quant is not None and b.quant is not None:
        ours, theirs = b.quant.scales, a.quant.scales
        if len(ours) != len(theirs) or not np.allclose(ours, theirs, rtol=1e-6):
            return None
    if a.dtype is b.dtype:
        return 0
    return -128 if (a.dtype, b.dtype) == (DType.U8, DType.I8) else None


def _orders(shape: Sequence[int], wanted: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yields orders of the axes of `shape`, first the given one, whose neighbours joined give `wanted`."""
    given = tuple(range(len(shape)))
    yield given
    if len(shape) <= _MOST_AXES:
        for axes in itertools.permutations(given):
            if axes != given and _joins([shape[axis] for axis in axes], wanted):
                yield axes


def _joins(extents: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether neighbouring extents multiply to those wanted, axes of 1 aside."""
    rest = [extent for extent in extents if extent > 1]
    for extent in wanted:
        joined = 1
        while joined < extent:
            if not rest:
                return False
            joined *= rest.pop(0)
        if joined != extent:
            return False
    return not rest
