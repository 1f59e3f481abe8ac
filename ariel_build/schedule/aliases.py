"""Place of a value = (root, byte offset): where its bytes are within the storage that it shares.

`alias_of[v] = (base, offset)` says that the bytes of `v` are those of `base` from `offset` on. A reshape or a split
makes views of what was written; a concatenation makes its inputs aliases of its output, which they fill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.kernels import KernelCall

__all__ = ["Aliases", "Place", "resolve", "storage_roots"]

Aliases = Mapping[Value, tuple[Value, int]]


class Place(NamedTuple):
    """Byte `offset` within the storage of `root`, a value that is no alias."""

    root: Value
    offset: int


def resolve(value: Value, alias_of: Aliases) -> Place:
    """Follows the aliases of `value` to their root; InternalError where they form a cycle or leave the root."""
    root, offset, seen = value, 0, {value}
    while root in alias_of:
        base, step = alias_of[root]
        if step < 0 or step + root.type.bytes > base.type.bytes:
            raise InternalError("an alias leaves the value that it is part of", {"alias": root, "base": base})
        if base in seen:
            raise InternalError("aliases form a cycle", {"value": value})
        seen.add(base)
        root, offset = base, offset + step
    return Place(root, offset)


def storage_roots(calls: Iterable[KernelCall], alias_of: Aliases) -> dict[Value, Place]:
    """Returns the place of every value of the calls that lives in the arena: constants and views of them do not."""
    values = dict.fromkeys(v for call in calls for v in [*call.inputs, *call.outputs])
    places = {v: resolve(v, alias_of) for v in values}
    return {v: p for v, p in places.items() if not p.root.is_constant}
