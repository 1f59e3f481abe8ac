"""A TFLite file of two signatures that read one matrix and share one variable, for tests of firmware."""

from __future__ import annotations

import numpy as np
import tflite

from tests.frontends import tflite_writer as w

__all__ = ["WEIGHTS", "two_signatures"]

WEIGHTS = np.arange(64, dtype=np.float32).reshape(8, 8) / 8
_RESOURCE = 13


def two_signatures() -> bytes:
    """`gather`: total = total + W x, and gives it; `weigh`: gives total * W x, and keeps total. total begins as 0."""
    kind = tflite.BuiltinOptions

    def graph(combine: int, options: int, *, assigns: bool) -> w.Table:
        tensors = [
            w.tensor("x", [1, 8]),
            w.tensor("matrix", [8, 8], buffer=1),
            w.tensor("product", [1, 8]),
            w.tensor("handle", [], _RESOURCE),
            w.tensor("total", [1, 8]),
            w.tensor("y", [1, 8]),
        ]
        operators = [
            w.operator(0, [0, 1, -1], [2]),
            w.operator(1, [], [3], (kind.VarHandleOptions, {0: "", 1: "total"})),
            w.operator(2, [3], [4]),
            w.operator(combine, [4, 2], [5], (options, {})),
            *([w.operator(5, [3, 5], [])] if assigns else []),
        ]
        return w.subgraph(tensors, [0], [5], operators)

    def signature(key: str, index: int) -> w.Table:
        return {0: [{0: "x", 1: ("I", 0)}], 1: [{0: "y", 1: ("I", 5)}], 2: key, 4: ("I", index)}

    names = ("FULLY_CONNECTED", "VAR_HANDLE", "READ_VARIABLE", "ADD", "MUL", "ASSIGN_VARIABLE")
    codes = [w.code(getattr(tflite.BuiltinOperator, name)) for name in names]
    graphs = [graph(3, kind.AddOptions, assigns=True), graph(4, kind.MulOptions, assigns=False)]
    file = w.model(codes, graphs, [WEIGHTS.tobytes()])
    return w.encode(file | {7: [signature("gather", 0), signature("weigh", 1)]})
