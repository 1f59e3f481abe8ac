"""From real numbers to stored integers, and back."""

from __future__ import annotations

from ariel_build.ir import DType, Node, Value
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.quantize import Dequantize, Quantize
from ariel_build.quantize.writers.elements import elements_of
from ariel_build.quantize.writers.writer import Writer, writes

__all__: list[str] = []


def _scale(writer: Writer, stored: Value) -> list[str]:
    quant = stored.type.quant
    if quant is None or not quant.per_tensor:
        raise UnsupportedReason("a computed tensor with scales along an axis")
    if stored.type.dtype is DType.I16:
        return writer.scale(quant, DType.I16, stored.name or "value")
    return writer.scale(quant.shifted(128), DType.U8, stored.name or "value")


@writes(Quantize)
def _quantize(writer: Writer, node: Node) -> None:
    elements = elements_of(writer, node)
    elements.result("QuantizeLinear", [*elements.operands(), *_scale(writer, node.output)])


@writes(Dequantize)
def _dequantize(writer: Writer, node: Node) -> None:
    elements = elements_of(writer, node)
    elements.result("DequantizeLinear", [*elements.operands(), *_scale(writer, node.input(0))])
