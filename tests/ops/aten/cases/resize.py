"""Upsampling: copies of the nearest, and weighted sums."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import CUBE, IMAGE, ROW, Cases, Numbers

CASES = Cases()
case = CASES.add

TWICE = {"output_size": None, "scale_factors": [2.0, 2.0]}
case(
    "upsample_nearest2d.vec _upsample_nearest_exact2d.vec", lambda x: x.repeat(2, 2).repeat(2, 3), input=IMAGE, **TWICE
)
case(
    "upsample_nearest2d _upsample_nearest_exact2d",
    lambda x: x.repeat(2, 2).repeat(2, 3),
    self=IMAGE,
    output_size=[12, 16],
)
ONCE = {"output_size": None, "scale_factors": [3.0]}
case("upsample_nearest1d.vec _upsample_nearest_exact1d.vec", lambda x: x.repeat(3, 2), input=ROW, **ONCE)
case("upsample_nearest1d _upsample_nearest_exact1d", lambda x: x.repeat(3, 2), self=ROW, output_size=[36])
CUBED = {"output_size": None, "scale_factors": [2.0, 2.0, 2.0]}
case(
    "upsample_nearest3d.vec _upsample_nearest_exact3d.vec",
    lambda x: x.repeat(2, 2).repeat(2, 3).repeat(2, 4),
    input=CUBE,
    **CUBED,
)
case(
    "upsample_nearest3d _upsample_nearest_exact3d",
    lambda x: x.repeat(2, 2).repeat(2, 3).repeat(2, 4),
    self=CUBE,
    output_size=[4, 4, 4],
)


def lines(x: Numbers, size: int, axis: int, *, corners: bool) -> Numbers:
    """Linear interpolation along an axis."""
    extent = x.shape[axis]
    places = (
        np.arange(size) * (extent - 1) / (size - 1)
        if corners
        else np.clip((np.arange(size) + 0.5) * extent / size - 0.5, 0, None)
    )
    low = np.minimum(np.floor(places).astype(int), extent - 1)
    part = (places - low).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    return np.take(x, low, axis) * (1 - part) + np.take(x, np.minimum(low + 1, extent - 1), axis) * part


for _corners in (False, True):
    case(
        "upsample_bilinear2d.vec",
        lambda x, c=_corners: lines(lines(x, 9, 2, corners=c), 13, 3, corners=c),
        input=IMAGE,
        output_size=[9, 13],
        align_corners=_corners,
        scale_factors=None,
    )
    case(
        "upsample_bilinear2d",
        lambda x, c=_corners: lines(lines(x, 3, 2, corners=c), 13, 3, corners=c),
        self=IMAGE,
        output_size=[3, 13],
        align_corners=_corners,
    )
    case(
        "upsample_linear1d",
        lambda x, c=_corners: lines(x, 17, 2, corners=c),
        self=ROW,
        output_size=[17],
        align_corners=_corners,
    )
case(
    "upsample_linear1d.vec",
    lambda x: lines(x, 24, 2, corners=False),
    input=ROW,
    output_size=None,
    align_corners=False,
    scale_factors=[2.0],
)
case(
    "upsample_trilinear3d.vec",
    lambda x: lines(lines(lines(x, 4, 2, corners=False), 4, 3, corners=False), 4, 4, corners=False),
    input=CUBE,
    align_corners=False,
    **CUBED,
)
case(
    "upsample_trilinear3d",
    lambda x: lines(lines(lines(x, 4, 2, corners=False), 4, 3, corners=False), 4, 4, corners=False),
    self=CUBE,
    output_size=[4, 4, 4],
    align_corners=False,
)
# A straight line stays one, away from its ends.
case("upsample_bicubic2d.vec upsample_bicubic2d", lambda x: x, self=IMAGE, output_size=[6, 8], align_corners=False)
