"""work = MACs + 4 * elements read + 4 * elements written: how long a call takes, in units of about one MAC.

A rough estimate that serves to size tiles: an elementwise operator has no MACs, yet takes time for every element.
"""

from __future__ import annotations

from ariel_build.kernel import KernelCall

__all__ = ["work_of"]

_PER_ELEMENT = 4


def work_of(call: KernelCall) -> int:
    """Returns the estimated work of the whole call; constants are in the MACs and do not count as elements."""
    read = sum(v.type.elements for v in dict.fromkeys(call.inputs) if not v.is_constant)
    written = sum(v.type.elements for v in call.outputs)
    return call.macs + _PER_ELEMENT * (read + written)
