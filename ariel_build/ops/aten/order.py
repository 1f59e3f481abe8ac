"""ATen operators of order: what is sorted, and what stands at some place then."""

from __future__ import annotations

from collections.abc import Callable

from ariel_build.ir import Value
from ariel_build.ops.aten.call import Call, aten
from ariel_build.ops.base import UnsupportedReason
from ariel_build.ops.slice import emit_slice

__all__: list[str] = []

_STABLE = {"stable": "what is equal keeps its order always"}


@aten("sort.default", "sort.stable", harmless=_STABLE)
def _sort(call: Call) -> list[Value | None]:
    x = call.tensor("self")
    if not x.shape:
        raise UnsupportedReason("a scalar is not supported")
    axis = call.axis("dim", len(x.shape), -1)
    descending = call.flag("descending")
    return [*call.onnx_all("TopK", 2, x, [x.shape[axis]], axis=axis, largest=int(descending), sorted=1)]


@aten("argsort.default", "argsort.stable", harmless=_STABLE)
def _argsort(call: Call) -> Value | None:
    return _sort(call)[1]


def _at(count: Callable[[Call, int], int]) -> Callable[[Call], list[Value | None]]:
    """Returns an operator that gives the `count`th smallest elements along an axis, and where they are."""

    def body(call: Call) -> list[Value | None]:
        x = call.tensor("self")
        if not x.shape:
            raise UnsupportedReason("a scalar is not supported")
        axis = call.axis("dim", len(x.shape), -1)
        number = count(call, x.shape[axis])
        if not 0 < number <= x.shape[axis]:
            raise UnsupportedReason(f"axis {axis} of {x.type} has no {number}th element")
        both = call.onnx_all("TopK", 2, x, [number], axis=axis, largest=0, sorted=1)
        last = [emit_slice(call.importer, v, {axis: (number - 1, 1, 1)}) for v in both]
        if not call.flag("keepdim"):
            last = [call.reshape(v, (*x.shape[:axis], *x.shape[axis + 1 :])) for v in last]
        return [*last]

    return body


#: The lower one of two in the middle.
aten("median.dim")(_at(lambda _, extent: (extent + 1) // 2))
aten("kthvalue.default")(_at(lambda call, _: call.integer("k")))


@aten("median.default")
def _median(call: Call) -> Value:
    x = call.tensor("self")
    count = (x.type.elements + 1) // 2
    if not count:
        raise UnsupportedReason(f"{x.type} has no median")
    smallest = call.onnx("TopK", call.reshape(x, (x.type.elements,)), [count], axis=0, largest=0, sorted=1)
    return call.reshape(emit_slice(call.importer, smallest, {0: (count - 1, 1, 1)}), ())
