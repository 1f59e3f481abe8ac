"""LSTM for cores with the DSP extension: sums of pairs of channels, requantised by what their multipliers allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ariel_build.isa.armv7e_m.streams import Unfit, nested, sum_stream
from ariel_build.isa.packing import unpacked
from ariel_build.kernels import Field, KernelCall, Nested, Packed, Scratch

__all__ = ["KERNELS"]


def _choose_lstm(call: KernelCall) -> KernelCall:
    """Returns the call of the kernel for an int8 LSTM; the call itself where sums or multipliers have no proof."""
    try:
        kernel, fields = _lstm(dict(call.fields))
    except Unfit:
        return call
    return replace(call, kernel=f"isa::armv7e_m::{kernel}", fields=fields)


def _lstm(fields: dict[str, Field]) -> tuple[str, dict[str, Field]]:
    layer = nested(fields["lstm"])
    depth, units = layer["depth"], layer["units"]
    new: dict[str, Field] = {"lstm": fields["lstm"]}
    for name, scales in (("of_input", "input_scales"), ("of_hidden", "hidden_scales")):
        new[name], new[scales] = _product(fields[name], 4 * units)
    wide = -(-max(depth, units) // 4) * 8
    new["scratch"] = Scratch(2 * 16 * units + 8 * units + wide)
    return "Lstm8", new


def _product(field: Field, channels: int) -> tuple[Packed, tuple[Field, ...]]:
    """Returns stream and multipliers of a `Product`."""
    if not isinstance(field, Nested):
        raise Unfit
    filter_, bias, pairs = (field.fields[name] for name in ("filter", "bias", "multipliers"))
    if not (isinstance(filter_, Packed) and isinstance(bias, Packed) and isinstance(pairs, Packed)):
        raise Unfit
    gates = len(pairs.data)
    each = filter_.data.reshape(gates, -1)
    weights = np.concatenate([unpacked(one, channels // gates) for one in each])
    multipliers = tuple(Nested("Multiplier", {"multiplier": int(q), "shift": int(s)}) for q, s in pairs.data)
    return sum_stream(weights, bias.data.astype(np.int64)), multipliers


#: What computes a call instead of a portable kernel.
KERNELS = {"recurrent::Lstm8": _choose_lstm}
