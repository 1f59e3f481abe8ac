"""shared(call, workers): along which axis several cores share a packed kernel: pixels, or channels.

Tiles of pixels let the next step begin early. But tiles of a depthwise convolution read rows of their neighbours, which
each would copy into planes again, and a small image has too few blocks of four pixels: there tiles are channels.
"""

from __future__ import annotations

from dataclasses import replace

from ariel_build.isa.armv7e_m.streams import nested
from ariel_build.kernels import Axis, KernelCall, Reads, Tiling

__all__ = ["shared"]

#: Blocks of four pixels for each worker from which on their number suffices.
_BLOCKS = 6


def shared(call: KernelCall, workers: int) -> KernelCall:
    """Returns the call with the axis along which so many workers share it best; other kernels' as they are."""
    if workers == 1 or "by_channels" not in call.fields:
        return call
    image, output = nested(call.fields["input"]), nested(call.fields["output"])
    channels, pixels = output["channels"], output["height"] * output["width"]
    if any(one["pixel"] != one["channels"] or one["row"] != one["width"] * one["pixel"] for one in (image, output)):
        return call
    fields = {**call.fields, "by_channels": True}
    if "outputs" in call.fields:
        if channels % 4 or channels < 8 * workers:
            return call
        return replace(call, fields=fields, tiling=Tiling(Axis.CHANNELS, channels, 4), reads=(Reads("same"),))
    blocks = -(-pixels // 4)
    if blocks >= _BLOCKS * workers or channels < 4 * blocks:
        return call
    return replace(call, fields=fields, tiling=Tiling(Axis.CHANNELS, channels, 2), reads=())
