"""Windows and diagonals that are laid out, and images that are sampled."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.ops.aten.case import IMAGE, Cases, K, Numbers, X, drawing

CASES = Cases()
case, real = CASES.add, drawing(23)

case("unfold unfold_copy", lambda x: sliding_window_view(x, 2, 2)[:, :, ::2], self=X, dimension=2, size=2, step=2)
case("unfold", lambda x: sliding_window_view(x, 3, 1), self=X, dimension=1, size=3, step=1)
for _offset in (-2, 0, 1):
    case(
        "diagonal diagonal_copy",
        lambda x, k=_offset: np.diagonal(x, k, 1, 2),
        self=X,
        offset=_offset,
        dim1=1,
        dim2=-1,
    )
case("diagonal", lambda x: np.diagonal(x, 1, 2, 0), self=X, offset=1, dim1=2, dim2=0)


def columns(x: Numbers) -> Numbers:
    """Windows of 2 by 3, 2 by 1 apart, every second row, with a border of one column."""
    x = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1)))
    windows = sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, :, ::2, :]
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(1, 4 * 6, -1)


case("im2col", columns, self=IMAGE, kernel_size=[2, 3], dilation=[2, 1], padding=[0, 1], stride=[2, 1])


def image(x: Numbers) -> Numbers:
    """Blocks of 2 by 2 side by side."""
    return x.reshape(1, 2, 2, 2, 3, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 6, 6)


case(
    "col2im",
    image,
    self=real(1, 8, 9),
    output_size=[6, 6],
    kernel_size=[2, 2],
    dilation=[1, 1],
    padding=[0, 0],
    stride=[2, 2],
)
#: The corners, and a place in the middle of four.
GRID = np.array([[[[-1, -1], [1, -1]], [[0, 0], [1, 1]]]], np.float32)
SAMPLED = {"interpolation_mode": 0, "padding_mode": 0, "align_corners": True}
case(
    "grid_sampler grid_sampler_2d",
    lambda x: np.stack([x[:, :, 0, 0], x[:, :, 0, -1], x[:, :, 2:4, 3:5].mean((2, 3)), x[:, :, -1, -1]], -1).reshape(
        1, 4, 2, 2
    ),
    input=IMAGE,
    grid=K(GRID),
    **SAMPLED,
)
THETA = np.array([[[1, 0, 0.5], [0, 1, -0.25]]], np.float32)
case(
    "affine_grid_generator",
    lambda: THETA[:, None, None, :, 2] + np.array([[[-1, -1], [1, -1]], [[-1, 1], [1, 1]]]),
    theta=K(THETA),
    size=[1, 1, 2, 2],
    align_corners=True,
)
