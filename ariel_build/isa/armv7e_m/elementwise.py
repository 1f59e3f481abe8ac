"""Element-wise operators for cores with the DSP extension (`kernels/isa/armv7e_m`).

ADD and LEAKY_RELU of int16, two elements at a time; of int8 what has two operands, one of which may be broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, Operand, Source
from ariel_build.kernels.declared import isa_armv7e_m, map1, map2
from ariel_build.kernels.declared.broadcast import Broadcast
from ariel_build.kernels.declared.isa_armv7e_m import Halves, Side, Sides, Twice
from ariel_build.kernels.declared.map2 import Scaled
from ariel_build.kernels.declared.quant import Multiplier

__all__ = ["KERNELS", "linear_runs"]

_INT32 = 1 << 31
#: Bits by which TFLite shifts operands to the left, and half, which the one with the greater scale is multiplied by.
_LEFT_SHIFT = 15
_HALF = (1 << 30, 0)
#: Of int8: bits by which SQUARED_DIFFERENCE shifts operands to the left, and shifts to the right, at most, for which no
#: constant leaves 32 bits.
_SQUARE_SHIFT, _OPERAND_SHIFT, _RESULT_SHIFT = 7, 15, 22
#: What the offset of a proven formula stays below, so that 16 times of it is an int64.
_OFFSET = 1 << 58
#: What there is of each side.
_Of = TypeVar("_Of")


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


def _along(broadcast: Broadcast, left: _Of, right: _Of) -> tuple[Broadcast, _Of, _Of]:
    """Returns the broadcast with a left operand that moves along runs, and the sides in that order."""
    if any(n != 1 for n in broadcast.counts[:-1]) or broadcast.steps == (0, 0):
        raise Unfit
    if broadcast.steps[0]:
        return broadcast, left, right
    return broadcast.replace(steps=(1, 0), left=broadcast.right, right=broadcast.left), right, left


def _centred(kernel: map2.Product | map2.MulInt8) -> tuple[Broadcast, tuple[Source, int], tuple[Source, int]]:
    """Returns that of a product, whose sides are operands and their zero points."""
    zero_left, zero_right = kernel.zero_points
    return _along(kernel.broadcast, (kernel.left, zero_left), (kernel.right, zero_right))


def linear_runs(call: KernelCall, kernel: map2.Linear) -> KernelCall:
    """A sum in runs."""
    broadcast, (left, left_factor), (right, right_factor) = _along(
        kernel.broadcast, (kernel.left, kernel.left_factor), (kernel.right, kernel.right_factor)
    )
    if abs(kernel.offset) + 256 * abs(right_factor) >= _OFFSET:
        raise Unfit
    made = isa_armv7e_m.LinearRuns(
        left=left,
        right=right,
        output=kernel.output,
        broadcast=broadcast,
        left_factor=left_factor,
        right_factor=right_factor,
        offset=kernel.offset,
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _product(call: KernelCall) -> KernelCall:
    """A product with proven constants, in runs."""
    kernel = call.kernel
    assert isinstance(kernel, map2.Product)  # noqa: S101 - the key of the table
    broadcast, (left, zero_left), (right, zero_right) = _centred(kernel)
    if abs(kernel.offset) >= _OFFSET:
        raise Unfit
    made = isa_armv7e_m.ProductRuns(
        left=left,
        right=right,
        output=kernel.output,
        broadcast=broadcast,
        zero_points=(zero_left, zero_right),
        factor=kernel.factor,
        offset=kernel.offset,
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _multiply(call: KernelCall) -> KernelCall:
    """TFLite's product, in runs."""
    kernel = call.kernel
    assert isinstance(kernel, map2.MulInt8)  # noqa: S101 - the key of the table
    broadcast, (left, zero_left), (right, zero_right) = _centred(kernel)
    made = isa_armv7e_m.MulRuns(
        left=left,
        right=right,
        output=kernel.output,
        broadcast=broadcast,
        zero_points=(zero_left, zero_right),
        scale=_twice(kernel.multiplier, _RESULT_SHIFT, kernel.bounds.zero_point),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _square(call: KernelCall) -> KernelCall:
    """TFLite's squared difference from what stays along runs."""
    kernel = call.kernel
    assert isinstance(kernel, map2.SquaredDifferenceInt8)  # noqa: S101 - the key of the table
    broadcast, (left, moving), (right, staying) = _along(
        kernel.broadcast, (kernel.left, kernel.scale_left), (kernel.right, kernel.scale_right)
    )
    if broadcast.steps != (1, 0) or {moving.shift, staying.shift} != {_SQUARE_SHIFT}:
        raise Unfit
    # Factors of one half at most: squares stay below 2^30.
    if not _is_half(staying):
        _twice(staying.multiplier, _OPERAND_SHIFT)
    half = _is_half(moving)
    made = isa_armv7e_m.SquareRuns(
        left=left,
        right=right,
        output=kernel.output,
        broadcast=broadcast,
        before=(moving.zero_point, 4 << _SQUARE_SHIFT if half else 2 << _SQUARE_SHIFT),
        scale_left=Twice(multiplier=_HALF[0], rounding=1, shift=1)
        if half
        else _twice(moving.multiplier, _OPERAND_SHIFT),
        scale_right=staying,
        scale=_twice(kernel.multiplier, _RESULT_SHIFT, kernel.bounds.zero_point, least=0),
        bounds=kernel.bounds,
    )
    return call.by(made, call.tiling)


def _twice(by: Multiplier, most: int, zero_point: int = 0, *, least: int = 1) -> Twice:
    """Returns the constants that round twice, for shifts to the right from `least` to `most`; Unfit for others."""
    shift = -by.shift
    if not least <= shift <= most or not 0 <= by.multiplier < _INT32:
        raise Unfit
    rounding = ((1 << shift) >> 1) + (zero_point << shift)
    return Twice(multiplier=by.multiplier, rounding=rounding, shift=shift)


#: Makes the call of a kernel for these cores of that of the portable kernel that is its key, or raises Unfit.
KERNELS: Mapping[type, Callable[[Any], KernelCall]] = {
    map2.AddInt16: _add,
    map1.LeakyReluInt16: _leaky,
    map2.MulInt8: _multiply,
    map2.Product: _product,
    map2.SquaredDifferenceInt8: _square,
}
