"""words(output, window, vertical, band) = the scratch of a depthwise convolution along lines (`lines.rs`).

For one channel: its weights, sums of the lines that are stored together, and the widened inputs of a band of lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ariel_build.kernels.declared.memory import Image
    from ariel_build.kernels.declared.window import Window

__all__ = ["band_of", "words"]

#: Outputs of a line that are computed at a time.
_BLOCK = 4


def words(output: Image, window: Window, band: int, *, vertical: bool) -> int:
    """Returns the words of scratch for `band` lines at a time."""
    length, taps, stride = output.width, window.width, window.stride_w
    rows, across = window.height, window.stride_h
    if vertical:
        length, taps, stride = output.height, window.height, window.stride_h
        rows, across = window.width, window.stride_w
    line = stride * (-(-length // _BLOCK) * _BLOCK + (taps - 1) // stride)
    sums = (1 if vertical else band) * length + _BLOCK - 1
    return taps * rows + sums + line * ((band - 1) * across + rows)


def band_of(output: Image, window: Window, most: int, *, vertical: bool) -> int:
    """Returns the lines of which the scratch has at most so many words; one line at least."""
    one, two = (words(output, window, band, vertical=vertical) for band in (1, 2))
    lines = output.width if vertical else output.height
    return min(max((most - one) // (two - one) + 1, 1), lines)
