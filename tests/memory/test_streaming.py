"""Streamed plans need less, compute the same, and are refused where a row is early, late or in another's place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariel_build import boards
from ariel_build.config.options import ModelOptions
from ariel_build.driver import compile_model
from ariel_build.errors import InternalError
from ariel_build.ir import Value
from ariel_build.memory import RAM, SPEED, MemoryPlan, Region, check_plan, plan_calls, plan_memory
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.stretches import Stretches
from ariel_build.schedule import Interval, Piece, Schedule, Tile, schedule
from ariel_build.schedule.interleave import interleaved, pulled, turns
from tests.memory.interpreter import noise
from tests.memory.rows import Rows, apart, images, planned

EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def agree(net: Rows, steps: Schedule, plan: MemoryPlan, tile: int = 7) -> None:
    """Asserts that the plan computes what the network means."""
    data = noise(1, net.inputs[0].type.bytes)
    for want, got in zip(apart(net, data), planned(net, steps, plan, data, tile), strict=True):
        assert want.tobytes() == got.tobytes()


@EXAMPLES
@given(images(), st.integers(1, 40), st.integers(1, 2))
def test_streamed_networks_compute_the_same_in_no_more_memory(net: Rows, tile: int, cores: int) -> None:
    _, whole = plan_calls(net.calls, net.inputs, net.outputs, cores=cores)
    effort = replace(RAM, budget=1e9, worth=0)
    steps, plan = plan_calls(net.calls, net.inputs, net.outputs, cores=cores, effort=effort)
    assert plan.arena_bytes <= whole.arena_bytes
    agree(net, steps, plan, tile)


@EXAMPLES
@given(images(), st.data())
def test_any_order_of_pieces_is_planned(net: Rows, data: st.DataObject) -> None:
    """Chains and pieces upwards and downwards wherever they are: the plan holds, whether or not it gains anything."""
    order: list[tuple[int, Tile]] = []
    at = 0
    while at < len(net.calls):
        end = data.draw(st.integers(at + 1, len(net.calls)))
        units = data.draw(st.integers(1, net.calls[end - 1].tiling.extent))
        pieces = interleaved(net.calls, range(at, end), units, {})
        order += reversed(pieces) if end == at + 1 and data.draw(st.booleans()) else pieces
        at = end
    steps = schedule(net.calls, order=order)
    agree(net, steps, plan_memory(steps, net.inputs, net.outputs))


@EXAMPLES
@given(images(), st.integers(1, 3))
def test_calls_that_are_pulled_take_their_turns(net: Rows, rows: int) -> None:
    order = pulled(net.calls, range(len(net.calls)), rows, {})
    for index, call in enumerate(net.calls):
        assert tuple(tile for at, tile in order if at == index) == turns(call, rows)


@EXAMPLES
@given(images(), st.booleans())
def test_no_chain_costs_less_than_is_said_before_it_is_counted(net: Rows, rolls: bool) -> None:
    peaks = Peaks(net.calls, net.inputs, net.outputs, (), {})
    chains = Stretches(peaks, 10**9, lambda _: [1.0], (1, 2), rolls)
    for start in range(len(net.calls)):
        for end in range(start + 2, len(net.calls) + 1):
            span = range(start, end)
            assert all(chains.least(span) <= way.cost for way in chains.stretches(span))


def lag() -> tuple[Rows, Schedule, MemoryPlan, list[Value]]:
    """The chain x -> a -> b, a with a window of three rows, in pieces of two rows: a follows below x, b above a."""
    net = Rows()
    x = net.input(24)
    a = net.window(x, 3, 1, 1, width=16)
    b = net.window(a, 1, 1, 0, width=16)
    net.outputs = [b]
    tiles = [Tile(k, k + 32) for k in range(0, 384, 32)]
    order = [*((0, t) for t in tiles), *((1, t) for t in reversed(tiles))]
    steps = schedule(net.calls, order=order)
    return net, steps, plan_memory(steps, net.inputs, net.outputs), [x, a, b]


def refused(net: Rows, steps: Schedule, plan: MemoryPlan, message: str = "memory invariant") -> None:
    """Asserts that the checker refuses the plan."""
    with pytest.raises(InternalError, match=message):
        check_plan(steps, plan, net.inputs, net.outputs)


def test_an_output_follows_its_input_at_the_distance_of_a_piece() -> None:
    net, steps, plan, (x, a, b) = lag()
    # Two rows written, and one that the next window still reads.
    assert plan.region(x).offset - plan.region(a).offset == 48
    assert plan.region(b).offset - plan.region(a).offset == 32
    assert plan.arena_bytes == plan.lower_bound == 24 * 16 + 48
    assert plan.in_place == ((), ())
    agree(net, steps, plan)


def test_a_region_that_is_moved_by_16_bytes_is_refused() -> None:
    net, steps, plan, (x, a, b) = lag()
    for value, by in ((a, 16), (b, -16), (x, -16)):
        offset = plan.region(value).offset + by
        regions = {**plan.regions, value: Region(offset, value.type.bytes)}
        broken = replace(plan, regions=regions, arena_bytes=plan.arena_bytes + 64)
        if value is x:
            broken = replace(broken, input_group=replace(plan.input_group, offset=offset))
        if value is b:
            broken = replace(broken, output_group=replace(plan.output_group, offset=offset))
        refused(net, steps, broken, "memory invariant 2")


def with_pieces(steps: Schedule, index: int, tiles: list[Tile]) -> Schedule:
    """Returns the schedule with other tiles for the pieces of a step, at the times of the old ones."""
    old = steps.steps[index]
    pieces = tuple(Piece(tile, p.time) for tile, p in zip(tiles, old.pieces, strict=True))
    table = list(steps.steps)
    table[index] = replace(old, streamed=pieces)
    return replace(steps, steps=tuple(table))


def test_a_piece_that_is_larger_by_a_row_or_out_of_turn_is_refused() -> None:
    net, steps, plan, _ = lag()
    tiles = [p.tile for p in steps.steps[0].pieces]
    assert tiles[3:5] == [Tile(96, 128), Tile(128, 160)]
    early = [*tiles[:3], Tile(96, 144), Tile(144, 160), *tiles[5:]]
    refused(net, with_pieces(steps, 0, early), plan, "memory invariant 2")
    refused(net, with_pieces(steps, 0, [tiles[1], tiles[0], *tiles[2:]]), plan, "memory invariant 2")
    upwards = [p.tile for p in reversed(steps.steps[1].pieces)]
    refused(net, with_pieces(steps, 1, upwards), plan, "memory invariant 2")


def test_pieces_that_leave_a_gap_or_meet_are_refused() -> None:
    net, steps, plan, _ = lag()
    tiles = [p.tile for p in steps.steps[0].pieces]
    refused(net, with_pieces(steps, 0, [Tile(0, 31), *tiles[1:]]), plan, "leave a gap")
    refused(net, with_pieces(steps, 0, [Tile(0, 33), *tiles[1:]]), plan, "overlap")
    refused(net, with_pieces(steps, 0, [*tiles[:-1], Tile(352, 368)]), plan, "do not cover")


def test_pieces_at_one_time_are_refused() -> None:
    net, steps, plan, _ = lag()
    step = steps.steps[0]
    pieces = (step.pieces[0], replace_time(step.pieces[1], Interval(0, 2)), *step.pieces[2:])
    table = (replace(step, streamed=pieces), steps.steps[1])
    refused(net, replace(steps, steps=table), plan, "one after the other")


def replace_time(piece: Piece, time: Interval) -> Piece:
    """Returns the piece at another time."""
    return piece._replace(time=time)


def test_a_consumer_before_its_rows_is_refused() -> None:
    """Interleaved: the second call reads rows that the first has not made yet, one row too early."""
    net = Rows()
    x = net.input(8)
    a = net.window(x, 3, 1, 1, width=16)
    net.outputs = [net.window(a, 3, 1, 1, width=16)]
    right = interleaved(net.calls, range(2), 16, {})
    assert right[:3] == [(0, Tile(0, 32)), (1, Tile(0, 16)), (0, Tile(32, 48))]
    steps = schedule(net.calls, order=right)
    plan = plan_memory(steps, net.inputs, net.outputs)
    agree(net, steps, plan)
    early = [(0, Tile(0, 16)), (1, Tile(0, 16)), (0, Tile(16, 48)), *right[3:]]
    refused(net, schedule(net.calls, order=early), plan, "memory invariant [23]")
    with pytest.raises(InternalError, match=r"memory invariant [23]"):
        plan_memory(schedule(net.calls, order=early), net.inputs, net.outputs)


def test_a_call_without_rules_reads_everything() -> None:
    """A call without rules reads all of its input, so that nothing of it may be overwritten while it runs."""
    net = Rows()
    a = net.window(net.input(16), 1, 1, 0, width=16)
    net.outputs = [net.window(a, 1, 1, 0, width=16)]
    net.calls[1].reads = ()
    tiles = [Tile(k, k + 16) for k in range(0, 256, 16)]
    steps = schedule(net.calls, order=[(0, Tile(0, 256)), *((1, t) for t in tiles)])
    assert plan_memory(steps, net.inputs, net.outputs).lower_bound == 512


#: Bytes of the arena at most on one core, with portable kernels and with those of Armv7E-M.
TARGETS = {"mlperf_vww_int8": 44_000, "mlperf_ic_int8": 37_000, "mlperf_kws_int8": 12_000, "mlperf_ad_int8": 1_024}


@pytest.mark.models
@pytest.mark.parametrize("board", ["generic", "qemu-cortex-m7"])
@pytest.mark.parametrize("name", TARGETS)
def test_arenas_of_real_models_are_below_their_targets(models: Path, name: str, board: str) -> None:
    path = models / "dev" / name / "model.tflite"
    compiled = compile_model(path, ModelOptions(path), boards.load(board), "model")
    assert compiled.plan.arena_bytes <= TARGETS[name]


def test_small_arenas_stay_as_they_are() -> None:
    net, *_ = lag()
    steps, _ = plan_calls(net.calls, net.inputs, net.outputs, effort=SPEED)
    assert not steps.is_streamed
