"""The arena of networks whose best arena is known, and each rule of sharing: structs, aliases, states, in place."""

from __future__ import annotations

import numpy as np
import pytest

from ariel_build.errors import InternalError
from ariel_build.ir import DType, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Scratch, Tiling
from ariel_build.memory import Region, plan_calls
from tests.kernels import Twice
from tests.memory.networks import Net, tensor


def test_keyword_spotting_needs_two_of_its_activations() -> None:
    net = Net()
    x = net.input(490)
    for _ in range(9):
        x = net.mix([x], 8000)
    net.outputs = [net.map([net.mix([net.mix([x], 64)], 12)])]
    plan = net.plan()
    assert plan.arena_bytes == plan.lower_bound == 16_000
    assert plan.in_place[-1] == ((0, 0),)


def test_a_residual_network_needs_three_of_its_activations() -> None:
    """The first stage of ResNet-8: the addition reuses the branch, the second convolution needs x, a and b at once."""
    net = Net()
    x = net.mix([net.input(3072)], 16_384)
    a = net.mix([x], 16_384)
    b = net.mix([a], 16_384)
    y = net.map([x, b])
    net.outputs = [net.mix([net.mix([y], 8192)], 10)]
    plan = net.plan()
    assert plan.arena_bytes == plan.lower_bound == 3 * 16_384
    assert plan.in_place[3] in [((0, 0),), ((1, 0),)]
    assert plan.live_bytes(2) == 3 * 16_384
    assert plan.live_bytes(3) == 2 * 16_384


def test_a_chain_of_elementwise_calls_stays_where_it_began() -> None:
    net = Net()
    x = y = net.input(100)
    for _ in range(5):
        y = net.map([y])
    net.outputs = [y]
    plan = net.plan()
    assert plan.arena_bytes == 112
    assert plan.region(x).offset == plan.region(y).offset
    assert plan.input_group == plan.output_group


@pytest.mark.parametrize(
    "dtype, in_place",
    [(DType.I8, ()), (DType.F32, ((0, 0),))],
)
def test_only_outputs_that_fit_are_in_place(dtype: DType, in_place: tuple[tuple[int, int], ...]) -> None:
    net = Net()
    a = net.mix([net.input(8)], 64, dtype=dtype)
    net.outputs = [net.map([a], dtype=DType.I8 if in_place else DType.F32)]
    plan = net.plan()
    assert plan.in_place[1] == in_place
    assert any("is smaller than" in reason for reason in plan.refusals) == (not in_place)


def test_reasons_name_who_is_in_the_way() -> None:
    net = Net()
    a = net.mix([net.input(8)], 64)
    b = net.map([a])
    net.outputs = [net.mix([a, b], 8)]
    assert "call_1 is not in place: `mix_0` is still needed by call_2" in net.plan().refusals
    net.outputs = [b, a]
    assert net.plan().in_place[1] == ()


def test_an_operand_that_is_read_otherwise_too_forbids_in_place() -> None:
    net = Net()
    a = net.mix([net.input(8)], 64)
    y = tensor(64, "y")
    net.call([a, a], [y], in_place=True)
    net.outputs = [y]
    assert net.plan().in_place[1] == ((0, 0), (1, 0))
    call = net.calls[1]
    net.calls[1] = KernelCall(call.kernel, call.inputs, call.outputs, call.tiling, 0, ((0, 0),), call.label)
    plan = net.plan()
    assert plan.in_place[1] == ()
    assert plan.refusals == ("call_1 is not in place: call_1 does not compute `y` in place of `mix_0`",)


def test_inputs_and_outputs_form_structs() -> None:
    net = Net()
    a, b, c = net.input(10), net.input(3, DType.F32), net.input(16)
    net.outputs = [net.mix([a, b, c], 33), net.mix([a, b, c], 1), net.mix([c], 20)]
    plan = net.plan()
    assert (plan.input_group.fields, plan.input_group.bytes) == ((0, 16, 32), 48)
    assert (plan.output_group.fields, plan.output_group.bytes) == ((0, 48, 64), 96)
    for index, value in enumerate(net.outputs):
        assert plan.region(value).offset == plan.output_group.offset + plan.output_group.fields[index]
    assert plan.copies == ()


def test_an_input_may_be_the_output() -> None:
    net = Net()
    x = net.input(30)
    net.outputs = [x]
    plan = net.plan()
    assert (plan.arena_bytes, plan.input_group, plan.copies) == (32, plan.output_group, ())
    net.outputs = [net.view(x, 0, 30)]
    assert net.plan().output_group == plan.output_group
    net.outputs = [x, x]
    plan = net.plan()
    assert [c.what for c in plan.copies] == ["input_0 to input_0 (copy)"]
    assert plan.arena_bytes == 64


def test_outputs_that_share_bytes_are_copied_apart() -> None:
    net = Net()
    whole = net.mix([net.input(8)], 40)
    net.outputs = [net.view(whole, 0, 10), net.view(whole, 10, 30), whole]
    plan = net.plan()
    assert len(plan.copies) == 3
    assert plan.output_group.fields == (0, 16, 48)
    net.outputs = [net.view(whole, 16, 10)]
    assert net.plan().copies == ()
    net.outputs = [net.view(whole, 3, 10)]
    assert net.plan().copies[0].source == Region(net.plan().region(whole).offset + 3, 10)


def test_views_keep_only_their_own_bytes_alive() -> None:
    net = Net()
    whole = net.mix([net.input(16)], 1024)
    part = net.view(whole, 1008, 16)
    other = net.mix([whole], 1024)
    third = net.mix([other], 1008)
    net.outputs = [net.mix([part, third], 16)]
    plan = net.plan()
    assert plan.arena_bytes == plan.lower_bound == 2048
    assert plan.region(part).offset == plan.region(whole).offset + 1008


