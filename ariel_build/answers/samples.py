"""npz files of samples: one array per model input (output), `[samples, *shape]` in the model's own shape and type."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

import numpy as np

from ariel_build.answers.npz import Packed, open_npz
from ariel_build.errors import MetadataError
from ariel_build.frontends import SourceModel
from ariel_build.frontends.checks import public_names
from ariel_build.ir import Array, Bound, Graph, Value, converted
from ariel_build.machine.files import write_atomically
from ariel_build.records import dataclass

__all__ = [
    "RARE",
    "Samples",
    "bind_dims",
    "cut_outputs",
    "load",
    "padded",
    "random_samples",
    "rare_samples",
    "save",
    "split_outputs",
]


@dataclass(frozen=True)
class Samples:
    """Samples of every input, in the model's order; each array is `[count, *shape]`.

    `lead` holds the axes that the user's arrays have in front of the model's shape: usually one, the samples. `sizes`
    are those that bounded dimensions have in all samples.
    """

    arrays: Sequence[Array]
    lead: tuple[int, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.arrays[0]) if self.arrays else 1

    def raw(self) -> list[bytes]:
        """Returns each sample's bytes: all inputs in the model's order, little-endian."""
        return [b"".join(_bytes(a[k]) for a in self.arrays) for k in range(self.count)]


def _bytes(array: Array) -> bytes:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def names_of(values: Sequence[Value], kind: str) -> list[str]:
    """Returns the name of each array: the tensor's, or `input_<i>` where that is empty or repeated."""
    return public_names([v.name for v in values], kind)


def find(arrays: Mapping[str, Packed], name: str, index: int, aliases: Sequence[str] = ()) -> Packed | None:
    """Returns the header of an input's array by its name, its number or its signature's name."""
    alias = aliases[index] if index < len(aliases) else ""
    names = (name, f"input_{index}", *([alias] if alias else []))
    return next((arrays[n] for n in names if n in arrays), None)


def bind_dims(path: Path, source: SourceModel) -> dict[str, int]:
    """Returns the sizes that an npz gives to the model's free dimensions."""
    if not source.free_dims:
        return {}
    arrays = open_npz(path)
    names = dict(zip(source.inputs, source.input_names, strict=True))
    dims: dict[str, int] = {}
    for dim, places in source.free_dims.items():
        for key, axis in places:
            if key not in names:
                continue
            array = find(arrays, names[key], source.inputs.index(key), source.input_aliases)
            if array is not None and array.ndim > axis + 1:
                rank = len(source.tensors[key].shape or ())
                dims[dim] = int(array.shape[axis + max(array.ndim - rank, 1)])
    return dims


def load(
    path: Path, inputs: Sequence[Value], aliases: Sequence[str] = (), bounds: Sequence[Bound | None] = ()
) -> Samples:
    """Returns the samples in an npz file, checked against the model's inputs; `aliases` are their signature's names.

    Where a dimension of an input is only bounded (`bounds`), the file's is its size, and the arrays are as long as the
    bound: what is behind is no number that anybody may use.
    """
    packed = open_npz(path)
    found: list[Packed] = []
    leads: list[tuple[int, ...]] = []
    sizes: dict[str, int] = {}
    shapes: list[tuple[int, ...]] = []
    for index, (value, name) in enumerate(zip(inputs, names_of(inputs, "input"), strict=True)):
        array = find(packed, name, index, aliases)
        if array is None:
            have = ", ".join(f"`{n}`" for n in packed) or "none"
            raise MetadataError(
                f"no array for the model's input `{name}`", str(path), f"it has {have}; `input_{index}` works as well"
            )
        wanted = value.type.dtype.numpy
        axes = array.ndim - len(value.shape)
        bound = bounds[index] if index < len(bounds) else None
        shape = value.shape if bound is None or axes < 1 else _sized(value, bound, array.shape[axes:], sizes)
        if axes < 1 or array.shape[axes:] != shape:
            told = [str(n) if bound is None or n % bound.most else f"..={n}" for n in value.shape]
            raise MetadataError(
                f"`{name}` is {list(array.shape)}, the model's input is [{', '.join(told)}]",
                str(path),
                f"give [samples, {', '.join(told)}]",
            )
        shapes.append(shape)
        if array.dtype != wanted:
            raise MetadataError(f"`{name}` is {array.dtype}, the model's input is {wanted}", str(path))
        leads.append(array.shape[:axes])
        found.append(array)
    if len(set(leads)) > 1:
        raise MetadataError("the inputs have different numbers of samples", str(path))
    if leads and not math.prod(leads[0]):
        raise MetadataError("there are no samples", str(path))
    # Only now, as all that is wanted is there, is anything unpacked.
    count = math.prod(leads[0]) if leads else 1
    arrays = [np.ascontiguousarray(a.read()).reshape(count, *shape) for a, shape in zip(found, shapes, strict=True)]
    return padded(Samples(arrays, leads[0] if leads else (), sizes), inputs)


