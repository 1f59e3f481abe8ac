"""Trees: leaves[r, t] = where tree t ends for row r; scores[r, k] = base[k] + sum over t of values[leaves[r, t], k].

Three operators, so that cores share rows and trees, and each sum is in the order of the trees whoever computes it:
`TreeKeys` turns features into integers, `TreeLeaves` walks the nodes, `TreeScores` folds the values of leaves. What
nodes are is told in `forest.py` and `kernels/trees/mod.rs`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Packed, Tiling
from ariel_build.kernels.declared import trees as declared
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator
from ariel_build.ops.importer import Importer
from ariel_build.ops.ml import forest
from ariel_build.ops.traits import OPAQUE, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["TreeKeys", "TreeLeaves", "TreeScores", "walk"]


class _Trees(Operator):
    """Rows in a fixed order: passes leave them as they are."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes


def _rows(x: TensorType | None) -> TensorType:
    if x is None or len(x.shape) != 2:
        raise ValueError(f"{x} is no matrix of rows")
    return x


@dataclass(frozen=True)
class TreeKeys(_Trees):
    """Integers in the order of the features in `slots`, then the same with their bits turned over.

    What is no number is greater than all others, from slot `low` on less. Where there are `starts`, as for float64,
    keys are ranks among the thresholds of a slot, which they tell in the second input; those of float32 stand in the
    upper bits, and their thresholds are integers in the order of the numbers.
    """

    slots: tuple[int, ...]
    low: int
    starts: tuple[int, ...] = ()

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """f32[n, f] -> i32[n, 2 slots]; T[n, f], i32 or f64[thresholds] -> i32[n, 2 slots]."""
        x = _rows(inputs[0])
        if x.dtype is not DType.F32 and (x.dtype is not DType.F64 or not self.starts):
            raise ValueError(f"features of {x.dtype.value} are not supported")
        if max(self.slots) >= x.shape[1]:
            raise ValueError(f"feature {max(self.slots)} is compared, of {x.shape[1]}")
        return [TensorType(DType.I32, (x.shape[0], 2 * len(self.slots)))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Bits in order, or ranks."""
        x, thresholds = np.asarray(inputs[0]), inputs[1] if self.starts else None
        short = thresholds is not None and x.dtype == np.float32
        keys = np.zeros((len(x), len(self.slots)), np.int64)
        for index, feature in enumerate(self.slots):
            column: Numbers = x[:, feature]
            none = 2**31 - 1 if index < self.low else -(2**31)
            found = forest.float_keys(column) if x.dtype == np.float32 else column
            if short:
                found = np.where(np.isnan(column), np.int32(none), found)
            if thresholds is not None:
                found = np.searchsorted(thresholds[self.starts[index] : self.starts[index + 1]], found)
            keys[:, index] = found if short else np.where(np.isnan(column), none, found)
        both = np.concatenate([keys, forest.MOST_RANK - keys if short else ~keys], axis=1)
        return [(both << forest.RANK if short else both).astype(np.uint32).view(np.int32)]

    def lower(self, node: Node) -> KernelCall:
        """`trees::KeysF32`, `RanksF32` or `KeysF64`."""
        x, output = node.input(0), node.output
        keys = declared.Slots(
            output=Operand(output),
            rows=x.shape[0],
            features=x.shape[1],
            slots=Packed(np.array(self.slots, np.uint16), "features"),
            low=self.low,
        )
        kernel: Kernel = declared.KeysF32(input=Operand(x), keys=keys)
        if self.starts and x.type.dtype is DType.F32:
            kernel = declared.RanksF32(
                input=Operand(x),
                keys=keys,
                counts=Packed(np.diff(self.starts).astype(np.uint8), "cuts of features"),
                cuts=Packed(np.concatenate([np.zeros(1, np.int32), _data(node, 1)]), "cuts"),
            )
        elif self.starts:
            kernel = declared.KeysF64(
                input=Operand(x),
                keys=keys,
                starts=Packed(np.array(self.starts, np.uint32), "thresholds of features"),
                thresholds=Packed(_data(node, 1), "thresholds"),
            )
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ROWS, x.shape[0]))


def _data(node: Node, index: int) -> Array:
    """Returns the elements of an operand that importers make constants of."""
    data = node.input(index).data
    assert data is not None  # noqa: S101 - `emit_forest` makes them
    return data


@dataclass(frozen=True)
class TreeLeaves(_Trees):
    """The number of the leaf in which each tree ends; `short` nodes are words."""

    leaves: int
    paired: bool
    short: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i32[n, keys], nodes i32[2 m], or i32[m], roots i32[trees] -> i32[n, trees]."""
        keys, roots = _rows(inputs[0]), inputs[2]
        if roots is None or len(roots.shape) != 1 or not roots.elements:
            raise ValueError("there are no trees")
        return [TensorType(DType.I32, (keys.shape[0], roots.elements))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Walks all trees of all rows at once."""
        keys, nodes, roots = (np.asarray(x).astype(np.int64) for x in inputs)
        if self.short:
            return [self._short(keys & 0xFFFFFFFF, nodes & 0xFFFFFFFF, roots).astype(np.int32)]
        table = nodes.reshape(-1, 2)
        place = np.broadcast_to(roots, node.output.shape).copy()
        leaf = np.full(place.shape, -1, np.int64)
        while (leaf < 0).any():
            threshold, word = table[place, 0], table[place, 1] & 0xFFFFFFFF
            right = np.take_along_axis(keys, word & (1 << forest.KEY_BITS) - 1, 1) > threshold
            to = word >> forest.PLACE & (1 << forest.PLACE_BITS) - 1
            both, ends = word >> 31 != 0, np.where(right, word >> 30 & 1, word >> 31) != 0
            half = forest.PLACE_BITS // 2
            of_both = to + right if self.paired else np.where(right, to >> half, to & (1 << half) - 1)
            leaf = np.where((leaf < 0) & ends, np.where(both, of_both, to), leaf)
            place = np.where(ends, place, np.where(right, to, place + 1))
        return [leaf.astype(np.int32)]

    def _short(self, keys: Numbers, nodes: Numbers, roots: Numbers) -> Numbers:
        """Walks all trees of all rows at once, whose nodes are words."""
        place = np.broadcast_to(roots, (len(keys), len(roots))).copy()
        leaf = np.full(place.shape, -1, np.int64)
        while (leaf < 0).any():
            word = nodes[place]
            key = word >> forest.SHORT_KEY & (1 << forest.SHORT_KEY_BITS) - 1
            right = np.take_along_axis(keys, key, 1) > word
            to = word >> forest.SHORT_PLACE & (1 << forest.SHORT_PLACE_BITS) - 1
            bits = forest.SHORT_LEFT_BITS
            end = to + right if self.paired else np.where(right, to >> bits, to & (1 << bits) - 1)
            ends = np.where(right, word >> 1, word) & 1 != 0
            leaf = np.where((leaf < 0) & ends, end, leaf)
            place = np.where(ends, place, np.where(right, to, place + 1))
        return leaf

    def lower(self, node: Node) -> KernelCall:
        """`trees::Leaves` or `ShortLeaves`."""
        keys, output = node.input(0), node.output
        kernel = (declared.ShortLeaves if self.short else declared.Leaves)(
            keys=Operand(keys),
            output=Operand(output),
            rows=keys.shape[0],
            width=keys.shape[1],
            leaves=self.leaves,
            paired=self.paired,
            roots=Packed(_data(node, 2).astype(np.uint16), "roots"),
            nodes=Packed(_data(node, 1), "nodes"),
        )
        return KernelCall.of(kernel, [keys], [output], Tiling(Axis.ELEMENTS, output.type.elements))


@dataclass(frozen=True)
class TreeScores(_Trees):
    """Folds what leaves hold: the `kind` of values (Sum, Min or Max) over the trees, for each target.

    With `starts`, leaves hold one value, and target k has the trees from `starts[k]` up to `starts[k + 1]`; without,
    leaves have a value for each target. Sums are divided by `divisor`, then the base is added. `columns` makes two of
    one target: 1 less the score (Rest), or its negative (Opposite), in front of it.
    """

    kind: str
    targets: int
    starts: tuple[int, ...] = ()
    divisor: int = 1
    columns: str = "Each"

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """i32[n, trees], T[leaves * values], T[targets] or none -> T[n, targets]."""
        leaves, values = _rows(inputs[0]), inputs[1]
        if values is None or values.dtype not in (DType.F32, DType.F64) or not values.elements:
            raise ValueError(f"leaves have the values {values}")
        return [TensorType(values.dtype, (leaves.shape[0], self.targets if self.columns == "Each" else 2))]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Folds tree after tree."""
        leaves: Numbers = np.asarray(inputs[0])
        values: Numbers = np.asarray(inputs[1]).reshape(-1, 1 if self.starts else self.targets)
        start = {"Sum": 0.0, "Min": np.inf, "Max": -np.inf}[self.kind]
        fold = {"Sum": np.add, "Min": np.minimum, "Max": np.maximum}[self.kind]
        scores = np.full((len(leaves), self.targets), start, values.dtype)
        for tree in range(leaves.shape[1]):
            found = values[leaves[:, tree]]
            columns = slice(None)
            if self.starts:
                own = [k for k in range(self.targets) if self.starts[k] <= tree < self.starts[k + 1]]
                if not own:
                    continue
                columns = slice(own[0], own[0] + 1)
            scores[:, columns] = fold(scores[:, columns], found)
        if self.kind == "Sum" and self.divisor != 1:
            scores = scores / values.dtype.type(self.divisor)
        base = inputs[2] if len(inputs) > 2 else None
        scores = np.asarray(scores if base is None else scores + base)
        if self.columns != "Each":
            other = values.dtype.type(1) - scores if self.columns == "Rest" else -scores
            scores = np.concatenate([other, scores], axis=1)
        return [scores]

    def lower(self, node: Node) -> KernelCall:
        """`trees::SumsF32`, `BestsF32` and their twins of float64."""
        leaves, output = node.input(0), node.output
        values = _data(node, 1)
        found = declared.Found(
            leaves=Operand(leaves),
            output=Operand(output),
            rows=leaves.shape[0],
            trees=leaves.shape[1],
            targets=self.targets,
            starts=Packed(np.array(self.starts, np.uint32), "trees of targets"),
        )
        fields: dict[str, object] = {"found": found, "values": Packed(values, "values of leaves")}
        wide = values.dtype == np.float64
        made: type[Kernel]
        if self.kind == "Sum":
            base = node.inputs[2] if len(node.inputs) > 2 else None
            fields["base"] = Packed(np.zeros(0, values.dtype) if base is None else _data(node, 2), "base values")
            fields["divisor"] = self.divisor
            fields["columns"] = declared.Columns(self.columns)
            made = declared.SumsF64 if wide else declared.SumsF32
        else:
            fields["least"] = self.kind == "Min"
            made = declared.BestsF64 if wide else declared.BestsF32
        units = leaves.shape[0] * self.targets
        return KernelCall.of(made.made(fields), [leaves], [output], Tiling(Axis.ROWS, units))


def walk(importer: Importer, x: Value, packed: forest.Packed) -> Value:
    """Returns the numbers of leaves in which the trees end for each row of features."""
    slots = tuple(slot.feature for slot in packed.slots)
    low = sum(not slot.low for slot in packed.slots)
    cuts = packed.thresholds.astype(np.int32) if packed.short else packed.thresholds
    thresholds = [importer.constant(cuts, "thresholds")] if packed.starts else []
    (keys,) = importer.emit(TreeKeys(slots, low, packed.starts), [x, *thresholds])
    nodes, roots = importer.constant(packed.nodes, "nodes"), importer.constant(packed.roots, "roots")
    return importer.emit(TreeLeaves(len(packed.leaves), packed.paired, packed.short), [keys, nodes, roots])[0]
