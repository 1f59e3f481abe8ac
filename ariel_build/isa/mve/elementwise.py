"""Helium: element-wise operators that round twice, as TFLite does: products of int8, and operators of int16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ariel_build.isa.mve.sums import narrowed_product
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall
from ariel_build.kernels.declared import isa_mve, map1, map2
from ariel_build.kernels.declared.broadcast import Broadcast
from ariel_build.kernels.declared.quant import Multiplier

__all__ = ["KERNELS"]

#: Bits by which TFLite shifts operands of int16 to the left, and half, which is the factor of the one with the greater
#: scale.
_LEFT_SHIFT = 15
_HALF = (1 << 30, 0)
#: Shifts to the right, at most.
_SHIFT = 30


def _shift(by: Multiplier) -> int:
    """Returns the shift to the left, which is negative; Unfit where it is not."""
    if not 1 <= -by.shift <= _SHIFT or by.multiplier < 0:
        raise Unfit
    return by.shift


#: Bits behind the point of the factor of `map2.Product`.
_WIDE = 28


def _product(call: KernelCall) -> KernelCall:
    """A product of int8, of which any operand may be broadcast, where constants of 32 bits give the same."""
    kernel = call.kernel
    assert isinstance(kernel, map2.Product)  # noqa: S101 - the key of the table
    left, right = (np.arange(-128, 128, dtype=np.int64) - zero for zero in kernel.zero_points)
    products = np.unique(np.multiply.outer(left, right))
    wanted = (products * kernel.factor + kernel.offset) >> _WIDE
    found = narrowed_product(products, wanted, kernel.factor / (1 << _WIDE), kernel.bounds)
    if found is None:
        raise Unfit
    factor, offset, shift = found
    return call.by(isa_mve.Product(**_spread(kernel), centred=_centred(kernel, factor, offset, -shift)), call.tiling)


def _product_twice(call: KernelCall) -> KernelCall:
    """TFLite's product of int8, of which any operand may be broadcast."""
    kernel = call.kernel
    assert isinstance(kernel, map2.MulInt8)  # noqa: S101 - the key of the table
    by, zero = kernel.multiplier, kernel.bounds.zero_point
    centred = _centred(kernel, by.multiplier, zero, _shift(by))
    return call.by(isa_mve.ProductTwice(**_spread(kernel), centred=centred), call.tiling)


def _moving(kernel: map2.AddInt16 | map2.SubInt16 | map2.MulInt16) -> Broadcast:
    """Returns how operands are spread that both move along runs; Unfit where one stays."""
    if kernel.broadcast.steps != (1, 1):
        raise Unfit
    return kernel.broadcast


def _spread(kernel: map2.MulInt8 | map2.Product) -> dict[str, Any]:
    """Returns operands and output, and how they are spread."""
    names = ("left", "right", "output", "broadcast", "bounds")
    return {name: getattr(kernel, name) for name in names}


def _centred(kernel: map2.MulInt8 | map2.Product, factor: int, offset: int, shift: int) -> isa_mve.Centred:
    left, right = kernel.zero_points
    return isa_mve.Centred(left=-left, right=-right, factor=factor, offset=offset, shift=shift)


def _sum16(call: KernelCall, sign: int) -> KernelCall:
    """A sum of two tensors, or with a sign of -1 a difference: one of them has a factor of one half."""
    kernel = call.kernel
    assert isinstance(kernel, map2.AddInt16 | map2.SubInt16)  # noqa: S101 - the keys of the table
    broadcast = _moving(kernel)
    operands = [(kernel.left, kernel.scale_left, 1), (kernel.right, kernel.scale_right, sign)]
    halves = [(scale.multiplier.multiplier, scale.multiplier.shift) == _HALF for _, scale, _ in operands]
    if halves[0] and not halves[1]:
        operands.reverse()
        broadcast = broadcast.replace(left=broadcast.right, right=broadcast.left)
    elif not halves[1]:
        raise Unfit
    (left, scaled, own), (right, half, other) = operands
    if kernel.bounds.zero_point or any(s.zero_point or s.shift != _LEFT_SHIFT for s in (scaled, half)):
        raise Unfit
    both = all(halves)
    made = isa_mve.Sum16(
        left=left,
        right=right,
        output=kernel.output,
        broadcast=broadcast,
        terms=isa_mve.Terms16(
            # Half of what is shifted by one more, so that there is a shift to the right.
            before=_LEFT_SHIFT + both,
            multiplier=scaled.multiplier.multiplier,
            shift=-1 if both else _shift(scaled.multiplier),
            right=other << (_LEFT_SHIFT - 1),
            left=own,
            sum_multiplier=kernel.multiplier.multiplier,
            sum_shift=_shift(kernel.multiplier),
        ),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _product16(call: KernelCall) -> KernelCall:
    """A product of int16."""
    kernel = call.kernel
    assert isinstance(kernel, map2.MulInt16)  # noqa: S101 - the key of the table
    if kernel.bounds.zero_point or any(kernel.zero_points):
        raise Unfit
    made = isa_mve.Product16(
        left=kernel.left,
        right=kernel.right,
        output=kernel.output,
        broadcast=_moving(kernel),
        terms=isa_mve.Factor16(multiplier=kernel.multiplier.multiplier, shift=_shift(kernel.multiplier)),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _leaky16(call: KernelCall) -> KernelCall:
    """A factor on either side of 0."""
    kernel = call.kernel
    assert isinstance(kernel, map1.LeakyReluInt16)  # noqa: S101 - the key of the table
    positive, negative = kernel.positive, kernel.negative
    if kernel.zero_point or kernel.bounds.zero_point or kernel.falls:
        raise Unfit
    if not all(-_SHIFT <= by.shift <= _LEFT_SHIFT and by.multiplier >= 0 for by in (positive, negative)):
        raise Unfit
    made = isa_mve.LeakyRelu16(
        input=kernel.input,
        output=kernel.output,
        elements=kernel.elements,
        terms=isa_mve.Sides16(
            before=max(positive.shift, 0),
            multiplier=positive.multiplier,
            shift=min(positive.shift, 0),
            negative_before=max(negative.shift, 0),
            negative_multiplier=negative.multiplier,
            # What rounds a shift rounds halves of negative numbers away from zero.
            negative_less=-1 if negative.shift < 0 else 0,
            negative_shift=min(negative.shift, 0),
        ),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


#: Makes the call of a kernel of Helium of that of the portable kernel that is its key, or raises Unfit.
KERNELS: Mapping[type, Callable[[Any], KernelCall]] = {
    map1.LeakyReluInt16: _leaky16,
    map2.AddInt16: lambda call: _sum16(call, 1),
    map2.MulInt16: _product16,
    map2.MulInt8: _product_twice,
    map2.Product: _product,
    map2.SubInt16: lambda call: _sum16(call, -1),
}
