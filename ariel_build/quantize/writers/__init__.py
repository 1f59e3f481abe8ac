"""Graph -> ONNX: `Writer` holds the file in the making, each other file writes one family of operators.

An operator that no function here `writes` is refused by its name.
"""

from __future__ import annotations

from ariel_build.quantize.writers import elements, folds, images, indices, layers, moves, resized, sequences, stored
from ariel_build.quantize.writers.writer import OPSET, WRITERS, write_model

__all__ = [
    "OPSET",
    "WRITERS",
    "elements",
    "folds",
    "images",
    "indices",
    "layers",
    "moves",
    "resized",
    "sequences",
    "stored",
    "write_model",
]
