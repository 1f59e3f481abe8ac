"""Permutations of axes: `perm` makes axis perm[k] of a tensor axis k of the permuted one, as `Transpose` does."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Perm", "compose", "identity", "inverse", "is_identity", "through_reshape"]

Perm = tuple[int, ...]


def identity(rank: int) -> Perm:
    """Returns the permutation that moves nothing."""
    return tuple(range(rank))


def is_identity(perm: Perm) -> bool:
    """Whether nothing moves."""
    return perm == identity(len(perm))


def inverse(perm: Perm) -> Perm:
    """Returns the permutation that undoes `perm`."""
    return tuple(perm.index(k) for k in range(len(perm)))


def compose(first: Perm, second: Perm) -> Perm:
    """Returns the one permutation that does what `first` and then `second` do."""
    return tuple(first[k] for k in second)


def through_reshape(old: Sequence[int], new: Sequence[int], perm: Perm) -> Perm | None:
    """Returns r with Transpose[r](Reshape[new](x)) = Reshape(Transpose[perm](x)), x of shape `old`; None if none is.

    There is one where `perm` moves whole groups of axes, and none apart that the reshape merges or splits. Axes of
    extent 1 go along with the next larger axis behind them, those in front stay in front: a batch of 1 does.
    """
    groups = _groups(old, new)
    if groups is None:
        return None
    order = [axis for axis in perm if old[axis] != 1]
    moved: list[int] = [k for k in range(len(new)) if all(n == 1 for n in new[: k + 1])]
    while order:
        left, right = next(group for group in groups if order[0] in group[0])
        if order[: len(left)] != left:
            return None
        order = order[len(left) :]
        moved += _with_ones(new, right)
    return tuple(moved) if len(moved) == len(new) else None


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]] | None:
    """Returns the smallest groups (axes of `old`, axes of `new`) of equal size, in order; axes of extent 1 left out."""
    left, right = ([k for k, n in enumerate(shape) if n != 1] for shape in (old, new))
    groups = []
    while left and right:
        a, b = [left.pop(0)], [right.pop(0)]
        size_a, size_b = old[a[0]], new[b[0]]
        while size_a != size_b:
            side, rest, shape = (a, left, old) if size_a < size_b else (b, right, new)
            if not rest:
                return None
            side.append(rest.pop(0))
            if side is a:
                size_a *= shape[side[-1]]
            else:
                size_b *= shape[side[-1]]
        groups.append((a, b))
    return None if left or right else groups


def _with_ones(shape: Sequence[int], axes: Sequence[int]) -> list[int]:
    """Returns neighbouring larger axes with the ones before each of them, and with those at the very end."""
    first = axes[0]
    while first > 0 and shape[first - 1] == 1 and any(n != 1 for n in shape[:first]):
        first -= 1
    last = axes[-1]
    if all(n == 1 for n in shape[last + 1 :]):
        last = len(shape) - 1
    return list(range(first, last + 1))
