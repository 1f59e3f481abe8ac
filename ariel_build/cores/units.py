"""Units: the tiles of all pieces of all steps as a graph whose edges are the only order that the cores keep.

The sequence of the pieces is the meaning of the program. Two tiles conflict where their bytes meet and one of them
writes; of two that conflict, the one of the earlier piece must be complete before the other starts. Everything else may
run at any time on any core. Rows that move in the buffer of a value that rolls are a unit as well. Where all tiles of
one piece wait for all of another, a gate (a unit without work) stands between them: k + k edges in place of k * k.

Where control flow decides, each block of steps has a graph of its own. The cores run one block after the other, and the
leader looks in between which is next, so that units of two blocks never run at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import field
from itertools import pairwise

from ariel_build.cores.access import Blocks, overlap, reads_of, scratch_of, writes_of
from ariel_build.memory import MemoryPlan, Move
from ariel_build.records import dataclass
from ariel_build.schedule import Piece, Schedule, Step, Tile
from ariel_build.schedule.tiles import dealt

__all__ = ["Unit", "Units", "build_units"]


@dataclass
class Unit:
    """A tile of a step in its piece at a tick, or a gate (`step` None); `worker` is where it would best run.

    Where it is a `move`, rows that the step makes move before that piece.
    """

    step: int | None
    tile: Tile
    worker: int
    needs: list[int] = field(default_factory=list)
    tick: int = 0
    move: Move | None = None


@dataclass(frozen=True)
class Units:
    """The units in an order in which one core can run them; `needs` are indices of earlier ones.

    `blocks` are the units of each block of the schedule: each begins with its only unit that waits for none, and ends
    with the only one that none waits for.
    """

    units: tuple[Unit, ...]
    workers: int
    blocks: tuple[range, ...]

    @property
    def slots(self) -> int:
        """The tiles of the widest piece: a deque that is full hands on to an inbox, which always has room."""
        counts = Counter((unit.step, unit.tick) for unit in self.units if unit.step is not None)
        return max([*counts.values(), 1])

    @property
    def room_bytes(self) -> int:
        """Bytes of RAM in which units wait: `Room` of `ariel-ml-rs/src/pool/room.rs` on a 32-bit core."""
        count, slots = len(self.units), 1 << (self.slots - 1).bit_length()
        words = self.workers * -(-count // 32)
        return _DESK + _whole_words(count) + self.workers * _ENDS + _whole_words(2 * slots * self.workers) + 4 * words

    def successors(self) -> list[list[int]]:
        """Returns for each unit those that need it, in ascending order."""
        table: list[list[int]] = [[] for _ in self.units]
        for index, unit in enumerate(self.units):
            for need in unit.needs:
                table[need].append(index)
        return table


def _whole_words(count: int) -> int:
    return (count + 3) // 4 * 4


#: Bytes of what workers share about an inference, and of the ends of a deque.
_DESK, _ENDS = 28, 8
#: Where the tiles of a step are cut for so many workers.
Cut = Callable[[Step, int], Sequence[Tile]]
#: A unit counts what it waits for in a byte.
MOST_NEEDS = 255


def build_units(
    schedule: Schedule,
    plan: MemoryPlan,
    workers: int,
    cut: Cut,
    shares: Callable[[Step], Sequence[float]] | None = None,
) -> Units:
    """Returns the units of a scheduled and planned model for `workers` cores.

    `shares` tells which part of a step each worker's core should have; without, cores are equal.
    """
    units: list[Unit] = []
    blocks: list[range] = []
    for block in schedule.blocks:
        pieces = [(step, piece) for step, piece in schedule.pieces if step.index in block]
        added = _units_of(pieces, plan, workers, cut, shares)
        first = len(units)
        for unit in added:
            unit.needs = [first + need for need in unit.needs]
        units += added
        blocks.append(range(first, len(units)))
    return Units(tuple(units), workers, tuple(blocks))


def _units_of(
    pieces: Sequence[tuple[Step, Piece]],
    plan: MemoryPlan,
    workers: int,
    cut: Cut,
    shares: Callable[[Step], Sequence[float]] | None,
) -> list[Unit]:
    """Returns the units of the pieces of one block, counted from 0."""
    units: list[Unit] = []
    touches: list[_Touches] = []
    ancestors: list[int] = []
    uneven = 0

    def add(unit: Unit, touched: _Touches) -> int:
        units.append(unit)
        touches.append(touched)
        reach = 0
        for need in unit.needs:
            reach |= ancestors[need] | 1 << need
        ancestors.append(reach)
        return len(units) - 1

    for step, piece in pieces:
        tick = piece.time.start
        for move in plan.moves(step.call.outputs, tick):
            touched = _Touches(-1, [Blocks(*move.source)], [Blocks(*move.target)])
            add(Unit(step.index, Tile(0, 1), 0, sorted(_needs(touched, touches, ancestors)), tick, move), touched)
        scratch = scratch_of(step, plan, workers)
        speeds = [1.0] * workers if shares is None else shares(step)
        tiles = _dealt(step, piece, cut(step, workers), speeds)
        access = [_touches(step, t, plan, tick, scratch) for t in tiles]
        if _race(access):
            # It works in place of an input of which each tile reads more than its own part.
            tiles = [piece.tile]
            access = [_touches(step, piece.tile, plan, tick, scratch)]
        wanted = [_needs(touched, touches, ancestors) for touched in access]
        shared = _common(wanted)
        gate = None
        if len(tiles) > 1 and len(shared) > 1:
            gate = add(Unit(None, Tile(0, 0), 0, sorted(shared)), _Touches(-1, [], []))
        home = _homes(tiles, speeds, uneven % workers)
        uneven += len(tiles) % workers != 0
        for tile, worker, touched, needs in zip(tiles, home, access, wanted, strict=True):
            rest = needs if gate is None else [n for n in needs if not ancestors[gate] >> n & 1] + [gate]
            add(Unit(step.index, tile, worker, sorted(rest), tick), touched)
    return _closed(units)


@dataclass(frozen=True)
class _Touches:
    """What a unit touches. Against those of other steps its scratch counts as written: of its own, workers differ."""

    step: int
    reads: list[Blocks]
    writes: list[Blocks]
    scratch: list[Blocks] = field(default_factory=list)

    def conflicts(self, earlier: _Touches) -> bool:
        """Whether they meet where one of them writes."""
        mine, theirs = self.writes, earlier.writes
        if self.step != earlier.step:
            mine, theirs = [*mine, *self.scratch], [*theirs, *earlier.scratch]
        return _meet(mine, earlier.reads) or _meet(mine, theirs) or _meet(self.reads, theirs)


def _touches(step: Step, tile: Tile, plan: MemoryPlan, tick: int, scratch: list[Blocks]) -> _Touches:
    """Returns what a tile touches in the piece of a tick."""
    return _Touches(step.index, reads_of(step.call, tile, plan, tick), writes_of(step.call, tile, plan, tick), scratch)


def _dealt(step: Step, piece: Piece, tiles: Sequence[Tile], shares: Sequence[float]) -> Sequence[Tile]:
    """Returns the tiles of a piece, given those of the whole step: its share of them, and one for each worker.

    Of a step that has fewer tiles than there are workers, so many of these have something to do. Where cores differ,
    the piece is theirs as the step is.
    """
    if piece.tile == step.whole or len(tiles) == 1:
        return tiles if piece.tile == step.whole else [piece.tile]
    start, end = piece.tile
    granularity = max(step.call.tiling.granularity, 1)
    granules = -(-(end - start) // granularity)
    busy = min(len(tiles), len(shares))
    # As many for each of them: what runs next often waits for the whole piece.
    each = max(-(-len(tiles) * (end - start) // (step.call.tiling.extent * busy)), 1)
    if busy == len(shares) and len(set(shares)) > 1:
        ends, last = [0], 0
        for count in dealt(granules, shares):
            ends += [last + count * (k + 1) // min(each, count) for k in range(min(each, count))]
            last += count
    else:
        count = min(each * busy, granules)
        ends = [granules * k // count for k in range(count + 1)]
    return [Tile(start + a * granularity, min(start + b * granularity, end)) for a, b in pairwise(ends)]


def _homes(tiles: Sequence[Tile], shares: Sequence[float], turn: int) -> list[int]:
    """Returns the worker of each tile: neighbours together, so that a tile finds its input where it was made.

    A tile belongs to the worker in whose part of the step its middle lies. Of equal cores, as many as the division by
    them leaves have a tile more than the others: which ones, changes from turn to turn.
    """
    if len(set(shares)) == 1:
        return [min((index * len(shares) + turn) // len(tiles), len(shares) - 1) for index in range(len(tiles))]
    start, total = tiles[0].start, sum(shares)
    extent = tiles[-1].end - start
    ends = [start + sum(shares[: worker + 1]) / total * extent for worker in range(len(shares))]
    middles = [(tile.start + tile.end) / 2 for tile in tiles]
    return [next((w for w, end in enumerate(ends) if middle < end), len(shares) - 1) for middle in middles]


def _closed(units: list[Unit]) -> list[Unit]:
    """Puts a gate before the first units and one behind the last, where there are several: one begins, one ends."""
    roots = [u for u in units if not u.needs]
    if len(roots) > 1:
        units = [Unit(None, Tile(0, 0), 0), *units]
        for unit in units[1:]:
            unit.needs = [n + 1 for n in unit.needs] or [0]
    needed = {n for u in units for n in u.needs}
    leaves = [k for k in range(len(units)) if k not in needed]
    if len(leaves) > 1:
        units = [*units, Unit(None, Tile(0, 0), 0, leaves)]
    while any(len(u.needs) > MOST_NEEDS for u in units):
        units = _split_needs(units)
    return units


def _split_needs(units: list[Unit]) -> list[Unit]:
    """Puts a gate before the first unit that waits for too many: it waits for some of them in its place."""
    at = next(k for k, u in enumerate(units) if len(u.needs) > MOST_NEEDS)
    gate = Unit(None, Tile(0, 0), 0, units[at].needs[:MOST_NEEDS])
    units[at].needs = units[at].needs[MOST_NEEDS:]
    for unit in units[at:]:
        unit.needs = [n + 1 if n >= at else n for n in unit.needs]
    units[at].needs = sorted([*units[at].needs, at])
    return [*units[:at], gate, *units[at:]]


def _needs(touched: _Touches, touches: Sequence[_Touches], ancestors: Sequence[int]) -> list[int]:
    """Returns the latest units that conflict with one; those that they need in turn are left out."""
    needs: list[int] = []
    left = (1 << len(touches)) - 1
    while left:
        index = left.bit_length() - 1
        left ^= 1 << index
        if touched.conflicts(touches[index]):
            needs.append(index)
            left &= ~ancestors[index]
    return needs


def _race(access: Sequence[_Touches]) -> bool:
    """Whether one tile of a step writes what another reads or writes."""
    return any(tile.conflicts(other) for k, tile in enumerate(access) for other in access[:k])


def _meet(a: list[Blocks], b: list[Blocks]) -> bool:
    # Most pairs lie apart: nothing is called for them.
    for x in a:
        start, end = x.start, x.end
        for y in b:
            if start < y.end and y.start < end and overlap(x, y):
                return True
    return False


def _common(wanted: Sequence[list[int]]) -> set[int]:
    """Returns the needs that all tiles of a step share."""
    return set.intersection(*(set(w) for w in wanted)) if wanted else set()
