"""Random networks: every plan passes the checker, and computes in the arena what the network means."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ariel_build.memory import MemoryPlan, plan_calls
from ariel_build.schedule import Schedule
from tests.memory.interpreter import Apart, Planned, noise
from tests.memory.networks import Net, networks

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def agree(net: Net, plan: MemoryPlan, schedule: Schedule, *, by_end: bool = False) -> None:
    """Asserts that three runs, states carried, give the same in the arena as apart."""
    steps = sorted(schedule.steps, key=lambda s: (s.time.end if by_end else s.time.start, s.index))
    apart, planned = Apart(net), Planned(net, plan, steps, schedule.cores)
    for sample in range(6 if schedule.moments else 3):
        inputs = [noise(10 * sample + i, v.type.bytes) for i, v in enumerate(net.inputs)]
        for want, got in zip(apart.run(inputs), planned.run(inputs), strict=True):
            assert want.tobytes() == got.tobytes()


@EXAMPLES
@given(networks(), st.integers(1, 2))
def test_a_sequence_computes_what_the_network_means(net: Net, cores: int) -> None:
    schedule = net.schedule(cores)
    plan = net.plan(schedule)
    assert plan.lower_bound <= plan.arena_bytes
    assert plan == net.plan(schedule)
    agree(net, plan, schedule)


@EXAMPLES
@given(networks(control=True), st.integers(1, 2))
def test_what_conditions_choose_computes_what_the_network_means(net: Net, cores: int) -> None:
    schedule = net.schedule(cores)
    plan = net.plan(schedule)
    assert plan.lower_bound <= plan.arena_bytes
    agree(net, plan, schedule)


@EXAMPLES
@given(networks(), st.integers(1, 3), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_steps_side_by_side_compute_what_the_network_means(net: Net, cores: int, durations: list[int]) -> None:
    schedule = net.side_by_side(cores, durations)
    plan = net.plan(schedule)
    agree(net, plan, schedule)
    agree(net, plan, schedule, by_end=True)


@EXAMPLES
@given(networks())
def test_another_order_computes_the_same_in_no_more_memory(net: Net) -> None:
    schedule, plan = plan_calls(net.calls, net.inputs, net.outputs, net.states, net.aliases)
    assert plan.arena_bytes <= net.plan().arena_bytes
    agree(net, plan, schedule)
