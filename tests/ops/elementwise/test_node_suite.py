"""The node tests of the `onnx` package for elementwise operators, softmax, quantisation and casts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.ir import DType
from tests.ops import node_suite

#: Operators, and how many cases of each are right at least: onnx 1.23 has as many, but for those that are refused.
RIGHT = {
    "Abs": 1,
    "Add": 7,
    "And": 8,
    "BatchNormalization": 2,
    "Ceil": 2,
    "Celu": 1,
    "Clip": 12,
    "Cos": 2,
    "DequantizeLinear": 3,
    "Div": 9,
    "Dropout": 6,
    "Elu": 3,
    "Equal": 7,
    "Erf": 1,
    "Exp": 2,
    "Floor": 2,
    "Gelu": 4,
    "Greater": 7,
    "GreaterOrEqual": 7,
    "HardSigmoid": 3,
    "HardSwish": 1,
    "Identity": 1,
    "LeakyRelu": 3,
    "Less": 7,
    "LessOrEqual": 7,
    "Log": 2,
    "LogSoftmax": 7,
    "Max": 11,
    "Mean": 3,
    "Min": 11,
    "Mish": 1,
    "Mul": 8,
    "Neg": 2,
    "Or": 8,
    "PRelu": 2,
    "Pow": 11,
    "QuantizeLinear": 3,
    "Reciprocal": 2,
    "Relu": 1,
    "Round": 1,
    "Selu": 3,
    "Sigmoid": 2,
    "Sign": 1,
    "Sin": 2,
    "Softmax": 7,
    "Softplus": 2,
    "Softsign": 2,
    "Sqrt": 2,
    "Sub": 8,
    "Sum": 3,
    "Swish": 1,
    "Tanh": 2,
    "ThresholdedRelu": 3,
    "Xor": 8,
}
#: What follows from the data alone: the other inputs are constants, as exporters write them.
OF_DATA = ("BatchNormalization", "Clip", "DequantizeLinear", "QuantizeLinear", "Dropout")
TRAINING = "training mode is not supported"
#: The cases that are refused, and words of the reason: what no microcontroller model needs. All others must be right.
REFUSED = {
    "test_batchnorm_epsilon_training_mode": TRAINING,
    "test_batchnorm_example_training_mode": TRAINING,
    "test_dequantizelinear_axis": "a scale per axis is supported on constants only",
    "test_dequantizelinear_blocked": "only per tensor and per axis",
    "test_identity_opt": "not a tensor",
    "test_identity_sequence": "not a tensor",
    "test_quantizelinear_axis": "a scale per axis is supported on constants only",
    "test_quantizelinear_blocked_asymmetric": "only per tensor and per axis",
    "test_training_dropout": TRAINING,
    "test_training_dropout_default": TRAINING,
    "test_training_dropout_default_mask": TRAINING,
    "test_training_dropout_mask": TRAINING,
    "test_training_dropout_zero_ratio": TRAINING,
    "test_training_dropout_zero_ratio_mask": TRAINING,
}


def known(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    """Whether ONNX's reader takes such elements; TFLite's knows uint64 as well."""
    try:
        return DType.of(array.dtype) is not DType.U64
    except KeyError:
        return False


@pytest.mark.parametrize("operator", RIGHT)
def test_node_suite(tmp_path: Path, operator: str) -> None:
    cases = [
        case.with_constants([0]) if operator in OF_DATA else case
        for case in node_suite.cases(operator)
        if all(known(x) for x in [*case.inputs, *case.outputs]) and "expanded" not in case.name
    ]
    node_suite.judge(cases, tmp_path, right=RIGHT[operator], refused=REFUSED)
