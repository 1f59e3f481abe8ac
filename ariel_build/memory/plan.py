"""offsets = argmin of the arena's size: greedy orders, then branch and bound, then iterated local search.

An order of the buffers gives a plan: each takes the lowest offset that those before it leave. Some order gives an
optimal plan, so all three only look for orders. Effort is bounded by counting, never by time, and the random numbers
have a fixed seed: the same buffers give the same plan everywhere.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import add

from ariel_build.errors import InternalError
from ariel_build.memory.buffers import ArenaPlan, Buffer
from ariel_build.memory.conflicts import Problem
from ariel_build.memory.storage import ALIGNMENT

__all__ = ["EFFORT", "plan_arena"]

#: What each of the two searches may spend: placing a buffer costs 10 and its exclusions. About a quarter of a second.
EFFORT = 500_000
#: Buffers up to which branch and bound is tried: it descends one level for each.
_RECURSION = 250


def plan_arena(
    buffers: Sequence[Buffer], effort: int = EFFORT, known: Sequence[int] = (), *, most: int = 0
) -> ArenaPlan:
    """Returns offsets at which no two buffers collide, as near to the lower bound as the effort gets.

    `known` are offsets at which they do not, if there are any: then there are none worse. An arena of `most` bytes will
    do: the search ends there, and where none is as small does not begin.
    """
    for buffer in buffers:
        if buffer.alignment % ALIGNMENT or any(not 0 <= p.start <= p.end for p in buffer.parts):
            raise InternalError("a buffer is not aligned to 16 or has a part outside itself", {"buffer": buffer.name})
    problem = Problem(buffers)
    search = _Search(problem, most // ALIGNMENT)
    if known:
        search.begin([offset // ALIGNMENT for offset in known])
    for order in _greedy_orders(problem):
        if not search.done:
            search.attempt(order, search.top - 1)
    if most and problem.lower_bound > search.enough:
        effort = 0
    if not search.branch_and_bound(effort):
        search.improve(effort)
    return ArenaPlan(
        tuple(o * ALIGNMENT for o in search.offsets), search.top * ALIGNMENT, problem.lower_bound * ALIGNMENT
    )


def _greedy_orders(problem: Problem) -> Iterable[list[int]]:
    sizes, buffers = problem.sizes, problem.buffers
    lives = [b.intervals for b in buffers]
    spans = [sum(i.end - i.start for i in intervals) for intervals in lives]
    starts = [intervals[0].start if intervals else 0 for intervals in lives]
    ends = [intervals[-1].end if intervals else 0 for intervals in lives]
    degrees = [sum(sizes[b] for b, _, _ in exclusions) for exclusions in problem.exclusions]
    keys: list[Callable[[int], tuple[int, ...]]] = [
        lambda i: (-sizes[i], starts[i]),
        lambda i: (-sizes[i] * spans[i], starts[i]),
        lambda i: (starts[i], -sizes[i]),
        lambda i: (-ends[i], -sizes[i]),
        # Of calls whose pieces take turns each output follows its input, so that the last of them lies lowest.
        lambda i: (-starts[i], -sizes[i]),
        lambda i: (-ends[i], -starts[i]),
        lambda i: (-spans[i], -sizes[i]),
        lambda i: (-degrees[i] - sizes[i], -sizes[i]),
    ]
    for key in keys:
        yield sorted(range(len(buffers)), key=lambda i: (*key(i), i))


class _Search:
    """The best plan so far, and the ways to better it."""

    def __init__(self, problem: Problem, enough: int) -> None:
        self.problem = problem
        self.enough = enough
        self.offsets: list[int] = []
        self.order: list[int] = []
        self.top = sum(problem.sizes) + sum(problem.alignments) + 1

    @property
    def done(self) -> bool:
        return self.top <= max(self.problem.lower_bound, self.enough)

    def begin(self, offsets: list[int]) -> None:
        """Takes a plan that is known to be possible."""
        order = sorted(range(len(offsets)), key=lambda k: (offsets[k], -self.problem.sizes[k], k))
        self._keep(offsets, order, max(map(add, offsets, self.problem.sizes), default=0))

    def attempt(self, order: list[int], most: int) -> None:
        """Places the buffers in this order and keeps the plan if it is the best; gives up where it exceeds `most`."""
        lowest, sizes = self.problem.lowest, self.problem.sizes
        offsets, top = [-1] * len(sizes), 0
        for buffer in order:
            offsets[buffer] = lowest(buffer, offsets)
            top = max(top, offsets[buffer] + sizes[buffer])
            if top > most:
                return
        self._keep(offsets, order, top)

    def _moved(self, order: list[int], placed: list[int], stale: set[int], first: int, most: int) -> list[int] | None:
        """Places the buffers of `order` from the `first` on anew; None where the plan exceeds `most`.

        `placed` are their offsets in another order. Those that are not `stale` stay there, until one whose bytes they
        could meet comes to lie elsewhere.
        """
        lowest, sizes, neighbours = self.problem.lowest, self.problem.sizes, self.problem.neighbours
        offsets = list(placed)
        for buffer in order[first:]:
            offsets[buffer] = -1
        for buffer in order[first:]:
            before = placed[buffer]
            if buffer in stale:
                offset = lowest(buffer, offsets)
                if offset + sizes[buffer] > most:
                    return None
                if offset != before:
                    stale |= neighbours[buffer]
                offsets[buffer] = offset
            else:
                offsets[buffer] = before
        return offsets

    def _keep(self, offsets: list[int], order: list[int], top: int) -> None:
        if top < self.top:
            self.offsets, self.order, self.top = list(offsets), list(order), top

    def branch_and_bound(self, effort: int) -> bool:
        """Tries orders of ascending offset, first the lowest and largest; returns whether the best is proved optimal.

        Leaves off where the best plan so far is out of reach.
        """
        sizes, exclusions = self.problem.sizes, self.problem.exclusions
        weights = [len(e) + 10 for e in exclusions]
        count = len(sizes)
        # Of equal offsets the largest buffer comes first: its rank.
        by_rank = sorted(range(count), key=lambda b: (-sizes[b], b))
        rank = {buffer: k for k, buffer in enumerate(by_rank)}
        offsets = [-1] * count
        # The lowest offset that the placed buffers leave to each of the others.
        lowest = [0] * count
        order: list[int] = []
        left, least = effort, self.problem.lower_bound

        def place(buffer: int, offset: int) -> list[tuple[int, int]]:
            """Places a buffer, returns whose lowest offset that changed and what it was: those who would meet it."""
            offsets[buffer] = offset
            changed = []
            for other, low, high in exclusions[buffer]:
                if offsets[other] < 0 and offset - high < lowest[other] <= offset - low:
                    changed.append((other, lowest[other]))
                    lowest[other] = self.problem.lowest(other, offsets, lowest[other])
            return changed

        def hopeless(free: list[int], weight: int, suspects: Iterable[int]) -> bool:
            """Whether a buffer that is not placed reaches the best plan's top; only `suspects` may. Counts the look."""
            nonlocal left
            found = [b for b in suspects if lowest[b] + sizes[b] >= self.top]
            left -= sum([weights[b] for b in free[: bisect_right(free, min(found))]]) if found else weight
            return bool(found)

        def descend(free: list[int], weight: int, suspects: Iterable[int], floor: int, top: int) -> None:
            """Places the buffers of `free`, which have `weight` together, above `floor`."""
            if not free:
                self._keep(offsets, order, top)
                return
            if hopeless(free, weight, suspects):
                return
            bound = self.top
            for key in sorted([lowest[b] * count + rank[b] for b in free if lowest[b] >= floor]):
                if left <= 0 or self.top <= least or top >= self.top:
                    return
                offset, buffer = key // count, by_rank[key % count]
                changed = place(buffer, offset)
                order.append(buffer)
                rest = [b for b in free if b != buffer]
                # Since the last look only these have moved up, unless the top has come down.
                moved = [b for b, _ in changed] if self.top == bound else rest
                descend(rest, weight - weights[buffer], moved, offset, max(top, offset + sizes[buffer]))
                order.pop()
                offsets[buffer] = -1
                for other, before in reversed(changed):
                    lowest[other] = before

        if count <= _RECURSION and not self.done:
            everything = list(range(count))
            descend(everything, sum(weights), everything, 0, 0)
        return self.done or (left > 0 and count <= _RECURSION and self.problem.ascending_is_exact)

    def improve(self, effort: int) -> None:
        """Moves buffers that reach the top to earlier places in the order, as long as that does not make it worse."""
        rng = random.Random(1)  # noqa: S311 - a search needs no secrets
        cost = sum(len(e) + 10 for e in self.problem.exclusions)
        neighbours, sizes = self.problem.neighbours, self.problem.sizes
        current, placed = list(self.order), list(self.offsets)
        for _ in range(min(effort // max(cost, 1), 10 * len(current) ** 2)):
            if self.done or len(current) < 2:
                return
            order = list(current)
            first = len(order)
            stale: set[int] = set()
            for _ in range(rng.choice((1, 1, 2, 3))):
                later = rng.randrange(1, len(order))
                earlier = rng.randrange(later)
                met = neighbours[order[later]].intersection(order[earlier:later])
                if met:
                    stale.update(met, [order[later]])
                order.insert(earlier, order.pop(later))
                first = min(first, earlier)
            offsets = self._moved(order, placed, stale, first, self.top) if stale else placed
            if offsets is not None:
                current = order
            if offsets is not None and offsets != placed:
                placed = offsets
                self._keep(offsets, order, max(map(add, offsets, sizes)))
