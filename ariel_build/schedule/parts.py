"""part(call, tile) = the call's kernel for fewer rows: those of the tile, and those of its input under their windows.

It computes the same numbers from the same numbers: a window leaves the smaller image only where it leaves the image.
So values between calls that run in pieces need not be there in whole, and kernels know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ariel_build.ir import Value
from ariel_build.isa.scalar.lines import band_of, words
from ariel_build.kernels import Access, Axis, Feed, Kernel, KernelCall, Operand, Packed, Scratch, Source
from ariel_build.kernels.declared import isa_packed, isa_scalar
from ariel_build.kernels.declared.broadcast import Broadcast
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window
from ariel_build.records import dataclass
from ariel_build.schedule.ranges import Span, can_stream, read_span, written_span
from ariel_build.schedule.tiles import Tile

__all__ = ["Part", "can_part", "for_rows", "has_rows", "part", "rows_of"]

#: Words of scratch of a band of lines of small images, where a call runs in pieces, and bytes of input and output for
#: each of them: lines that are widened twice cost less.
_WORDS, _BYTES = 256, 128


@dataclass(frozen=True)
class Part:
    """A kernel for one tile, of `extent` units, and the bytes that it reads and writes of each input and output."""

    kernel: Kernel
    extent: int
    reads: tuple[Span, ...]
    writes: tuple[Span, ...]


def can_part(call: KernelCall) -> bool:
    """Whether tiles of whole rows, or of elements, are calls of the same kernel."""
    kernel = call.kernel
    if isinstance(kernel, Feed):
        return can_stream(call)
    if not can_stream(call) or not call.reads or _is_along_columns(kernel):
        return False
    images = _images(kernel)
    if images is not None:
        of_one = len(call.inputs) == len(call.outputs) == 1 and _is_under_windows(*images)
        return of_one and _is_dense(images[0], call.inputs[0]) and _is_dense(images[1], call.outputs[0])
    fields = dict(iter(kernel))
    count = call.outputs[0].type.elements
    if kernel.ACCESS is not Access.ELEMENTS or call.tiling.extent != count or len(call.outputs) != 1:
        return False
    spread = fields.get("broadcast")
    alike = fields.get("elements") == count if spread is None else _is_alike(spread, count)
    return alike and "counts" not in fields and all(_is_of_any(name, value, count) for name, value in fields.items())


def has_rows(kernel: Kernel) -> bool:
    """Whether some rows of the kernel's image are an image for the same kernel."""
    return _images(kernel) is not None and not _is_along_columns(kernel)


def part(call: KernelCall, tile: Tile) -> Part:
    """Returns the kernel of a tile: whole rows of an image, where the call has one."""
    kernel, units = call.kernel, tile.end - tile.start
    reads = tuple(read_span(call, index, tile) for index in range(len(call.inputs)))
    writes = tuple(written_span(call, value, tile) for value in call.outputs)
    images = _images(kernel)
    if images is not None:
        source, output, window = images
        top = tile.start // rows_of(call) * window.stride_h - window.pad_top
        kernel = kernel.replace(
            input=_rows(source, call.inputs[0], reads[0]),
            output=_rows(output, call.outputs[0], writes[0]),
            window=window.replace(pad_top=max(-top, 0)),
        )
    elif not isinstance(kernel, Feed):
        spread = dict(iter(kernel)).get("broadcast")
        if isinstance(spread, Broadcast):
            kernel = kernel.replace(broadcast=spread.replace(elements=units, run=units))
        else:
            kernel = kernel.replace(elements=units)
    return Part(kernel, units, reads, writes)


def rows_of(call: KernelCall) -> int:
    """Returns the units of a row of an image; 1 where the call writes none."""
    images = _images(call.kernel)
    return images[1].width if images is not None and call.tiling.axis is Axis.PIXELS else 1


def for_rows(call: KernelCall, tiles: Sequence[Tile]) -> KernelCall:
    """Returns the call with the scratch that it needs for these tiles, where that is less than for all at once."""
    kernel = call.kernel
    if isinstance(kernel, isa_scalar.DepthwiseLines):
        return _with_lines_for(call, kernel, tiles)
    if not isinstance(kernel, isa_packed.DepthwiseConv2d) or kernel.vertical:
        return call
    rows = max(tile.end - tile.start for tile in tiles) // kernel.output.width
    if not 0 < rows < kernel.lines:
        return call
    room, rest = kernel.scratch.bytes - 16, (kernel.lines - 1) * kernel.window.stride_h + 3
    return replace(
        call,
        kernel=kernel.replace(
            lines=rows, scratch=Scratch(room // rest * ((rows - 1) * kernel.window.stride_h + 3) + 16)
        ),
    )


def _with_lines_for(call: KernelCall, kernel: isa_scalar.DepthwiseLines, tiles: Sequence[Tile]) -> KernelCall:
    """Returns the call of a kernel whose scratch has lines for its tiles: shorter ones, or fewer."""
    rows = max(tile.end - tile.start for tile in tiles) // kernel.output.width
    if call.tiling.axis is not Axis.PIXELS or not 0 < rows < kernel.output.height:
        return call
    output, window, vertical = kernel.output.replace(height=rows), kernel.window, kernel.vertical
    most = max(_WORDS, (call.inputs[0].type.bytes + call.outputs[0].type.bytes) // _BYTES)
    band = min(kernel.band, band_of(output, window, most, vertical=vertical))
    count = words(output, window, band, vertical=vertical)
    return replace(call, kernel=kernel.replace(band=band, scratch=Scratch(4 * count)))


def _is_along_columns(kernel: Kernel) -> bool:
    """Whether its lines are columns: their length, and with it the scratch, is that of the image."""
    fields = dict(iter(kernel))
    is_along = bool(fields.get("vertical")) and "scratch" in fields
    return is_along and not isinstance(kernel, isa_scalar.DepthwiseLines)


def _images(kernel: Kernel) -> tuple[Image, Image, Window] | None:
    """Returns input, output and window of a kernel that has them."""
    match dict(iter(kernel)):
        case {"input": Image() as source, "output": Image() as output, "window": Window() as window}:
            return source, output, window
    return None


def _is_dense(image: Image, value: Value) -> bool:
    """Whether the image is all of the value, without gaps."""
    dense = image.pixel == image.channels and image.row == image.width * image.pixel
    return dense and image.height * image.row == value.type.elements and image.region.value is value


def _is_under_windows(source: Image, output: Image, window: Window) -> bool:
    """Whether the windows of each row of the output have rows of the input under them, and not padding alone."""
    first = (window.height - 1) * window.dilation_h - window.pad_top
    return first >= 0 and (output.height - 1) * window.stride_h - window.pad_top < source.height


def _is_alike(spread: object, count: int) -> bool:
    """Whether operands have the elements of the output, in its order, or one for all."""
    return isinstance(spread, Broadcast) and spread.elements == spread.run == count


def _is_of_any(name: str, value: object, count: int) -> bool:
    """Whether a field is the same for any of `count` elements, or an operand with one for each."""
    match value:
        case Operand(value=held) | Source(value=held):
            return held.type.elements == (1 if held.is_constant else count)
        case Packed():
            return name == "table"
    return not isinstance(value, Scratch)


def _rows(image: Image, value: Value, span: Span) -> Image:
    row = value.type.bytes // image.height
    return image.replace(height=(span.end - span.start) // row)
