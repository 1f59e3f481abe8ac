"""shared(call, workers) = the call cut as several cores share it most evenly: along pixels or along channels."""

from __future__ import annotations

from dataclasses import replace

from ariel_build.kernels import Axis, KernelCall, Nested, Tiling, Variant

__all__ = ["shared"]

#: Channels that the convolution computes at a time.
_BLOCK = 4
#: Rows of a tile below which lines along columns are too short.
_LEAST_ROWS = 6


def shared(call: KernelCall, workers: int) -> KernelCall:
    """Returns the call for so many cores: tiles of pixels become tiles of channels where these share it more evenly."""
    output, name = call.fields.get("output"), call.kernel.removeprefix("isa::scalar::")
    tiling = call.tiling
    if name not in ("Conv2d", "DepthwiseConv2d") or tiling.axis is not Axis.PIXELS or not isinstance(output, Nested):
        return call
    height, channels = (output.fields[key] for key in ("height", "channels"))
    if not isinstance(height, int) or not isinstance(channels, int):
        return call
    blocks, granules = channels // _BLOCK, -(-tiling.extent // tiling.granularity)
    if name == "Conv2d":
        gain = granules < 4 * workers and _evenness(granules, workers) < 0.9 < _evenness(blocks, workers)
    else:
        gain = tiling.few and height < _LEAST_ROWS * workers and blocks >= workers
    if not gain:
        return call
    fields = {**call.fields, "axis": Variant("Axis::Channels")}
    along = Tiling(Axis.CHANNELS, channels, _BLOCK, few=name == "Conv2d")
    return replace(call, fields=fields, tiling=along, reads=())


def _evenness(parts: int, workers: int) -> float:
    """Returns the share of time in which workers are busy with equal parts."""
    return parts / (workers * -(-parts // workers)) if parts else 0.0
