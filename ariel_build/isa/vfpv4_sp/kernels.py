"""VFPv4: which calls its kernels compute. They take weights as the portable kernels do, and need no scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ariel_build.kernels import Axis, Field, KernelCall, Nested, Packed, Scratch
from ariel_build.ops.accumulate import packed

__all__ = ["KERNELS"]


def _same_fields(kernel: str) -> Callable[[KernelCall], KernelCall]:
    """Returns what gives a call the kernel `kernel` with its fields, but for scratch."""

    def choose(call: KernelCall) -> KernelCall:
        if not _is_number(call.fields["bias"]):
            return call
        fields = {name: field for name, field in call.fields.items() if not isinstance(field, Scratch)}
        return replace(call, kernel=f"isa::vfpv4_sp::{kernel}", fields=fields)

    return choose


def _depthwise(call: KernelCall) -> KernelCall:
    """One filter for each channel; several are a convolution with a group for each input channel."""
    output, image, filter_ = call.fields["output"], call.fields["input"], call.fields["filter"]
    if not (isinstance(output, Nested) and isinstance(image, Nested) and isinstance(filter_, Packed)):
        return call
    count, groups = output.fields["channels"], image.fields["channels"]
    if not (isinstance(count, int) and isinstance(groups, int) and _is_number(call.fields["bias"])):
        return call
    weights = filter_.data.reshape(-1, count).T
    if count == groups:
        return _same_fields("DepthwiseConv2d")(replace(call, fields={**call.fields, "filter": packed(weights)}))
    fields: dict[str, Field] = {**call.fields, "groups": groups, "filter": packed(weights, groups)}
    tiling, each = call.tiling, count // groups
    if tiling.axis is Axis.CHANNELS:
        tiling = replace(tiling, granularity=4 if groups == 1 or each % 4 == 0 else each)
    return _same_fields("Conv2d")(replace(call, fields=fields, tiling=tiling))


def _elementwise(kernel: str) -> Callable[[KernelCall], KernelCall]:
    """Returns what gives a call the kernel `kernel` where no operand is broadcast."""

    def choose(call: KernelCall) -> KernelCall:
        broadcast, elements = call.fields["broadcast"], call.outputs[0].type.elements
        if not isinstance(broadcast, Nested) or broadcast.fields["run"] != elements:
            return call
        if broadcast.fields["steps"] != (1, 1):
            return call
        fields = {name: field for name, field in call.fields.items() if name != "broadcast"}
        return replace(call, kernel=f"isa::vfpv4_sp::{kernel}", fields={**fields, "elements": elements})

    return choose


def _is_number(bias: Field) -> bool:
    """Whether no bias is NaN: the kernels would take one with its sign set for a negative number."""
    return isinstance(bias, Packed) and not bool(np.isnan(bias.data).any())


#: What this instruction set computes instead of a portable kernel; the call itself where it cannot.
KERNELS: dict[str, Callable[[KernelCall], KernelCall]] = {
    "conv2d::F32": _same_fields("Conv2d"),
    "depthwise_conv2d::F32": _depthwise,
    "map2::AddF32": _elementwise("Add"),
    "map2::SubF32": _elementwise("Sub"),
    "map2::MulF32": _elementwise("Mul"),
    "fully_connected::F32": _same_fields("FullyConnected"),
}
