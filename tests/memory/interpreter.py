"""Runs a network of `networks` twice, in the planned arena and with separate memory for all values."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from hashlib import shake_128

import numpy as np
import numpy.typing as npt

from ariel_build.ir import Value
from ariel_build.kernels import KernelCall
from ariel_build.kernels.flow import Flow, Loop
from ariel_build.memory import MemoryPlan
from ariel_build.schedule import Step, resolve
from tests.memory.networks import Net

Bytes = npt.NDArray[np.uint8]


def noise(seed: int, count: int) -> Bytes:
    """Returns bytes that follow from `seed`."""
    return np.frombuffer(shake_128(str(seed).encode()).digest(count), np.uint8)


def compute(call: KernelCall, inputs: list[Bytes], outputs: list[Bytes]) -> None:
    """Writes the outputs, which may be the same memory as inputs where the call works in place.

    In place: element by element, each read before it is written. Otherwise all of the inputs are read at once.
    """
    if call.in_place and len(call.outputs) == 1:
        for element in range(call.outputs[0].type.elements):
            read = [b.reshape(-1, v.type.dtype.bytes)[element] for b, v in zip(inputs, call.inputs, strict=True)]
            seed = zlib.crc32(b"".join(r.tobytes() for r in read))
            size = call.outputs[0].type.dtype.bytes
            outputs[0].reshape(-1, size)[element] = noise(seed, size)
        return
    seed = zlib.crc32(b"".join(b.tobytes() for b in inputs))
    for index, output in enumerate(outputs):
        output[:] = noise(seed + index, len(output))


class Apart:
    """Every storage in memory of its own: what the network means."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.memory: dict[Value, Bytes] = {}

    def bytes_of(self, value: Value) -> Bytes:
        """Returns the bytes of a value as a view."""
        root, offset = resolve(value, self.net.aliases)
        whole = self.memory.setdefault(root, np.zeros(root.type.bytes, np.uint8))
        return whole[offset : offset + value.type.bytes]

    def run(self, inputs: list[Bytes]) -> list[Bytes]:
        """Returns the outputs and stores the states."""
        for value, data in zip(self.net.inputs, inputs, strict=True):
            self.bytes_of(value)[:] = data
        self.follow(tuple(self.net.flow))
        outputs = [self.bytes_of(v).copy() for v in self.net.outputs]
        following = [self.bytes_of(s.next).copy() for s in self.net.states]
        for state, data in zip(self.net.states, following, strict=True):
            self.bytes_of(state.current)[:] = data
        return outputs

    def follow(self, flow: Flow) -> None:
        """Runs what the conditions choose; a result is a copy of what the body gave."""
        for item in flow:
            if isinstance(item, range):
                for call in (self.net.calls[index] for index in item):
                    compute(call, [self.bytes_of(v) for v in call.inputs], [self.bytes_of(v) for v in call.outputs])
                continue
            if isinstance(item, Loop):
                self.hand_over(item.begins, item.carried)
                for _ in range(item.times or MOST_TIMES):
                    if item.test is not None:
                        self.follow(item.test.flow)
                        if not is_set(self.bytes_of(item.test.gives[0])):
                            break
                    self.follow(item.body.flow)
                    # What it gives may be what it carries, in another order.
                    held = [self.bytes_of(v).copy() for v in item.body.gives]
                    for value, data in zip(item.carried, held, strict=True):
                        self.bytes_of(value)[:] = data
                self.hand_over(item.carried, item.results)
                continue
            body = item.bodies[0 if is_set(self.bytes_of(item.condition)) else 1]
            self.follow(body.flow)
            self.hand_over(body.gives, item.results)

    def hand_over(self, given: Sequence[Value], results: Sequence[Value]) -> None:
        """Copies values to others."""
        for value, result in zip(given, results, strict=True):
            self.bytes_of(result)[:] = self.bytes_of(value)


#: After so many iterations a loop ends whatever its test says.
MOST_TIMES = 5


def is_set(condition: Bytes) -> bool:
    """Tells which body runs: noise is hardly ever 0, but odd half of the times."""
    return bool(condition[0] % 2)


class Planned:
    """The arena, as generated code uses it."""

    def __init__(self, net: Net, plan: MemoryPlan, steps: list[Step], cores: int) -> None:
        self.net, self.plan, self.steps, self.cores = net, plan, steps, cores
        self.arena = np.zeros(plan.arena_bytes, np.uint8)

    def at(self, offset: int, count: int) -> Bytes:
        """Returns bytes of the arena as a view."""
        return self.arena[offset : offset + count]

    def bytes_of(self, value: Value) -> Bytes:
        """Returns the bytes of a value as a view."""
        return self.at(*self.plan.region(value))

    def chosen(self) -> Iterator[Step]:
        """Yields the steps that run, as the conditions in the arena say by then."""

        def follow(flow: Flow) -> Iterator[Step]:
            for item in flow:
                if isinstance(item, range):
                    yield from (self.steps[index] for index in item)
                elif isinstance(item, Loop):
                    for _ in range(item.times or MOST_TIMES):
                        if item.test is not None:
                            yield from follow(item.test.flow)
                            if not is_set(self.bytes_of(item.test.gives[0])):
                                break
                        yield from follow(item.body.flow)
                else:
                    yield from follow(item.bodies[0 if is_set(self.bytes_of(item.condition)) else 1].flow)

        is_straight = all(isinstance(item, range) for item in self.net.flow)
        return iter(self.steps) if is_straight else follow(tuple(self.net.flow))

    def run(self, inputs: list[Bytes]) -> list[Bytes]:
        """Returns the outputs and stores the states; scratch is filled with junk before each call."""
        group = self.plan.input_group
        self.at(group.offset, group.bytes)[:] = 0xAA
        for offset, data in zip(group.fields, inputs, strict=True):
            self.at(group.offset + offset, len(data))[:] = data
        for step in self.chosen():
            for core in range(self.cores):
                self.at(*self.plan.scratch(step.index, core))[:] = 0xEE
            call = step.call
            compute(call, [self.bytes_of(v) for v in call.inputs], [self.bytes_of(v) for v in call.outputs])
        for copy in self.plan.copies:
            self.at(*copy.target)[:] = self.at(*copy.source).copy()
        group = self.plan.output_group
        fields = zip(group.fields, self.net.outputs, strict=True)
        return [self.at(group.offset + offset, v.type.bytes).copy() for offset, v in fields]
