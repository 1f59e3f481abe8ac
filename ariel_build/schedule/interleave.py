"""order = the pieces of a chain of calls: before each piece of the last call, what it needs of those before it.

The last call of a chain runs `units` of its output at a time. Each of the others runs as far as the windows of those
behind it reach, and no further: so of a value in between there are only the rows that are still to be read. Nothing is
computed twice.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence

from ariel_build.ir import Value
from ariel_build.kernels import Feed, KernelCall
from ariel_build.schedule.aliases import Aliases, resolve
from ariel_build.schedule.parts import rows_of
from ariel_build.schedule.ranges import can_stream, read_span
from ariel_build.schedule.tiles import Tile

__all__ = ["interleaved", "pulled", "quantum", "row", "turns", "whole_rows"]


def quantum(call: KernelCall) -> int:
    """Returns the units of which pieces are multiples: whole granules, and whole rows of an image."""
    rows = [rule.units_per_row for rule in call.reads if rule.kind == "rows"]
    return min(math.lcm(max(call.tiling.granularity, 1), *rows), call.tiling.extent)


def whole_rows(call: KernelCall) -> int:
    """Returns the units of which parts are multiples (`parts`): those of `quantum`, and whole rows in any case."""
    return min(math.lcm(quantum(call), rows_of(call)), call.tiling.extent)


def row(call: KernelCall) -> int:
    """Returns the units of a row of the output, as far as the call tells."""
    rows = [rule.units_per_row for rule in call.reads if rule.kind == "rows"]
    shape = call.outputs[0].shape
    elements = shape[-1] * shape[-2] if len(shape) == 4 else 1
    return max([*rows, elements if call.tiling.extent == call.outputs[0].type.elements else 1])


def interleaved(
    calls: Sequence[KernelCall],
    chain: range,
    units: int,
    aliases: Aliases,
    step: Callable[[KernelCall], int] = quantum,
) -> list[tuple[int, Tile]]:
    """Returns (index of the call, tile) for the calls of `chain`, the last of them `units` at a time.

    Pieces of the others are multiples of `step`.
    """
    links = {index: list(_links(calls, index, chain, aliases)) for index in chain}
    steps = {index: step(calls[index]) for index in chain}
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
                for position, maker, made in links[index]:
                    need = _need(calls, index, position, tile, maker, made, steps[maker])
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


def pulled(calls: Sequence[KernelCall], chain: range, rows: int, aliases: Aliases) -> list[tuple[int, Tile]]:
    """Returns (index of the call, tile) for the calls of `chain`, each of them in its `turns`.

    So before a piece of the last call those before it take several turns where they make more rows, and fewer of these
    are there at one time than if each ran as far as the last one needs.
    """
    links = {index: list(_links(calls, index, chain, aliases)) for index in chain}
    quanta = {index: whole_rows(calls[index]) for index in chain}
    steps = {index: _turn(calls[index], rows) for index in chain}
    done = dict.fromkeys(chain, 0)
    order: list[tuple[int, Tile]] = []

    def pull(index: int, last: int) -> None:
        extent, step = calls[index].tiling.extent, steps[index]
        while done[index] < last:
            tile = Tile(done[index], min(done[index] + step, extent))
            for position, maker, made in links[index]:
                need = _need(calls, index, position, tile, maker, made, quanta[maker])
                if need > done[maker]:
                    pull(maker, need)
            order.append((index, tile))
            done[index] = tile.end

    pull(chain[-1], calls[chain[-1]].tiling.extent)
    for index in chain:
        pull(index, calls[index].tiling.extent)
    return order


@functools.lru_cache(maxsize=4096)
def turns(call: KernelCall, rows: int) -> tuple[Tile, ...]:
    """Returns the tiles of a call in a chain of calls that are pulled: so many quanta at a time.

    Rows of the input are given one at a time.
    """
    step, extent = _turn(call, rows), call.tiling.extent
    return tuple(Tile(start, min(start + step, extent)) for start in range(0, extent, step))


def _turn(call: KernelCall, rows: int) -> int:
    return 1 if isinstance(call.kernel, Feed) else max(whole_rows(call), row(call)) * rows


def _links(
    calls: Sequence[KernelCall], index: int, chain: range, aliases: Aliases
) -> Iterator[tuple[int, int, Value | None]]:
    """Yields (input, call before it in the chain that makes it, what of it the input is in the same order of bytes).

    The last is None where all of that call must be done before any of the input can be read.
    """
    for position, value in enumerate(calls[index].inputs):
        place = resolve(value, aliases)
        for maker in range(chain[0], index):
            for made in calls[maker].outputs:
                at = resolve(made, aliases)
                if at.root is place.root:
                    alike = at.offset == place.offset and made.type.bytes == value.type.bytes
                    yield position, maker, made if alike and can_stream(calls[maker]) else None


def _need(
    calls: Sequence[KernelCall],
    index: int,
    position: int,
    tile: Tile,
    maker: int,
    made: Value | None,
    step: int,
) -> int:
    """Returns how many units of the call `maker` must be there before a tile can run."""
    call = calls[maker]
    if made is None:
        return call.tiling.extent
    end = read_span(calls[index], position, tile).end
    units = -(-end * call.tiling.extent // made.type.bytes)
    return min(-(-units // step) * step, call.tiling.extent)
