"""ATen operators that lay out windows and diagonals, and that sample images at places."""

from __future__ import annotations

from ariel_build.ir import Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.concat import concat
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose

__all__: list[str] = []


@aten("unfold.default", "unfold_copy.default")
def _unfold(call: Call) -> Value:
    """[.., n, ..] -> [.., windows, .., size]: the windows of an axis."""
    x = call.tensor("self")
    axis, size, step = call.axis("dimension", len(x.shape)), call.integer("size"), call.integer("step")
    if not x.shape or not 0 < size <= x.shape[axis] or step < 1:
        raise UnsupportedReason(f"windows of {size}, {step} apart, do not fit {x.type}")
    count = (x.shape[axis] - size) // step + 1
    places = [emit_slice(call.importer, x, {axis: (k, count, step)}) for k in range(size)]
    return concat(call.importer, [call.reshape(v, (*v.shape, 1)) for v in places], len(x.shape))


@aten("diagonal.default", "diagonal_copy.default")
def _diagonal(call: Call) -> Value:
    x, offset = call.tensor("self"), call.integer("offset", 0)
    rank = len(x.shape)
    first, second = call.axis("dim1", rank, 0), call.axis("dim2", rank, 1)
    if rank < 2 or first == second:
        raise UnsupportedReason(f"axes {first} and {second} of {x.type} have no diagonal")
    others = [axis for axis in range(rank) if axis not in (first, second)]
    lead = tuple(x.shape[axis] for axis in others)
    rows, columns = x.shape[first], x.shape[second]
    start = offset if offset >= 0 else -offset * columns
    count = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    if count < 1:
        raise UnsupportedReason(f"diagonal {offset} of {x.type} is empty")
    flat = call.reshape(transpose(call.importer, x, (*others, first, second)), (*lead, rows * columns))
    return emit_slice(call.importer, flat, {len(lead): (start, count, columns + 1)})


@aten("im2col.default")
def _im2col(call: Call) -> Value:
    """[n, c, h, w] -> [n, c * kernel, windows]: what `torch.nn.Unfold` gives."""
    x = call.tensor("self")
    kernel, dilation, padding, stride = (
        call.integers(name, default, 2)
        for name, default in (("kernel_size", None), ("dilation", (1,)), ("padding", (0,)), ("stride", (1,)))
    )
    if len(x.shape) != 4:
        raise UnsupportedReason(f"{x.type} is not supported, only 4 axes")
    if any(padding):
        x = call.onnx("Pad", x, [0, 0, *padding, 0, 0, *padding])
    counts = [
        (extent - d * (k - 1) - 1) // s + 1
        for extent, d, k, s in zip(x.shape[2:], dilation, kernel, stride, strict=True)
    ]
    if min(counts) < 1:
        raise UnsupportedReason(f"windows of {list(kernel)} do not fit {x.type}")
    parts = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            place = {2: (i * dilation[0], counts[0], stride[0]), 3: (j * dilation[1], counts[1], stride[1])}
            part = emit_slice(call.importer, x, place)
            parts.append(call.reshape(part, (*x.shape[:2], 1, counts[0] * counts[1])))
    whole = concat(call.importer, parts, 2)
    return call.reshape(whole, (x.shape[0], x.shape[1] * len(parts), counts[0] * counts[1]))


@aten("col2im.default")
def _col2im(call: Call) -> Value:
    size, kernel = call.integers("output_size", None, 2), call.integers("kernel_size", None, 2)
    padding = call.integers("padding", (0,), 2)
    return call.onnx(
        "Col2Im",
        call.tensor("self"),
        list(size),
        list(kernel),
        dilations=call.integers("dilation", (1,), 2),
        pads=(*padding, *padding),
        strides=call.integers("stride", (1,), 2),
    )


@aten("grid_sampler.default", "grid_sampler_2d.default")
def _grid_sampler(call: Call) -> Value:
    mode, padding = call.integer("interpolation_mode"), call.integer("padding_mode")
    modes, paddings = ("linear", "nearest", "cubic"), ("zeros", "border", "reflection")
    if not 0 <= mode < len(modes) or not 0 <= padding < len(paddings):
        raise UnsupportedReason(f"interpolation_mode {mode} with padding_mode {padding} is not known")
    return call.onnx(
        "GridSample",
        call.tensor("input"),
        call.tensor("grid"),
        mode=modes[mode],
        padding_mode=paddings[padding],
        align_corners=int(call.flag("align_corners")),
    )


@aten("affine_grid_generator.default")
def _affine_grid(call: Call) -> Value:
    size = list(call.integers("size"))
    return call.onnx("AffineGrid", call.tensor("theta"), size, align_corners=int(call.flag("align_corners")))
