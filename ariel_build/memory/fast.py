"""fast(calls, room) = the calls, their scratch in fast memory where that has room for it.

Scratch lives for a tile, so that all calls use the same bytes, one after the other; each core has its own. What stays
in the arena: scratch that a DMA writes, which may not reach a memory of the core; that of bottlenecks, in which layers
find their operands; and that of portable depthwise convolutions, which count its bytes from those of their input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ariel_build.kernels import Bottleneck, KernelCall
from ariel_build.kernels.declared import depthwise_conv2d
from ariel_build.kernels.fetched import Fetched
from ariel_build.memory.storage import padded

__all__ = ["fast", "fast_need"]

#: Kernels whose scratch has to be in the arena.
_ARENA = Bottleneck | Fetched | depthwise_conv2d.Quantized | depthwise_conv2d.F32 | depthwise_conv2d.Hybrid


def fast(calls: Sequence[KernelCall], room: int) -> list[KernelCall]:
    """Returns the calls, marked (`fast`) where `room` bytes hold the scratch that a core needs."""
    return [replace(call, fast=True) if 0 < fast_need(call) <= room else call for call in calls]


def fast_need(call: KernelCall) -> int:
    """Returns the bytes of fast memory that the scratch of a call would take; 0 where it has to be in the arena."""
    if isinstance(call.kernel, _ARENA):
        return 0
    return sum(padded(scratch.bytes) for scratch in call.scratches)
