"""float32 on cores with an FPU: which layers and calls their kernels compute. They need no scratch.

Those of `kernels/isa/real` run the loops of the cores; the others need no more than an FPU.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ariel_build.ir import DType
from ariel_build.isa.armv7e_m.kernels import Maker
from ariel_build.isa.portable import axis_of, tiling_of
from ariel_build.isa.unfit import Unfit
from ariel_build.kernels import KernelCall, LayerCall, Packed
from ariel_build.kernels.declared import batch_matmul, isa_real, isa_vfpv4_sp, map2, softmax
from ariel_build.kernels.layer import Convolution, Dense, Depthwise, Layer, Real
from ariel_build.kernels.packing import packed

__all__ = ["Cores", "kernels"]

#: Whose loops the kernels run.
Cores = isa_real.Fpu | isa_real.Helium


def _finish(layer: Layer) -> Real:
    """Returns how the layer ends. No bias is NaN: one with its sign set would be taken for a negative number."""
    if not isinstance(layer.finish, Real) or bool(np.isnan(layer.finish.bias).any()):
        raise Unfit
    return layer.finish


def _conv2d(call: LayerCall, layer: Convolution, cores: Cores) -> KernelCall:
    """Any window, and any groups."""
    finish = _finish(layer)
    kernel = isa_real.Conv2d(
        input=layer.input,
        output=layer.output,
        window=layer.window,
        groups=layer.groups,
        filter=packed(layer.weights, layer.groups),
        bias=Packed(finish.bias, "bias"),
        min=finish.min,
        max=finish.max,
        axis=axis_of(layer),
        cores=cores,
    )
    return call.by(kernel, tiling_of(layer))


def _depthwise(call: LayerCall, layer: Depthwise, cores: Cores) -> KernelCall:
    """One filter for each channel; several are a convolution with a group for each input channel."""
    if layer.count != layer.input.channels:
        return _conv2d(call, layer.as_convolution(), cores)
    finish = _finish(layer)
    kernel = isa_real.DepthwiseConv2d(
        input=layer.input,
        output=layer.output,
        window=layer.window,
        filter=packed(layer.weights),
        bias=Packed(finish.bias, "bias"),
        min=finish.min,
        max=finish.max,
        axis=axis_of(layer),
        cores=cores,
    )
    return call.by(kernel, tiling_of(layer))


def _dense(call: LayerCall, layer: Dense, cores: Cores) -> KernelCall:
    """Rows are the pixels of blocks."""
    finish = _finish(layer)
    kernel = isa_real.FullyConnected(
        input=layer.input,
        output=layer.output,
        rows=layer.rows,
        depth=layer.depth,
        filter=packed(layer.weights),
        bias=Packed(finish.bias, "bias"),
        min=finish.min,
        max=finish.max,
        axis=axis_of(layer),
        cores=cores,
    )
    return call.by(kernel, tiling_of(layer))


#: Kernels of two operands, by the portable ones whose fields they have, but for the broadcast.
_ELEMENTWISE = {map2.AddF32: isa_real.Add, map2.SubF32: isa_real.Sub, map2.MulF32: isa_real.Mul}


def _elementwise(call: KernelCall, kernel: map2.AddF32 | map2.SubF32 | map2.MulF32, cores: Cores) -> KernelCall:
    """Operands that are not broadcast."""
    broadcast, elements = kernel.broadcast, call.outputs[0].type.elements
    if broadcast.run != elements or broadcast.steps != (1, 1):
        raise Unfit
    ours = _ELEMENTWISE[type(kernel)](
        left=kernel.left,
        right=kernel.right,
        output=kernel.output,
        elements=elements,
        min=kernel.min,
        max=kernel.max,
        cores=cores,
    )
    return call.by(ours, call.tiling)


#: Columns of a block.
_BLOCK = 4


def _products(call: KernelCall, kernel: batch_matmul.F32) -> KernelCall:
    """Terms of the left side follow one another, and columns or terms of the right side."""
    if kernel.columns < _BLOCK or kernel.x_step != 1 or 1 not in (kernel.y_column, kernel.y_step):
        raise Unfit
    ours = isa_vfpv4_sp.BatchMatMul(
        x=kernel.x,
        y=kernel.y,
        output=kernel.output,
        rows=kernel.rows,
        columns=kernel.columns,
        depth=kernel.depth,
        batches=kernel.batches,
        x_batches=kernel.x_batches,
        y_batches=kernel.y_batches,
        x_row=kernel.x_row,
        y_column=kernel.y_column,
        y_step=kernel.y_step,
    )
    return call.by(ours, call.tiling)


def _softmax(call: KernelCall, kernel: softmax.F32) -> KernelCall:
    """Rows whose elements follow one another, of which the greatest has the greatest exponential."""
    if kernel.lines.stride != 1 or kernel.beta < 0:
        raise Unfit
    ours = isa_vfpv4_sp.Softmax(input=kernel.input, output=kernel.output, lines=kernel.lines, beta=kernel.beta)
    return call.by(ours, call.tiling)


def _softmax_nearest(call: KernelCall, kernel: softmax.Dequantized) -> KernelCall:
    """The same of int8, with all of its bounds."""
    if kernel.lines.stride != 1 or (kernel.bounds.min, kernel.bounds.max) != DType.I8.range:
        raise Unfit
    ours = isa_vfpv4_sp.SoftmaxNearest(
        input=kernel.input,
        output=kernel.output,
        lines=kernel.lines,
        exps=kernel.exps,
        scale=kernel.scale,
        zero_point=kernel.bounds.zero_point,
    )
    return call.by(ours, call.tiling)


def kernels(cores: Cores) -> Mapping[type, Maker]:
    """Returns what makes calls of these kernels, by the layer or portable kernel that they compute."""
    return {
        Convolution: lambda call: _conv2d(call, call.layer, cores),
        Depthwise: lambda call: _depthwise(call, call.layer, cores),
        Dense: lambda call: _dense(call, call.layer, cores),
        batch_matmul.F32: lambda call: _products(call, call.kernel),
        softmax.F32: lambda call: _softmax(call, call.kernel),
        softmax.Dequantized: lambda call: _softmax_nearest(call, call.kernel),
        **{kernel: lambda call: _elementwise(call, call.kernel, cores) for kernel in _ELEMENTWISE},
    }
