"""What `stream = true` takes: one input with rows, one after the other into one core; and where it saves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariel_build.errors import Diagnostic, MetadataError
from ariel_build.ir import Graph, Value
from ariel_build.kernels.flow import Flow, decisions
from ariel_build.memory.regions import MemoryPlan
from ariel_build.schedule import Schedule
from ariel_build.schedule.parts import can_part

if TYPE_CHECKING:
    from ariel_build.config.options import ModelOptions

__all__ = ["check_streamable", "kept_whole"]


def check_streamable(graph: Graph, flow: Flow, options: ModelOptions, cores: int) -> None:
    """Raises MetadataError where the input cannot come row by row."""
    whole = "leave `stream` out: the input is filled in whole then"
    problems: list[tuple[str, str]] = []
    if len(graph.inputs) != 1:
        problems.append((f"`stream` is for models with one input, this one has {len(graph.inputs)}", whole))
    else:
        (value,) = graph.inputs
        shape = list(value.shape)
        if shape[:1] != [1] or max(shape) == 1:
            problems.append((f"`stream` is for inputs of shape [1, rows, ..], that of this model is {shape}", whole))
    if graph.sizes:
        problems.append(("`stream` is for fixed sizes, and `dims` bounds some", "fix them, or leave `stream` out"))
    if any(True for _ in decisions(flow)):
        problems.append(("`stream` is for models without branches and loops", whole))
    if cores > 1:
        problems.append((f"`stream` is for one core, and {cores} share this model", "write `cores = 1`"))
    if options.arena is not None:
        problems.append(("a model with `stream` has an arena of its own", "leave `arena` out, or `stream`"))
    if problems:
        origin = options.given.get("stream", "")
        raise MetadataError([Diagnostic(message, origin, help_) for message, help_ in problems])


def kept_whole(value: Value, schedule: Schedule, plan: MemoryPlan) -> list[str]:
    """Returns why the input is in the arena in whole all the same, if it is."""
    if value in plan.slides:
        return []
    readers = [step for step in schedule.steps if value in step.call.inputs]
    stuck = [step.name for step in readers if not can_part(step.call)]
    why = f"{stuck[0]} reads it in whole" if stuck else "the arena would be no smaller without them"
    why = why if readers else "it is read in another shape"
    return [f"`stream`: rows are taken as they come, but all of them are kept: {why}"]
