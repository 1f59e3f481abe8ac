"""hot(calls, clock, room): the calls whose constants are worth a fast memory, as many as it has room for.

What gains most for a byte comes first: what a call takes less than it does from the memory that weights lie in, or with
its weights fetched ahead, which it then need not be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ariel_build.cores.ahead import ahead
from ariel_build.cores.predict import Clock
from ariel_build.kernels import KernelCall, Packed, Part, Source

__all__ = ["constant_bytes", "hot"]

_ALIGNMENT = 16
#: What the call must be faster by: what it gains is estimated.
_GAIN = 0.97


def hot(calls: Sequence[KernelCall], clock: Clock, room: int, *, fetches: bool) -> list[KernelCall]:
    """Returns the calls, those that are worth it marked; others may fetch their weights ahead if one `fetches`."""
    found: list[tuple[float, int, KernelCall]] = []
    for index, call in enumerate(calls):
        marked, size = replace(call, hot=True), constant_bytes(call)
        before = clock.times(ahead(call, clock) if fetches else call)[0]
        after = clock.times(marked)[0]
        if 0 < size <= room and after < _GAIN * before:
            found.append(((before - after) / size, index, marked))
    made = list(calls)
    for _, index, marked in sorted(found, key=lambda one: (-one[0], one[1])):
        size = constant_bytes(marked)
        if size <= room:
            made[index], room = marked, room - size
    return made


def constant_bytes(call: KernelCall) -> int:
    """Returns the bytes that the constants of a call take, at most: equal ones may be there once."""
    return sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in _sizes(call.kernel))


def _sizes(value: object) -> Iterator[int]:
    match value:
        case Packed():
            yield value.data.nbytes
        case Source() if value.value.data is not None:
            yield value.value.data.nbytes
        case Part():
            for _, inner in value:
                yield from _sizes(inner)
        case tuple():
            for inner in value:
                yield from _sizes(inner)
