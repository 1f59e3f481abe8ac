"""features(call, tiles) = what the cost of a call is made of: counts that follow from a kernel's fields.

Kernels whose loops are alike share a formula: it is found by what their fields are made of. A call in tiles has the
features of all of them, since each begins, fills blocks and prepares lines anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ariel_build.kernels import Axis, KernelCall, Packed
from ariel_build.kernels.declared import (
    batch_matmul,
    conv2d,
    conv_transpose,
    copy,
    depthwise_conv2d,
    fully_connected,
    index,
    isa_mve,
    isa_packed,
    isa_real,
    isa_scalar,
    isa_vfpv4_sp,
    pool2d,
    recurrent,
    resample,
    trees,
)
from ariel_build.kernels.declared.broadcast import Broadcast
from ariel_build.kernels.declared.fold import Walk
from ariel_build.kernels.declared.memory import Image
from ariel_build.kernels.declared.softmax import Lines
from ariel_build.kernels.declared.window import Window
from ariel_build.kernels.fetched import Fetched
from ariel_build.schedule import windows
from ariel_build.schedule.tiles import Tile
from ariel_build.schedule.windows import Counts

__all__ = ["features"]

_POOLS = (
    pool2d.AverageF32,
    pool2d.AverageInt8,
    pool2d.AverageInt16,
    pool2d.AverageReal,
    pool2d.MaxF32,
    pool2d.MaxInt8,
    pool2d.MaxInt16,
)
#: Layers in portable code: a core without an FPU has no others.
_REAL = (conv2d.F32, depthwise_conv2d.F32, fully_connected.F32)
#: Columns of a block, and channels of a block of dense layers on scalar cores.
_BLOCK, _CHANNELS = 4, 8
#: Bytes that are copied one by one where there are fewer, and without a loop where no more are known to be copied.
_SHORT, _LONG = 16, 64
#: Elements of a run that are copied one by one (`copy.rs`).
_SINGLES = 8


def features(call: KernelCall, tiles: Sequence[Tile] = ()) -> Counts:
    """Returns the counts by name, those that are 0 left out; without `tiles` of the whole at once."""
    kernel = call.kernel
    tiles = tiles or (Tile(0, call.tiling.extent),)
    found: Counts = {
        "call": len(tiles),
        "outputs": sum(v.type.elements for v in call.outputs),
        "inputs": sum(v.type.elements for v in dict.fromkeys(call.inputs) if not v.is_constant),
        "macs": call.macs,
        "dense_macs": _dense(call),
        **_clipped(call),
    }
    spans = [tile.end - tile.start for tile in tiles]
    match kernel:
        case copy.Copy():
            found |= _copy(kernel)
        case isa_packed.Conv2d() | isa_packed.SmallConv2d():
            found |= windows.packed(kernel, spans if call.tiling.axis is Axis.PIXELS else [])
        case isa_packed.DepthwiseConv2d():
            found |= windows.planes(kernel, spans if call.tiling.axis is Axis.PIXELS else [])
        case isa_mve.Conv2d():
            found = {"call": len(tiles)} | windows.pairs(kernel, spans if call.tiling.axis is Axis.PIXELS else [])
        case isa_scalar.Conv2d():
            found |= windows.triples(kernel, spans if call.tiling.axis is Axis.PIXELS else [])
        case isa_mve.ConvTranspose():
            found = {"call": len(tiles), "outputs": found["outputs"]} | windows.phases(kernel, spans)
        case isa_mve.FetchedConv2d():
            found = {"call": len(tiles)} | windows.in_parts(kernel)
        case isa_scalar.FetchedConv2d() | isa_packed.FetchedConv2d():
            found |= windows.in_parts(kernel)
        case isa_scalar.Conv2d16():
            found |= windows.fours(kernel, spans if call.tiling.axis is Axis.PIXELS else [])
        case isa_scalar.DepthwiseLines():
            found |= windows.lines(kernel, spans if call.tiling.axis is Axis.PIXELS else [])
        case isa_scalar.DepthwiseConv2d():
            found |= _shared(call) | windows.channels(kernel, spans if call.tiling.axis is Axis.PIXELS else [])
        case isa_real.Conv2d() | isa_real.DepthwiseConv2d():
            found |= windows.regions(kernel, tiles if call.tiling.axis is Axis.PIXELS else ())
            found |= _bounded(call, kernel.output.height * kernel.output.width)
        case _:
            found |= _shared(call)
    return {name: float(count) for name, count in found.items() if count}


def _dense(call: KernelCall) -> float:
    """Returns the products of float32 whose inputs are no output of a ReLU: without an FPU zeros take half as long."""
    kernel = call.kernel
    if call.rectified or not isinstance(kernel, _REAL):
        return 0
    image, source, window = (getattr(kernel, key, None) for key in ("output", "input", "window"))
    if isinstance(image, Image) and isinstance(source, Image) and isinstance(window, Window):
        return windows.windows(source, image, window, call.macs)["inside_macs"]
    return call.macs


def _clipped(call: KernelCall) -> Counts:
    """Returns the elements that are held between bounds, where these are not those of the type."""
    kernel, outputs = call.kernel, call.outputs
    kernel = kernel.layer if isinstance(kernel, Fetched) else kernel
    bounds = getattr(kernel, "bounds", kernel)
    low, high = getattr(bounds, "min", None), getattr(bounds, "max", None)
    if not outputs or not isinstance(low, int | float) or not isinstance(high, int | float):
        return {}
    dtype = outputs[0].type.dtype
    least, most = (-math.inf, math.inf) if not dtype.is_integer else dtype.range
    return {"clipped": sum(v.type.elements for v in outputs) if low > least or high < most else 0}


def _bounded(call: KernelCall, pixels: int) -> Counts:
    """Returns the pixels, and their elements, that are held between bounds once they are stored: a ReLU is not."""
    low, high = call.kernel.min, call.kernel.max  # type: ignore[attr-defined]
    is_bounded = high < math.inf or low not in (0, -math.inf)
    return {"bounded": call.outputs[0].type.elements, "bounded_pixels": pixels} if is_bounded else {}


def _shared(call: KernelCall) -> Counts:
    """Returns the counts of loops that many kernels have."""
    kernel, outputs = call.kernel, sum(v.type.elements for v in call.outputs)
    found: Counts = {}
    for _, part in kernel:
        found |= _loops(part, call)
    if isinstance(kernel, Fetched):
        kernel = kernel.layer
    match kernel:
        case isa_packed.FullyConnected():
            found |= windows.dense(kernel)
        case isa_scalar.FullyConnected():
            blocks = -(-outputs // _CHANNELS)
            pieces = int(np.count_nonzero(kernel.segments.data))
            found |= {"blocks": blocks, "block_macs": blocks * kernel.depth, "pieces": pieces}
        case batch_matmul.F32() | batch_matmul.I32() | batch_matmul.I64() | batch_matmul.Quantized():
            rows, rests = math.prod(kernel.batches) * kernel.rows, kernel.columns % _BLOCK
            found |= _in_fours(rows, kernel.columns - rests, rests, kernel.depth)
        case isa_packed.BatchMatMul() | isa_vfpv4_sp.BatchMatMul():
            products = math.prod(kernel.batches)
            blocks = products * -(-kernel.rows // _BLOCK)
            pairs = -(-kernel.columns // 2)
            found |= {
                "rounds": products,
                "pixels": blocks,
                "blocks": blocks * pairs,
                "block_macs": blocks * pairs * kernel.depth,
                "taps": products * kernel.columns * kernel.depth,
            }
        case (
            fully_connected.F32()
            | fully_connected.Hybrid()
            | fully_connected.Quantized()
            | isa_real.FullyConnected()
            | isa_packed.DeepConnected()
        ):
            wide = outputs // max(kernel.rows, 1)
            found |= _in_fours(kernel.rows, wide - wide % _BLOCK, wide % _BLOCK, kernel.depth)
            found["whole_macs"] = kernel.rows // _BLOCK * _BLOCK * wide * kernel.depth
            if isinstance(kernel, isa_real.FullyConnected):
                blocks, ones = (rows * (wide // _BLOCK) for rows in divmod(kernel.rows, _BLOCK))
                found |= {"blocks": blocks, "block_macs": blocks * kernel.depth}
                found |= {"ones": ones, "one_macs": ones * kernel.depth, **_bounded(call, kernel.rows)}
        case depthwise_conv2d.F32() | depthwise_conv2d.Hybrid() | depthwise_conv2d.Quantized():
            found["spread"] = call.macs if kernel.output.channels != kernel.input.channels else 0
        case conv_transpose.F32() | conv_transpose.Quantized() | isa_packed.ConvTranspose():
            pixels = kernel.output.height * kernel.output.width
            lines = kernel.output.height * kernel.output.channels
            found |= {"pixels": pixels, "runs": pixels * kernel.stamp.height, "lines": lines}
        case index.Scatter() | index.CombineF32() | index.CombineI32() | index.CombineI64() | index.CombineI8():
            found["bytes"] = sum(v.type.bytes for v in call.outputs)
        case index.Select():
            found["rounds"] = kernel.elements // max(kernel.counts[-1], 1)
        case resample.F32():
            found |= {"rounds": kernel.outer * kernel.to, "taps": outputs * kernel.taps}
    image, window, source = (getattr(kernel, key, None) for key in ("output", "window", "input"))
    if isinstance(image, Image) and isinstance(window, Window) and isinstance(source, Image):
        found |= windows.windows(source, image, window, call.macs)
        if isinstance(kernel, _POOLS):
            found |= windows.pooled(source, image, window)
    return found | {"passes": outputs * _passes(call)}


def _passes(call: KernelCall) -> float:
    """Returns how often a Fourier transform is halved, how deep a tree is, or how many trees are summed; else 0."""
    twiddles, roots, nodes = (getattr(call.kernel, name, None) for name in ("twiddles", "roots", "nodes"))
    if isinstance(roots, Packed) and isinstance(nodes, Packed):
        words = 1 if isinstance(call.kernel, trees.ShortLeaves) else 2
        return math.log2(1 + nodes.data.size / words / roots.data.size)
    found = getattr(call.kernel, "found", None)
    if isinstance(found, trees.Found):
        # Of each target the leaves of all trees, or of its own.
        return found.trees / (found.targets if found.starts.data.size else 1)
    return math.log2(twiddles.data.shape[0]) if isinstance(twiddles, Packed) else 0.0


def _in_fours(rows: int, fours: int, rests: int, depth: int) -> Counts:
    """Returns the counts of rows with columns in blocks of four, and of those that are left."""
    return {
        "pixels": rows,
        "fours": rows * fours,
        "four_macs": rows * fours * depth,
        "singles": rows * rests,
        "single_macs": rows * rests * depth,
    }


def _loops(part: object, call: KernelCall) -> Counts:
    """Returns the counts of what a struct among a kernel's fields walks over."""
    match part:
        case Broadcast():
            runs = math.prod(part.counts)
            stays = 0 if all(part.steps) else part.elements
            return {"rounds": runs, "turns": runs // max(part.counts[-1], 1), "stays": stays}
        case Walk():
            kept = math.prod(part.kept)
            return {"rounds": kept, "turns": kept * math.prod(part.reduced[:-1])}
        case Lines():
            return {"rounds": part.lines}
        case index.Lanes():
            lanes = part.outer * part.inner
            most = getattr(call.kernel, "count", 1)
            return {"rounds": lanes, "taps": lanes * part.extent * (most if isinstance(most, int) else 1)}
        case index.Blocks():
            places = math.prod(part.counts)
            return {"rounds": places, "moved": places * part.block, "taps": places * len(part.places)}
        case index.Running():
            lanes = sum(axis.outer * axis.inner for axis in part.axes)
            return {"rounds": lanes}
        case recurrent.Sequences():
            steps = part.batch * part.directions * part.steps
            return {"rounds": steps, "gates": steps * part.units}
        case recurrent.Cell():
            steps = part.sequences * part.steps
            return {"rounds": steps, "gates": steps * part.units}
        case recurrent.Memories():
            memories = part.sequences * part.units * part.rank
            return {"rounds": memories, "moved": memories * part.memory, "gates": part.sequences * part.units}
    return {}


def _copy(kernel: copy.Copy) -> Counts:
    """Returns rows, runs and elements of the boxes of a copy."""
    names = (
        "rounds",
        "turns",
        "strided",
        "few",
        "few_runs",
        "runs",
        "shorts",
        "bytes",
        "short",
        "moved",
        "askew",
        "filled",
    )
    found: Counts = dict.fromkeys(names, 0)
    if "Element" in kernel.fill.path:
        found["filled"] = kernel.rows * kernel.row
    for move in kernel.moves:
        *outer, count = move.counts
        rows, dense = move.rows, move.input_strides[-1] == move.output_strides[-1] == 1
        is_whole = rows > 0 and dense and math.prod(outer) == 1 and count == kernel.row == move.input_row
        if is_whole:
            # Whole rows that follow one another are one run of memory (`Move::run`).
            rows, count = 1, count * rows
        runs = rows * math.prod(outer)
        if dense and not is_whole and count <= _SINGLES:
            dense = False
            found["few"] += runs * count
            found["few_runs"] += runs
        found["rounds"] += rows
        # Passes through the loops around the innermost two, beside the first of each row.
        found["turns"] += rows * (sum(math.prod(outer[: axis + 1]) for axis in range(len(outer) - 1)) - len(outer) + 1)
        if dense:
            size = count * kernel.element
            # As memory is copied: few bytes one by one, some more at once, words that do not lie alike shifted.
            strides = (*move.input_strides[:-1], move.input_row, *move.output_strides[:-1], kernel.row)
            walked = [s for s, n in zip(strides, (*outer, rows) * 2, strict=True) if n > 1]
            alike = (move.input_start - move.output_start) * kernel.element % 4 == 0
            alike = alike and all(stride * kernel.element % 4 == 0 for stride in walked)
            found["runs" if size > _LONG else "shorts"] += runs
            kind = "bytes" if size < _SHORT else "askew" if not alike else "moved" if size > _LONG else "short"
            found[kind] += runs * size
        else:
            found["strided"] += runs * count
            found["walks"] = found.get("walks", 0) + runs
    return found
