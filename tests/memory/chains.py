"""Random chains of int8 image layers for TFLite, and a search that lets all that can roll between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ariel_build.ir import Value
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.rolling import can_roll
from ariel_build.memory.streaming import Effort, Streaming
from ariel_build.schedule import Tile
from ariel_build.schedule.interleave import interleaved, pulled, row, whole_rows
from ariel_build.schedule.parts import can_part
from tests.ops import tflm
from tests.ops.sums import ACTIVATIONS, Sum, filter_scales, output_size

__all__ = ["chain", "everything_rolls"]

Rng = np.random.Generator


def chain(rng: Rng, layers: int) -> list[tflm.Operator]:
    """Returns convolutions, depthwise ones, pools and residual sums, one after the other."""
    size = int(rng.integers(9, 22)), int(rng.integers(3, 11))
    x = tflm.Tensor("int8", (1, *size, int(rng.choice([1, 3, 4, 8]))), 0.05, int(rng.integers(-128, 128)))
    made: list[tflm.Operator] = []
    while len(made) < layers:
        kind = rng.choice(
            ["convolution", "pointwise", "depthwise", "pool", "residual"], p=[0.25, 0.25, 0.25, 0.1, 0.15]
        )
        if kind == "residual":
            begin = x
            count = x.shape[3]
            for sum_of in (_sum(rng, x, 3, 1, depthwise=True), None):
                made.append(sum_of or _sum(rng, made[-1].outputs[0], int(rng.choice([1, 3])), 1, count=count))
            y = made[-1].outputs[0]
            output = tflm.Tensor("int8", x.shape, float(np.float32(_scale(x) * 1.3)), int(rng.integers(-60, 60)))
            sides: list[tflm.Tensor | None] = [begin, y] if rng.random() < 0.5 else [y, begin]
            options = {"fusedActivationFunction": int(rng.choice(ACTIVATIONS)), "potScaleInt16": False}
            made.append(tflm.Operator("ADD", sides, [output], ("AddOptions", options), 2))
        elif kind == "pool":
            made.append(_pool(rng, x))
        else:
            window = 1 if kind == "pointwise" else int(rng.choice([3, 3, 3, 2, 5]))
            stride = int(rng.choice([1, 1, 2])) if kind != "pointwise" else 1
            made.append(_sum(rng, x, window, stride, depthwise=kind == "depthwise"))
        x = made[-1].outputs[0]
        if min(x.shape[1:3]) < 3:
            break
    return made


def _window(
    rng: Rng, x: tflm.Tensor, window: int, stride: int, *, same: bool
) -> tuple[tuple[int, ...], dict[str, object]]:
    out = tuple(output_size(n, window, stride, same=same) for n in x.shape[1:3])
    options: dict[str, object] = {
        "padding": 0 if same else 1,
        "strideH": stride,
        "strideW": stride,
        "fusedActivationFunction": int(rng.choice(ACTIVATIONS)),
    }
    return out, options


def _sum(
    rng: Rng, x: tflm.Tensor, window: int, stride: int, *, depthwise: bool = False, count: int = 0
) -> tflm.Operator:
    """Returns a convolution; `count` are its channels, some number where it is 0."""
    depth = x.shape[3]
    same = window > min(x.shape[1:3]) or stride == 1 or bool(rng.random() < 0.6)
    out, options = _window(rng, x, window, stride, same=same)
    count = depth if depthwise else count or int(rng.choice([4, 6, 8, 12, 16]))
    terms = window * window * (1 if depthwise else depth)
    scale = _scale(x)
    scales = filter_scales(rng, count)
    spread = scale * float(np.mean(scales)) * 74 * 74 * np.sqrt(terms)
    quantisation = Sum(scale, x.zero_point, scales, float(np.float32(spread / 60)), int(rng.integers(-60, 60)))
    filter_ = (1, window, window, count) if depthwise else (count, window, window, depth)
    tensors = quantisation.tensors(rng, x.shape, filter_, 3 if depthwise else 0, bias=True)
    options |= {"dilationHFactor": 1, "dilationWFactor": 1} | ({"depthMultiplier": 1} if depthwise else {})
    name, table = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
    return tflm.Operator(name, [x, *tensors[1:]], [quantisation.output((1, *out, count))], (table, options), 3)


def _pool(rng: Rng, x: tflm.Tensor) -> tflm.Operator:
    window, stride = int(rng.choice([2, 3])), int(rng.choice([1, 2]))
    out, options = _window(rng, x, window, stride, same=bool(rng.random() < 0.5))
    options |= {"filterHeight": window, "filterWidth": window}
    output = tflm.Tensor("int8", (1, *out, x.shape[3]), x.scale, x.zero_point)
    name = "AVERAGE_POOL_2D" if rng.random() < 0.5 else "MAX_POOL_2D"
    return tflm.Operator(name, [x], [output], ("Pool2DOptions", options), 2)


def everything_rolls(
    rng: Rng,
) -> Callable[[Peaks, Effort, int, Callable[[Streaming], int]], Sequence[tuple[float, Streaming]]]:
    """Returns what stands for the search: all calls that follow each other and can run in parts do so, as one chain."""

    def found(peaks: Peaks, *_: object) -> Sequence[tuple[float, Streaming]]:
        calls, order, rolled = peaks.calls, list[tuple[int, Tile]](), frozenset[Value]()
        at = 0
        while at < len(calls):
            end = at + 1
            while end < len(calls) and all(map(can_part, calls[at : end + 1])):
                end += 1
            span = range(at, end)
            values = can_roll(calls, span, peaks.kept, peaks.aliases, peaks.users)
            rows = int(rng.choice([1, 1, 2, 3]))
            if not values:
                order += [(k, Tile(0, calls[k].tiling.extent)) for k in span]
            elif rng.random() < 0.5:
                order += pulled(calls, span, rows, peaks.aliases)
            else:
                units = max(whole_rows(calls[end - 1]), row(calls[end - 1])) * rows
                order += interleaved(calls, span, units, peaks.aliases, whole_rows)
            rolled |= values
            at = end
        # Whatever it needs: it is to be taken.
        return [(1e-6, Streaming(tuple(order), frozenset(), rolled))]

    return found


def _scale(x: tflm.Tensor) -> float:
    assert isinstance(x.scale, float)
    return x.scale
