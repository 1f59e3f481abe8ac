"""Products of tensors that are no matrices, and distances."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import Cases, K, X, drawing

CASES = Cases()
case, real = CASES.add, drawing(24)
ROWS, OTHERS = real(2, 3, 4), real(5, 4)

case("outer ger", np.outer, self=real(3), vec2=real(4))
case(
    "tensordot",
    lambda x, y: np.tensordot(x, y, ([2, 0], [0, 1])),
    self=X,
    other=real(4, 2, 5),
    dims_self=[-1, 0],
    dims_other=[0, 1],
)
WEIGHT, BIAS = real(6, 4, 3), real(6)
case(
    "bilinear",
    lambda x, z: np.einsum("ni,oij,nj->no", x, WEIGHT, z) + BIAS,
    input1=real(2, 4),
    input2=real(2, 3),
    weight=K(WEIGHT),
    bias=K(BIAS),
)
for _order in (1.0, 2.0, float("inf")):
    case(
        "cdist _cdist_forward",
        lambda x, y, p=_order: np.linalg.norm(x[:, :, None] - y, p, -1),
        x1=ROWS,
        x2=OTHERS,
        p=_order,
        compute_mode=None,
    )
    case(
        "pairwise_distance",
        lambda x, y, p=_order: np.linalg.norm(x - y + 1e-6, p, -1),
        x1=ROWS,
        x2=real(2, 3, 4),
        p=_order,
        eps=1e-6,
    )
