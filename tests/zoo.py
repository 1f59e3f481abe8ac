"""Small models: `onnx_file` writes one from a few lines; `DIGITS` is the one that the example ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["FLOAT", "INT8", "INT64", "UINT8", "Ends", "node", "onnx_file"]


FLOAT, UINT8, INT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8, TensorProto.INT64
#: Names of inputs or outputs, with their types and shapes.
Ends = Mapping[str, tuple[int, Sequence[int | str | None]]]

node = helper.make_node


def onnx_file(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Ends,
    outputs: Ends,
    constants: Mapping[str, npt.ArrayLike] | None = None,
    opset: int = 17,
) -> Path:
    """Writes a model and returns its path."""
    initializers = [numpy_helper.from_array(np.asarray(data), name) for name, data in (constants or {}).items()]
    given, made = (
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in ends.items()]
        for ends in (inputs, outputs)
    )
    graph = helper.make_graph(nodes, "zoo", given, made, initializer=initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
