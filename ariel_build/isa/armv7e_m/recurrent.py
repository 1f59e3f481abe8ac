"""LSTM and SVDF for cores with the DSP extension: pairs of channels share words of weights; sums are left whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ariel_build.isa.armv7e_m.streams import Ints, sum_stream
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, Packed, Scratch
from ariel_build.kernels.declared import isa_armv7e_m, recurrent

__all__ = ["KERNELS"]

_GATES = 4


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
    extra = filters % 2
    weights = np.pad(_unpacked(kernel.feature, shape.depth), ((0, extra), (0, 0)))
    bias = np.pad(kernel.feature_bias.data.astype(np.int64), (0, extra))
    made = isa_armv7e_m.Svdf(
        memories=shape,
        feature=sum_stream(weights, bias),
        feature_scale=kernel.feature_scale,
        state_zero_point=kernel.state_zero_point,
        time=kernel.time,
        bias=kernel.bias,
        scale=kernel.scale,
        bounds=kernel.bounds,
        # Dot products, what is widened, and what is kept.
        scratch=Scratch(4 * (filters + extra) + 2 * _words(shape.depth) + _words(filters) + 8),
    )
    return call.by(made, call.tiling)


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
