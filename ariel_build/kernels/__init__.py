"""The runtime crate's kernels as the compiler sees them: data, no Rust."""

from ariel_build.kernels.bottleneck import Bottleneck, Within, images, parts_within
from ariel_build.kernels.call import KernelCall, LayerCall, Reads, Tiling, constants_of, image_tiling, operands
from ariel_build.kernels.feed import Feed, feed, row_of
from ariel_build.kernels.kernel import (
    Access,
    Axis,
    Choice,
    Field,
    Kernel,
    Operand,
    Packed,
    Part,
    Scratch,
    Source,
    Variant,
)
from ariel_build.kernels.views import seen_through

__all__ = [
    "Access",
    "Axis",
    "Bottleneck",
    "Choice",
    "Feed",
    "Field",
    "Kernel",
    "KernelCall",
    "LayerCall",
    "Operand",
    "Packed",
    "Part",
    "Reads",
    "Scratch",
    "Source",
    "Tiling",
    "Variant",
    "Within",
    "constants_of",
    "feed",
    "image_tiling",
    "images",
    "operands",
    "parts_within",
    "row_of",
    "seen_through",
]
