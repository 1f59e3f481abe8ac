"""int8 operators of two operands -> kernels: a table, a formula proven for all inputs, or the definition itself.

Those of int16 have too many inputs for tables and proofs by trying: they are computed by their definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ariel_build.ir import Array, DType, Node, Quant, Value
from ariel_build.kernels import Kernel, KernelCall
from ariel_build.kernels.declared import map2 as declared
from ariel_build.kernels.declared.quant import Bounds
from ariel_build.ops.accumulate import bounds
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.elementwise import all_bytes, call_of, lookup_call, quant_of, two_operands
from ariel_build.ops.fixed_point import I64, Rounding, stored_bounds
from ariel_build.ops.integer_formula import find_formula
from ariel_build.ops.map2_int8 import product_scale

if TYPE_CHECKING:
    from ariel_build.ops.map2 import Map2

__all__ = ["lower_stored"]


def lower_stored(op: Map2, node: Node) -> KernelCall:
    """Returns the cheapest call that computes exactly what the reference does."""
    left, right = node.input(0), node.input(1)
    if node.output.type.dtype is DType.I16:
        return _wide(op, node)
    table = _table(op, node, left, right)
    if table is not None:
        return table
    if any(v.type.dtype is not DType.I8 for v in (left, right, node.output)):
        raise UnsupportedReason(f"{op.name} takes and gives int8, not {left.type}, {right.type} and {node.output.type}")
    proven = _proven(op, node, left, right)
    return call_of(_definition(op, node) if proven is None else proven, node)


def _table(op: Map2, node: Node, left: Value, right: Value) -> KernelCall | None:
    """Returns a lookup where one operand is a constant number, or both are one value."""
    if left is right:
        return lookup_call(node, left, lambda data: op.reference([data, data], node)[0])
    for constant, other in ((right, left), (left, right)):
        if constant.data is None or constant.data.size != 1 or other.type.elements != node.output.type.elements:
            continue
        number = constant.data.reshape(())
        swapped = constant is left

        def function(data: Array, number: Array = number, swapped: bool = swapped) -> Array:
            return op.reference([number, data] if swapped else [data, number], node)[0]

        return lookup_call(node, other, function)
    return None


def _proven(op: Map2, node: Node, left: Value, right: Value) -> Kernel | None:
    """Returns `Linear` for sums, `Product` for products, with constants that are right for all pairs that can occur."""
    if op.row.form is None:
        return None
    quants = _quants(node)
    a, b = np.meshgrid(_domain(left), _domain(right), indexing="ij")
    want = op.on_bytes(a, b, node).astype(np.int64)
    low, high = stored_bounds(op.clip, quants[2], DType.I8, op.rounding)
    wide_a, wide_b = a.astype(np.int64), b.astype(np.int64)
    limits = Bounds(zero_point=0, min=low, max=high)
    if op.row.form == "product":
        features: list[I64] = [(wide_a - quants[0].zero_point) * (wide_b - quants[1].zero_point)]
        formula = find_formula(features, want, (low, high), [product_scale(*quants)])
        if formula is None:
            return None
        zero_points = (quants[0].zero_point, quants[1].zero_point)
        (factor,) = formula.factors
        return declared.Product(
            **two_operands(node), zero_points=zero_points, factor=factor, offset=formula.offset, bounds=limits
        )
    sign = -1.0 if op.row.form == "difference" else 1.0
    slopes = [quants[0].scale / quants[2].scale, sign * quants[1].scale / quants[2].scale]
    formula = find_formula([wide_a, wide_b], want, (low, high), slopes)
    if formula is None:
        return None
    return declared.Linear(
        **two_operands(node),
        left_factor=formula.factors[0],
        right_factor=formula.factors[1],
        offset=formula.offset,
        bounds=limits,
    )


def _domain(value: Value) -> Array:
    """Returns the elements that an operand can have."""
    return all_bytes(value.type.dtype) if value.data is None else np.unique(value.data)


def _quants(node: Node) -> tuple[Quant, Quant, Quant]:
    return (
        quant_of(node.input(0), "the left operand"),
        quant_of(node.input(1), "the right operand"),
        quant_of(node.output, "the output"),
    )


def _definition(op: Map2, node: Node) -> Kernel:
    """Returns the kernel that follows the origin's own steps."""
    left, right, output = _quants(node)
    common = {**two_operands(node), "bounds": bounds(node, op.clip, op.rounding)}
    kernel: type[Kernel]
    if op.row.keeps_scale and (op.rounding is Rounding.DOUBLE or left == right == output):
        kernel = getattr(declared, f"{op.name}Int8")
        return kernel.made(common)
    if op.rounding is Rounding.NEAREST_EVEN:
        kernel = getattr(declared, f"{op.name}Dequantized")
        affine = {"left_affine": _affine(left), "right_affine": _affine(right), "scale": output.scale}
        return kernel.made({**common, **affine})
    if op.row.stored is None:
        raise UnsupportedReason(f"{op.name} of int8 is not supported")
    kernel = getattr(declared, f"{op.name}Int8")
    return kernel.made({**common, **op.row.stored.fields(left, right, output, False)})


def _wide(op: Map2, node: Node) -> KernelCall:
    """Returns the call of `<name>Int16`."""
    if any(v.type.dtype is not DType.I16 for v in (*node.inputs, node.output) if v is not None):
        raise UnsupportedReason(f"{op.name} takes and gives int16, not {node.input(0).type} and {node.input(1).type}")
    if op.rounding is not Rounding.DOUBLE or op.row.stored is None or not op.row.stored.wide:
        raise UnsupportedReason(f"{op.name} of int16 is not supported")
    kernel: type[Kernel] = getattr(declared, f"{op.name}Int16")
    common = {**two_operands(node), "bounds": bounds(node, op.clip, op.rounding)}
    return call_of(kernel.made({**common, **op.row.stored.fields(*_quants(node), True)}), node)


def _affine(quant: Quant) -> declared.Affine:
    return declared.Affine(scale=quant.scale, zero_point=quant.zero_point)
