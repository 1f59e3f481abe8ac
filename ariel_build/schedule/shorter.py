"""units(n) = n * units(N) / N: the part of a step that is run where there are n of a dimension of N at most.

A step leaves out what there is not where its units are runs of bytes of all that it writes, one after the other, and
the dimension stands in front of all that it writes. One that makes an image of a batch is run where there is the image:
units(n) = n * units - image * units, which are none or all. Others compute all of the bound: what they make behind what
there is may be anything, and nobody reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ariel_build.ir import Bound, State, Value
from ariel_build.kernels import KernelCall
from ariel_build.ops.bounded import in_front
from ariel_build.ops.shorter import Axes
from ariel_build.schedule.ranges import can_stream
from ariel_build.schedule.steps import Schedule

__all__ = ["Shorter", "shorter_steps"]


class Shorter(NamedTuple):
    """A step that leaves out what there is not: units for each element of a dimension, less those of images before."""

    step: int
    #: Number of the dimension.
    size: int
    each: int
    before: int


#: Image -> the batch that it is a part of, and its number there.
Images = Mapping[Value, tuple[Value, int]]


def shorter_steps(
    schedule: Schedule, axes: Mapping[Value, Axes], sizes: Sequence[State], images: Images
) -> tuple[Shorter, ...]:
    """Returns the steps that leave out what there is not.

    `axes` are those of the values that follow a dimension, of all nodes that the steps compute.
    """
    numbers = {state.dimension: number for number, state in enumerate(sizes)}
    return tuple(
        Shorter(step.index, numbers[bound.name], each, before)
        for step in schedule.steps
        for bound, each, before in _bounds(step.call, axes, images)
    )


def _bounds(call: KernelCall, axes: Mapping[Value, Axes], images: Images) -> Iterator[tuple[Bound, int, int]]:
    """Yields the dimension whose size tells how many units of a call there are, if one does, and how."""
    extent, (output, *others) = call.tiling.extent, call.outputs
    if output in images and not others:
        batch, number = images[output]
        # The images of a batch are as many for each element of the dimension.
        bound = axes.get(batch, {}).get(0)
        if bound is not None:
            yield bound, batch.shape[0] // bound.most * extent, number * extent
        return
    found = [axes.get(value, {}) for value in call.outputs]
    if all(found) and can_stream(call) and not any(map(in_front, call.outputs, found)):
        bounds = {bound for each in found for bound in each.values()}
        if len(bounds) == 1 and extent % next(iter(bounds)).most == 0:
            (bound,) = bounds
            yield bound, extent // bound.most, 0
