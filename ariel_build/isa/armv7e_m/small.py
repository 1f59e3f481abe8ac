"""shrink(chosen): the same kernels in less code, for `optimize = "size"`; what a model does not need stays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ariel_build.isa.armv7e_m.kernels import dense_as_convolution
from ariel_build.isa.armv7e_m.streams import nested
from ariel_build.kernels import KernelCall, Variant

__all__ = ["shrink"]

_ROOM = "isa::armv7e_m::"
#: A single row as a convolution takes up to four times the instructions: only where dense layers are at most one part
#: in so many of all multiply-accumulates.
_DENSE_PART = 32


#: Instructions by which patches cost more than in `Conv2d`, at most this share of a model's multiply-accumulates; those
#: of a run, and of each element of it.
_PATCHES, _RUN, _ELEMENT = 0.15, 45, 1.25


def shrink(calls: Sequence[KernelCall], chosen: Sequence[KernelCall]) -> list[KernelCall]:
    """Returns `chosen` with as few different kernels of Armv7E-M as the model allows, and each a short one.

    `calls` are what they were chosen for; other kernels stay.
    """
    chosen = list(chosen)
    if sum(map(_patches, chosen)) > _PATCHES * sum(call.macs for call in calls):
        return [call if call.kernel == f"{_ROOM}Conv2d" else _short(call) for call in chosen]
    dense = [k for k, call in enumerate(chosen) if call.kernel == f"{_ROOM}FullyConnected"]
    convolves = any(_short(call).kernel == f"{_ROOM}SmallConv2d" for call in chosen)
    if convolves and _DENSE_PART * sum(chosen[k].macs for k in dense) <= sum(call.macs for call in chosen):
        for k in dense:
            other = dense_as_convolution(calls[k])
            if _short(other).kernel == f"{_ROOM}SmallConv2d":
                chosen[k] = other
    return [_short(call) for call in chosen]


def _patches(call: KernelCall) -> float:
    """Returns the instructions that copy the patches of a convolution's pixels run by run."""
    if _short(call).kernel != f"{_ROOM}SmallConv2d":
        return 0.0
    window, image = nested(call.fields["window"]), nested(call.fields["input"])
    run = window["width"] * image["channels"]
    return call.tiling.extent * window["height"] * (_RUN + _ELEMENT * run)


def _short(call: KernelCall) -> KernelCall:
    """Returns the call with the short variant of its kernel, where there is one for its shape."""
    if call.kernel == f"{_ROOM}Conv2d" and not call.fields["by_channels"]:
        image, output = nested(call.fields["input"]), nested(call.fields["output"])
        window = nested(call.fields["window"])
        follows = output["pixel"] == output["channels"] and image["pixel"] == image["channels"]
        if follows and window["dilation_w"] == 1 and output["channels"] % 2 == 0:
            fields = {key: value for key, value in call.fields.items() if key != "by_channels"}
            return replace(call, kernel=f"{_ROOM}SmallConv2d", fields=fields)
    for outputs in ("Near", "Far"):
        if call.kernel == f"{_ROOM}DepthwiseConv2d<{outputs}>":
            fields = {**call.fields, "outputs": Variant(f"{outputs}Short")}
            return replace(call, kernel=f"{_ROOM}DepthwiseConv2d<{outputs}Short>", fields=fields)
    return call
