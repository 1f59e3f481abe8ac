"""The node tests of the `onnx` package for elementwise operators, softmax, quantisation and casts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ariel_build.errors import UnsupportedError
from ariel_build.ir import DType
from tests.ops import node_suite, parity

OPERATORS = (
    *("Abs", "Add", "And", "BatchNormalization", "Ceil", "Celu", "Clip", "Cos", "DequantizeLinear"),
    *("Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid"),
    *("HardSwish", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "Max", "Mean", "Min", "Mish"),
    *("Mul", "Neg", "Or", "PRelu", "Pow", "QuantizeLinear", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid"),
    *(
        "Sign",
        "Sin",
        "Softmax",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Sub",
        "Sum",
        "Swish",
        "Tanh",
        "ThresholdedRelu",
        "Xor",
    ),
)
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
    try:
        DType.of(array.dtype)
    except KeyError:
        return False
    return True


@pytest.mark.parametrize("operator", OPERATORS)
def test_node_suite(tmp_path: Path, operator: str) -> None:
    run = 0
    refused: dict[str, str] = {}
    for case in node_suite.cases(operator):
        if not all(known(x) for x in [*case.inputs, *case.outputs]) or "expanded" in case.name:
            continue
        # Only the data is computed at run time; scales, bounds and statistics are constants, as exporters write them.
        constant_rest = operator in ("BatchNormalization", "Clip", "DequantizeLinear", "QuantizeLinear", "Dropout")
        kept = case.with_constants([0]) if constant_rest else case
        path = kept.write(tmp_path)
        run += 1
        try:
            got = parity.reference(path, [kept.inputs])
        except UnsupportedError as error:
            refused[case.name] = str(error)
            continue
        assert case.name not in REFUSED, "it is no longer refused"
        parity.agree(got, [kept.outputs], case.name, rtol=max(case.rtol, 1e-5))
    assert run > len(refused)
    assert {name: reason for name, reason in refused.items() if REFUSED.get(name, "never") not in reason} == {}
