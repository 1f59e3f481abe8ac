"""ONNX's operator set 6: operands and attributes of what set 7 changed, as set 7 has them.

Broadcasting was an attribute, with the axis of the left operand at which the right one begins; batch normalisation and
dropout had a test mode; a slope for each channel had one axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ariel_build.frontends.onnx_versions import CHANGED, LEAST_OPSET
from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape

__all__ = ["OLDER", "settle"]


def settle(importer: Importer) -> None:
    """Makes the node one of set 7, where it is one of an older set that means something else."""
    node = importer.node
    if importer.model.format == "onnx" and node.version < LEAST_OPSET and node.op in OLDER:
        OLDER[node.op](importer)


def _replace(importer: Importer, index: int, value: Value) -> None:
    """Makes a value an input of the node."""
    key = f"{importer.node.outputs[0]}, its older input {index}"
    importer.values[key] = value
    inputs = list(importer.node.inputs)
    inputs[index] = key
    importer.node = replace(importer.node, inputs=inputs)


def _broadcast(importer: Importer) -> None:
    left, right = importer.input(0), importer.input(1)
    axis = importer.integer("axis", len(left.shape) - len(right.shape))
    if not importer.integer("broadcast"):
        if left.shape != right.shape:
            raise UnsupportedReason(f"{left.type} and {right.type} differ, and `broadcast` is not set")
        return
    axis += len(left.shape) if axis < 0 else 0
    behind = len(left.shape) - len(right.shape) - axis
    if axis < 0 or behind < 0:
        raise UnsupportedReason(f"{right.type} does not fit {left.type} from axis {axis} on")
    _replace(importer, 1, reshape(importer, right, (*right.shape, *[1] * behind)))


def _tested(importer: Importer) -> None:
    if not importer.integer("is_test"):
        raise UnsupportedReason("training mode is not supported: `is_test` is not set; export it for inference")


def _slope(importer: Importer) -> None:
    x, slope = importer.input(0), importer.input(1)
    if len(slope.shape) == 1 and slope.type.elements > 1:
        _replace(importer, 1, reshape(importer, slope, (*slope.shape, *[1] * (len(x.shape) - 2))))


def _sequence(importer: Importer) -> None:
    # Whether the first output is there, which its name tells as well.
    importer.integer("output_sequence")


def _as_it_is(importer: Importer) -> None:
    # Gemm: its addend is broadcast as it is now.
    importer.integer("broadcast")


OLDER: Mapping[str, Callable[[Importer], None]] = {
    **dict.fromkeys(("Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"), _broadcast),
    **dict.fromkeys(("BatchNormalization", "Dropout"), _tested),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _sequence),
    **dict.fromkeys(("AveragePool", "Gemm"), _as_it_is),
    "PRelu": _slope,
}
assert OLDER.keys() == CHANGED  # noqa: S101 - the frontend lets pass what is read here
