"""units(n) = n * units(N) / N: the part of a step that is run where there are n of a dimension of N at most.

A step leaves out what there is not where its units are runs of bytes of all that it writes, one after the other, and
the dimension stands in front of all that it writes. Others compute all of the bound: what they make behind what there
is may be anything, and nobody reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ariel_build.ir import State, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.bounded import in_front
from ariel_build.ops.shorter import Axes
from ariel_build.schedule.ranges import can_stream
from ariel_build.schedule.steps import Schedule

__all__ = ["shorter_steps"]


def shorter_steps(
    schedule: Schedule, axes: Mapping[Value, Axes], sizes: Sequence[State]
) -> tuple[tuple[int, int, int], ...]:
    """Returns the steps that leave out what there is not: (step, number of the dimension, units for each of it).

    `axes` are those of the values that follow a dimension, of all nodes that the steps compute.
    """
    numbers = {state.dimension: number for number, state in enumerate(sizes)}
    return tuple(
        (step.index, numbers[name], step.call.tiling.extent // most)
        for step in schedule.steps
        for name, most in _bounds(step.call, axes)
    )


def _bounds(call: KernelCall, axes: Mapping[Value, Axes]) -> Iterator[tuple[str, int]]:
    """Yields the dimension whose size tells how many units of a call there are, if one does."""
    found = [axes.get(value, {}) for value in call.outputs]
    if all(found) and can_stream(call) and not any(map(in_front, call.outputs, found)):
        bounds = {bound for each in found for bound in each.values()}
        if len(bounds) == 1 and call.tiling.extent % next(iter(bounds)).most == 0:
            yield next(iter(bounds))
