"""rectified(calls) = the calls, those marked that read what a ReLU left: in software, products with 0 take less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ariel_build.ir import Value
from ariel_build.kernels import KernelCall
from ariel_build.kernels.declared import copy, pool2d
from ariel_build.schedule.aliases import Aliases, resolve

__all__ = ["rectified"]

#: Kernels whose outputs are as often 0 as their inputs, or nearly.
_KEEPING = (copy.Copy, pool2d.MaxF32, pool2d.AverageF32)


def rectified(calls: Sequence[KernelCall], aliases: Aliases) -> list[KernelCall]:
    """Returns the calls in their order; `aliases` are the views among their values."""
    left: set[Value] = set()
    found = []
    for call in calls:
        reads = bool(call.inputs) and resolve(call.inputs[0], aliases).root in left
        found.append(replace(call, rectified=True) if reads else call)
        if _ends_at_zero(call) or (reads and isinstance(call.kernel, _KEEPING)):
            left.update(resolve(value, aliases).root for value in call.outputs)
    return found


def _ends_at_zero(call: KernelCall) -> bool:
    """Whether a kernel of floats cuts its outputs off at 0."""
    return getattr(call.kernel, "min", None) == 0.0 and not call.outputs[0].type.dtype.is_integer
