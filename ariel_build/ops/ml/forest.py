"""Packs decision trees as `kernels/trees/mod.rs` walks them: nodes of two words, the same subtree stored once.

Whatever a node compares becomes `feature <= cut`, with the left side where that holds: `x < t` is `x <= the number
before t`, `x > t` has its sides turned, `x == t` is two nodes. What is no number is greater than all cuts, or less
(`low`). Cuts of float32 are keys, integers in the order of the numbers; cuts of float64 stay numbers, and become their
rank among those that the feature is compared with. Where many nodes of float32 share cuts, these become ranks, too, and
a node is one word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ariel_build.ops.base import UnsupportedReason
from ariel_build.records import dataclass

__all__ = [
    "KEY_BITS",
    "MOST_RANK",
    "PLACE",
    "PLACE_BITS",
    "RANK",
    "SHORT_KEY",
    "SHORT_KEY_BITS",
    "SHORT_LEFT_BITS",
    "SHORT_PLACE",
    "SHORT_PLACE_BITS",
    "Builder",
    "Packed",
    "Slot",
    "float_keys",
]

I32 = npt.NDArray[np.int32]

#: As in `kernels/trees/mod.rs`: bits of the number of a key, where the place begins, and its bits.
KEY_BITS, PLACE, PLACE_BITS = 12, 12, 18
_MOST_FEATURES, _MOST_NODES, _MOST_PLACES = 1 << 16, 1 << 16, 1 << PLACE_BITS
_RIGHT_ENDS, _BOTH_END = 1 << 30, 1 << 31

#: The same of nodes of one word: bits of the number of a key, where place and rank begin, ranks and places.
SHORT_KEY, SHORT_KEY_BITS, SHORT_PLACE, SHORT_PLACE_BITS, RANK = 2, 8, 10, 15, 25
MOST_RANK = (1 << 32 - RANK) - 1
SHORT_LEFT_BITS = 7
#: Bytes of tables that short nodes must save: finding ranks takes 200 bytes of code more, and four times as long.
_WORTH = 512

#: A leaf's number, turned over; or a node's.
Ref = int


def float_keys(x: npt.NDArray[np.float32]) -> I32:
    """Returns the integers in whose order float32 numbers are; -0 has the one before that of 0."""
    bits: I32 = np.ascontiguousarray(x, np.float32).view(np.int32)
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))


class Slot(NamedTuple):
    """A key of a row: whether what is no number is less than all numbers, and of which feature it is."""

    low: bool
    feature: int


@dataclass(frozen=True)
class Packed:
    """Forest as the kernels read it; `starts` and `thresholds` are there for float64, and where nodes are `short`."""

    slots: list[Slot]
    nodes: I32
    roots: I32
    leaves: list[int]
    paired: bool
    starts: tuple[int, ...]
    thresholds: npt.NDArray[np.float64]
    short: bool = False


@dataclass
class Builder:
    """Trees under construction. Equal nodes are one."""

    wide: bool
    _nodes: list[tuple[int, bool, float, Ref, Ref]] = field(default_factory=list)
    _known: dict[tuple[int, bool, float, Ref, Ref], Ref] = field(default_factory=dict)

    @staticmethod
    def leaf(number: int) -> Ref:
        """Returns a leaf."""
        return ~number

    def at_most(self, feature: int, low: bool, cut: float | None, left: Ref, right: Ref) -> Ref:
        """Returns `feature <= cut ? left : right`; what is no number goes left with `low`. Nothing is at most None."""
        if left == right:
            return left
        if feature >= _MOST_FEATURES:
            raise UnsupportedReason(f"feature {feature} is beyond the first {_MOST_FEATURES:,}")
        if cut is None:
            if not low:
                return right
            if self.wide:
                raise UnsupportedReason("a node that only asks for missing values in float64 is not supported")
            # Keys of numbers are greater.
            cut = self.before(-math.inf)
            assert cut is not None  # noqa: S101 - float32 has a key for that
        node = (feature, low, cut, left, right)
        if node not in self._known:
            self._known[node] = len(self._nodes)
            self._nodes.append(node)
        return self._known[node]

    def cut(self, threshold: float) -> float | None:
        """Returns what a feature is at most where it is at most `threshold`; None where that is no number."""
        if math.isnan(threshold):
            return None
        # Both zeros are at most 0.
        threshold = float(threshold) + 0.0
        return threshold if self.wide else float(float_keys(np.array([threshold], np.float32))[0])

    def before(self, threshold: float) -> float | None:
        """Returns what a feature is at most where it is less than `threshold`."""
        cut = self.cut(threshold)
        if cut is None:
            return None
        if not self.wide:
            # Before 0 stand the keys of -0 and of the greatest negative number.
            return cut - 1 if cut else -2.0
        return None if cut == -math.inf else float(np.nextafter(cut, -math.inf))

    def pack(self, roots: Sequence[Ref]) -> Packed:
        """Returns the forest of the trees that begin at `roots`."""
        return _Layout(self._nodes, self.wide).pack(roots)


class _Layout:
    """Places nodes from the last one to the first, so that all ways lead to later ones."""

    def __init__(self, nodes: list[tuple[int, bool, float, Ref, Ref]], wide: bool) -> None:
        self._nodes, self._wide = nodes, wide
        #: Placed nodes, the last one first: slot, cut, whether it is turned over, left and right as they are stored.
        self._placed: list[tuple[Slot, float, bool, Ref, Ref]] = []
        #: Where a node was placed, counted from the end.
        self._where: dict[Ref, int] = {}

    def pack(self, roots: Sequence[Ref]) -> Packed:
        places = []
        for root in roots:
            if root < 0:
                # A tree of one leaf: both sides lead there.
                self._placed.append((self._any_slot(), 0.0, False, root, root))
                places.append(len(self._placed) - 1)
            else:
                if root not in self._where:
                    self._place(root)
                places.append(self._where[root])
        count = len(self._placed)
        if count > _MOST_NODES:
            raise UnsupportedReason(
                f"a forest of {count:,} nodes is not supported, {_MOST_NODES:,} are: train fewer trees, or flat ones"
            )
        short = self._short([count - 1 - at for at in places])
        if short is not None:
            return short
        slots = sorted({slot for slot, *_ in self._placed})
        if 2 * len(slots) > 1 << KEY_BITS:
            raise UnsupportedReason(f"trees that compare {len(slots):,} features are not supported")
        tables = self._tables(slots)
        numbers = {slot: index for index, slot in enumerate(slots)}
        leaves, paired, both, alone = self._leaves()
        words = np.zeros((count, 2), np.int64)
        for at, (slot, cut, turned, left, right) in enumerate(self._placed):
            threshold = int(np.searchsorted(tables[slot], cut)) if self._wide else int(cut)
            words[count - 1 - at, 0] = ~threshold - 1 if turned else threshold
            word = numbers[slot] + len(slots) * turned
            if left < 0:
                word |= _BOTH_END | _RIGHT_ENDS | both[left, right] << PLACE
            elif right < 0:
                word |= _RIGHT_ENDS | alone[right] << PLACE
            else:
                word |= (count - 1 - self._where[right]) << PLACE
            words[count - 1 - at, 1] = word - (1 << 32 if word >> 31 else 0)
        starts = [0, *(int(v) for v in np.cumsum([len(tables[slot]) for slot in slots]))]
        return Packed(
            slots,
            words.astype(np.int32).reshape(-1),
            np.array([count - 1 - at for at in places], np.int32),
            leaves,
            paired,
            tuple(starts) if self._wide else (),
            np.concatenate([tables[slot] for slot in slots]),
        )

    def _short(self, roots: Sequence[int]) -> Packed | None:
        """Returns the forest in nodes of one word, if it fits them, and if they save enough."""
        count, of_slot = len(self._placed), self._tables(sorted({slot for slot, *_ in self._placed}), narrow=True)
        # A feature of many cuts has several slots, each for a run of them.
        runs = [(slot, own[k : k + MOST_RANK]) for slot, own in of_slot.items() for k in range(0, len(own), MOST_RANK)]
        saved = 4 * count - sum(4 * len(own) + 1 for _, own in runs)
        leaves, paired, both, alone = self._leaves(SHORT_LEFT_BITS)
        most = 1 << SHORT_PLACE_BITS
        if self._wide or saved < _WORTH or 2 * len(runs) > 1 << SHORT_KEY_BITS or max(count, len(leaves) + 1) > most:
            return None
        if paired:
            # The right leaf stands behind the place: there is one before the first.
            leaves = [leaves[0], *leaves]
        rank_of = {(slot, cut): (run, k) for run, (slot, own) in enumerate(runs) for k, cut in enumerate(own.tolist())}
        words = np.zeros(count, np.int64)
        for at, (slot, cut, turned, left, right) in enumerate(self._placed):
            run, rank = rank_of[slot, cut]
            key, rank = (run + len(runs), MOST_RANK - 1 - rank) if turned else (run, rank)
            if left < 0:
                place, ends = both[left, right] + paired, 3
            elif right < 0:
                place, ends = alone[right] if paired else alone[right] << SHORT_LEFT_BITS, 2
            else:
                place, ends = count - 1 - self._where[right], 0
            words[count - 1 - at] = rank << RANK | place << SHORT_PLACE | key << SHORT_KEY | ends
        starts = (0, *(int(v) for v in np.cumsum([len(own) for _, own in runs])))
        return Packed(
            [slot for slot, _ in runs],
            words.astype(np.uint32).view(np.int32),
            np.array(roots, np.int32),
            leaves,
            paired,
            starts,
            np.concatenate([own for _, own in runs]),
            short=True,
        )

    def _any_slot(self) -> Slot:
        """Returns a slot that is there already, if there is one."""
        return self._placed[-1][0] if self._placed else Slot(False, 0)

    def _place(self, root: Ref) -> None:
        """Places a node, and what it leads to behind it: first what is at the right, then what is at the left.

        The left side comes directly behind its node, so that one that stands elsewhere is placed again.
        """
        waiting: list[tuple[Ref, Ref | None]] = [(root, None)]
        while waiting:
            ref, left = waiting.pop()
            feature, low, cut, one, other = self._nodes[ref]
            if left is None:
                left, right = self._sides(one, other)
                waiting.append((ref, left))
                if left >= 0:
                    waiting.append((left, None))
                if right >= 0 and right not in self._where:
                    waiting.append((right, None))
                continue
            turned = left != one
            self._placed.append((Slot(low, feature), cut, turned, left, one if turned else other))
            self._where.setdefault(ref, len(self._placed) - 1)

    def _sides(self, one: Ref, other: Ref) -> tuple[Ref, Ref]:
        """Returns what stands at the left: no leaf, and nothing that is placed already, if that can be."""
        turns = one < 0 <= other or (one >= 0 and other >= 0 and one in self._where and other not in self._where)
        return (other, one) if turns else (one, other)

    def _tables(self, slots: Sequence[Slot], *, narrow: bool = False) -> dict[Slot, npt.NDArray[np.float64]]:
        """Returns the cuts of each slot in order; of float32 none are needed but for `narrow` nodes."""
        if not self._wide and not narrow:
            return {slot: np.zeros(0) for slot in slots}
        cuts: dict[Slot, set[float]] = {slot: set() for slot in slots}
        for slot, cut, *_ in self._placed:
            cuts[slot].add(cut)
        return {slot: np.array(sorted(own), np.float64) for slot, own in cuts.items()}

    def _leaves(
        self, bits: int = PLACE_BITS // 2
    ) -> tuple[list[int], bool, dict[tuple[Ref, Ref], int], dict[Ref, int]]:
        """Returns the leaves in order, whether both sides stand in a row, and the places of both and of one.

        They do where their numbers have more than so many bits.
        """
        pairs = dict.fromkeys((left, right) for *_, left, right in self._placed if left < 0)
        singles = dict.fromkeys(right for *_, left, right in self._placed if right < 0 <= left)
        used = dict.fromkeys([*(ref for pair in pairs for ref in pair), *singles])
        if len(used) <= 1 << bits:
            numbers = {ref: index for index, ref in enumerate(used)}
            both = {(a, b): numbers[a] | numbers[b] << bits for a, b in pairs}
            return [~ref for ref in used], False, both, numbers
        order: list[Ref] = []
        where: dict[Ref, int] = {}
        both = {}
        for a, b in pairs:
            if not order or order[-1] != a:
                where.setdefault(a, len(order))
                order.append(a)
            both[a, b] = len(order) - 1
            where.setdefault(b, len(order))
            order.append(b)
        for ref in singles:
            if ref not in where:
                where[ref] = len(order)
                order.append(ref)
        if len(order) > _MOST_PLACES:
            raise UnsupportedReason(f"a forest of {len(order):,} leaves is not supported, {_MOST_PLACES:,} are")
        return [~ref for ref in order], True, both, where
