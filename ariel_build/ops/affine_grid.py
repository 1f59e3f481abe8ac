"""AffineGrid: grid[n, place] = theta[n] * (x, y, (z,) 1) of the place; importers only, onto a product of matrices."""

from __future__ import annotations

import math

import numpy as np

from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import real_input
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.sizes import sizes_input

__all__: list[str] = []

#: Places for which a table is made.
MOST_PLACES = 1 << 16


@imports("onnx", "AffineGrid")
def _from_onnx(importer: Importer) -> None:
    theta = real_input(importer)
    # How many channels the image has does not matter.
    size = sizes_input(importer, 1, "the size", lambda shape: [*shape[:1], 1, *shape[1:-1]])
    rank = len(size) - 2
    if rank not in (2, 3) or min(size) < 1 or theta.shape != (size[0], rank, rank + 1):
        raise UnsupportedReason(f"{theta.type} makes no grid for an image {size}")
    spatial = size[2:]
    if math.prod(spatial) > MOST_PLACES:
        raise UnsupportedReason(f"a grid of {math.prod(spatial)} places is not supported, only up to {MOST_PLACES}")
    aligned = bool(importer.integer("align_corners"))
    lines = []
    for extent in spatial:
        places = np.arange(extent, dtype=np.float64)
        lines.append(places * 2 / max(extent - 1, 1) - 1 if aligned else (2 * places + 1) / extent - 1)
    # The last axis is x, the first of each place's numbers.
    mesh = np.meshgrid(*lines, indexing="ij")[::-1]
    table = np.stack([*mesh, np.ones(spatial)], axis=-1).astype(np.float32).reshape(1, -1, rank + 1)
    (grid,) = importer.emit(BatchMatMul(adj_y=True, rounding=Rounding.NEAREST_EVEN), [importer.constant(table), theta])
    importer.bind(reshape(importer, grid, (size[0], *spatial, rank)))
