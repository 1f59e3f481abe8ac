"""What depthwise convolutions along lines take of the arena: which work in place, and what scratch pieces have."""

from __future__ import annotations

from pathlib import Path

import pytest

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.ir import DType, TensorType, Value
from ariel_build.isa.in_place import in_place
from ariel_build.isa.scalar.lines import band_of, words
from ariel_build.isa.share import for_cores
from ariel_build.kernels import Axis, KernelCall, Scratch, Tiling
from ariel_build.kernels.declared.isa_scalar import DepthwiseLines, Int8
from ariel_build.ops.window import Window, image
from ariel_build.schedule import Tile
from ariel_build.schedule.parts import can_part, for_rows


def call(shape: tuple[int, int, int], band: int, *, vertical: bool = False, stride: int = 1) -> KernelCall:
    """Returns a depthwise convolution over 3x3 with the scratch of so many lines."""
    height, width, depth = shape
    rows, columns = -(-height // stride), -(-width // stride)
    x = Value(TensorType(DType.I8, (1, *shape)), "x")
    y = Value(TensorType(DType.I8, (1, rows, columns, depth)), "y")
    window, output = Window((3, 3), (stride, stride), padding=(1,) * 4).kernel(), image(y)
    fields = {
        "input": image(x),
        "output": output,
        "window": window,
        "vertical": vertical,
        "axis": Axis.PIXELS,
        "band": band,
        "scratch": Scratch(4 * words(output, window, band, vertical=vertical)),
        "elements": Int8(),
    }
    others = dict.fromkeys(set(DepthwiseLines.FIELDS) - fields.keys(), 0)
    tiling = Tiling(Axis.PIXELS, rows * columns, columns)
    return KernelCall.of(DepthwiseLines.made({**fields, **others}), [x], [y], tiling, label="call")


@pytest.mark.parametrize(
    "made, pairs",
    [
        (call((6, 5, 3), 6), ((0, 0),)),
        (call((6, 5, 3), 5, vertical=True), ((0, 0),)),
        (call((6, 5, 3), 5), ()),
        (call((6, 6, 3), 6, stride=2), ()),
    ],
    ids=["all rows", "all columns", "some rows", "stride"],
)
def test_in_place_where_all_lines_of_a_channel_are_widened_first(
    made: KernelCall, pairs: tuple[tuple[int, int], ...]
) -> None:
    assert (in_place(made).in_place, in_place(made).in_place_whole) == ((), pairs)


def test_several_cores_share_channels_where_these_lie_over_the_input() -> None:
    """Of a layer whose lines do not fit scratch at once, or that is smaller than its input, they share pixels."""
    shared, whole, some, smaller = for_cores(
        [
            call((6, 5, 16), 6),
            call((6, 5, 8), 6),
            call((6, 5, 16), 5),
            call((6, 6, 16), 6, stride=2),
        ],
        2,
    )
    assert (shared.tiling.axis, whole.tiling.axis) == (Axis.CHANNELS, Axis.CHANNELS)
    assert in_place(shared).in_place == ((0, 0),)
    assert (some.tiling.axis, smaller.tiling.axis) == (Axis.PIXELS, Axis.PIXELS)
    (uneven,) = for_cores([call((6, 5, 12), 6)], 2)
    assert uneven.tiling.axis is Axis.PIXELS


@pytest.mark.parametrize("vertical", [False, True])
def test_pieces_take_scratch_for_their_rows(vertical: bool) -> None:
    whole = call((40, 30, 8), 7, vertical=vertical)
    assert can_part(whole)
    fitted = for_rows(whole, [Tile(0, 60), Tile(60, 90)]).kernel
    assert isinstance(fitted, DepthwiseLines)
    output = fitted.output.replace(height=2)
    assert fitted.scratch.bytes == 4 * words(output, fitted.window, fitted.band, vertical=vertical)
    assert fitted.scratch.bytes < whole.scratch_bytes
    assert for_rows(whole, [Tile(0, 1200)]) is whole


def test_a_band_has_as_many_lines_as_fit() -> None:
    kernel = call((40, 30, 8), 1).kernel
    assert isinstance(kernel, DepthwiseLines)
    for vertical in (False, True):
        band = band_of(kernel.output, kernel.window, 500, vertical=vertical)
        needed = [words(kernel.output, kernel.window, count, vertical=vertical) for count in (band, band + 1)]
        assert needed[0] <= 500 < needed[1]
    assert band_of(kernel.output, kernel.window, 1, vertical=False) == 1


@pytest.mark.parametrize("cores, most", [(1, 9_392), (2, 18_048)])
def test_lines_cost_keyword_spotting_no_ram(cores: int, most: int, models: Path) -> None:
    """What it took when depthwise convolutions had no kernel on Armv6-M."""
    path = models / "dev" / "mlperf_kws_int8" / "model.tflite"
    compiled = compile_model(path, ModelOptions(path, cores=cores), boards.load("rp2040-sim"), "model")
    assert [s.call.kernel.path for s in compiled.schedule.steps].count("isa::scalar::DepthwiseLines<Int8>") == 4
    assert compiled.plan.arena_bytes <= most
