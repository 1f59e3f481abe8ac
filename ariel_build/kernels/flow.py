"""Control flow over kernel calls: which of them run, as decided at run time. Data, no Rust.

Calls are numbered in the order in which they stand in the program, bodies in their place. A block is a range of calls
that run one after the other; between blocks one core looks at a value, and goes on with one body or another. So calls
of one run are always a part of the calls in their order, but for the repeats of loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from ariel_build.ir import Value
from ariel_build.records import dataclass

__all__ = ["Body", "Branch", "Flow", "Loop", "blocks", "decisions", "worst"]


@dataclass(frozen=True, eq=False)
class Body:
    """What runs where a condition says so, and the values that it gives: one for each result of its branch."""

    flow: Flow
    gives: tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class Branch:
    """Runs the first body where `condition`, one byte, is not 0, else the second.

    `results` are values of their own: each has the bytes of what either body gives, which is made where it lies.
    """

    condition: Value
    bodies: tuple[Body, Body]
    results: tuple[Value, ...]

    @property
    def parts(self) -> list[tuple[Value, ...]]:
        """What lies where the results lie."""
        return [body.gives for body in self.bodies]


@dataclass(frozen=True, eq=False)
class Loop:
    """Runs the body `times` times, once at least; with a `test`, as long as the byte that the test gives is not 0.

    `carried` are what it reads of the iteration before: at first what `begins` hold, then what the body gives; behind
    the loop that is called `results`. The four lie in one place, each made there. `kept` are values from around the
    loop that it reads in every iteration. `counter` counts, for runs that stop half-way. A test reads what is carried,
    before each iteration; `times` are then what predictions count with, None where nothing bounds them.
    """

    times: int | None
    begins: tuple[Value, ...]
    carried: tuple[Value, ...]
    body: Body
    results: tuple[Value, ...]
    kept: tuple[Value, ...]
    counter: Value | None = None
    test: Body | None = None

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The test, where there is one, and the body."""
        return (self.body,) if self.test is None else (self.test, self.body)

    @property
    def parts(self) -> list[tuple[Value, ...]]:
        """What lies where the results lie."""
        return [self.begins, self.carried, self.body.gives]

    @property
    def counters(self) -> tuple[Value, ...]:
        """The counter, where there is one."""
        return () if self.counter is None else (self.counter,)


Flow = tuple[range | Branch | Loop, ...]


def blocks(flow: Flow) -> Iterator[range]:
    """Yields the blocks in the order of their calls."""
    for item in flow:
        if isinstance(item, range):
            yield item
        else:
            for body in item.bodies:
                yield from blocks(body.flow)


def decisions(flow: Flow) -> Iterator[Branch | Loop]:
    """Yields the branches and loops, the outer ones first."""
    for item in flow:
        if not isinstance(item, range):
            yield item
            for body in item.bodies:
                yield from decisions(body.flow)


def worst(flow: Flow, cost: Callable[[range], float], test: float = 0.0, unbounded: float = math.inf) -> float:
    """Returns the greatest sum of the costs of blocks that a run can come to; each test costs `test`.

    A loop without a bound counts as one of `unbounded` iterations.
    """
    total = 0.0
    for item in flow:
        if isinstance(item, range):
            total += cost(item)
        elif isinstance(item, Loop):
            # A test is asked once more than it goes on.
            asks = worst(item.test.flow, cost, test, unbounded) + test if item.test is not None else 0.0
            times = unbounded if item.times is None else item.times
            total += times * (test + worst(item.body.flow, cost, test, unbounded) + asks) + asks
        else:
            total += test + max(worst(body.flow, cost, test, unbounded) for body in item.bodies)
    return total
