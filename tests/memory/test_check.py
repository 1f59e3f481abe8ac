"""The checker rejects each way in which a plan can be broken, and names those concerned."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariel_build.errors import InternalError
from ariel_build.ir import DType, Value
from ariel_build.kernels.flow import Loop
from ariel_build.memory import FAST, Group, MemoryPlan, Region, check_plan
from ariel_build.schedule import Interval, Schedule, Tile, schedule
from tests.memory.interpreter import Apart, Planned, noise
from tests.memory.networks import Net, networks


def moved(plan: MemoryPlan, value: Value, offset: int) -> MemoryPlan:
    """Returns the plan with one value elsewhere."""
    return replace(plan, regions={**plan.regions, value: Region(offset, value.type.bytes)})


def listed(plan: MemoryPlan, schedule: Schedule) -> MemoryPlan:
    """Returns the plan with its list of pairs in place made to fit its regions."""

    def pairs(index: int) -> tuple[tuple[int, int], ...]:
        call = schedule.steps[index].call
        regions = [plan.regions[v] for v in call.inputs], [plan.regions[v] for v in call.outputs]
        return tuple(
            (i, o)
            for i, a in enumerate(regions[0])
            for o, b in enumerate(regions[1])
            if a.offset < b.end and b.offset < a.end
        )

    return replace(plan, in_place=tuple(pairs(i) for i in range(len(schedule.steps))))


def rejects(net: Net, plan: MemoryPlan, message: str, schedule: Schedule | None = None) -> None:
    """Asserts that the checker refuses the plan with this message."""
    with pytest.raises(InternalError, match=message):
        check_plan(schedule or net.schedule(), plan, net.inputs, net.outputs, net.states, net.aliases)


def residual() -> tuple[Net, list[Value]]:
    """A branch: x -> a -> b, and b + a -> y with scratch; returns x, a, b, y too."""
    net = Net()
    x = net.input(64)
    a = net.mix([x], 64)
    b = net.mix([a], 64, scratch=32)
    y = net.map([b, a])
    net.outputs = [y]
    return net, [x, a, b, y]


def test_two_values_that_live_together_must_not_overlap() -> None:
    net, (_, a, b, _) = residual()
    plan = net.plan()
    at = plan.region(a).offset
    rejects(net, moved(plan, b, at), "memory invariant 2: .*mix_0.* and .*mix_1")
    rejects(net, moved(plan, b, at + 48 if at < plan.region(b).offset else at - 48), "memory invariant 2")


def test_a_region_must_be_inside_the_arena_and_aligned() -> None:
    net, (x, _, b, _) = residual()
    plan = net.plan()
    rejects(net, moved(plan, b, plan.arena_bytes - 48), "memory invariant 1: .*mix_1.* outside")
    rejects(net, moved(plan, b, -16), "memory invariant 1: .*mix_1.* outside")
    rejects(net, moved(plan, b, plan.region(b).offset + 4), "memory invariant 1: .*mix_1.* not aligned")
    rejects(net, replace(plan, arena_bytes=plan.arena_bytes + 8), "memory invariant 1: the arena's size")
    rejects(net, replace(plan, arena_bytes=plan.arena_bytes - 16), "memory invariant 1: .* outside")
    rejects(net, replace(plan, regions={v: r for v, r in plan.regions.items() if v is not b}), "no region")
    wrong = replace(plan, regions={**plan.regions, x: Region(plan.region(x).offset, 48)})
    rejects(net, wrong, "not as large")


def test_in_place_must_be_declared_and_match() -> None:
    net, (_, a, b, y) = residual()
    plan = net.plan()
    assert plan.in_place[2] in [((0, 0),), ((1, 0),)]
    rejects(net, replace(plan, in_place=((), (), ())), "memory invariant 2: the plan's list")
    undeclared = Net(net.calls, net.inputs, net.outputs)
    undeclared.calls = [*net.calls[:2], replace(net.calls[2], in_place=())]
    rejects(undeclared, plan, "does not declare operand")
    other = b if plan.region(a).offset == plan.region(y).offset else a
    shift = 16 if plan.region(other).offset > plan.region(y).offset else -16
    shifted = moved(plan, y, plan.region(y).offset + shift)
    rejects(net, listed(shifted, net.schedule()), "memory invariant [12]")


def test_in_place_must_not_overwrite_what_is_needed_later() -> None:
    net = Net()
    x = net.input(64)
    a = net.mix([x], 64)
    b = net.map([a])
    net.outputs = [net.mix([a, b], 16)]
    plan = net.plan()
    clobbered = listed(moved(plan, b, plan.region(a).offset), net.schedule())
    rejects(net, clobbered, "memory invariant 2: .*mix_0.* and .*map_1.*call_2 needs the first")


def test_wide_elements_in_place_need_a_single_core() -> None:
    net = Net()
    a = net.mix([net.input(8)], 64, dtype=DType.F32)
    b = net.map([a])
    net.outputs = [b]
    assert net.plan().in_place[1] == ((0, 0),)
    plan = net.plan(net.schedule(cores=2))
    assert plan.in_place[1] == ()
    assert any("side by side" in reason for reason in plan.refusals)
    shared = listed(moved(net.plan(), b, net.plan().region(a).offset), net.schedule())
    check_plan(net.schedule(), shared, net.inputs, net.outputs)
    rejects(net, shared, "as wide as", net.schedule(cores=2))


def test_an_output_must_stay_until_the_program_has_read_it() -> None:
    net = Net()
    x = net.input(64)
    early = net.mix([x], 64)
    late = net.mix([x], 64)
    net.outputs = [early, late]
    plan = net.plan()
    onto = replace(plan.output_group, fields=(0, 0))
    rejects(net, replace(moved(plan, late, plan.region(early).offset), output_group=onto), "a field of the outputs")
    net.outputs = [early]
    net.mix([late], 64)
    plan = net.plan()
    rejects(net, moved(plan, late, plan.region(early).offset), "memory invariant 2: .*mix_0.* and .*mix_1")


def test_scratch_must_be_apart_from_operands_and_other_cores() -> None:
    net, (_, a, _, _) = residual()
    steps = net.schedule(cores=2)
    plan = net.plan(steps)
    scratch = plan.scratches[1]
    assert scratch is not None
    assert plan.scratch(1, 1) == Region(scratch.offset + 32, 32)
    onto = (None, replace(scratch, offset=plan.region(a).offset), None)
    rejects(net, replace(plan, scratches=onto), "memory invariant 2: .*scratch of core", steps)
    short = (None, replace(scratch, stride=16), None)
    rejects(net, replace(plan, scratches=short), "memory invariant 1: a scratch field", steps)
    missing = replace(plan, scratches=(None, None, None))
    with pytest.raises(InternalError):
        check_plan(steps, missing, net.inputs, net.outputs)


def test_scratch_in_fast_memory_must_be_inside_of_it() -> None:
    net, _ = residual()
    net.calls[:] = [replace(call, fast=True) for call in net.calls]
    steps = net.schedule(cores=2)
    plan = net.plan(steps)
    scratch = plan.scratches[1]
    assert scratch is not None
    # Each core has its own memory, so that both have the same place in it.
    assert plan.fast_bytes == 32
    assert plan.scratch(1, 0) == plan.scratch(1, 1) == Region(FAST, 32)
    assert net.plan(net.schedule()).arena_bytes == plan.arena_bytes
    for offset in (FAST + 16, FAST - 16):
        elsewhere = (None, replace(scratch, offset=offset), None)
        rejects(net, replace(plan, scratches=elsewhere), "memory invariant 1: scratch of .* outside", steps)
    apart = (None, replace(scratch, offset=FAST + 8), None)
    rejects(net, replace(plan, scratches=apart, fast_bytes=48), "memory invariant 1: scratch of .* not aligned", steps)
    rejects(net, replace(plan, fast_bytes=16), "memory invariant 1: scratch of .* outside the fast memory", steps)
    rejects(net, replace(plan, arena_bytes=FAST + 16), "memory invariant 1: the arena's size", steps)
    # No value is there.
    value = net.calls[0].outputs[0]
    rejects(net, moved(plan, value, FAST), "memory invariant 1: .* outside the arena", steps)


def test_structs_must_be_laid_out_as_rust_lays_them_out() -> None:
    net = Net()
    x, y = net.input(10), net.input(20)
    net.outputs = [net.mix([x, y], 5), net.mix([x, y], 40)]
    plan = net.plan()
    assert plan.input_group.fields == (0, 16)
    assert plan.input_group.bytes == 48
    rejects(net, replace(plan, input_group=replace(plan.input_group, fields=(0, 32))), "misplaced")
    rejects(net, replace(plan, input_group=replace(plan.input_group, bytes=64)), "another size|outside")
    rejects(net, replace(plan, input_group=replace(plan.input_group, fields=(0,))), "other fields")
    elsewhere = replace(plan.input_group, offset=plan.input_group.offset ^ 16)
    rejects(net, replace(plan, input_group=elsewhere), "not at its field|outside")
    rejects(net, replace(plan, output_group=Group(8, 64, (0, 16))), "not aligned")


def test_aliases_must_be_where_they_were_declared() -> None:
    net = Net()
    x = net.input(64)
    part = net.view(x, 16, 32)
    net.outputs = [net.mix([part], 8)]
    plan = net.plan()
    assert plan.region(part).offset == plan.region(x).offset + 16
    rejects(net, moved(plan, part, plan.region(x).offset), "memory invariant 1: aliases")


def test_states_must_survive() -> None:
    net = Net()
    x, s = net.input(32), net.state(32)
    y = net.mix([x, s], 32)
    net.states[0].next = net.map([s])
    net.outputs = [y]
    plan = net.plan()
    assert plan.copies == ()
    assert plan.region(net.states[0].next) == plan.region(s)
    rejects(net, moved(plan, y, plan.region(s).offset), "memory invariant 2: .*state_0")
    away = listed(moved(plan, net.states[0].next, plan.region(x).offset), net.schedule())
    rejects(net, away, "memory invariant [23]")


def test_copies_must_come_in_an_order_that_keeps_their_sources() -> None:
    net = Net()
    x, first, second = net.input(16), net.state(16), net.state(16)
    net.states[0].next = net.mix([x], 16)
    net.states[1].next = first
    net.outputs = [net.mix([x, second], 16)]
    plan = net.plan()
    assert [c.what for c in plan.copies] == ["state_0 to state_1", "mix_0 to state_0"]
    rejects(net, replace(plan, copies=plan.copies[::-1]), "memory invariant 3: the program reads .*state_0")
    rejects(net, replace(plan, copies=plan.copies[:1]), "memory invariant")


def test_what_runs_side_by_side_must_not_meet() -> None:
    net, (_, a, _, _) = residual()
    plan = net.plan()
    steps = net.schedule()
    early = replace(steps.steps[1], time=Interval(0, 2))
    rejects(net, plan, "memory invariant", Schedule((steps.steps[0], early, steps.steps[2])))
    apart = Net()
    x = apart.input(64)
    left, right = apart.mix([x], 64), apart.mix([x], 64)
    apart.outputs = [apart.mix([left], 16), apart.mix([right], 16)]
    together = apart.side_by_side(1, [1])
    plan = apart.plan(together)
    rejects(apart, moved(plan, right, plan.region(left).offset), "memory invariant 2: .*mix_0.* and .*mix_1", together)
    assert a.name == left.name


@pytest.mark.parametrize(
    "tiles",
    [
        (Tile(0, 40), Tile(32, 64)),
        (Tile(0, 32), Tile(40, 64)),
        (Tile(0, 32),),
        (Tile(0, 64), Tile(64, 64)),
        (Tile(0, 30), Tile(30, 64)),
        (),
    ],
)
def test_tiles_must_be_a_partition_in_granules(tiles: tuple[Tile, ...]) -> None:
    net, _ = residual()
    net.calls[0] = replace(net.calls[0], tiling=replace(net.calls[0].tiling, granularity=4))
    steps = net.schedule()
    broken = Schedule((replace(steps.steps[0], tiles=tiles), *steps.steps[1:]))
    rejects(net, net.plan(), "memory invariant 2: tiles", broken)


def test_a_value_must_be_made_before_it_is_read() -> None:
    net, _ = residual()
    plan = net.plan()
    steps = net.schedule().steps
    swapped = (replace(steps[1], time=Interval(0, 1)), replace(steps[0], time=Interval(1, 2)), steps[2])
    rejects(net, plan, re.escape("memory invariant"), Schedule(swapped))


def branched() -> tuple[Net, dict[str, Value]]:
    """A branch whose bodies read what is made before, which is needed behind the branch as well."""
    net = Net()
    x = net.input(64)
    kept, condition = net.mix([x], 64), net.mix([x], 1)
    inner: list[Value] = []

    def body() -> list[Value]:
        inner.append(net.mix([kept], 96))
        inner.append(net.mix([inner[-1]], 64))
        return [inner[-1]]

    (result,) = net.branch(condition, body, body)
    net.outputs = [net.mix([kept, result], 16)]
    names = ("inner", "given", "other inner", "other given")
    return net, {"kept": kept, "condition": condition, "result": result, **dict(zip(names, inner, strict=True))}


def test_bodies_share_their_bytes_but_not_those_that_outlive_them() -> None:
    net, values = branched()
    plan = net.plan()
    together = moved(plan, values["other inner"], plan.region(values["inner"]).offset)
    check_plan(net.schedule(), together, net.inputs, net.outputs)
    for inner in ("inner", "other inner"):
        over = moved(plan, values[inner], plan.region(values["kept"]).offset)
        rejects(net, over, "memory invariant 2: .*mix_0.* share bytes while both are needed")
    over = moved(plan, values["kept"], plan.region(values["given"]).offset)
    rejects(net, over, "memory invariant 2: .*mix_0.* share bytes while both are needed")


def test_a_body_must_make_its_result_where_the_other_does() -> None:
    net, values = branched()
    plan = net.plan()
    wider = replace(plan, arena_bytes=plan.arena_bytes + 64)
    rejects(
        net,
        moved(wider, values["given"], plan.arena_bytes),
        "memory invariant 3: the end of a body has a result elsewhere",
    )
    rejects(net, moved(wider, values["result"], plan.arena_bytes), "memory invariant 3: the end of a body has a result")


def test_a_condition_must_be_there_when_it_is_looked_at() -> None:
    net = Net()
    x = net.input(64)
    condition = net.mix([x], 1)
    between = net.mix([x], 64)
    (result,) = net.branch(condition, lambda: [net.mix([between], 16)], lambda: [net.mix([between], 16)])
    net.outputs = [result]
    plan = net.plan()
    rejects(net, moved(plan, condition, plan.region(between).offset), "memory invariant 2: .*mix_0.* and .*mix_1")


def test_steps_and_moments_must_follow_the_flow() -> None:
    net, _ = branched()
    plan, steps = net.plan(), net.schedule()
    test, *rest = steps.moments
    first = next(s for s in steps.steps if s.time.start > test.time.start)
    early = [replace(s, time=Interval(0, 1)) if s is first else s for s in steps.steps]
    rejects(net, plan, "before the flow comes to it", replace(steps, steps=tuple(early)))
    rejects(net, plan, "a moment is not where", replace(steps, moments=tuple(rest)))
    rejects(net, plan, "every step and moment once", replace(steps, moments=(*steps.moments, steps.moments[-1])))
    rejects(net, plan, "every step and moment once", replace(steps, flow=steps.flow[:-1]))
    late = replace(test, time=Interval(0, 1))
    rejects(net, plan, "a moment is not where", replace(steps, moments=(late, *rest)))


def looped() -> tuple[Net, dict[str, Value]]:
    """A loop whose body reads what is made before it, first of all, and holds something of its own behind that."""
    net = Net()
    x = net.input(64)
    kept = net.mix([x], 64)
    inner: list[Value] = []

    def body(carried: list[Value]) -> list[Value]:
        inner.append(net.mix([kept, *carried], 64))
        inner.append(net.mix([inner[0]], 64))
        return [inner[1]]

    net.outputs = net.loop([x], 3, body, [x, kept])
    (loop,) = (item for item in net.flow if isinstance(item, Loop))
    names = ("kept", "first", "second", "given", "carried", "counter")
    values = (kept, *inner, loop.body.gives[0], loop.carried[0], *loop.counters)
    return net, dict(zip(names, values, strict=True))


def test_what_a_loop_reads_from_around_it_must_stay() -> None:
    """It is read first of all in the body, but again in the next iteration."""
    net, values = looped()
    plan = net.plan()
    over = moved(plan, values["second"], plan.region(values["kept"]).offset)
    rejects(net, over, "memory invariant 2: .*share bytes while both are needed")
    # Without the moment that says so, the other proof finds it: the body, run again, reads something else.
    steps = net.schedule()
    (loop,) = (item for item in steps.flow if isinstance(item, Loop))
    forgets = replace(loop, kept=())
    flow = tuple(forgets if item is loop else item for item in steps.flow)
    rejects(
        net,
        over,
        "memory invariant 3: call_2 reads .*mix_0.* but its byte 0 holds nothing",
        schedule(net.calls, flow=flow),
    )


def test_a_loop_must_carry_in_one_place_and_count_in_its_own() -> None:
    net, values = looped()
    plan = net.plan()
    wider = replace(plan, arena_bytes=plan.arena_bytes + 64)
    for name in ("given", "carried"):
        rejects(net, moved(wider, values[name], plan.arena_bytes), "memory invariant 3: .*elsewhere than it has to be")
    onto = moved(plan, values["counter"], plan.region(values["second"]).offset)
    rejects(net, onto, "memory invariant 2: .*counter.* share bytes while both are needed")


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(networks(), networks(control=True)), st.data(), st.integers(1, 2))
def test_whatever_the_checker_accepts_computes_what_the_network_means(
    net: Net, data: st.DataObject, cores: int
) -> None:
    """Moves things about at random: a plan that passes must still give the right answers."""
    schedule = net.schedule(cores)
    plan = net.plan(schedule)
    offsets = st.integers(0, plan.arena_bytes // 16).map(lambda granule: 16 * granule)
    value = data.draw(st.sampled_from(list(plan.regions)))
    other = data.draw(st.sampled_from(list(plan.regions)))
    targets = st.one_of(offsets, st.just(plan.regions[other].offset))
    changes: list[Callable[[], MemoryPlan]] = [
        lambda: listed(moved(plan, value, data.draw(targets)), schedule),
        lambda: replace(plan, scratches=tuple(s and replace(s, offset=data.draw(targets)) for s in plan.scratches)),
        lambda: replace(plan, output_group=replace(plan.output_group, offset=data.draw(targets))),
        lambda: replace(plan, copies=tuple(data.draw(st.permutations(plan.copies)))),
    ]
    broken = data.draw(st.sampled_from(changes))()
    try:
        check_plan(schedule, broken, net.inputs, net.outputs, net.states, net.aliases)
    except InternalError:
        return
    apart, planned = Apart(net), Planned(net, broken, list(schedule.steps), cores)
    for sample in range(8 if schedule.moments else 2):
        inputs = [noise(10 * sample + i, v.type.bytes) for i, v in enumerate(net.inputs)]
        for want, got in zip(apart.run(inputs), planned.run(inputs), strict=True):
            assert want.tobytes() == got.tobytes()
