"""LSTM and SVDF for cores with the DSP extension: pairs of channels share words of weights; sums are left whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ariel_build.isa.armv7e_m.int16 import stream_of_any
from ariel_build.isa.armv7e_m.streams import Ints, requantised, stored_of, sum_stream
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, Packed, Scratch
from ariel_build.kernels.declared import isa_armv7e_m, recurrent
from ariel_build.kernels.declared.isa_armv7e_m import Fixed
from ariel_build.kernels.declared.quant import Bounds, DoubleRounding, Multiplier
from ariel_build.kernels.layer import Stored
from ariel_build.kernels.packing import double_rounding

__all__ = ["KERNELS"]

_GATES = 4
#: What sums must stay below that no two channels share a word of.
_SUM = 1 << 30


def _lstm(call: KernelCall) -> KernelCall:
    kernel = call.kernel
    assert isinstance(kernel, recurrent.Lstm8)  # noqa: S101 - the key of the table
    depth, units = kernel.lstm.depth, kernel.lstm.units
    made = isa_armv7e_m.Lstm(
        lstm=kernel.lstm,
        of_input=_stream(kernel.of_input, depth),
        of_hidden=_stream(kernel.of_hidden, units),
        input_scales=kernel.of_input.multipliers,
        hidden_scales=kernel.of_hidden.multipliers,
        # Both products, the gates, and what is widened.
        scratch=Scratch(2 * 4 * _GATES * units + 2 * _GATES * units + 2 * _words(max(depth, units))),
    )
    return call.by(made, call.tiling)


def _svdf(call: KernelCall) -> KernelCall:
    kernel = call.kernel
    assert isinstance(kernel, recurrent.Svdf8)  # noqa: S101 - the key of the table
    shape = kernel.memories
    filters = shape.units * shape.rank
    if shape.memory % 4:
        raise Unfit
    weights, bias = _unpacked(kernel.feature, shape.depth), kernel.feature_bias.data.reshape(-1).astype(np.int64)
    # What is kept saturates before it has its zero point, and wraps then.
    bounds = Bounds(zero_point=0, min=-128, max=127)
    kept = requantised(weights, Stored(bias, _rounding(kernel.feature_scale), bounds), _SUM)
    time = kernel.time.data.reshape(shape.units, -1).astype(np.int64)
    unit_bias = _small(kernel.bias.data.reshape(-1).astype(np.int64), time, kernel.scale, kernel.bounds)
    units = requantised(time, Stored(unit_bias, _rounding(kernel.scale), kernel.bounds), _SUM)
    if np.any(units.scale != units.scale[0]) or np.any(units.weights != time) or np.any(units.bias != unit_bias):
        raise Unfit
    multiplier, shift = (int(value) for value in units.scale[0])
    made = isa_armv7e_m.Svdf(
        memories=shape,
        feature=stream_of_any(kept),
        state_zero_point=kernel.state_zero_point,
        time=kernel.time,
        bias=Packed(unit_bias.astype(np.int32), "bias"),
        scale=Fixed(multiplier=multiplier, rounding=units.rounding, shift=shift),
        bounds=kernel.bounds,
        # What is widened, and what comes to filters.
        scratch=Scratch(2 * _words(shape.depth) + _words(filters)),
    )
    return call.by(made, call.tiling)


def _small(bias: Ints, time: Ints, by: Multiplier, bounds: Bounds) -> Ints:
    """Returns the bias of units, a huge one, whose output saturates whatever comes, less huge."""
    small, reach, factor = bias.copy(), 128 * np.abs(time).sum(axis=1), (by.multiplier, -by.shift)
    for unit in np.flatnonzero(np.abs(bias) + reach >= _SUM):
        small[unit] = np.sign(bias[unit]) * _SUM // 4
        if not 0 <= factor[1] <= 31:
            raise Unfit
        sums = [int(b[unit] + s * reach[unit]) for b in (bias, small) for s in (-1, 1)]
        if max(map(abs, sums)) >= 1 << 31 or len({stored_of(acc, factor, bounds) for acc in sums}) > 1:
            raise Unfit
    return small


def _rounding(by: Multiplier) -> DoubleRounding:
    """Returns the rounding with one multiplier for all channels."""
    return double_rounding(np.array([[by.multiplier, by.shift]]))


def _words(elements: int) -> int:
    """Returns the elements of whole words."""
    return -(-elements // 4) * 4


def _stream(product: recurrent.Product, depth: int) -> Packed:
    """Returns the stream of the weights of all gates."""
    gates = np.split(product.filter.data.reshape(-1), _GATES)
    weights = np.concatenate([_unpacked(Packed(gate, "filter"), depth) for gate in gates])
    return sum_stream(weights, product.bias.data.astype(np.int64))


def _unpacked(filter_: Packed, depth: int) -> Ints:
    """Returns the filter [channels, depth] of which `kernels.packing` made what the portable kernel reads."""
    flat = filter_.data.reshape(-1).astype(np.int64)
    count = flat.size // depth
    whole = count // 4 * 4
    blocks = flat[: whole * depth].reshape(-1, depth, 4).transpose(0, 2, 1).reshape(whole, depth)
    return np.concatenate([blocks, flat[whole * depth :].reshape(count - whole, depth)])


#: Makes the call of a kernel for these cores of that of the portable kernel that is its key, or raises Unfit.
KERNELS: Mapping[type, Callable[[Any], KernelCall]] = {recurrent.Lstm8: _lstm, recurrent.Svdf8: _svdf}
