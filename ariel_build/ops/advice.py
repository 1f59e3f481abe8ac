"""What can be done instead where a model has an operator that is not supported: one line per operator.

An operator that is not here gets the general text. Who adds an operator deletes its line.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["advice"]

GENERAL = (
    "docs/supported-ops.md lists what is supported: replace it in the model before export, or leave it to your code"
)

_RANDOM = "draw random numbers in your code, and give them to the model as an input"
_OUTSIDE = "find them in your code"
_LOOKUP = "look it up in your code, and give the model the result as an input"
_BOXES = "let the model end with boxes and scores, and choose among them in your code"
_STRINGS = "handle text in your code, and give the model numbers"

_ONNX: Mapping[str, str] = {
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"), _RANDOM
    ),
    "MaxRoiPool": _BOXES,
    **dict.fromkeys(
        (f"ai.onnx.ml:{name}" for name in ("CategoryMapper", "CastMap", "DictVectorizer")),
        "it maps strings, or is given a map: handle names in your code, and give the model a row of numbers",
    ),
    **dict.fromkeys(("RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"), _STRINGS),
}

_TFLITE: Mapping[str, str] = {
    **dict.fromkeys(("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), _RANDOM),
    **dict.fromkeys(
        ("HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_LOOKUP", "HASHTABLE_SIZE", "LSH_PROJECTION"),
        _LOOKUP,
    ),
    "UNIQUE": "how many numbers differ is known at run time only, and memory is planned before: " + _OUTSIDE,
    "SKIP_GRAM": _STRINGS,
}

_ADVICE = {"onnx": _ONNX, "tflite": _TFLITE}


def advice(format_: str, operator: str) -> str:
    """Returns what can be done instead of an operator of a format."""
    if operator.startswith("CUSTOM:"):
        return "a custom operator is the exporter's own: replace it by builtin ones before conversion"
    return _ADVICE.get(format_, {}).get(operator, GENERAL)
