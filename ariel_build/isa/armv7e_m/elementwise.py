"""ADD and LEAKY_RELU of int16 for cores with the DSP extension, two elements at a time (`kernels/isa/armv7e_m`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, Operand, Source
from ariel_build.kernels.declared import isa_armv7e_m, map1, map2
from ariel_build.kernels.declared.isa_armv7e_m import Halves, Side, Sides
from ariel_build.kernels.declared.map2 import Scaled
from ariel_build.kernels.declared.quant import Multiplier

__all__ = ["KERNELS"]

_INT32 = 1 << 31
#: Bits by which TFLite shifts operands to the left, and half, which the one with the greater scale is multiplied by.
_LEFT_SHIFT = 15
_HALF = (1 << 30, 0)


def _add(call: KernelCall) -> KernelCall:
    """A sum of two tensors of one shape, whose scales differ."""
    kernel = call.kernel
    assert isinstance(kernel, map2.AddInt16)  # noqa: S101 - the key of the table
    elements = call.outputs[0].type.elements
    operands = [(kernel.left, kernel.scale_left), (kernel.right, kernel.scale_right)]
    if _is_half(kernel.scale_left):
        operands.reverse()
    (left, scaled), (right, half) = operands
    symmetric = kernel.bounds.zero_point == 0 and all(s.zero_point == 0 for s in (scaled, half))
    if not symmetric or not _is_half(half) or {scaled.shift, half.shift} != {_LEFT_SHIFT}:
        raise Unfit
    shift, sum_shift = _right_shift(scaled.multiplier), _right_shift(kernel.multiplier)
    made = isa_armv7e_m.Add16(
        left=_whole(left, elements),
        right=_whole(right, elements),
        output=kernel.output,
        elements=elements,
        halves=Halves(
            multiplier=scaled.multiplier.multiplier,
            rounding=1 << (shift - 1),
            shift=shift,
            sum_multiplier=2 * kernel.multiplier.multiplier - 2 * _INT32,
            sum_rounding=1 << (sum_shift - 1),
            sum_shift=sum_shift,
        ),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _is_half(scaled: Scaled) -> bool:
    return (scaled.multiplier.multiplier, scaled.multiplier.shift) == _HALF


def _right_shift(by: Multiplier) -> int:
    """Returns the shift to the right; Unfit where there is none, or the kernel's sums would leave 32 bits."""
    if not 1 <= -by.shift <= 30 or by.multiplier < 1 << 30:
        raise Unfit
    return -by.shift


def _whole(source: Source, elements: int) -> Operand:
    """Returns an operand that is computed and not broadcast."""
    if source.value.is_constant or source.value.type.elements != elements:
        raise Unfit
    return Operand(source.value)


def _leaky(call: KernelCall) -> KernelCall:
    """A factor on either side of 0."""
    kernel = call.kernel
    assert isinstance(kernel, map1.LeakyReluInt16)  # noqa: S101 - the key of the table
    if kernel.zero_point != 0 or kernel.bounds.zero_point != 0 or kernel.falls:
        raise Unfit
    made = isa_armv7e_m.LeakyRelu16(
        input=kernel.input,
        output=kernel.output,
        elements=kernel.elements,
        sides=Sides(positive=_side(kernel.positive, 0), negative=_side(kernel.negative, 1)),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _side(by: Multiplier, less: int) -> Side:
    """Returns the constants of inputs of one sign; of negative ones, one `less` is what rounds a shift."""
    left, right = max(by.shift, 0), max(-by.shift, 0)
    if left > 15 or right > 30 or by.multiplier < 1 << 30:
        raise Unfit
    rounding = (1 << (right - 1)) - less if right else 0
    return Side(before=15 - left, multiplier=by.multiplier, rounding=rounding, shift=right)


#: Makes the call of a kernel for these cores of that of the portable kernel that is its key, or raises Unfit.
KERNELS: Mapping[type, Callable[[Any], KernelCall]] = {map2.AddInt16: _add, map1.LeakyReluInt16: _leaky}
