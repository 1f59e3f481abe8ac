"""Which calls of packed kernels work in place of their input, and that the plan then gives both one region."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ariel_build.ir import DType, TensorType, Value
from ariel_build.isa.in_place import in_place
from ariel_build.kernels import Axis, Field, Kernel, KernelCall, Scratch, Tiling
from ariel_build.kernels.declared import conv2d
from ariel_build.kernels.declared.isa_packed import Conv2d, DepthwiseConv2d, Far, Near, NearShort, SmallConv2d
from ariel_build.memory import RAM, plan_calls
from ariel_build.ops.window import Window, image


def call(kernel: type[Kernel], shape: tuple[int, int, int], size: int, *, stride: int = 1, **more: Field) -> KernelCall:
    """Returns a call from an image to one of the same shape."""
    height, width, _ = shape
    x, y = (Value(TensorType(DType.I8, (1, *shape)), name) for name in ("x", "y"))
    window = Window((size, size), (stride, stride), padding=(size // 2,) * 4)
    fields = {"input": image(x), "output": image(y), "window": window.kernel(), **more}
    # What decides about bytes stands in these; the others are of no matter here.
    others = dict.fromkeys(set(kernel.FIELDS) - fields.keys(), 0)
    tiling = Tiling(Axis.PIXELS, height * width, 4)
    return KernelCall.of(kernel.made({**fields, **others}), [x], [y], tiling, label="call")


def planes(shape: tuple[int, int, int], lines: int, outputs: Near | Far | NearShort, stride: int = 1) -> KernelCall:
    """Returns a call of a depthwise convolution over planes of so many lines."""
    more: dict[str, Field] = {"vertical": False, "lines": lines, "scratch": Scratch(64), "outputs": outputs}
    return call(DepthwiseConv2d, shape, 3, stride=stride, **more)


def test_a_pointwise_layer_may_write_each_pixel_where_it_read_it() -> None:
    pointwise = call(Conv2d, (6, 5, 16), 1)
    assert in_place(pointwise).in_place == ((0, 0),)
    assert [rule.kind for rule in in_place(pointwise).reads] == ["same"]


@pytest.mark.parametrize(
    "other",
    [
        call(Conv2d, (6, 5, 16), 3),
        call(Conv2d, (6, 5, 12), 1),
        call(Conv2d, (6, 5, 16), 1, stride=2),
        call(SmallConv2d, (6, 5, 16), 1),
        call(conv2d.Quantized, (6, 5, 16), 1),
        planes((6, 5, 16), 3, Near()),
        planes((6, 5, 14), 6, Near()),
        planes((6, 5, 16), 6, NearShort()),
        planes((6, 5, 16), 6, Far(), stride=2),
    ],
)
def test_any_other_call_stays_as_it_is(other: KernelCall) -> None:
    assert in_place(other) is other


def test_a_depthwise_layer_may_where_it_is_one_tile() -> None:
    """Only then: by itself the call is cut into tiles, and an output beside its input."""
    depthwise = in_place(planes((6, 5, 16), 6, Near()))
    assert (depthwise.in_place, depthwise.in_place_whole) == ((), ((0, 0),))
    x, y = depthwise.inputs, depthwise.outputs
    effort = replace(RAM, budget=0.001, worth=0)
    steps, plan = plan_calls([depthwise], x, y, effort=effort)
    assert plan.arena_bytes == 480 + 64
    assert plan.in_place == (((0, 0),),)
    assert steps.steps[0].tiles == (steps.steps[0].whole,)
    steps, plan = plan_calls([depthwise], x, y, effort=effort, cores=2)
    assert plan.arena_bytes == 2 * 480 + 2 * 64
    assert plan.in_place == ((),)
