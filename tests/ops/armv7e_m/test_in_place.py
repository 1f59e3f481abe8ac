"""Which calls of packed kernels work in place of their input, and that the plan then gives both one region."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ariel_build.ir import DType, TensorType, Value
from ariel_build.isa.in_place import in_place
from ariel_build.kernels import Axis, Field, KernelCall, Nested, Operand, Scratch, Tiling
from ariel_build.memory import RAM, plan_calls


def call(kernel: str, shape: tuple[int, int, int], size: int, *, stride: int = 1, lines: int = 0) -> KernelCall:
    """Returns a call from an image to one of the same shape."""
    height, width, channels = shape
    x, y = (Value(TensorType(DType.I8, (1, *shape)), name) for name in ("x", "y"))
    fields: dict[str, Field] = {
        key: Nested(
            "Image",
            {
                "region": Operand(value),
                "height": height,
                "width": width,
                "channels": channels,
                "row": width * channels,
                "pixel": channels,
            },
        )
        for key, value in (("input", x), ("output", y))
    }
    window: dict[str, Field] = {"height": size, "width": size, "stride_h": stride, "stride_w": stride}
    window |= {"dilation_h": 1, "dilation_w": 1, "pad_top": size // 2, "pad_left": size // 2}
    more: dict[str, Field] = {"vertical": False, "lines": lines, "scratch": Scratch(64)} if lines else {}
    tiling = Tiling(Axis.PIXELS, height * width, 4)
    return KernelCall(kernel, {**fields, "window": Nested("Window", window), **more}, [x], [y], tiling, label="call")


def test_a_pointwise_layer_may_write_each_pixel_where_it_read_it() -> None:
    pointwise = call("isa::armv7e_m::Conv2d", (6, 5, 16), 1)
    assert in_place(pointwise).in_place == ((0, 0),)
    assert [rule.kind for rule in in_place(pointwise).reads] == ["same"]


@pytest.mark.parametrize(
    "other",
    [
        call("isa::armv7e_m::Conv2d", (6, 5, 16), 3),
        call("isa::armv7e_m::Conv2d", (6, 5, 12), 1),
        call("isa::armv7e_m::Conv2d", (6, 5, 16), 1, stride=2),
        call("isa::armv7e_m::SmallConv2d", (6, 5, 16), 1),
        call("conv2d::Int8<DoubleRounding>", (6, 5, 16), 1),
        call("isa::armv7e_m::DepthwiseConv2d<Near>", (6, 5, 16), 3, lines=3),
        call("isa::armv7e_m::DepthwiseConv2d<Near>", (6, 5, 14), 3, lines=6),
        call("isa::armv7e_m::DepthwiseConv2d<NearShort>", (6, 5, 16), 3, lines=6),
        call("isa::armv7e_m::DepthwiseConv2d<Far>", (6, 5, 16), 3, stride=2, lines=6),
    ],
)
def test_any_other_call_stays_as_it_is(other: KernelCall) -> None:
    assert in_place(other) is other


def test_a_depthwise_layer_may_where_it_is_one_tile() -> None:
    """Only then: by itself the call is cut into tiles, and an output beside its input."""
    depthwise = in_place(call("isa::armv7e_m::DepthwiseConv2d<Near>", (6, 5, 16), 3, lines=6))
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
