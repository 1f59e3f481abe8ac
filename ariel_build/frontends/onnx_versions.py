"""What changed between ONNX's operator sets, as far as importers ask; `onnx` itself takes long to import."""

from __future__ import annotations

__all__ = ["CHANGED", "LEAST_OPSET"]

#: Before 7, broadcasting was an attribute, and batch normalisation and dropout had a test mode.
LEAST_OPSET = 7
#: What 7 changed of 6, and `ops/older_onnx.py` reads as it was.
CHANGED = frozenset(
    (
        *("Add", "And", "AveragePool", "BatchNormalization", "Div", "Dropout", "Equal", "GRU", "Gemm", "Greater"),
        *("LSTM", "Less", "Mul", "Or", "PRelu", "Pow", "RNN", "Sub", "Xor"),
    )
)
