"""ONNX images are NCHW or NCW; ours are NHWC: the transposes on the way in and out of an operator over windows."""

from __future__ import annotations

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.transpose import NCHW_TO_NHWC, NHWC_TO_NCHW, transpose

__all__ = ["channels_first", "channels_last", "filter_to_nhwc", "from_nhwc", "spatial_shape", "to_nhwc"]


def spatial_shape(value: Value) -> tuple[int, ...]:
    """Returns the extents behind batch and channels; refuses all but one or two of them."""
    if len(value.shape) not in (3, 4):
        raise UnsupportedReason(f"an image of {len(value.shape)} axes is not supported, only 3 (NCW) and 4 (NCHW)")
    return value.shape[2:]


def to_nhwc(importer: Importer, value: Value) -> Value:
    """Returns an NCHW or NCW value as NHWC; NCW gets a height of 1."""
    if len(value.shape) == 4:
        return transpose(importer, value, NCHW_TO_NHWC)
    batch, channels, width = value.shape
    return reshape(importer, transpose(importer, value, (0, 2, 1)), (batch, 1, width, channels))


def from_nhwc(importer: Importer, value: Value, rank: int) -> Value:
    """Returns an NHWC value as NCHW (`rank` 4) or NCW (3)."""
    if rank == 4:
        return transpose(importer, value, NHWC_TO_NCHW)
    batch, _, width, channels = value.shape
    return transpose(importer, reshape(importer, value, (batch, width, channels)), (0, 2, 1))


def filter_to_nhwc(importer: Importer, filter_: Value, *, depthwise: bool) -> Value:
    """Returns a constant filter [C, D, (h,) w] as [C, h, w, D], or, `depthwise`, [C, 1, (h,) w] as [1, h, w, C].

    Its quantisation axis, and its stored twin, move along.
    """
    if len(filter_.shape) == 3:
        count, depth, width = filter_.shape
        filter_ = reshape(importer, filter_, (count, depth, 1, width))
    return transpose(importer, filter_, (1, 2, 3, 0) if depthwise else NCHW_TO_NHWC)


def _is_last(importer: Importer) -> bool:
    """Whether channels are the last axis to the node: onnxruntime's optimiser writes such nodes of its own."""
    return importer.node.op == "com.microsoft:NhwcMaxPool" or bool(importer.integer("channels_last"))


def channels_first(importer: Importer, image: Value) -> Value:
    """Returns an image, or its elements, of the node as [N, C, ..], where the node has the channels last."""
    rank = len(image.shape)
    return transpose(importer, image, (0, rank - 1, *range(1, rank - 1))) if _is_last(importer) else image


def channels_last(importer: Importer, image: Value) -> Value:
    """Returns [N, C, ..] as the node has it: the inverse of `channels_first`."""
    return transpose(importer, image, (0, *range(2, len(image.shape)), 1)) if _is_last(importer) else image
