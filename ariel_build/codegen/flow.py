"""Control flow -> the `flow` of the runtime crate's `model!`, which makes Rust's own `if`, `for` and `while` of it."""

from __future__ import annotations

from collections.abc import Iterator

from ariel_build.codegen.text import integer
from ariel_build.kernels.flow import Flow, Loop, decisions
from ariel_build.memory import MemoryPlan

__all__ = ["flow_lines", "operations"]

WIDTH = 110


def flow_lines(flow: Flow, plan: MemoryPlan) -> list[str]:
    """Returns the lines; none where every step runs."""
    if not any(True for _ in decisions(flow)):
        return []
    return ["        flow [", *_lines(flow, plan, "            "), "        ];"]


def _lines(flow: Flow, plan: MemoryPlan, indent: str) -> Iterator[str]:
    for item in flow:
        if isinstance(item, range):
            yield from _steps(item, indent)
            continue
        if isinstance(item, Loop):
            if item.test is not None:
                yield f"{indent}(while ["
                yield from _lines(item.test.flow, plan, indent + "    ")
                yield f"{indent}] {integer(plan.region(item.test.gives[0]).offset)} ["
            elif item.counter is not None and item.times is not None:
                yield f"{indent}(for {integer(item.times)} at {integer(plan.region(item.counter).offset)} ["
            yield from _lines(item.body.flow, plan, indent + "    ")
            yield f"{indent}])"
            continue
        first, second = item.bodies
        yield f"{indent}(if {integer(plan.region(item.condition).offset)} ["
        yield from _lines(first.flow, plan, indent + "    ")
        yield f"{indent}] else ["
        yield from _lines(second.flow, plan, indent + "    ")
        yield f"{indent}])"


def _steps(block: range, indent: str) -> Iterator[str]:
    """Yields the numbers of steps, wrapped."""
    line = indent
    for step in block:
        text = integer(step)
        if line != indent and len(line) + len(text) + 1 > WIDTH:
            yield line
            line = indent
        line += text if line == indent else f" {text}"
    yield line


def operations(flow: Flow) -> int:
    """Returns how many operations the flow is as a list, which the runtime keeps for runs that stop between tiles."""
    return sum(
        len(item) if isinstance(item, range) else 2 + sum(operations(b.flow) for b in item.bodies) for item in flow
    )
