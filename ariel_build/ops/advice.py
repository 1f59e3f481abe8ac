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

_STABLEHLO = "convert it with TensorFlow's own operators instead of StableHLO's: "

_ONNX: Mapping[str, str] = {
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"), _RANDOM
    ),
    "MaxRoiPool": _BOXES,
    **dict.fromkeys(
        (f"ai.onnx.ml:{name}" for name in ("CategoryMapper", "CastMap", "DictVectorizer")),
        "it maps strings, or is given a map: handle names in your code, and give the model a row of numbers",
    ),
    **dict.fromkeys(
        (
            f"com.microsoft.nchwc:{name}"
            for name in (
                *("Conv", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"),
                *("ReorderInput", "ReorderOutput", "Upsample"),
            )
        ),
        "onnxruntime wrote it for the processor that it ran on: save at ORT_ENABLE_EXTENDED, or compile what it read",
    ),
    **dict.fromkeys(("RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"), _STRINGS),
}

_TFLITE: Mapping[str, str] = {
    **dict.fromkeys(
        ("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "STABLEHLO_RNG_BIT_GENERATOR"), _RANDOM
    ),
    **dict.fromkeys(
        ("REDUCE_WINDOW", "STABLEHLO_REDUCE_WINDOW"),
        "write it as MAX_POOL_2D, AVERAGE_POOL_2D, or CUMSUM",
    ),
    "STABLEHLO_CONVOLUTION": _STABLEHLO + "CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV or CONV_3D",
    "STABLEHLO_GATHER": _STABLEHLO + "GATHER or GATHER_ND",
    "STABLEHLO_SCATTER": _STABLEHLO + "SCATTER_ND",
    "STABLEHLO_SORT": _STABLEHLO + "TOPK_V2",
    "STABLEHLO_REDUCE": _STABLEHLO + "SUM, REDUCE_MAX, REDUCE_MIN or REDUCE_PROD",
    "STABLEHLO_CASE": _STABLEHLO + "IF, one in another where there are more than two branches",
    "STABLEHLO_CUSTOM_CALL": "what it calls is the exporter's own: replace it by operators before conversion",
    "CUSTOM:TFLM_DECODE": "it unpacks weights at run time: compile the model as it was before they were compressed",
    **dict.fromkeys(
        ("CONCAT_EMBEDDINGS", "EMBEDDING_LOOKUP_SPARSE"),
        "write it as EMBEDDING_LOOKUP or GATHER of as many rows as there can be, weighted and summed",
    ),
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
    own = operator.startswith("CUSTOM:")
    general = (
        "a custom operator is the exporter's own: replace it by builtin ones before conversion" if own else GENERAL
    )
    return _ADVICE.get(format_, {}).get(operator, general)
