"""Running: output[k] = input[0] + .. + input[k] along an axis (CumSum), or their product; exclusive: up to k - 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ariel_build.ir import Array, DType, Node, TensorType, Value
from ariel_build.kernels import Axis, Kernel, KernelCall, Operand, Source, Tiling
from ariel_build.kernels.declared import index as declared
from ariel_build.kernels.declared.quant import Bounds
from ariel_build.ops.accumulate import Numbers
from ariel_build.ops.base import Operator, UnsupportedReason, axes_of, imports
from ariel_build.ops.best import lanes
from ariel_build.ops.elementwise import quant_of
from ariel_build.ops.fixed_point import I64, multiply, quantize_multiplier, wrap32
from ariel_build.ops.importer import Importer
from ariel_build.ops.indices import indices_input, inside, is_wide
from ariel_build.ops.shorter import Axes, Mixed, one_only
from ariel_build.ops.traits import Traits, keeps_axes, never
from ariel_build.records import dataclass

__all__ = ["Running"]

#: Bits that TFLite shifts int8 by, once they are halved, and all that it shifts.
_SHIFT, _LEFT = 19, 20


@dataclass(frozen=True)
class Running(Operator):
    """Sums, or with `product` products, along `axis`; None where it is the second input, one number."""

    # TFLite's begin with the zero point: integers of the same meaning give others.
    traits = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)
    passed_on = never
    permuted = keeps_axes

    axis: int | None
    product: bool = False
    exclusive: bool = False
    reverse: bool = False

    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """T[..] -> T[..]."""
        x = inputs[0]
        if x is None or not x.elements or (self.axis is not None and not 0 <= self.axis < len(x.shape)):
            raise ValueError(f"there is no axis {self.axis} with elements in {x}")
        if not x.shape or (self.axis is None and len(inputs) < 2):
            raise ValueError("there is no axis")
        return [TensorType(x.dtype, x.shape)]

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """From the front on a sum depends on what comes before alone."""
        axes = one_only(given)
        if axes and (self.axis is None or (self.reverse and self.axis in axes)):
            raise Mixed("it sums from its end on, or along an axis that is told at run time")
        return [axes]

    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Accumulates in the type of the elements; int8 of TFLite in int32 that wraps, shifted."""
        x, axis = np.asarray(inputs[0]), self.axis
        if axis is None:
            axis = int(inside(np.asarray(inputs[1]).reshape(()), x.ndim, wraps=True))
        data: Numbers = np.moveaxis(x, axis, 0)[:: -1 if self.reverse else 1]
        if node.output.type.dtype is DType.I8:
            data = self._shifted(data, node)
        else:
            ufunc = np.multiply if self.product else np.add
            first = np.full((1, *data.shape[1:]), ufunc.identity, data.dtype)
            with np.errstate(all="ignore"):
                sums = ufunc.accumulate(np.concatenate([first, data]), axis=0, dtype=data.dtype)
            data = sums[:-1] if self.exclusive else sums[1:]
        return [np.moveaxis(data[:: -1 if self.reverse else 1], 0, axis).astype(x.dtype)]

    def _shifted(self, data: Numbers, node: Node) -> I64:
        """Returns TFLite's sums of int8, requantised."""
        quant, out = quant_of(node.input(0), "the input"), quant_of(node.output, "the output")
        centred = np.concatenate(
            [np.full((1, *data.shape[1:]), -quant.zero_point), data.astype(np.int64) - quant.zero_point]
        )
        sums = wrap32(np.cumsum(centred << _SHIFT, axis=0))
        stored = multiply(sums[:-1] if self.exclusive else sums[1:], *self._multiplier(node)) + out.zero_point
        return np.clip(stored, -128, 127)

    def _multiplier(self, node: Node) -> tuple[int, int]:
        """Returns the multiplier from a sum to the output."""
        scale, out = quant_of(node.input(0), "the input").scale, quant_of(node.output, "the output").scale
        q, shift = quantize_multiplier(2 * scale / ((1 << _LEFT) * out))
        if shift > 0:
            raise UnsupportedReason(f"scales {scale:g} and {out:g} are too far apart")
        return q, shift

    def lower(self, node: Node) -> KernelCall:
        """`index::RunningF32` and its kin."""
        x, output = node.input(0), node.output
        axis = x if self.axis is not None else node.input(1)
        found = [lanes(x.shape, k) for k in ([self.axis] if self.axis is not None else range(len(x.shape)))]
        running = declared.Running(
            axes=tuple(found),
            axis=Source(axis),
            wide=self.axis is None and is_wide(axis),
            exclusive=self.exclusive,
            reverse=self.reverse,
        )
        dtype = x.type.dtype
        kernel: Kernel
        if dtype is DType.I8:
            out = quant_of(output, "the output")
            q, shift = self._multiplier(node)
            kernel = declared.RunningInt8(
                input=Operand(x),
                output=Operand(output),
                running=running,
                offset=-quant_of(x, "the input").zero_point,
                multiplier=q,
                shift=shift,
                bounds=Bounds(zero_point=out.zero_point, min=-128, max=127),
            )
        elif dtype in (DType.F32, DType.F64, DType.I32, DType.I64):
            chosen: type[Kernel] = getattr(declared, f"Running{dtype.value.upper()}")
            fields = {"input": Operand(x), "output": Operand(output), "running": running, "product": self.product}
            kernel = chosen.made(fields)
        else:
            raise UnsupportedReason(f"running sums of {dtype.value} are not supported")
        inputs = list(dict.fromkeys(v for v in (x, axis) if not v.is_constant))
        units = found[0].outer if len(found) == 1 else 1
        return KernelCall.of(kernel, inputs, [output], Tiling(Axis.ROWS, units))


@imports("tflite", "CUMSUM")
def _from_tflite(importer: Importer) -> None:
    x, type_ = importer.input(0), importer.output_type()
    (axis,) = axes_of(importer.constant_input(1, "the axis").reshape(-1).tolist(), len(x.shape))
    op = Running(axis, exclusive=bool(importer.integer("exclusive")), reverse=bool(importer.integer("reverse")))
    importer.bind(*importer.emit(op, [x], types=[type_]))


@imports("onnx", "CumSum", "CumProd")
def _from_onnx(importer: Importer) -> None:
    x, axis = importer.input(0), indices_input(importer, 1, "the axis")
    known: int | None = None
    inputs: list[Value] = [x]
    if axis.data is not None:
        (known,) = axes_of(axis.data.reshape(-1).tolist(), len(x.shape))
    elif len(x.shape) == 1:
        known = 0
    else:
        inputs.append(axis)
    flags = (bool(importer.integer(name)) for name in ("exclusive", "reverse"))
    importer.bind(*importer.emit(Running(known, importer.node.op == "CumProd", *flags), inputs))
