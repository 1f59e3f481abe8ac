"""Memory invariant 3 inside of bottlenecks: what layers read in the step's scratch was written there, for that row.

Row by row and channel by channel: each tap of the depthwise convolution finds the row of the image that it means, or
leaves both images where it leaves one; all channels are filtered before they are projected; each row of the output is
written once. `parts_within` is what runs, and is believed nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.kernels import Bottleneck, KernelCall, Within, images, parts_within
from ariel_build.kernels.declared.memory import Image
from ariel_build.schedule import Schedule, Tile
from ariel_build.schedule.ranges import read_span

__all__ = ["check_within"]


def check_within(schedule: Schedule) -> None:
    """Raises InternalError where the layers of a bottleneck do not compute what their step says."""
    for step in schedule.steps:
        kernel = step.call.kernel
        if isinstance(kernel, Bottleneck):
            for piece in step.pieces:
                for problem in _problems(step.call, kernel, piece.tile, list(parts_within(step.call, *piece.tile))):
                    raise InternalError(f"memory invariant 3: {problem}", {"step": step.name, "tile": piece.tile})


def _problems(call: KernelCall, kernel: Bottleneck, tile: Tile, parts: list[Within]) -> Iterator[str]:
    """Yields what is wrong with the parts of a piece, in the order in which they run."""
    width, count = kernel.output.width, images(kernel.project)[0].channels
    row, end = tile.start // width, tile.end // width
    if (tile.start % width, tile.end % width) != (0, 0):
        yield "a piece begins or ends inside of a row"
    declared = read_span(call, 0, tile)
    #: The rows of the image that the wide rows stand for, and who wrote them; the channels that are filtered.
    wide, channels = range(0), 0
    writer: Value | None = None
    for part in parts:
        source, output, _ = images(part.call)
        given, made = source.region.value, output.region.value
        if part.call.scratch_bytes > kernel.room.bytes:
            yield f"{part.name} has more scratch than there is"
        if given is call.inputs[0]:
            low, high = part.spans[given]
            if low < declared.start or high > declared.end or high - low != source.height * kernel.input.row:
                yield f"{part.name} reads other rows than the piece"
            if part.places[made] != (0, 0, _bytes(output)) or _bytes(output) > kernel.expanded.bytes:
                yield f"{part.name} writes elsewhere"
            wide, writer = range(low // kernel.input.row, high // kernel.input.row), made
            if not len(wide) == source.height == output.height:
                yield f"{part.name} expands other rows"
        elif made is not call.outputs[0]:
            if given is not writer or part.places[given] != (0, 0, _bytes(source)) or source.height != len(wide):
                yield f"{part.name} reads what was not expanded for it"
            which, start, size = part.places[made]
            alike = output.pixel == count and output.row == count * output.width and output.width == width
            inside = which == 1 and start == channels and _bytes(output) <= size <= kernel.filtered.bytes - start
            if not alike or not inside or channels + output.channels > count:
                yield f"{part.name} filters channels of another place"
            if not _finds_rows(part, kernel, row, wide):
                yield f"{part.name} finds other rows under its windows"
            channels += output.channels
        else:
            if (
                channels != count
                or part.places[given] != (1, 0, _bytes(source))
                or _bytes(source) > kernel.filtered.bytes
            ):
                yield f"{part.name} reads channels that are not filtered"
            first, last = part.spans[made]
            if (first, last) != (row * kernel.output.row, (row + output.height) * kernel.output.row):
                yield f"{part.name} writes other rows"
            row, channels = row + output.height, 0
    if row != end:
        yield "rows are missing"


def _finds_rows(part: Within, kernel: Bottleneck, row: int, wide: range) -> bool:
    """Whether each tap of a part's windows is on the row of the image that it is on in the whole layer."""
    (_, output, own), whole = images(part.call), kernel.window
    if (own.height, own.stride_h, own.dilation_h) != (whole.height, whole.stride_h, whole.dilation_h):
        return False
    for line in range(output.height):
        for tap in range(own.height):
            meant = (row + line) * whole.stride_h - whole.pad_top + tap * whole.dilation_h
            found = line * own.stride_h - own.pad_top + tap * own.dilation_h
            is_row, is_found = 0 <= meant < kernel.input.height, 0 <= found < len(wide)
            if is_row != is_found or (is_found and wide[found] != meant):
                return False
    return True


def _bytes(image: Image) -> int:
    """Returns the bytes from the first element of an image of int8 to its last."""
    return (image.height - 1) * image.row + (image.width - 1) * image.pixel + image.channels
