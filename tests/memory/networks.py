"""Networks of hand-made kernel calls, chosen or random, for the tests of schedule and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from ariel_build.ir import DType, State, TensorType, Value
from ariel_build.kernels import Axis, KernelCall, Tiling
from ariel_build.kernels.flow import Body, Branch, Loop, decisions
from ariel_build.memory import MemoryPlan, plan_memory
from ariel_build.schedule import Interval, Schedule, Step, Tile, resolve, schedule
from tests.kernels import plain


def tensor(elements: int, name: str, dtype: DType = DType.I8) -> Value:
    """Returns a value of one dimension."""
    return Value(TensorType(dtype, (elements,)), name)


@dataclass
class Net:
    """A network under construction."""

    calls: list[KernelCall] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    aliases: dict[Value, tuple[Value, int]] = field(default_factory=dict)
    #: The flow so far, of the body that is under construction or of the whole.
    flow: list[range | Branch | Loop] = field(default_factory=list)

    def input(self, elements: int, dtype: DType = DType.I8) -> Value:
        """Adds a graph input."""
        self.inputs.append(tensor(elements, f"input_{len(self.inputs)}", dtype))
        return self.inputs[-1]

    def state(self, elements: int) -> Value:
        """Adds a state and returns its current content; `State.next` is to be replaced."""
        current = tensor(elements, f"state_{len(self.states)}")
        self.states.append(State(current, current, np.zeros(elements, np.int8)))
        return current

    def call(self, inputs: list[Value], outputs: list[Value], *, scratch: int = 0, in_place: bool = False) -> None:
        """Adds a call; with `in_place`, each output may replace any input."""
        pairs = tuple((i, o) for i in range(len(inputs)) for o in range(len(outputs))) if in_place else ()
        tiling = Tiling(Axis.ELEMENTS, outputs[0].type.elements)
        name = f"call_{len(self.calls)}"
        self.calls.append(KernelCall(plain(scratch), inputs, outputs, tiling, 0, pairs, name))
        block = self.flow.pop() if self.flow and isinstance(self.flow[-1], range) else None
        end = len(self.calls)
        self.flow.append(range(block.start if isinstance(block, range) else end - 1, end))

    def branch(self, condition: Value, *bodies: Callable[[], Sequence[Value]]) -> list[Value]:
        """Adds two bodies, each of which returns what it gives: values of its own; returns the results."""
        outer, made = self.flow, []
        for body in bodies:
            self.flow = []
            gives = tuple(body())
            made.append(Body(tuple(self.flow), gives))
        first, second = made
        results = [tensor(v.type.elements, f"result_{len(self.calls)}_{i}") for i, v in enumerate(first.gives)]
        self.flow = [*outer, Branch(condition, (first, second), tuple(results))]
        return results

    def loop(
        self,
        begins: Sequence[Value],
        times: int | None,
        body: Callable[[list[Value]], Sequence[Value]],
        around: Sequence[Value],
    ) -> list[Value]:
        """Adds a loop that carries copies of values; `body` takes what is carried, and returns what is carried next.

        `around` are the values that it may read besides. Without `times`, a test of all of that ends it.
        """
        copies = [self.mix([v], v.type.elements) for v in begins]
        carried = [tensor(v.type.elements, f"carried_{len(self.calls)}_{i}") for i, v in enumerate(copies)]
        outer, self.flow, start = self.flow, [], len(self.calls)
        test = None
        if times is None:
            condition = self.mix([*carried, *around], 1)
            test, self.flow = Body(tuple(self.flow), (condition,)), []
        made = body(carried)
        # All is made before what is carried is overwritten.
        gives = tuple(self.mix([v], v.type.elements) for v in made)
        read = [v for call in self.calls[start:] for v in call.inputs]
        for item in decisions(tuple(self.flow)):
            read += (*item.begins, *item.kept) if isinstance(item, Loop) else (item.condition,)
        roots = {resolve(v, self.aliases).root for v in read}
        kept = tuple(v for v in dict.fromkeys(around) if resolve(v, self.aliases).root in roots)
        results = [tensor(v.type.elements, f"behind_{len(self.calls)}_{i}") for i, v in enumerate(copies)]
        counter = None if test else Value(TensorType(DType.I32, (1,)), f"counter_{len(self.calls)}")
        ends = tuple(copies), tuple(carried), Body(tuple(self.flow), gives), tuple(results)
        self.flow = [*outer, Loop(times, *ends, kept, counter, test)]
        return results

    def mix(self, inputs: list[Value], elements: int, *, dtype: DType = DType.I8, scratch: int = 0) -> Value:
        """Adds a call whose output depends on every byte of its inputs."""
        output = tensor(elements, f"mix_{len(self.calls)}", dtype)
        self.call(inputs, [output], scratch=scratch)
        return output

    def map(self, inputs: list[Value], *, dtype: DType = DType.I8) -> Value:
        """Adds an elementwise call, which may work in place of each input."""
        output = tensor(inputs[0].type.elements, f"map_{len(self.calls)}", dtype)
        self.call(inputs, [output], in_place=True)
        return output

    def view(self, base: Value, offset: int, elements: int) -> Value:
        """Adds a part of `base`."""
        part = tensor(elements, f"part_{len(self.aliases)}", base.type.dtype)
        self.aliases[part] = (base, offset * base.type.dtype.bytes)
        return part

    def schedule(self, cores: int = 1) -> Schedule:
        """Returns the calls one after the other."""
        return schedule(self.calls, cores=cores, flow=tuple(self.flow))

    def side_by_side(self, cores: int, durations: list[int]) -> Schedule:
        """Returns the schedule in which each call starts as soon as its inputs are there."""
        ready: dict[Value, int] = {}
        steps = []
        for index, call in enumerate(self.calls):
            roots = [resolve(v, self.aliases).root for v in call.inputs]
            start = max([0, *(ready.get(r, 0) for r in roots)])
            end = start + durations[index % len(durations)]
            for output in call.outputs:
                root = resolve(output, self.aliases).root
                ready[root] = max(ready.get(root, 0), end)
            steps.append(Step(index, call, (Tile(0, call.tiling.extent),), Interval(start, end)))
        return Schedule(tuple(steps), cores)

    def plan(self, steps: Schedule | None = None) -> MemoryPlan:
        """Returns the checked plan."""
        return plan_memory(steps or self.schedule(), self.inputs, self.outputs, self.states, self.aliases)


@st.composite
def networks(draw: st.DrawFn, *, control: bool = False) -> Net:
    """Draws a network with branches, views, concatenations, states and calls that may work in place.

    With `control`, conditions decide what of it runs.
    """
    net = Net()
    sizes = st.integers(1, 70)
    dtypes = st.sampled_from([DType.I8, DType.I8, DType.F32])
    known = [net.input(draw(sizes), draw(dtypes)) for _ in range(draw(st.integers(1, 3)))]
    known += [net.state(draw(sizes)) for _ in range(draw(st.integers(0, 2)))]

    def some(most: int) -> list[Value]:
        # Mostly what was made last, as in real networks.
        recent = st.sampled_from(known[-3:])
        return draw(st.lists(st.one_of(recent, recent, st.sampled_from(known)), min_size=1, max_size=most))

    def body(shapes: Sequence[int], depth: int) -> list[Value]:
        """Draws a body of a branch; what is made in it is known in it alone."""
        nonlocal known
        outside, known = known, list(known)
        for _ in range(draw(st.integers(0, 3))):
            add(depth)
        gives = [net.mix(some(2), elements) for elements in shapes]
        known = outside
        return gives

    def again(carried: list[Value], depth: int) -> list[Value]:
        """Draws a body of a loop."""
        nonlocal known
        outside, known = known, [*known, *carried]
        for _ in range(draw(st.integers(0, 3))):
            add(depth)
        gives = [net.mix(some(2), v.type.elements) for v in carried]
        known = outside
        return gives

    def add(depth: int) -> None:
        kinds = [
            "mix",
            "map",
            "map",
            "view",
            "concat",
            "split",
            *(["branch", "branch", "loop", "loop"] if depth else []),
        ]
        kind = draw(st.sampled_from(kinds))
        if kind == "branch":
            condition = draw(st.sampled_from([v for v in known if v.type.bytes == 1] or [net.mix(some(2), 1)]))
            shapes = draw(st.lists(sizes, min_size=1, max_size=2))
            known.extend(net.branch(condition, *[lambda: body(shapes, depth - 1)] * 2))
        elif kind == "loop":
            around = list(known)
            begins = [v for v in some(2) if v.type.dtype is DType.I8] or [net.mix(some(1), 8)]
            known.extend(
                net.loop(
                    begins, draw(st.sampled_from([1, 2, 3, None])), lambda carried: again(carried, depth - 1), around
                )
            )
        elif kind == "mix":
            known.append(net.mix(some(3), draw(sizes), dtype=draw(dtypes), scratch=draw(st.integers(0, 40))))
        elif kind == "map":
            first = some(1)[0]
            equal = [v for v in known if v.type.elements == first.type.elements]
            seconds = draw(st.lists(st.sampled_from(equal), max_size=1))
            known.append(net.map([first, *seconds], dtype=draw(dtypes)))
        elif kind == "view":
            base = some(1)[0]
            offset = draw(st.integers(0, base.type.elements - 1))
            known.append(net.view(base, offset, draw(st.integers(1, base.type.elements - offset))))
        elif kind == "concat":
            counts = draw(st.lists(sizes, min_size=2, max_size=3))
            whole = tensor(sum(counts), f"concat_{len(net.calls)}")
            for index, count in enumerate(counts):
                part = net.view(whole, sum(counts[:index]), count)
                net.call(some(2), [part])
                if draw(st.booleans()):
                    known.append(part)
            known.append(whole)
        else:
            outputs = [tensor(draw(sizes), f"split_{len(net.calls)}_{i}") for i in range(2)]
            net.call(some(2), outputs, in_place=draw(st.booleans()))
            known.extend(outputs)

    for _ in range(draw(st.integers(1, 10))):
        add(2 if control else 0)
    for index, state in enumerate(net.states):
        fitting = [v for v in known if v.type.bytes == state.current.type.bytes]
        fitting = [v for v in fitting if not any(v is s.current for s in net.states[index + 1 :])]
        if draw(st.booleans()):
            state.next = draw(st.sampled_from(fitting))
        else:
            state.next = net.mix(some(2), state.current.type.elements)
            known.append(state.next)
    count = draw(st.integers(1, 3))
    net.outputs = draw(st.lists(st.sampled_from(known[-6:]), min_size=count, max_size=count))
    return net
