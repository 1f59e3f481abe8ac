"""L2Normalization: output = input / sqrt(sum of input^2), along the last axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType
from ariel_build.kernels import Axis, KernelCall, Operand, Tiling
from ariel_build.kernels.declared import normalize as declared
from ariel_build.ops import gemmlowp
from ariel_build.ops.base import Operator, UnsupportedReason, imports
from ariel_build.ops.elementwise import BYTES, quant_of
from ariel_build.ops.fixed_point import multiply, wrap32
from ariel_build.ops.formula import fold, map1, map2
from ariel_build.ops.importer import Importer
from ariel_build.ops.shorter import Axes, apart
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["L2Normalization"]

#: The output's scale is 1 / 128, its zero point 0: TFLite fixes both.
_BITS = 7
#: The least norm of floats, as TFLite has it.
_LEAST = 1e-6


@dataclass(frozen=True)
class L2Normalization(Operator):
    """Brings rows of int8 or uint8 to length 1, as TFLite's reference does; floats are a formula of other operators."""

    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=True)
    passed_on = never
    permuted = keeps_axes

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[.., row] -> T[.., row], scaled by 1 / 128."""
        x = inputs[0]
        if x is None or x.dtype not in BYTES or not x.shape or not x.elements:
            raise ValueError(f"{x} is not supported, only int8 and float32 with elements")
        return [TensorType(x.dtype, x.shape)]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Rows are along the last axis."""
        return [apart(given[0], [len(node.input(0).shape) - 1], "it normalises along it")]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Sums in int32 that wraps; the inverse root has 31 bits."""
        x = np.asarray(inputs[0], np.int64) - quant_of(node.input(0), "the input").zero_point
        rows = x.reshape(-1, x.shape[-1])
        made = np.empty_like(rows)
        for row, total in enumerate(wrap32(np.sum(rows * rows, axis=1))):
            root, right = gemmlowp.inverse_sqrt(int(total))
            made[row] = multiply(rows[row], root, _BITS - right)
        type_ = node.output.type
        stored = np.clip(made + type_.dtype.range[0] + 128, *type_.dtype.range)
        return [stored.reshape(x.shape).astype(type_.dtype.numpy)]

    def on_signed(self) -> Operator | str:
        """Rows of uint8 are those of int8."""
        return self

    def lower(self, node: Node) -> KernelCall:
        """`normalize::UnitInt8`."""
        x, output = node.input(0), node.output
        count = x.shape[-1]
        rows = x.type.elements // count
        kernel = declared.UnitInt8(
            input=Operand(x),
            output=Operand(output),
            rows=rows,
            count=count,
            zero_point=quant_of(x, "the input").zero_point,
        )
        return KernelCall.of(kernel, [x], [output], Tiling(Axis.ROWS, rows))


@imports("tflite", "L2_NORMALIZATION")
def _from_tflite(importer: Importer) -> None:
    x, type_ = importer.input(0), importer.output_type()
    activation = importer.text("fused_activation_function", "NONE")
    if activation != "NONE":
        raise UnsupportedReason(f"activation {activation} is not supported")
    if x.type.dtype is DType.F32 and x.shape:
        norm = map1(importer, "Sqrt", fold(importer, "Sum", map1(importer, "Square", x), [len(x.shape) - 1]))
        importer.bind(map2(importer, "Div", x, map2(importer, "Maximum", norm, _LEAST)))
        return
    quant = type_.quant
    if (
        quant is None
        or not quant.per_tensor
        or (quant.scale, quant.zero_point)
        != (
            1 / (1 << _BITS),
            128 if type_.dtype is DType.U8 else 0,
        )
    ):
        raise UnsupportedReason(
            f"an output of {type_} is not supported: its scale has to be 1/128, its zero point 0 (of uint8 128)"
        )
    importer.bind(*importer.emit(L2Normalization(), [x], types=[type_]))
