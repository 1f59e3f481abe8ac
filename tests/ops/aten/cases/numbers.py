"""Numbers that a program computes; `test_programs.py` has what is of shapes."""

from __future__ import annotations

import numpy as np

from tests.ops.aten.case import Cases, K, singles

CASES = Cases()
case = CASES.add

case("item _local_scalar_dense", lambda: np.float32(2), self=K(singles([2])))
