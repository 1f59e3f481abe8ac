"""in_place(call): the call of a packed kernel, with the pairs for which it works in place of its input.

Both kernels copy what they read into scratch before they write:

- `Conv2d` widens (or packs) some pixels and then writes theirs, so a pointwise layer with as many outputs as inputs may
  write each pixel where it read it, in any tile of pixels; with whole groups of eight inputs it computes none twice.
- `DepthwiseConv2d` copies all lines of four channels and then writes these channels, where its scratch has room for all
  lines and the call is one tile: another tile would find its neighbours' rows overwritten.
"""

from __future__ import annotations

from dataclasses import replace

from ariel_build.kernels import Axis, KernelCall, Nested, Reads

__all__ = ["in_place"]

_ROOMS = ("armv7e_m", "dsp_fpu", "thumb2", "unequal", "packed", "scalar")


def in_place(call: KernelCall) -> KernelCall:
    """Returns the call with its pairs; any other kernel's as it is."""
    room, _, name = call.kernel.partition("<")[0].removeprefix("isa::").partition("::")
    window, source, output = (call.fields.get(key) for key in ("window", "input", "output"))
    if not call.kernel.startswith("isa::") or room not in _ROOMS:
        return call
    if not (isinstance(window, Nested) and isinstance(source, Nested) and isinstance(output, Nested)):
        return call
    shapes = [{k: v for k, v in image.fields.items() if k != "region"} for image in (source, output)]
    strides = (window.fields["stride_h"], window.fields["stride_w"])
    if shapes[0] != shapes[1] or strides != (1, 1) or len(call.inputs) != 1 or call.in_place:
        return call
    channels, pixel = _number(output, "channels"), _number(output, "pixel")
    if name == "Conv2d" and call.tiling.axis is Axis.PIXELS:
        size = (window.fields["height"], window.fields["width"], window.fields["pad_top"], window.fields["pad_left"])
        if size == (1, 1, 0, 0) and channels % 8 == 0 and pixel == channels:
            return replace(call, in_place=((0, 0),), reads=(Reads("same"),))
    is_planes = name == "DepthwiseConv2d" and "lines" in call.fields and not call.kernel.endswith("Short>")
    if is_planes and channels % 4 == 0:
        across = _number(output, "width" if call.fields["vertical"] else "height")
        if call.fields["lines"] == across:
            return replace(call, in_place_whole=((0, 0),))
    return call


def _number(nested: Nested, name: str) -> int:
    value = nested.fields[name]
    return value if isinstance(value, int) else 0
