"""Which calls of packed kernels work in place of their input, and that the plan then gives both one region."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from ariel_build.cores.check_units import check_units
from ariel_build.cores.units import build_units
from ariel_build.errors import InternalError
from ariel_build.ir import DType, TensorType, Value
from ariel_build.isa.in_place import in_place, in_place_together
from ariel_build.kernels import Axis, Field, Kernel, KernelCall, Scratch, Tiling
from ariel_build.kernels.declared import conv2d
from ariel_build.kernels.declared.isa_packed import Conv2d, DepthwiseConv2d, Far, Near, NearShort, SmallConv2d
from ariel_build.memory import RAM, plan_calls, plan_memory
from ariel_build.ops.window import Window, image
from ariel_build.schedule import Tile, schedule


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


def by_channels(made: KernelCall) -> KernelCall:
    """Returns the call with tiles of channels."""
    channels = made.outputs[0].shape[-1]
    kernel = made.kernel.replace(by_channels=True) if "by_channels" in made.kernel.FIELDS else made.kernel
    return made.by(kernel, Tiling(Axis.CHANNELS, channels, 4))


@pytest.mark.parametrize(
    "made, tiles",
    [(call(Conv2d, (6, 5, 16), 1), 3), (by_channels(planes((6, 5, 16), 6, Near())), 4)],
    ids=["pixels", "channels"],
)
def test_tiles_that_read_what_they_write_alone_are_in_place_on_several_cores(made: KernelCall, tiles: int) -> None:
    over = in_place(made)
    assert over.in_place == ((0, 0),)
    steps = schedule([over], cores=2)
    plan = plan_memory(steps, over.inputs, over.outputs)
    assert plan.in_place == (((0, 0),),)
    assert plan.arena_bytes == 480 + 2 * over.scratch_bytes
    unit = -(-over.tiling.extent // over.tiling.granularity // tiles) * over.tiling.granularity
    ends = [*range(0, over.tiling.extent, unit), over.tiling.extent]
    cut = [Tile(a, b) for a, b in pairwise(ends)]
    units = build_units(steps, plan, 2, lambda *_: cut)
    # None waits for another: two gates, and all tiles between them.
    assert sum(unit.needs == [0] for unit in units.units) == len(cut)
    check_units(units, steps, plan)


@pytest.mark.parametrize(
    "made, reason",
    [
        (planes((6, 5, 16), 6, Near()), "tiles read rows of their neighbours"),
        (by_channels(planes((6, 5, 16), 3, Near())), "not all lines are in scratch"),
        (call(Conv2d, (6, 5, 16), 3), "a tile reads more pixels than it writes"),
        (call(Conv2d, (6, 5, 12), 1), "a block of pixels is computed twice"),
        (call(Conv2d, (6, 5, 16), 1, stride=2), "windows skip pixels"),
        (by_channels(call(Conv2d, (6, 5, 16), 1)), "a tile reads more pixels than it writes"),
        (call(conv2d.Quantized, (6, 5, 16), 1), "the kernel copies nothing first"),
    ],
)
def test_the_checker_believes_no_pairs_that_a_kernel_does_not_allow(made: KernelCall, reason: str) -> None:
    """Whoever gives a call its pairs: what decides is what the kernel says that it reads, and when."""
    claimed = replace(made, in_place=((0, 0),))
    with pytest.raises(InternalError, match=reason):
        plan_memory(schedule([claimed], cores=2), claimed.inputs, claimed.outputs)


def test_several_cores_stay_apart_where_they_would_wait_for_each_other() -> None:
    """A pointwise layer in place leaves its scratch where the next one writes: no loss behind a layer by channels."""
    before, pointwise = by_channels(planes((6, 5, 16), 6, Near())), call(Conv2d, (6, 5, 16), 1)
    kernel = pointwise.kernel.replace(input=image(before.outputs[0]))
    behind = KernelCall.of(kernel, before.outputs, pointwise.outputs, pointwise.tiling, label="behind")
    assert [one.in_place for one in in_place_together([before, behind])] == [((0, 0),), ((0, 0),)]
    assert [one.in_place for one in in_place_together([behind])] == [()]
