"""May an output lie over the image that it is computed from? From what the kernel declares, not from the call's pairs.

A kernel of windows reads what its neighbours are computed from. So its output may lie over its input only where it says
that it copies first (`ACCESS`), and nobody else reads what a tile overwrites, whichever core runs it:

- COPIED_WINDOW: each pixel is computed from the one at its place, and pixels are copied in whole groups, none twice;
- COPIED_WINDOW_OF_CHANNELS: each channel from itself, all lines of which are in scratch at once; tiles are channels,
  or there is one.
"""

from __future__ import annotations

from ariel_build.kernels import Access, Axis, KernelCall
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window

__all__ = ["overwrites"]

_SIDES = ("height", "width", "channels", "row", "pixel")
#: Channels of which a block of pixels is computed twice otherwise.
_GROUP = 8


def overwrites(call: KernelCall) -> str:
    """Returns why a tile could overwrite what is still to be read, or an empty string.

    Kernels without a window read element by element what they may lie over, as they declare.
    """
    kernel = call.kernel
    fields = dict(iter(kernel))
    match fields:
        case {"input": Image() as source, "output": Image() as output, "window": Window() as window}:
            pass
        case _:
            return ""
    if any(getattr(source, side) != getattr(output, side) for side in _SIDES):
        return "pixels of input and output lie apart"
    if (window.stride_h, window.stride_w) != (1, 1):
        return "windows skip pixels"
    if kernel.ACCESS is Access.COPIED_WINDOW:
        alone = (window.height, window.width, window.pad_top, window.pad_left) == (1, 1, 0, 0)
        if not alone or call.tiling.axis not in (Axis.PIXELS, Axis.WHOLE):
            return "a tile reads more pixels than it writes"
        return "" if output.channels % _GROUP == 0 else "a block of pixels is computed twice"
    if kernel.ACCESS is not Access.COPIED_WINDOW_OF_CHANNELS:
        return "the kernel copies nothing first"
    if call.tiling.axis not in (Axis.CHANNELS, Axis.WHOLE):
        return "tiles read rows of their neighbours"
    lines = output.width if fields.get("vertical") else output.height
    # A kernel that tells of no lines writes each only where it has read it.
    held = fields.get("lines", fields.get("band", lines))
    return "" if isinstance(held, int) and held >= lines else "not all lines are in scratch"
