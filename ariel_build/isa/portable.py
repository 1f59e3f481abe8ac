"""The portable kernels, which compute every layer on every core: how they take its weights, and how it is cut."""

from __future__ import annotations

import numpy as np

from ariel_build.errors import InternalError
from ariel_build.kernels import Axis, Kernel, KernelCall, LayerCall, Packed, Scratch, Tiling, image_tiling
from ariel_build.kernels.declared import conv2d, conv_transpose, depthwise_conv2d, fully_connected, int4
from ariel_build.kernels.declared.quant import DoubleRounding, NearestEven
from ariel_build.kernels.layer import Convolution, Dense, Depthwise, Int4, Layer, Real, Stored, Transposed
from ariel_build.kernels.packing import packed, packed_fours, phases

__all__ = ["axis_of", "portable"]

#: Rows from which on a dense layer is cut into ranges of rows.
MANY_ROWS = 8
#: Channels of which a filter has the weights by turns.
BLOCK = 4


def portable(call: LayerCall) -> KernelCall:
    """Returns the call of the portable kernel."""
    return call.by(_kernel(call.layer), tiling_of(call.layer))


def axis_of(layer: Layer) -> Axis:
    """Returns along what a layer is cut into tiles."""
    return tiling_of(layer).axis


def tiling_of(layer: Layer) -> Tiling:
    """Returns how the portable kernel cuts a layer: a tile of channels begins a block, and each group does."""
    match layer:
        case Convolution(groups=groups) | Transposed(groups=groups):
            each = layer.count // groups
            return image_tiling(layer.output, BLOCK if groups == 1 or each % BLOCK == 0 else each)
        case Depthwise():
            return image_tiling(layer.output, BLOCK)
        case Dense():
            by_rows = layer.rows >= MANY_ROWS or layer.apart
            return Tiling(Axis.ROWS, layer.rows) if by_rows else Tiling(Axis.CHANNELS, layer.count, BLOCK)
        case Int4():
            return tiling_of(layer.layer)
    raise InternalError("a layer of no known kind", {"layer": layer})


def _kernel(layer: Layer) -> Kernel:
    match layer:
        case Convolution():
            return _convolution(layer)
        case Depthwise():
            return _depthwise(layer)
        case Dense():
            return _dense(layer)
        case Transposed():
            return _transposed(layer)
        case Int4():
            return _int4(layer)
    raise InternalError("a layer of no known kind", {"layer": layer})


def _convolution(layer: Convolution) -> Kernel:
    filter_, axis = packed(layer.weights, layer.groups), axis_of(layer)
    window = layer.window
    pointwise = (window.height, window.width, window.pad_top, window.pad_left) == (1, 1, 0, 0)
    element = layer.input.region.value.type.dtype.bytes
    scratch = Scratch(0 if pointwise else layer.weights.shape[1] * element)
    match layer.finish:
        case Stored() as finish:
            return conv2d.Quantized(
                input=layer.input,
                output=layer.output,
                window=window,
                groups=layer.groups,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                filter_zero_point=finish.filter_zero_point,
                input_zero_point=layer.input_zero_point,
                requantize=finish.requantize,
                bounds=finish.bounds,
                axis=axis,
                scratch=scratch,
            )
        case Real() as finish:
            return conv2d.F32(
                input=layer.input,
                output=layer.output,
                window=window,
                groups=layer.groups,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                min=finish.min,
                max=finish.max,
                axis=axis,
                scratch=scratch,
            )
        case rescale:
            return conv2d.Hybrid(
                input=layer.input,
                output=layer.output,
                window=window,
                groups=layer.groups,
                filter=filter_,
                rescale=rescale,
                axis=axis,
                scratch=scratch,
            )


