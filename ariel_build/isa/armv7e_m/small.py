"""shrink(chosen): the same kernels in less code, for `optimize = "size"`; what a model does not need stays out."""

from __future__ import annotations

from collections.abc import Sequence

from ariel_build.isa.armv7e_m.kernels import dense_as_convolution
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, LayerCall
from ariel_build.kernels.declared.isa_packed import (
    Conv2d,
    DepthwiseConv2d,
    Dsp,
    Far,
    FarShort,
    FullyConnected,
    Near,
    NearShort,
    SmallConv2d,
)
from ariel_build.kernels.layer import Dense

__all__ = ["shrink"]

#: A single row as a convolution takes up to four times the instructions: only where dense layers are at most one part
#: in so many of all multiply-accumulates.
_DENSE_PART = 32


#: Instructions by which patches cost more than in `Conv2d`, at most this share of a model's multiply-accumulates; those
#: of a run, and of each element of it.
_PATCHES, _RUN, _ELEMENT = 0.15, 45, 1.25


def shrink(calls: Sequence[LayerCall | KernelCall], chosen: Sequence[KernelCall]) -> list[KernelCall]:
    """Returns `chosen` with as few different kernels of Armv7E-M as the model allows, and each a short one.

    `calls` are what they were chosen for; other kernels stay.
    """
    chosen = list(chosen)
    if sum(map(_patches, chosen)) > _PATCHES * sum(call.macs for call in calls):
        return [call if isinstance(call.kernel, Conv2d) else _short(call) for call in chosen]
    dense = [k for k, call in enumerate(chosen) if isinstance(call.kernel, FullyConnected) and _has_dsp(call.kernel)]
    convolves = any(isinstance(_short(call).kernel, SmallConv2d) for call in chosen)
    if convolves and _DENSE_PART * sum(chosen[k].macs for k in dense) <= sum(call.macs for call in chosen):
        for k in dense:
            other = _as_convolution(calls[k])
            if other is not None and isinstance(_short(other).kernel, SmallConv2d):
                chosen[k] = other
    return [_short(call) for call in chosen]


def _as_convolution(call: LayerCall | KernelCall) -> KernelCall | None:
    """Returns a dense layer as a convolution, where it can be one."""
    if not isinstance(call, LayerCall) or not isinstance(call.layer, Dense):
        return None
    try:
        return dense_as_convolution(call, call.layer)
    except Unfit:
        return None


def _has_dsp(kernel: Conv2d | DepthwiseConv2d | FullyConnected) -> bool:
    """Whether the kernel is one that has a short variant: all cores have the DSP extension."""
    return isinstance(kernel.cores, Dsp)


def _patches(call: KernelCall) -> float:
    """Returns the instructions that copy the patches of a convolution's pixels run by run."""
    kernel = _short(call).kernel
    if not isinstance(kernel, SmallConv2d):
        return 0.0
    run = kernel.window.width * kernel.input.channels
    return call.tiling.extent * kernel.window.height * (_RUN + _ELEMENT * run)


def _short(call: KernelCall) -> KernelCall:
    """Returns the call with the short variant of its kernel, where there is one for its shape."""
    kernel = call.kernel
    match kernel:
        case Conv2d(cores=Dsp() as cores) if not kernel.by_channels:
            image, output = kernel.input, kernel.output
            follows = output.pixel == output.channels and image.pixel == image.channels
            if follows and kernel.window.dilation_w == 1 and output.channels % 2 == 0:
                small = SmallConv2d(
                    input=image,
                    output=output,
                    window=kernel.window,
                    stream=kernel.stream,
                    input_zero_point=kernel.input_zero_point,
                    bounds=kernel.bounds,
                    scratch=kernel.scratch,
                    cores=cores,
                )
                return call.by(small, call.tiling)
        case DepthwiseConv2d() if _has_dsp(kernel) and isinstance(kernel.outputs, Near | Far):
            short = NearShort() if isinstance(kernel.outputs, Near) else FarShort()
            return call.by(kernel.replace(outputs=short), call.tiling)
    return call