def test_a_concatenation_is_filled_part_by_part() -> None:
    net = Net()
    x = net.input(16)
    whole = tensor(2048, "whole")
    first, second = net.view(whole, 0, 1024), net.view(whole, 1024, 1024)
    net.call([x], [first])
    big = net.mix([x], 1024)
    net.call([big], [second])
    net.outputs = [net.mix([whole], 16)]
    plan = net.plan()
    assert plan.lower_bound == 1024 + 1024 + 1024
    assert plan.region(second).offset == plan.region(whole).offset + 1024


def test_a_state_is_replaced_where_it_lies_or_copied() -> None:
    net = Net()
    x, s = net.input(64), net.state(64)
    joined = net.mix([x, s], 64)
    net.states[0].next = net.map([joined])
    net.outputs = [net.mix([net.states[0].next], 8)]
    plan = net.plan()
    assert plan.copies == ()
    assert plan.region(s) == plan.region(net.states[0].next)
    net.outputs = [net.mix([net.states[0].next, s], 8)]
    plan = net.plan()
    assert [(c.source, c.target) for c in plan.copies] == [(plan.region(net.states[0].next), plan.region(s))]
    assert any("state `state_0` is copied: `state_0` is still needed by call_3" in r for r in plan.refusals)


def test_several_cores_store_states_at_the_end() -> None:
    """No step writes what an inference that is dropped or late has to leave as it was."""
    net = Net()
    x, s = net.input(64), net.state(64)
    net.states[0].next = net.map([x, s])
    net.outputs = [net.mix([net.states[0].next], 8)]
    alone, together = net.plan(), net.plan(net.schedule(cores=2))
    assert alone.copies == ()
    assert [copy.target for copy in together.copies] == [together.region(s)]
    assert together.region(net.states[0].next) != together.region(s)


def test_a_state_may_be_an_output_too() -> None:
    net = Net()
    x, s = net.input(10), net.state(10)
    net.states[0].next = net.mix([x], 10)
    net.outputs = [net.states[0].next, net.mix([x, s], 5)]
    plan = net.plan()
    assert plan.region(net.states[0].next).offset == plan.output_group.offset


def test_states_in_a_circle_are_refused() -> None:
    net = Net()
    a, b = net.state(16), net.state(16)
    net.states[0].next, net.states[1].next = b, a
    net.outputs = [net.mix([a, b], 4)]
    with pytest.raises(InternalError, match="circle"):
        net.plan()


def test_each_core_has_its_own_scratch_in_aligned_fields() -> None:
    net = Net()
    x, y = net.input(16), tensor(16, "y")
    kernel = Twice(first=Scratch(10), size=3, second=Scratch(40))
    net.calls = [KernelCall(kernel, [x], [y], Tiling(Axis.ELEMENTS, 16))]
    net.outputs = [y]
    plan = net.plan(net.schedule(cores=3))
    assert [plan.scratch(0, core).bytes for core in range(3)] == [64, 64, 64]
    assert plan.scratch(0, 2).offset == plan.scratch(0).offset + 128
    assert plan.scratch_part(0, 1, core=1) == Region(plan.scratch(0, 1).offset + 16, 40)
    assert plan.arena_bytes == 16 + 16 + 3 * 64
    assert {b.kind for b in plan.blocks} == {"input", "output", "scratch"}


def test_constants_stay_in_flash() -> None:
    net = Net()
    filter_ = Value(TensorType(DType.I8, (4096,)), "filter", np.zeros(4096, np.int8))
    net.outputs = [net.mix([net.input(16), filter_, net.view(filter_, 0, 8)], 16)]
    plan = net.plan()
    assert plan.arena_bytes == 32
    with pytest.raises(InternalError, match="no region"):
        plan.region(filter_)
    net.outputs = [filter_]
    with pytest.raises(InternalError, match="constant output"):
        net.plan()


def test_inconsistent_calls_are_defects_that_are_named() -> None:
    net = Net()
    net.outputs = [net.mix([tensor(4, "nobody")], 4)]
    with pytest.raises(InternalError, match="no call makes it"):
        net.plan()
    net = Net()
    x = net.input(16)
    y = net.mix([x], 16)
    net.call([x], [y])
    net.outputs = [y]
    with pytest.raises(InternalError, match="made twice"):
        net.plan()
    net = Net()
    x = net.input(4)
    y = net.mix([x], 16)
    net.aliases[x] = (y, 0)
    net.outputs = [y]
    with pytest.raises(InternalError, match="must not be an alias"):
        net.plan()
    net.aliases = {tensor(20, "long"): (y, 0)}
    with pytest.raises(InternalError, match="leaves the value"):
        net.plan()


def test_the_better_order_is_taken() -> None:
    """Two branches that each grow and shrink: one after the other needs less than side by side."""
    net = Net()
    x = net.input(16)
    wide = [net.mix([x], 1000) for _ in range(3)]
    narrow = [net.mix([w], 16) for w in wide]
    net.outputs = [net.mix(narrow, 16)]
    steps, plan = plan_calls(net.calls, net.inputs, net.outputs, net.states, net.aliases)
    assert net.plan().arena_bytes > 3000
    assert plan.arena_bytes < 1100
    assert sorted(c.label for c in steps.calls) == sorted(c.label for c in net.calls)


def test_a_network_without_calls_or_of_nothing_is_planned() -> None:
    net = Net()
    plan = net.plan()
    assert (plan.arena_bytes, plan.input_group.bytes, plan.output_group.bytes) == (0, 0, 0)
    net.outputs = [net.map([net.input(0)])]
    assert net.plan().arena_bytes == 0