def _depthwise(layer: Depthwise) -> Kernel:
    filter_, axis = Packed(np.ascontiguousarray(layer.weights.T), "filter"), axis_of(layer)
    # Where each tap reads (4 bytes a tap), and a pixel of padding.
    element = layer.input.region.value.type.dtype.bytes
    scratch = Scratch(4 * layer.weights.shape[1] + layer.input.channels * element)
    match layer.finish:
        case Stored() as finish:
            return depthwise_conv2d.Quantized(
                input=layer.input,
                output=layer.output,
                window=layer.window,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                filter_zero_point=finish.filter_zero_point,
                input_zero_point=layer.input_zero_point,
                requantize=finish.requantize,
                bounds=finish.bounds,
                axis=axis,
                scratch=scratch,
            )
        case Real() as finish:
            return depthwise_conv2d.F32(
                input=layer.input,
                output=layer.output,
                window=layer.window,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                min=finish.min,
                max=finish.max,
                axis=axis,
                scratch=scratch,
            )
        case rescale:
            return depthwise_conv2d.Hybrid(
                input=layer.input,
                output=layer.output,
                window=layer.window,
                filter=filter_,
                rescale=rescale,
                axis=axis,
                scratch=scratch,
            )


def _dense(layer: Dense) -> Kernel:
    filter_, axis = packed(layer.weights), axis_of(layer)
    match layer.finish:
        case Stored() as finish:
            return fully_connected.Quantized(
                input=layer.input,
                output=layer.output,
                rows=layer.rows,
                depth=layer.depth,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                filter_zero_point=finish.filter_zero_point,
                requantize=finish.requantize,
                bounds=finish.bounds,
                axis=axis,
            )
        case Real() as finish:
            return fully_connected.F32(
                input=layer.input,
                output=layer.output,
                rows=layer.rows,
                depth=layer.depth,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                min=finish.min,
                max=finish.max,
                axis=axis,
            )
        case rescale:
            return fully_connected.Hybrid(
                input=layer.input,
                output=layer.output,
                rows=layer.rows,
                depth=layer.depth,
                filter=filter_,
                rescale=rescale,
                axis=axis,
            )


def _int4(layer: Int4) -> Kernel:
    own, finish = layer.layer, layer.finish
    image = own.as_column() if isinstance(own, Dense) else own
    if not isinstance(finish, Stored) or not isinstance(finish.requantize, DoubleRounding | NearestEven):
        raise InternalError("packed weights of a layer that is not of int8", {"layer": layer})
    return int4.Pointwise(
        input=image.input,
        output=image.output,
        window=image.window,
        filter=packed_fours(layer.weights),
        bias=Packed(finish.bias, "bias"),
        requantize=finish.requantize,
        bounds=finish.bounds,
        axis=axis_of(layer),
    )


def _transposed(layer: Transposed) -> Kernel:
    stamp, axis = layer.stamp, axis_of(layer)
    strides = (stamp.stride_h, stamp.stride_w)
    groups = (phases(group, strides) for group in np.split(layer.weights, layer.groups))
    parts = [packed(own.reshape(own.shape[0], -1)).data for group in groups for own in group if own.size]
    filter_ = Packed(np.concatenate(parts), "filter")
    taps = -(-stamp.height // stamp.stride_h) * -(-stamp.width // stamp.stride_w) * layer.weights.shape[3]
    match layer.finish:
        case Stored() as finish:
            # Elements are int16 once the zero point is taken off.
            return conv_transpose.Quantized(
                input=layer.input,
                output=layer.output,
                stamp=stamp,
                groups=layer.groups,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                input_zero_point=layer.input_zero_point,
                requantize=finish.requantize,
                bounds=finish.bounds,
                axis=axis,
                scratch=Scratch(2 * taps),
            )
        case Real() as finish:
            return conv_transpose.F32(
                input=layer.input,
                output=layer.output,
                stamp=stamp,
                groups=layer.groups,
                filter=filter_,
                bias=Packed(finish.bias, "bias"),
                min=finish.min,
                max=finish.max,
                axis=axis,
                scratch=Scratch(4 * taps),
            )
        case _:
            raise InternalError("no transposed convolution is hybrid", {"layer": layer})
