"""What the cost of a layer of images is made of: blocks of pixels and channels, and what lies under its windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ariel_build.isa.scalar.packing import sums_of
from ariel_build.kernels.declared import isa_mve, isa_packed, isa_real, isa_scalar
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.window import Window
from ariel_build.schedule.tiles import Tile, parts

__all__ = [
    "Counts",
    "channels",
    "dense",
    "in_parts",
    "packed",
    "pairs",
    "phases",
    "planes",
    "pooled",
    "regions",
    "triples",
    "windows",
]

Counts = dict[str, float]
#: Pixels and channels of a block of the kernels for Arm, and the fewest of a block of six that are no block of three.
_BLOCK, _HALF = 4, 3


def windows(source: Image, image: Image, window: Window, macs: int) -> Counts:
    """Returns the counts of images under windows: of all, and of what lies inside the image."""
    height, width, depth = image.height, image.width, image.channels
    pixels, taps = height * width, window.height * window.width
    rows = sum(len(inside) for inside in _inside(height, source.height, *_down(window)))
    columns = sum(len(inside) for inside in _inside(width, source.width, *_across(window)))
    inside = rows * columns
    return {
        "pixels": pixels,
        "runs": pixels * window.height,
        "inside_runs": rows * width,
        "volume": pixels * taps * source.channels,
        "inside": inside * depth,
        "inside_macs": macs * inside / max(pixels * taps, 1),
        "lines": height * depth,
        "columns": width * depth,
        "blocks": -(-pixels // _BLOCK),
        "block_macs": -(-pixels // _BLOCK) * _BLOCK * (macs // max(pixels, 1)),
        "singles": pixels * (depth % _BLOCK),
        "single_macs": pixels * (depth % _BLOCK) * (macs // max(pixels * depth, 1)),
    }


def pooled(source: Image, image: Image, window: Window) -> Counts:
    """Returns the counts of pools, which fold the cells of four channels at once, and of those that are left singly."""
    rows = sum(len(inside) for inside in _inside(image.height, source.height, *_down(window)))
    columns = sum(len(inside) for inside in _inside(image.width, source.width, *_across(window)))
    fours, ones = divmod(image.channels, _BLOCK)
    lines, cells = rows * image.width, rows * columns
    return {
        "fours": image.height * image.width * fours,
        "four_lines": lines * fours,
        "four_cells": cells * fours,
        "single_lines": lines * ones,
        "single_cells": cells * ones,
    }


def _down(window: Window) -> tuple[int, int, int, int]:
    return window.height, window.stride_h, window.dilation_h, window.pad_top


def _across(window: Window) -> tuple[int, int, int, int]:
    return window.width, window.stride_w, window.dilation_w, window.pad_left


def _inside(outputs: int, extent: int, taps: int, stride: int, dilation: int, pad: int) -> list[range]:
    """Returns for each position of the window the taps that lie inside the image."""
    found = []
    for position in range(outputs):
        origin = position * stride - pad
        first = max(0, -(origin // dilation)) if origin < 0 else 0
        last = min(taps, -((origin - extent) // dilation)) if origin < extent else 0
        found.append(range(min(first, taps), max(last, min(first, taps))))
    return found


#: Elements of a row that stays in registers, on cores with DSP (`armv7e_m/gemv.rs`).
_NEAR = 12


def dense(kernel: isa_packed.FullyConnected) -> Counts:
    """Returns the counts of a product of rows with pairs of channels."""
    pairs = -(-kernel.channels // 2)
    steps = -(-kernel.depth // 8)
    near = kernel.depth <= _NEAR and isinstance(kernel.cores, isa_packed.Dsp | isa_packed.DspFpu)
    return {
        "near_pairs": kernel.rows * pairs if near else 0,
        "near_words": kernel.rows * pairs * -(-kernel.depth // 4) if near else 0,
        "pixels": kernel.rows,
        "pairs": 0 if near else kernel.rows * pairs,
        "pair_words": 0 if near else kernel.rows * pairs * steps,
        "words": kernel.rows * steps,
        "ends": kernel.rows * (kernel.channels % 2),
        "rests": kernel.rows * (kernel.depth % 8 > 0),
    }


def packed(kernel: isa_packed.Conv2d | isa_packed.SmallConv2d, spans: Sequence[int]) -> Counts:
    """Returns the counts of blocks of four pixels, and of pixels one by one, times pairs of channels."""
    image, source, window = kernel.output, kernel.input, kernel.window
    pixels = image.height * image.width
    size = 2 if isinstance(kernel.cores, isa_packed.Dsp16 | isa_packed.Plain16 | isa_packed.Unequal16) else 1
    run = window.width * source.channels * size
    words = window.height * -(-run // 4)
    pairs = -(-image.channels // 2)
    is_flat = (
        (window.height, window.width, window.stride_h, window.stride_w) == (1, 1, 1, 1)
        and source.row == source.width * source.pixel
        and (source.height, source.width) == (image.height, image.width)
    )
    by_one = isinstance(kernel, isa_packed.Conv2d) and (size == 2 or (is_flat and run % 8 == 0))
    is_dense = window.dilation_w == 1 and source.pixel == source.channels
    blocks = ones = 0
    for span in spans or [pixels]:
        if by_one:
            blocks, ones = blocks + span // _BLOCK, ones + span % _BLOCK
        else:
            blocks += -(-span // _BLOCK) if span >= _BLOCK else span
    whole = max(image.width - _BLOCK + 1, 0) / image.width if is_dense else 0.0
    edges = sum(len(inside) < window.width for inside in _inside(image.width, source.width, *_across(window)))
    apart = 0 if is_flat else blocks * (1 - whole)
    return {
        "blocks": blocks,
        "block_words": blocks * words,
        "block_pairs": blocks * pairs,
        "block_macs": blocks * pairs * words,
        "ends": blocks * (image.channels % 2),
        "end_macs": blocks * (image.channels % 2) * words,
        "ones": ones,
        "one_words": ones * words,
        "one_pairs": ones * pairs,
        "one_macs": ones * pairs * words,
        "rows": 0 if is_flat else (blocks - apart) * window.height,
        "apart": apart * window.height,
        "edges": 0 if is_flat else min(edges * image.height, blocks) * window.height,
        "sparse": 0 if is_dense else blocks * _BLOCK * window.height * window.width,
    }


def triples(kernel: isa_scalar.Conv2d, spans: Sequence[int]) -> Counts:
    """Returns the counts of blocks of six pixels, or three, times four channels."""
    image, source, window = kernel.output, kernel.input, kernel.window
    depth = window.height * window.width * source.channels
    sixes = threes = 0
    for span in spans or [image.height * image.width]:
        whole, rest = divmod(span, 6)
        sixes, threes = sixes + whole + (rest > _HALF), threes + (0 < rest <= _HALF)
    sums = -(-image.channels // 4)
    further = sums_of(kernel) - 1
    is_flat = window.height == window.width == 1
    columns = sum(len(inside) < window.width for inside in _inside(image.width, source.width, *_across(window)))
    return {
        "sixes": sixes,
        "six_words": sixes * depth,
        "six_sums": sixes * sums,
        "six_macs": sixes * sums * depth,
        "threes": threes,
        "three_words": threes * depth,
        "three_sums": threes * sums,
        "three_macs": threes * sums * depth,
        "further": (sixes + threes) * sums * further,
        "rows": 0 if is_flat else image.height * image.width * window.height,
        "edges": 0 if is_flat else columns * image.height * window.height,
    }


#: What is done anew for each part of the channels: pixels are packed, widened, or copied.
_AGAIN = {
    *("sixes", "six_words", "threes", "three_words", "rows", "edges"),
    *("block_words", "one_words", "apart", "sparse"),
    *("copied", "copied_rows", "edge_rows", "lines", "products"),
}


def in_parts(kernel: isa_scalar.FetchedConv2d | isa_packed.FetchedConv2d | isa_mve.FetchedConv2d) -> Counts:
    """Returns the counts of a convolution that packs its pixels anew for each part of its channels."""
    layer = kernel.layer
    match layer:
        case isa_scalar.Conv2d():
            found = triples(layer, ())
        case isa_packed.Conv2d():
            found = packed(layer, ())
        case isa_mve.Conv2d():
            found = pairs(layer, ())
    times = sum(1 for _ in parts(layer.output.channels, _BLOCK, kernel.channels))
    return {name: count * times if name in _AGAIN else count for name, count in found.items()}


def fours(kernel: isa_scalar.Conv2d16, spans: Sequence[int]) -> Counts:
    """Returns the counts of blocks of four pixels times four channels."""
    image, source, window = kernel.output, kernel.input, kernel.window
    depth = window.height * window.width * source.channels
    blocks = sum(-(-span // _BLOCK) for span in spans or [image.height * image.width])
    sums = -(-image.channels // _BLOCK)
    is_flat = window.height == window.width == 1
    return {
        "blocks": blocks,
        "block_words": blocks * _BLOCK * depth,
        "block_sums": blocks * sums,
        "block_macs": blocks * sums * depth,
        "stored": blocks * image.channels,
        "rows": 0 if is_flat else blocks * _BLOCK * window.height,
        "taps": 0 if is_flat else blocks * _BLOCK * depth,
    }


def lines(kernel: isa_scalar.DepthwiseLines, spans: Sequence[int]) -> Counts:
    """Returns the counts of bands of lines, of widened elements, and of blocks of four outputs."""
    image, source, window, channels = kernel.output, kernel.input, kernel.window, kernel.output.channels
    found: Counts = dict.fromkeys(("bands", "brought", "widened", "lines", "blocks", "block_macs", "stored"), 0)
    for span in spans or [image.height * image.width]:
        rows = -(-span // image.width)
        length, count = (rows, image.width) if kernel.vertical else (image.width, rows)
        taps, across = (window.width, window.stride_w) if kernel.vertical else (window.height, window.stride_h)
        reach = (length - 1) * (window.stride_h if kernel.vertical else window.stride_w) + 1
        inside = min(reach, source.height if kernel.vertical else source.width)
        bands = -(-count // kernel.band)
        read = min(
            count * across + bands * (taps - across), bands * (source.width if kernel.vertical else source.height)
        )
        blocks = count * -(-length // _BLOCK)
        # Of windows with more than three rows those of padding are left out.
        side = _across(window) if kernel.vertical else _down(window)
        outputs, extent = (image.width, source.width) if kernel.vertical else (image.height, source.height)
        used = sum(map(len, _inside(outputs, extent, *side))) / (outputs * taps) if taps > 3 else 1.0
        ends = bands if not kernel.vertical else count
        found["bands"] += bands * channels
        found["brought"] += read * channels
        found["widened"] += read * channels * inside
        found["lines"] += count * channels
        found["blocks"] += blocks * channels
        found["block_macs"] += blocks * channels * window.height * window.width * used
        found["stored"] += ends * channels
    return found


def channels(kernel: isa_scalar.DepthwiseConv2d, spans: Sequence[int]) -> Counts:
    """Returns the counts of planes, lines of the same padding, of their channels, lines, and columns that are read."""
    image, source, window, depth = kernel.output, kernel.input, kernel.window, kernel.output.channels
    down = _inside(image.height, source.height, *_down(window))
    across = _inside(image.width, source.width, *_across(window))
    stride = window.stride_h if kernel.vertical else window.stride_w
    found: Counts = dict.fromkeys(("planes", "plane_channels", "plane_lines", "plane_columns"), 0)
    first = 0
    for span in spans or [image.height * image.width]:
        last = first + -(-span // image.width)
        lines, length = (across, last - first) if kernel.vertical else (down[first:last], image.width)
        planes, first = len(_alike(lines)), last
        found["planes"] += planes
        found["plane_channels"] += planes * depth
        found["plane_lines"] += len(lines) * depth
        found["plane_columns"] += len(lines) * depth * ((length - 1) * stride + 3)
    return found


def planes(kernel: isa_packed.DepthwiseConv2d, spans: Sequence[int]) -> Counts:
    """Returns the counts of strips of lines, four channels of which are brought into planes."""
    image, source, window = kernel.output, kernel.input, kernel.window
    groups = -(-image.channels // 4)
    found: Counts = dict.fromkeys(("strips", "filled", "brought", "lines", "along"), 0)
    for span in spans or [image.height * image.width]:
        rows = -(-span // image.width)
        length, lines = (rows, image.width) if kernel.vertical else (image.width, rows)
        along, across = (window.stride_h, window.stride_w) if kernel.vertical else (window.stride_w, window.stride_h)
        inside = source.width if kernel.vertical else source.height
        strips = -(-lines // kernel.lines)
        rows_read = min(lines * across + strips * (3 - across), strips * inside)
        read = min((length - 1) * along + 3, source.height if kernel.vertical else source.width)
        found["strips"] += strips * groups
        found["filled"] += rows_read * groups
        found["brought"] += rows_read * groups * read
        found["lines"] += lines * groups
        found["along"] += lines * groups * (length + length % 2)
    return found


#: Bytes of an activation of int16.
_WIDE = 2
#: Bytes of a vector, the most of them in a piece of a patch, and in one that is copied with others (`mve/blocks.rs`).
_VECTOR, _STEPS, _SHORT = 16, 16, 6
#: Steps of a patch whose products are woven as a whole (`mve/nine.rs`).
_NINE = 9


def pairs(kernel: isa_mve.Conv2d, spans: Sequence[int]) -> Counts:
    """Returns the counts of pairs of pixels times four channels, read in the image, or of patches that are copied.

    Patches are copied one by one (`edges`), short ones without padding a few at a time (`copied`).
    """
    image, source, window = kernel.output, kernel.input, kernel.window
    run = window.width * source.channels * (_WIDE if isinstance(kernel.rounding, isa_mve.Up) else 1)
    vectors = -(-window.height * run // _VECTOR)
    turns = window.height if kernel.in_rows else -(-vectors // _STEPS)
    steps = -(-run // _VECTOR) if kernel.in_rows else -(-vectors // turns)
    is_flat = (
        (window.height, window.width, window.stride_h, window.stride_w) == (1, 1, 1, 1)
        and (source.row, image.row) == (source.width * source.pixel, image.width * image.pixel)
        and (source.height, source.width) == (image.height, image.width)
    )
    short = not kernel.in_rows and window.height > 1 and run <= _VECTOR and vectors <= _SHORT
    copied = 0
    if is_flat:
        rows = [(span // 2, span % 2) for span in spans or [image.height * image.width]]
    else:
        whole = sum(len(inside) == window.width for inside in _inside(image.width, source.width, *_across(window)))
        direct = whole // 2 if kernel.in_rows or window.height == 1 else 0
        all_inside = [len(inside) == window.height for inside in _inside(image.height, source.height, *_down(window))]
        together = whole - whole % 2 if short else 0
        copied = together * sum(all_inside)
        apart = image.width - 2 * direct - together
        rows = [(direct, apart) if inside else (0, image.width) for inside in all_inside]
    edges = sum(apart for _, apart in rows)
    both = sum(found for found, _ in rows) + -(-edges // 2) + copied // 2
    fours = both * -(-image.channels // _BLOCK)
    products = sum(found > 0 for found, _ in rows) + -(-edges // 2)
    return {
        "lines": len(rows),
        "products": products,
        "pairs": both,
        # Nothing is woven into the first four of a pair where the last four of the one before are less than four.
        "pauses": both if image.channels % _BLOCK else products,
        # Nine steps are woven as a whole, a single one is a piece that ends by itself.
        "nines": fours if turns * steps == _NINE and steps > 1 else 0,
        "single": fours if turns * steps == 1 else 0,
        "fours": fours,
        "four_turns": fours * turns,
        "four_steps": fours * turns * steps,
        "copied": copied,
        "copied_rows": copied * window.height,
        "edges": edges,
        "edge_rows": edges * window.height,
        "edge_steps": edges * window.height * -(-run // _VECTOR) if run > _VECTOR else 0,
    }


#: A window that goes over all pixels.
_ONES = dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), 1)


def phases(kernel: isa_mve.ConvTranspose, spans: Sequence[int]) -> Counts:
    """Returns the counts of the convolutions that a transposed one falls apart into, for each part of its channels."""
    image, stamp = kernel.output, kernel.stamp
    firsts = [(y, x) for y in range(min(stamp.stride_h, image.height)) for x in range(min(stamp.stride_w, image.width))]
    found: Counts = {"phases": 0}
    for channels in spans or [image.channels]:
        for index, (y, x) in enumerate(firsts):
            height, down, above = _phase(y, stamp.height, stamp.stride_h, stamp.pad_top)
            width, across, left = _phase(x, stamp.width, stamp.stride_w, stamp.pad_left)
            source = kernel.input.replace(height=kernel.input.height - above, width=kernel.input.width - left)
            pixels = image.replace(
                height=-(-(image.height - y) // stamp.stride_h),
                width=-(-(image.width - x) // stamp.stride_w),
                channels=channels,
                row=image.row * stamp.stride_h,
                pixel=image.pixel * stamp.stride_w,
            )
            phase = isa_mve.Conv2d(
                input=source,
                output=pixels,
                window=Window(height=height, width=width, **_ONES, pad_top=down, pad_left=across),
                stream=kernel.stream,
                in_rows=bool(kernel.in_rows >> index & 1),
                input_zero_point=kernel.input_zero_point,
                bounds=kernel.bounds,
                scratch=kernel.scratch,
                rounding=kernel.rounding,
            )
            found["phases"] += 1
            for name, count in pairs(phase, []).items():
                found[name] = found.get(name, 0) + count
    return found


def _phase(first: int, taps: int, stride: int, padding: int) -> tuple[int, int, int]:
    """Returns the taps of a phase along an axis, those before the image, and what lies before it."""
    step, phase = divmod(first + padding, stride)
    own = len(range(phase, taps, stride))
    origin = step - own + 1
    return own, max(-origin, 0), max(origin, 0)


def regions(kernel: isa_real.Conv2d | isa_real.DepthwiseConv2d, tiles: Sequence[Tile]) -> Counts:
    """Returns the counts of regions of an image whose windows have the same taps inside, as `regions.rs` finds them."""
    image, source, window = kernel.output, kernel.input, kernel.window
    groups = getattr(kernel, "groups", 1)
    is_depthwise = isinstance(kernel, isa_real.DepthwiseConv2d)
    depth = 1 if is_depthwise else source.channels // groups
    count = image.channels // groups
    is_dense = window.dilation_w == 1 and source.pixel == depth
    names = ("regions", "blocks", "block_macs", "ones", "one_macs", "singles", "single_macs", "runs", "pixels")
    found: Counts = dict.fromkeys(names, 0)
    for height, width, rows, columns in _rectangles(source, image, window, tiles):
        along, lines = width, height
        stretched = is_dense and window.stride_h * source.row == width * window.stride_w * source.pixel
        if stretched and image.row == width * image.pixel:
            along, lines = width * height, 1
        elif width < _BLOCK and width < height:
            along, lines = height, width
        fours, ones = along // _BLOCK * lines * groups, along % _BLOCK * lines * groups
        sums, taps = count // _BLOCK, rows * columns * depth
        runs = rows * (min(columns, 1) if is_dense else columns)
        found["regions"] += groups
        found["blocks"] += fours * sums
        found["block_macs"] += fours * sums * taps
        found["ones"] += ones * sums
        found["one_macs"] += ones * sums * taps
        found["singles"] += height * width * groups * (count % _BLOCK)
        found["single_macs"] += height * width * groups * (count % _BLOCK) * taps
        found["runs"] += (fours + ones) * sums * runs
        found["pixels"] += fours + ones
    return found


def _rectangles(
    source: Image, image: Image, window: Window, tiles: Sequence[Tile]
) -> Iterator[tuple[int, int, int, int]]:
    """Yields height and width of each region, and rows and columns of the taps inside, in whole rows of the tiles."""
    down = _inside(image.height, source.height, *_down(window))
    across = [(len(span), taps) for span, taps in _alike(_inside(image.width, source.width, *_across(window)))]
    for tile in tiles or (Tile(0, image.height * image.width),):
        first, last = tile.start // image.width, -(-tile.end // image.width)
        for rows, taps_down in _alike(down[first:last]):
            for width, taps_across in across:
                yield len(rows), width, taps_down, taps_across


def _alike(inside: Sequence[range]) -> list[tuple[range, int]]:
    """Returns stretches of positions whose windows have the same taps inside, with how many these are."""
    found: list[tuple[range, int]] = []
    before: range | None = None
    for position, taps in enumerate(inside):
        if before is not None and taps == before:
            found[-1] = (range(found[-1][0].start, position + 1), len(taps))
        else:
            found.append((range(position, position + 1), len(taps)))
        before = taps
    return found
