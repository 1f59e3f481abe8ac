"""What can be done instead where a model has an operator that is not supported: one line per operator.

An operator that is not here gets the general text. Who adds an operator deletes its line.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["advice"]

GENERAL = (
    "docs/supported-ops.md lists what is supported: replace it in the model before export, or leave it to your code"
)

_SCORES = "let the model end with the scores, and look for the greatest in your code"
_TRAINING = "it is of use in training only: export the model for inference"
_RANDOM = "draw random numbers in your code, and give them to the model as an input"
_CHOICE = "a condition that is known can be folded before export (onnxsim); or compute both sides and mix them with Mul"
_UNROLL = "unroll the loop over a fixed number of steps before export, as Keras does with `unroll=True`"
_FEATURES = "compute features of signals in your code, and give them to the model as an input"
_LOOKUP = "look it up in your code, and give the model the result as an input"
_BOXES = "let the model end with boxes and scores, and choose among them in your code"
_LAYERS = "quantise it statically (QDQ form): dynamic quantisation is not supported in ONNX models"
_BITS = "work on bits in your code, before or after the model"
_STRINGS = "handle text in your code, and give the model numbers"
_POWER = "write it out with Mul, ReduceSum, Sqrt and Log before export"

_ONNX: Mapping[str, str] = {
    **dict.fromkeys(("ArgMax", "ArgMin", "Hardmax", "TopK"), _SCORES),
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"), _RANDOM
    ),
    **dict.fromkeys(("Where",), _CHOICE),
    **dict.fromkeys(("GatherElements", "GatherND", "OneHot"), _LOOKUP),
    **dict.fromkeys(("NonMaxSuppression", "RoiAlign", "MaxRoiPool"), _BOXES),
    **dict.fromkeys(("DynamicQuantizeLinear",), _LAYERS),
    **dict.fromkeys(("BitCast", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Mod"), _BITS),
    **dict.fromkeys(("RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"), _STRINGS),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"), _POWER),
}

_TFLITE: Mapping[str, str] = {
    **dict.fromkeys(("ARG_MAX", "ARG_MIN", "TOPK_V2"), _SCORES),
    "FAKE_QUANT": _TRAINING,
    **dict.fromkeys(("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), _RANDOM),
    **dict.fromkeys(
        ("SELECT", "SELECT_V2", "WHERE"),
        "fold a condition that is known before conversion; or compute both sides and mix them with multiplications",
    ),
    **dict.fromkeys(
        (
            *("LSTM", "RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"),
            *("BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN"),
        ),
        _UNROLL,
    ),
    **dict.fromkeys(("COMPLEX_ABS", "IMAG", "REAL", "RFFT2D"), _FEATURES),
    **dict.fromkeys(("EMBEDDING_LOOKUP", "GATHER_ND", "HASHTABLE_FIND", "HASHTABLE_LOOKUP", "ONE_HOT"), _LOOKUP),
    "L2_NORMALIZATION": "write it out as x * rsqrt(sum(x * x)) before conversion",
    **dict.fromkeys(("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"), _BOXES),
    **dict.fromkeys(("BITCAST", "BITWISE_XOR", "FLOOR_MOD", "RIGHT_SHIFT"), _BITS),
}

_ADVICE = {"onnx": _ONNX, "tflite": _TFLITE}


def advice(format_: str, operator: str) -> str:
    """Returns what can be done instead of an operator of a format."""
    if operator.startswith("CUSTOM:"):
        return "a custom operator is the exporter's own: replace it by builtin ones before conversion"
    return _ADVICE.get(format_, {}).get(operator, GENERAL)
