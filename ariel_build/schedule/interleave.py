"""order = the pieces of a chain of calls: before each piece of the last call, what it needs of those before it.

The last call of a chain runs `units` of its output at a time. Each of the others runs as far as the windows of those
behind it reach, and no further: so of a value in between there are only the rows that are still to be read. Nothing is
computed twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ariel_build.ir import Value
from ariel_build.kernel import KernelCall
from ariel_build.schedule.aliases import Aliases, resolve
from ariel_build.schedule.ranges import can_stream, read_span
from ariel_build.schedule.tiles import Tile

__all__ = ["interleaved", "quantum"]


def quantum(call: KernelCall) -> int:
    """Returns the units of which pieces are multiples: whole granules, and whole rows of an image."""
    rows = [rule.units_per_row for rule in call.reads if rule.kind == "rows"]
    return min(math.lcm(max(call.tiling.granularity, 1), *rows), call.tiling.extent)


def interleaved(calls: Sequence[KernelCall], chain: range, units: int, aliases: Aliases) -> list[tuple[int, Tile]]:
    """Returns (index of the call, tile) for the calls of `chain`, the last of them `units` at a time."""
    makers = {v: index for index in chain for v in calls[index].outputs}
    done = dict.fromkeys(chain, 0)
    order: list[tuple[int, Tile]] = []

    def run(index: int, last: int) -> None:
        if last > done[index]:
            order.append((index, Tile(done[index], last)))
            done[index] = last

    def advance(last: int) -> None:
        """Runs every call as far as the first `last` units of the last call need it."""
        wanted = dict.fromkeys(chain, 0)
        wanted[chain[-1]] = last
        for index in reversed(chain):
            if wanted[index] > done[index]:
                tile = Tile(done[index], wanted[index])
                for maker, need in _needs(calls, index, tile, makers, aliases):
                    wanted[maker] = max(wanted[maker], need)
        for index in chain:
            run(index, wanted[index])

    extent = calls[chain[-1]].tiling.extent
    for start in range(0, extent, max(units, 1)):
        advance(min(start + units, extent))
    for index in chain:
        # What no window reads, as the last row may be under a stride of two.
        run(index, calls[index].tiling.extent)
    return order


def _needs(
    calls: Sequence[KernelCall], index: int, tile: Tile, makers: Mapping[Value, int], aliases: Aliases
) -> list[tuple[int, int]]:
    """Returns how many units of which calls of the chain must be there before a tile can run."""
    needs = []
    for position, value in enumerate(calls[index].inputs):
        place = resolve(value, aliases)
        for made, maker in makers.items():
            at = resolve(made, aliases)
            if at.root is not place.root or maker >= index:
                continue
            call, end = calls[maker], read_span(calls[index], position, tile).end
            if can_stream(call) and at.offset == place.offset and made.type.bytes == value.type.bytes:
                step = quantum(call)
                units = -(-end * call.tiling.extent // made.type.bytes)
                needs.append((maker, min(-(-units // step) * step, call.tiling.extent)))
            else:
                needs.append((maker, call.tiling.extent))
    return needs
