"""Steps one after the other, cut into tiles of bounded work."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import InternalError
from ariel_build.ir import DType, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Tiling
from ariel_build.memory import check_plan, planner
from ariel_build.schedule import Interval, Schedule, Tile, cut, resolve, schedule, work_of
from tests.kernels import Plain
from tests.memory.networks import tensor
from tools.recorded import DIGITS


@given(
    st.sampled_from([Axis.ROWS, Axis.CHANNELS, Axis.ELEMENTS]),
    st.integers(1, 500),
    st.integers(1, 9),
    st.integers(0, 10**7),
    st.integers(1, 10**5),
)
def test_tiles_are_a_partition_of_bounded_work(
    axis: Axis, extent: int, granularity: int, work: int, target: int
) -> None:
    tiles = cut(Tiling(axis, extent, granularity), work, target)
    assert tiles[0].start == 0
    assert tiles[-1].end == extent
    assert all(a.end == b.start for a, b in pairwise(tiles))
    assert all(t.start % granularity == 0 for t in tiles)
    units = tiles[0].end
    assert all(t.end - t.start == units for t in tiles[:-1])
    assert 0 < tiles[-1].end - tiles[-1].start <= units
    granules = -(-extent // granularity)
    assert units <= granularity or -(-units // granularity) * work <= target * granules


@pytest.mark.parametrize(
    "tiling, work, tiles",
    [
        (Tiling(Axis.WHOLE, 10), 10**6, [(0, 10)]),
        (Tiling(Axis.ROWS, 10), 100, [(0, 10)]),
        (Tiling(Axis.ROWS, 10), 101, [(0, 5), (5, 10)]),
        (Tiling(Axis.ROWS, 10), 250, [(0, 4), (4, 8), (8, 10)]),
        (Tiling(Axis.ROWS, 10, 4), 10**6, [(0, 4), (4, 8), (8, 10)]),
        (Tiling(Axis.ROWS, 3), 10**6, [(0, 1), (1, 2), (2, 3)]),
        (Tiling(Axis.ELEMENTS, 0), 0, []),
    ],
)
def test_known_tiles(tiling: Tiling, work: int, tiles: list[tuple[int, int]]) -> None:
    assert list(cut(tiling, work, 100)) == tiles


def test_steps_follow_one_another() -> None:
    x, y, z = tensor(10, "x"), tensor(1000, "y"), tensor(8, "z")
    calls = [
        KernelCall(Plain(), [x], [y], Tiling(Axis.ROWS, 50), macs=90_000, label="conv2d_0"),
        KernelCall(Plain(), [y], [z], Tiling(Axis.CHANNELS, 8), macs=8000),
    ]
    result = schedule(calls, cores=2)
    assert result.cores == 2
    assert result.calls == calls
    assert [s.time for s in result.steps] == [Interval(0, 1), Interval(1, 2)]
    assert result.end == 2
    first, second = result.steps
    assert (first.name, second.name) == ("conv2d_0", "test::Plain (step 1)")
    assert first.whole == Tile(0, 50)
    assert first.tile_units == 10
    assert len(first.tiles) == 5
    assert second.tiles == (Tile(0, 8),)


def test_work_counts_elements_but_not_constants() -> None:
    x, y = tensor(10, "x"), tensor(20, "y")
    filter_ = Value(TensorType(DType.I8, (999,)), "filter", np.zeros(999, np.int8))
    assert work_of(KernelCall(Plain(), [x, x, filter_], [y], Tiling(Axis.WHOLE, 1), macs=7)) == 7 + 4 * 30


def test_intervals_are_half_open() -> None:
    assert Interval(0, 2).overlaps(Interval(1, 3))
    assert not Interval(0, 2).overlaps(Interval(2, 3))


def test_aliases_are_followed_and_checked() -> None:
    a, b, c = tensor(30, "a"), tensor(20, "b"), tensor(5, "c")
    assert resolve(c, {c: (b, 3), b: (a, 10)}) == (a, 13)
    with pytest.raises(InternalError, match="leaves the value"):
        resolve(b, {b: (a, 11)})
    same = tensor(30, "same")
    with pytest.raises(InternalError, match="cycle"):
        resolve(a, {a: (same, 0), same: (a, 0)})


def test_tiles_are_those_that_the_checker_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting them again afterwards, for a time limit, would leave the proof behind."""
    seen: list[Schedule] = []

    def check(schedule: Schedule, *rest: object) -> None:
        seen.append(schedule)
        check_plan(schedule, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(planner, "check_plan", check)
    board = boards.load("stm32f4")
    tiles = []
    for limit in (None, 50e-6):
        compiled = compile_model(DIGITS, ModelOptions(DIGITS, cores=1, max_tile=limit), board, "digits")
        assert compiled.schedule is seen[-1]
        tiles.append(sum(len(step.tiles) for step in compiled.schedule.steps))
    assert tiles[1] > tiles[0], "the limit cuts tiles"
