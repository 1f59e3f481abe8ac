"""recompute(calls): less RAM for more MACs, by bottlenecks that expand some rows anew (`kernels.bottleneck`).

Each bottleneck has ways that take fewer bytes for more instructions. To begin with all take the fewest bytes; then one
after the other gets the cheapest way with which no stretch of calls needs more than the goal: as three calls if that is
enough. What a stretch needs is estimated (`streaming.Estimates`), as where calls run in pieces; only what comes out is
placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field

from ariel_build.ir import Value
from ariel_build.kernels import KernelCall
from ariel_build.memory.regions import MemoryPlan
from ariel_build.memory.streaming import Estimates
from ariel_build.records import dataclass
from ariel_build.schedule import Schedule
from ariel_build.schedule.bottleneck import Way

__all__ = ["FACTOR", "Choice", "Recomputed", "recompute"]

#: By what the MACs may grow where the arena alone counts.
FACTOR = 1.3
#: How exactly the smallest arena is looked for, in parts of it, and how many plans are placed that miss a limit.
_PARTS, _PLACED = 32, 3


@dataclass(frozen=True, eq=False)
class Choice:
    """Three calls in a row, and what computes the same in fewer bytes for more instructions: the fewest bytes first."""

    calls: tuple[KernelCall, KernelCall, KernelCall]
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Recomputed:
    """A plan, and how many times the MACs of the model it takes."""

    schedule: Schedule
    plan: MemoryPlan
    factor: float


def recompute(
    calls: Sequence[KernelCall],
    choices: Sequence[Choice],
    estimates: Estimates,
    plan: Callable[[Sequence[KernelCall], int], tuple[Schedule, MemoryPlan]],
    most: float,
    arena: int,
    limit: int | None,
) -> Recomputed | None:
    """Returns the plan of the smallest arena with at most `most` times the MACs; with a `limit`, of few instructions.

    That is among plans whose arena has at most `limit` bytes. `arena` is that of the calls as they are. None where
    there is no such plan.
    """
    search = _Search(calls, choices, estimates)

    def made(chosen: _Chosen, goal: int) -> Recomputed:
        return Recomputed(*plan(search.replaced(chosen, sketched=False), goal), search.factor(chosen))

    if limit is None:
        goal = search.smallest(arena, most)
        return made(search.cheapest(goal) or {}, goal) if goal < arena else None
    # Buffers are lent where they hold nothing, as no estimate tells: somewhat more may fit, too.
    roomy = limit + limit // 16
    goal = limit if search.cheapest(limit) is not None else roomy
    chosen = search.cheapest(goal)
    for _ in range(_PLACED):
        if not chosen or search.factor(chosen) > most:
            return None
        found = made(chosen, goal)
        if found.plan.arena_bytes <= limit:
            return found
        # Nor of gaps.
        chosen = search.tightened(chosen, _beyond(found, limit))
    return None


def _beyond(made: Recomputed, limit: int) -> frozenset[Value]:
    """Returns what the calls make that run while something lies behind the limit."""
    times = [block.time for block in made.plan.blocks if block.region.offset + block.region.bytes > limit]
    return frozenset(
        value
        for step, piece in made.schedule.pieces
        if any(time.overlaps(piece.time) for time in times)
        for value in step.call.outputs
    )


_Chosen = Mapping[Choice, Way]


@dataclass
class _Search:
    calls: Sequence[KernelCall]
    choices: Sequence[Choice]
    estimates: Estimates
    _known: dict[int, _Chosen | None] = field(default_factory=dict)

    def replaced(self, chosen: _Chosen, *, sketched: bool) -> list[KernelCall]:
        """Returns the calls, with those that were chosen in place of three each."""
        firsts = {choice.calls[0]: way.sketch if sketched else way.call for choice, way in chosen.items()}
        gone = {call for choice in chosen for call in choice.calls[1:]}
        return [firsts.get(call, call) for call in self.calls if call not in gone]

    def factor(self, chosen: _Chosen) -> float:
        """Returns how many times the MACs it takes."""
        macs = sum(call.macs for call in self.replaced(chosen, sketched=True))
        return macs / max(sum(call.macs for call in self.calls), 1)

    def fits(self, chosen: _Chosen, goal: int) -> bool:
        """Whether no stretch of calls needs more than so many bytes."""
        return self.estimates.cost(self.replaced(chosen, sketched=True), goal) is not None

    def smallest(self, arena: int, most: float) -> int:
        """Returns about the smallest goal with at most `most` times the MACs, `arena` if there is none below that."""
        strongest = {choice: choice.ways[0] for choice in self.choices}
        low = bisected(0, arena, _PARTS, lambda goal: self.fits(strongest, goal))
        # From there on more bytes take fewer MACs, as a rule.
        high = low

        def cheap(goal: int) -> bool:
            return (chosen := self.cheapest(goal)) is not None and self.factor(chosen) <= most

        while high < arena and not cheap(high):
            low, high = high, high + max(high // _PARTS, 1)
        return bisected(low, min(high, arena), 8 * _PARTS, cheap)

    def cheapest(self, goal: int) -> _Chosen | None:
        """Returns the ways of few instructions that need no more than so many bytes; None where there are none."""
        if goal not in self._known:
            self._known[goal] = self._cheapest(goal)
        return self._known[goal]

    def _cheapest(self, goal: int) -> _Chosen | None:
        chosen = {choice: choice.ways[0] for choice in self.choices}
        if not self.fits(chosen, goal):
            return None
        # Who comes first takes what the others of a chain leave: those of the largest images.
        for choice in self.choices:
            without = {other: way for other, way in chosen.items() if other is not choice}
            if self.fits(without, goal):
                chosen = without
                continue
            # What needs more bytes takes fewer instructions: the last that fits.
            low, high = 0, len(choice.ways)
            while high - low > 1:
                middle = (low + high) // 2
                if self.fits({**without, choice: choice.ways[middle]}, goal):
                    low = middle
                else:
                    high = middle
            chosen = {**without, choice: choice.ways[low]}
        return chosen

    def tightened(self, chosen: _Chosen, made: AbstractSet[Value]) -> _Chosen | None:
        """Returns the same with fewer bytes for the bottlenecks that make one of these values; None if none can."""
        changed = dict(chosen)
        for choice in self.choices:
            if made.isdisjoint(value for call in choice.calls for value in call.outputs):
                continue
            way = chosen.get(choice)
            at = choice.ways.index(way) if way is not None else len(choice.ways)
            if at > 0:
                changed[choice] = choice.ways[at - 1]
        return changed if changed != chosen else None


def bisected(low: int, high: int, parts: int, is_enough: Callable[[int], bool]) -> int:
    """Returns about the least number above `low` that is enough, as `high` is: exact to one of so many parts."""
    while high - low > max(high // parts, 1):
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
