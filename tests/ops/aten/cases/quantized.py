"""Quantize and dequantize, as PT2E writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.aten.case import F32, Cases, K, Numbers, X, singles
from tests.pt2_writer import dtype

CASES = Cases()
case = CASES.add

I8 = dtype("int8")
PER_TENSOR = {"scale": 0.05, "zero_point": 3, "quant_min": -128, "quant_max": 127, "dtype": I8}


def stored(x: Numbers, scale: Any = 0.05, zero: Any = 3, low: int = -128) -> Numbers:  # noqa: ANN401 - numbers
    return np.clip(np.rint(x / np.float32(scale)) + zero, low, 127).astype(np.int8)


QD = "quantized_decomposed:"
case(
    f"{QD}quantize_per_tensor {QD}quantize_per_tensor.tensor {QD}quantize_per_tensor.tensor2",
    stored,
    input=X,
    **PER_TENSOR,
)
case(f"{QD}quantize_per_tensor", lambda x: stored(x, low=-10), input=X, **PER_TENSOR | {"quant_min": -10})
case(
    f"{QD}quantize_per_tensor.tensor",
    stored,
    input=X,
    **PER_TENSOR | {"scale": K(np.float32(0.05)), "zero_point": K(np.int64(3))},
)
STORED = stored(X)
case(
    f"{QD}dequantize_per_tensor {QD}dequantize_per_tensor.tensor {QD}dequantize_per_tensor.tensor2",
    lambda x: (x.astype(np.float32) - 3) * np.float32(0.05),
    input=STORED,
    **PER_TENSOR,
)
CHANNELS = {
    "scales": K(singles([0.1, 0.2, 0.3])),
    "zero_points": K(np.array([0, 1, 2], np.int64)),
    "axis": 1,
    "quant_min": -127,
    "quant_max": 127,
    "dtype": I8,
}
SCALES, ZEROS = singles([0.1, 0.2, 0.3])[:, None], np.array([0, 1, 2])[:, None]
case(f"{QD}quantize_per_channel", lambda: stored(X, SCALES, ZEROS, -127), input=K(X), **CHANNELS)
case(f"{QD}dequantize_per_channel", lambda: (STORED - ZEROS).astype(np.float32) * SCALES, input=K(STORED), **CHANNELS)
AO = {"scale": K(singles([0.05])), "zero_point": K(np.array([3], np.int32)), "block_size": [2, 3, 4]}
case("torchao:quantize_affine", stored, input=X, **AO, output_dtype=I8, quant_min=-128, quant_max=127)
case(
    "torchao:dequantize_affine",
    lambda x: (x.astype(np.float32) - 3) * np.float32(0.05),
    input=STORED,
    **AO,
    input_dtype=I8,
    output_dtype=F32,
)
