"""What is resized along an axis: a Resize where one says the same, else copies of neighbours, weighted and added."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ariel_build.ir import Node
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.resample import Resample
from ariel_build.ops.resize import ResizedAxis, band, cubic, linear
from ariel_build.quantize.writers.writer import Writer, writes

__all__: list[str] = []

_TRANSFORMATIONS = ("half_pixel", "asymmetric", "align_corners")
#: Coefficients of cubic convolution in use: PyTorch's and ONNX's, and TensorFlow's.
_CUBIC = (-0.75, -0.5)
#: Weights may differ by what float32 makes of places.
_CLOSE = 1e-6


@writes(Resample)
def _resample(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Resample)  # noqa: S101 - registered for it
    op, x, output = node.op, node.input(0), node.output
    extent, count = x.shape[op.axis], len(op.starts)
    outer, inner = math.prod(x.shape[: op.axis]), math.prod(x.shape[op.axis + 1 :])
    said = _resize(op, extent)
    if said is None:
        writer.bind(output, _sum(writer, op, writer.read(x), len(x.shape)))
        return
    # onnxruntime interpolates all of three axes, or the last two of four.
    before, after = ([outer, extent, inner], [outer, count, inner])
    if said["mode"] == "cubic" or said["antialias"]:
        before, after = ([1, outer, extent, inner], [1, outer, count, inner])
    sizes = [writer.constant(np.array(shape, np.int64), "shape") for shape in (before, after, output.shape)]
    lines = writer.node("Reshape", [writer.read(x), sizes[0]], "lines")
    made = writer.node("Resize", [lines, "", "", sizes[1]], "resized", **said)
    writer.write(output, "Reshape", [made, sizes[2]])


def _resize(op: Resample, extent: int) -> Mapping[str, Any] | None:
    """Returns attributes of a Resize that takes the same neighbours with the same weights, if there is one."""
    axis = ResizedAxis(extent, len(op.starts), len(op.starts) / extent)
    weights, rows = np.zeros((axis.count, extent)), np.arange(axis.count)[:, None]
    np.add.at(weights, (rows, np.array(op.starts)[:, None] + np.arange(len(op.weights[0]))), np.array(op.weights))
    for said in _known():
        places = axis.places(said["coordinate_transformation_mode"])
        antialias, outside = bool(said["antialias"]), bool(said["exclude_outside"])
        reach, weight = (2, partial(cubic, a=said["cubic_coeff_a"])) if said["mode"] == "cubic" else (1, linear)
        try:
            cells, shares = band(axis, places, reach, weight, antialias=antialias, exclude_outside=outside)
        except UnsupportedReason:
            continue
        made = np.zeros_like(weights)
        np.add.at(made, (np.broadcast_to(rows, cells.shape), cells), shares)
        if np.abs(made - weights).max() < _CLOSE:
            return said
    return None


def _known() -> Iterator[dict[str, Any]]:
    for antialias, transformation in itertools.product((0, 1), _TRANSFORMATIONS):
        plain = {"coordinate_transformation_mode": transformation, "antialias": antialias}
        yield {"mode": "linear", "exclude_outside": 0, **plain}
        for a, outside in itertools.product(_CUBIC, (0, 1)):
            yield {"mode": "cubic", "cubic_coeff_a": a, "exclude_outside": outside, **plain}


def _sum(writer: Writer, op: Resample, x: str, rank: int) -> str:
    """Writes the sum over the neighbours; returns its name."""
    weights, starts = np.array(op.weights, np.float32), np.array(op.starts, np.int64)
    shape = [-1 if axis == op.axis else 1 for axis in range(rank)]
    total = ""
    for tap in range(weights.shape[1]):
        cells = writer.node("Gather", [x, writer.constant(starts + tap, "cells")], "neighbours", axis=op.axis)
        share = writer.constant(weights[:, tap].reshape(shape), "shares")
        part = writer.node("Mul", [cells, share], "weighted")
        total = writer.node("Add", [total, part], "sum") if total else part
    return total
