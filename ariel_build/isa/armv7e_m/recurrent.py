"""LSTM and SVDF for cores with the DSP extension: pairs of channels share words of weights; sums are left whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ariel_build.isa.armv7e_m.streams import Unfit, nested, sum_stream
from ariel_build.isa.packing import unpacked
from ariel_build.kernels import Field, KernelCall, Nested, Packed, Scratch

__all__ = ["KERNELS"]

#: Makes of the fields of a portable kernel the name of one for these cores and its fields, or raises Unfit.
_Maker = Callable[[dict[str, Field]], tuple[str, dict[str, Field]]]


def _choice(make: _Maker) -> Callable[[KernelCall], KernelCall]:
    def choose(call: KernelCall) -> KernelCall:
        try:
            kernel, fields = make(dict(call.fields))
        except Unfit:
            return call
        return replace(call, kernel=f"isa::armv7e_m::{kernel}", fields=fields)

    return choose


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


def _svdf(fields: dict[str, Field]) -> tuple[str, dict[str, Field]]:
    shape = nested(fields["memories"])
    filters, depth = shape["units"] * shape["rank"], shape["depth"]
    feature, bias = fields["feature"], fields["feature_bias"]
    if not isinstance(feature, Packed) or not isinstance(bias, Packed) or shape["memory"] % 4:
        raise Unfit
    extra = filters % 2
    weights = np.pad(unpacked(feature.data, filters), ((0, extra), (0, 0)))
    new = {key: field for key, field in fields.items() if key != "feature_bias"}
    new["feature"] = sum_stream(weights, np.pad(bias.data.astype(np.int64), (0, extra)))
    new["scratch"] = Scratch(4 * (filters + extra) + -(-filters // 4) * 4 + -(-depth // 4) * 8 + 8)
    return "Svdf8", new


#: What computes a call instead of a portable kernel.
KERNELS = {"recurrent::Lstm8": _choice(_lstm), "recurrent::Svdf8": _choice(_svdf)}
