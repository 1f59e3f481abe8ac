"""What can be done instead where a model has an operator that is not supported: one line per operator.

An operator that is not here gets the general text. Who adds an operator deletes its line.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["advice"]

GENERAL = (
    "docs/supported-ops.md lists what is supported: replace it in the model before export, or leave it to your code"
)

_TRAINING = "it is of use in training only: export the model for inference"
_RANDOM = "draw random numbers in your code, and give them to the model as an input"
_UNROLL = "unroll the loop over a fixed number of steps before export, as Keras does with `unroll=True`"
_FEATURES = "compute features of signals in your code, and give them to the model as an input"
_LOOKUP = "look it up in your code, and give the model the result as an input"
_BOXES = "let the model end with boxes and scores, and choose among them in your code"
_BITS = "work on bits in your code, before or after the model"
_STRINGS = "handle text in your code, and give the model numbers"

_ONNX: Mapping[str, str] = {
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"), _RANDOM
    ),
    **dict.fromkeys(("NonMaxSuppression", "RoiAlign", "MaxRoiPool"), _BOXES),
    **dict.fromkeys(
        (f"ai.onnx.ml:{name}" for name in ("CategoryMapper", "CastMap", "DictVectorizer")),
        "it maps strings, or is given a map: handle names in your code, and give the model a row of numbers",
    ),
    **dict.fromkeys(("RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"), _STRINGS),
}

_TFLITE: Mapping[str, str] = {
    "FAKE_QUANT": _TRAINING,
    **dict.fromkeys(("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), _RANDOM),
    **dict.fromkeys(
        (
            *("LSTM", "RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"),
            *("BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN"),
        ),
        _UNROLL,
    ),
    **dict.fromkeys(("COMPLEX_ABS", "IMAG", "REAL", "RFFT2D"), _FEATURES),
    **dict.fromkeys(("HASHTABLE_FIND", "HASHTABLE_LOOKUP"), _LOOKUP),
    **dict.fromkeys(("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"), _BOXES),
    **dict.fromkeys(("BITCAST", "RIGHT_SHIFT"), _BITS),
}

_ADVICE = {"onnx": _ONNX, "tflite": _TFLITE}


def advice(format_: str, operator: str) -> str:
    """Returns what can be done instead of an operator of a format."""
    if operator.startswith("CUSTOM:"):
        return "a custom operator is the exporter's own: replace it by builtin ones before conversion"
    return _ADVICE.get(format_, {}).get(operator, GENERAL)