def _sized(value: Value, bound: Bound, given: tuple[int, ...], sizes: dict[str, int]) -> tuple[int, ...]:
    """Returns the shape that an input has with the size that its array gives to a dimension, which is noted."""
    axis = bound.axis(value.shape)
    size, rest = divmod(given[axis], value.shape[axis] // bound.most)
    if rest or not 1 <= size <= bound.most or sizes.setdefault(bound.name, size) != size:
        return value.shape
    return (*value.shape[:axis], given[axis], *value.shape[axis + 1 :])


def padded(samples: Samples, inputs: Sequence[Value]) -> Samples:
    """Returns samples as long as the bounds; all bits behind what there is are set, which is no float."""
    arrays = []
    for array, value in zip(samples.arrays, inputs, strict=True):
        if array.shape[1:] == value.shape:
            arrays.append(array)
            continue
        whole = np.frombuffer(b"\xff" * (len(array) * value.type.bytes), array.dtype)
        whole = whole.reshape(len(array), *value.shape).copy()
        whole[tuple(slice(n) for n in array.shape)] = array
        arrays.append(whole)
    return replace(samples, arrays=arrays)


def cut_outputs(outputs: Mapping[str, Array], graph: Graph, samples: Samples) -> dict[str, Array]:
    """Returns what there is of the outputs `[*lead, *shape]` with the sizes of the samples."""
    found = {}
    for (name, array), value, bound in zip(
        outputs.items(), graph.outputs, graph.output_bounds or [None] * len(outputs), strict=True
    ):
        size = None if bound is None else samples.sizes.get(bound.name)
        if bound is not None and size is not None:
            axis = bound.axis(value.shape)
            index = [slice(None)] * array.ndim
            index[array.ndim - len(value.shape) + axis] = slice(value.shape[axis] // bound.most * size)
            found[name] = array[tuple(index)]
        else:
            found[name] = array
    return found


def random_samples(inputs: Sequence[Value], count: int, seed: int = 0) -> Samples:
    """Returns `count` random samples: integers over their whole range, floats from a normal distribution."""
    rng = np.random.default_rng(seed)
    arrays: list[Array] = []
    for value in inputs:
        shape = (count, *value.shape)
        dtype = value.type.dtype
        if dtype.is_real:
            arrays.append(converted(rng.standard_normal(shape), dtype))
        elif dtype.value == "bool":
            arrays.append(rng.integers(0, 2, shape).astype(np.bool_))
        else:
            low, high = dtype.range if dtype.bytes < 4 else (-100, 100)
            arrays.append(rng.integers(max(low, -(2**31)), high + 1, shape).astype(dtype.numpy))
    return Samples(arrays, (count,))


#: What a sensor's driver may give by mistake, and what numbers are at their edges.
RARE = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45, -1e-40, 1.17549435e-38], np.float32)


def rare_samples(inputs: Sequence[Value], seed: int = 0) -> Samples:
    """Returns two samples with rare numbers among their floats, few and many; none where no input is float."""
    shares = (0.002, 0.1) if any(value.type.dtype.value == "f32" for value in inputs) else ()
    drawn = random_samples(inputs, len(shares), seed + 1)
    rng = np.random.default_rng(seed)
    for array in drawn.arrays:
        if array.dtype == np.float32:
            for share, sample in zip(shares, array, strict=True):
                flat = sample.reshape(-1)
                places = rng.choice(flat.size, min(flat.size, max(1, round(share * flat.size))), replace=False)
                flat[places] = rng.choice(RARE, len(places))
    return drawn


def split_outputs(outputs: Sequence[Value], raw: Sequence[bytes], lead: tuple[int, ...]) -> dict[str, Array]:
    """Returns one array `[*lead, *shape]` per output from the bytes of each sample."""
    result: dict[str, Array] = {}
    offset = 0
    for value, name in zip(outputs, names_of(outputs, "output"), strict=True):
        size = value.type.bytes
        parts = [
            np.frombuffer(sample[offset : offset + size], value.type.dtype.numpy.newbyteorder("<")).reshape(value.shape)
            for sample in raw
        ]
        result[name] = np.stack(parts).astype(value.type.dtype.numpy).reshape(*lead, *value.shape)
        offset += size
    return result


def save(path: Path, arrays: Mapping[str, Array]) -> None:
    """Writes an npz file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())
