"""Another order: keeps what depends on what, never has a larger estimated peak, finds the best of small graphs."""

from __future__ import annotations

from itertools import permutations

from hypothesis import HealthCheck, given, settings

from ariel_build.ir import Value
from ariel_build.kernels import KernelCall
from ariel_build.schedule import order_calls, resolve
from ariel_build.schedule.order_calls import peak_bytes
from tests.memory.networks import Net, networks, tensor

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def ordered(net: Net, calls: list[KernelCall] | None = None) -> list[KernelCall]:
    """Returns the calls of the net in the order that is found for them."""
    return order_calls(calls or net.calls, net.inputs, net.outputs, net.states, net.aliases)


def peak(net: Net, calls: list[KernelCall] | tuple[KernelCall, ...]) -> int:
    """Returns the estimated peak of an order."""
    return peak_bytes(calls, net.inputs, net.outputs, net.states, net.aliases)


def is_possible(net: Net, calls: list[KernelCall] | tuple[KernelCall, ...]) -> bool:
    """Whether everything is made before it is read."""
    missing = [v for call in calls for v in call.outputs]
    for call in calls:
        if any(overlap(net, v, w) for v in call.inputs for w in missing):
            return False
        missing = [w for w in missing if not any(w is v for v in call.outputs)]
    return True


def overlap(net: Net, a: Value, b: Value) -> bool:
    """Whether two values share bytes of one storage."""
    (root, start), (other, at) = resolve(a, net.aliases), resolve(b, net.aliases)
    return root is other and start < at + b.type.bytes and at < start + a.type.bytes


def branches(count: int) -> Net:
    """`count` branches that grow to 1000 bytes and shrink to 10, all begun before any is ended."""
    net = Net()
    x = net.input(16)
    wide = [net.mix([x], 1000) for _ in range(count)]
    net.outputs = [net.mix([net.mix([w], 10) for w in wide], 10)]
    return net


def test_branches_are_done_one_after_the_other() -> None:
    net = branches(4)
    calls = ordered(net)
    assert peak(net, net.calls) > 4000
    assert peak(net, calls) == 16 + 3 * 10 + 1000
    assert is_possible(net, calls)


def test_a_large_graph_is_ordered_too() -> None:
    net = branches(60)
    calls = ordered(net)
    assert is_possible(net, calls)
    assert peak(net, calls) == 16 + 59 * 10 + 1000


def test_a_chain_and_a_good_order_stay_as_they_are() -> None:
    net = Net()
    x = net.input(16)
    for size in (100, 50, 70):
        x = net.mix([x], size)
    net.outputs = [x]
    assert ordered(net) == net.calls
    best = ordered(branches(3))
    assert ordered(branches(3), best) == best


def test_what_overwrites_waits_for_the_readers() -> None:
    """A call that fills the bytes of a state again comes after those that read it, as it was given."""
    net = Net()
    s = net.state(100)
    x = net.input(10)
    big = net.mix([s, x], 1000)
    small = net.mix([big], 10)
    again = tensor(100, "again")
    net.aliases[again] = (s, 0)
    net.call([x], [again])
    net.states[0].next = again
    net.outputs = [net.mix([small, again], 10)]
    calls = ordered(net)
    assert calls.index(net.calls[2]) > calls.index(net.calls[0])


@EXAMPLES
@given(networks())
def test_random_networks_stay_possible_and_get_no_worse(net: Net) -> None:
    calls = ordered(net)
    assert len(calls) == len(net.calls)
    assert set(map(id, calls)) == set(map(id, net.calls))
    assert is_possible(net, calls)
    assert peak(net, calls) <= peak(net, net.calls)
    assert calls == ordered(net)
    if len(calls) <= 6:
        best = min(peak(net, order) for order in permutations(net.calls) if is_possible(net, order))
        assert peak(net, calls) == best
