"""The node tests of the `onnx` package for elementwise operators, softmax, quantisation and casts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ops import node_suite

#: Operators, and how many cases of each are right at least: onnx 1.23 has as many, but for those that are refused.
RIGHT = {
    "Abs": 1,
    "Acos": 2,
    "Acosh": 2,
    "Add": 8,
    "And": 8,
    "Asin": 2,
    "Asinh": 2,
    "Atan": 2,
    "Atanh": 2,
    "BatchNormalization": 4,
    "BitCast": 10,
    "BitShift": 28,
    "BitwiseAnd": 4,
    "BitwiseNot": 3,
    "BitwiseOr": 4,
    "BitwiseXor": 4,
    "Cast": 18,
    "CastLike": 18,
    "Ceil": 2,
    "Celu": 3,
    "Clip": 12,
    "ConvInteger": 2,
    "Cos": 2,
    "Cosh": 2,
    "DequantizeLinear": 7,
    "Div": 10,
    "Dropout": 8,
    "DynamicQuantizeLinear": 3,
    "Elu": 3,
    "Equal": 8,
    "Erf": 1,
    "Exp": 2,
    "EyeLike": 3,
    "Floor": 2,
    "Gelu": 4,
    "Greater": 8,
    "GreaterOrEqual": 8,
    "HardSigmoid": 3,
    "HardSwish": 1,
    "Identity": 1,
    "IsInf": 4,
    "IsNaN": 2,
    "LeakyRelu": 3,
    "Less": 8,
    "LessOrEqual": 8,
    "Log": 2,
    "LogSoftmax": 7,
    "MatMulInteger": 1,
    "Max": 14,
    "Mean": 3,
    "Min": 14,
    "Mish": 1,
    "Mod": 19,
    "Mul": 9,
    "Neg": 2,
    "Not": 3,
    "Or": 8,
    "PRelu": 2,
    "Pow": 12,
    "QLinearConv": 1,
    "QLinearMatMul": 8,
    "QuantizeLinear": 8,
    "Reciprocal": 2,
    "Relu": 1,
    "Round": 1,
    "Selu": 3,
    "Shrink": 2,
    "Sigmoid": 2,
    "Sign": 1,
    "Sin": 2,
    "Sinh": 2,
    "Softmax": 7,
    "Softplus": 2,
    "Softsign": 2,
    "Sqrt": 2,
    "Sub": 9,
    "Sum": 3,
    "Swish": 1,
    "Tan": 2,
    "Tanh": 2,
    "ThresholdedRelu": 3,
    "Xor": 8,
}
#: What follows from the data alone: the other inputs are constants, as exporters write them.
OF_DATA = (
    *("BatchNormalization", "CastLike", "ConvInteger", "DequantizeLinear", "Dropout", "QLinearConv"),
    "QuantizeLinear",
)
TRAINING = "training mode is not supported"
FLOAT8, TEXT = "floats of", "text is not supported"
#: The cases that are refused, and words of the reason: what no microcontroller model needs. All others must be right.
REFUSED = {
    "test_identity_opt": "not a tensor",
    "test_identity_sequence": "not a tensor",
    "test_training_dropout": TRAINING,
    "test_training_dropout_default": TRAINING,
    "test_training_dropout_default_mask": TRAINING,
    "test_training_dropout_mask": TRAINING,
    **{
        f"test_{kind}_*FLOAT{bits}*": FLOAT8 for kind in ("cast", "cast_no_saturate", "castlike") for bits in ("4", "8")
    },
    "test_cast_e8m0_*": FLOAT8,
    "test_castlike_no_saturate_*": FLOAT8,
    "test_*quantizelinear_*e4m3fn*": FLOAT8,
    "test_*quantizelinear_e5m2": FLOAT8,
    "test_*quantizelinear_float4e2m1": FLOAT8,
    "test_equal_string*": TEXT,
}


@pytest.mark.parametrize("operator", RIGHT)
def test_node_suite(tmp_path: Path, operator: str) -> None:
    cases = [
        case.with_constants([0]) if operator in OF_DATA else case
        for case in node_suite.cases(operator)
        if "expanded" not in case.name
    ]
    node_suite.judge(cases, tmp_path, right=RIGHT[operator], refused=REFUSED)
