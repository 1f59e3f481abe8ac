"""offsets = argmin of the arena's size: greedy orders, then branch and bound, then iterated local search.

An order of the buffers gives a plan: each takes the lowest offset that those before it leave. Some order gives an
optimal plan, so all three only look for orders. Effort is bounded by counting, never by time, and the random numbers
have a fixed seed: the same buffers give the same plan everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from ariel_build.errors import InternalError
from ariel_build.memory.buffers import ArenaPlan, Buffer
from ariel_build.memory.conflicts import Problem
from ariel_build.memory.storage import ALIGNMENT

__all__ = ["plan_arena"]

#: What each of the two searches may spend: placing a buffer costs 10 and its exclusions. About a quarter of a second.
EFFORT = 500_000
#: Buffers up to which branch and bound is tried: it descends one level for each.
_RECURSION = 250


def plan_arena(buffers: Sequence[Buffer], effort: int = EFFORT) -> ArenaPlan:
    """Returns offsets at which no two buffers collide, as near to the lower bound as the effort gets."""
    for buffer in buffers:
        if buffer.alignment % ALIGNMENT or any(not 0 <= p.start <= p.end for p in buffer.parts):
            raise InternalError("a buffer is not aligned to 16 or has a part outside itself", {"buffer": buffer.name})
    problem = Problem(buffers)
    search = _Search(problem)
    for order in _greedy_orders(problem):
        search.attempt(order, search.top - 1, [-1] * len(order))
    if not search.branch_and_bound(effort):
        search.improve(effort)
    return ArenaPlan(
        tuple(o * ALIGNMENT for o in search.offsets), search.top * ALIGNMENT, problem.lower_bound * ALIGNMENT
    )


def _greedy_orders(problem: Problem) -> Iterable[list[int]]:
    sizes, buffers = problem.sizes, problem.buffers
    lives = [b.intervals for b in buffers]
    spans = [sum(i.end - i.start for i in intervals) for intervals in lives]
    starts = [min((i.start for i in intervals), default=0) for intervals in lives]
    ends = [max((i.end for i in intervals), default=0) for intervals in lives]
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

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.offsets: list[int] = []
        self.order: list[int] = []
        self.top = sum(problem.sizes) + sum(problem.alignments) + 1

    @property
    def done(self) -> bool:
        return self.top <= self.problem.lower_bound

    def attempt(self, order: list[int], most: int, offsets: list[int], first: int = 0) -> int:
        """Places the buffers of `order` from the `first` on, keeps the plan if it is the best, returns its size.

        Those before have their `offsets` already, which takes in the others. Gives up where the plan exceeds `most`.
        """
        lowest, sizes = self.problem.lowest, self.problem.sizes
        top = max((offsets[b] + sizes[b] for b in order[:first]), default=0)
        for buffer in order[first:]:
            offsets[buffer] = lowest(buffer, offsets)
            top = max(top, offsets[buffer] + sizes[buffer])
            if top > most:
                return top
        self._keep(offsets, order, top)
        return top

    def _keep(self, offsets: list[int], order: list[int], top: int) -> None:
        if top < self.top:
            self.offsets, self.order, self.top = list(offsets), list(order), top

    def branch_and_bound(self, effort: int) -> bool:
        """Tries orders of ascending offset, first the lowest and largest; returns whether the best is proved optimal.

        Leaves off where the best plan so far is out of reach.
        """
        sizes, exclusions = self.problem.sizes, self.problem.exclusions
        weights = [len(e) + 10 for e in exclusions]
        offsets = [-1] * len(sizes)
        # The lowest offset that the placed buffers leave to each of the others.
        lowest = [0] * len(sizes)
        order: list[int] = []
        left = effort

        def place(buffer: int, offset: int) -> list[tuple[int, int]]:
            """Places a buffer, returns whose lowest offset that changed and what it was: those who would meet it."""
            offsets[buffer] = offset
            changed = []
            for other, low, high in exclusions[buffer]:
                if offsets[other] < 0 and offset - high < lowest[other] <= offset - low:
                    changed.append((other, lowest[other]))
                    lowest[other] = self.problem.lowest(other, offsets)
            return changed

        def descend(floor: int, top: int) -> None:
            nonlocal left
            if len(order) == len(sizes):
                self._keep(offsets, order, top)
                return
            candidates = []
            for buffer, placed in enumerate(offsets):
                if placed >= 0:
                    continue
                left -= weights[buffer]
                offset = lowest[buffer]
                if offset + sizes[buffer] >= self.top:
                    return
                candidates.append((offset, -sizes[buffer], buffer))
            for offset, _, buffer in sorted(candidates):
                if left <= 0 or self.done or top >= self.top:
                    return
                if offset < floor:
                    continue
                changed = place(buffer, offset)
                order.append(buffer)
                descend(offset, max(top, offset + sizes[buffer]))
                order.pop()
                offsets[buffer] = -1
                for other, before in reversed(changed):
                    lowest[other] = before

        if len(sizes) <= _RECURSION and not self.done:
            descend(0, 0)
        return self.done or (left > 0 and len(sizes) <= _RECURSION and self.problem.ascending_is_exact)

    def improve(self, effort: int) -> None:
        """Moves buffers that reach the top to earlier places in the order, as long as that does not make it worse."""
        rng = random.Random(1)  # noqa: S311 - a search needs no secrets
        cost = sum(len(e) + 10 for e in self.problem.exclusions)
        current, placed, size = list(self.order), list(self.offsets), self.top
        for _ in range(min(effort // max(cost, 1), 10 * len(current) ** 2)):
            if self.done or len(current) < 2:
                return
            order = list(current)
            first = len(order)
            for _ in range(rng.choice((1, 1, 2, 3))):
                later = rng.randrange(1, len(order))
                earlier = rng.randrange(later)
                order.insert(earlier, order.pop(later))
                first = min(first, earlier)
            offsets = list(placed)
            for buffer in order[first:]:
                offsets[buffer] = -1
            top = self.attempt(order, size, offsets, first)
            if top <= size:
                current, placed, size = order, offsets, top
