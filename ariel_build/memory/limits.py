"""What no microcontroller could run is refused before memory is planned, which takes longer the more there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ariel_build.errors import Diagnostic, ModelError, UnsupportedError
from ariel_build.ir import Graph, State, Value
from ariel_build.kernels import KernelCall, constants_of
from ariel_build.memory.peaks import Peaks
from ariel_build.schedule import Aliases
from ariel_build.schedule.order_calls import peak_bytes

__all__ = ["Needs", "check_length", "check_limits", "least_needs"]

#: Bytes that may be needed at one time: the largest RAM of any board that we know of is half of that.
MAX_ARENA_BYTES = 1 << 26
#: Bytes of all results together, whenever they are needed.
MAX_RESULT_BYTES = 1 << 27
#: Operations of a model, those that importers add included: sixteen times those of the longest one that we know of.
MAX_NODES = 4_000


class Needs(TypedDict):
    """Bytes of memory."""

    ram_bytes: int
    flash_bytes: int


def least_needs(
    calls: Sequence[KernelCall],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    states: Sequence[State],
    aliases: Aliases,
    *,
    rolls: bool = False,
) -> Needs:
    """Returns bytes that no plan can do without: the largest value, or all states and inputs; the calls' constants.

    Where values may roll, the largest of those that cannot. Not the inputs and outputs of a step together, since a step
    may run in pieces, or in place.
    """
    peaks = Peaks(calls, inputs, outputs, states, aliases)
    begin = sum(v.type.bytes for v in [*inputs, *(s.current for s in states)])
    constants = {packed for call in calls for packed in constants_of(call.kernel)}
    return Needs(ram_bytes=max(peaks.largest(rolls=rolls), begin), flash_bytes=sum(c.data.nbytes for c in constants))


def check_length(graph: Graph) -> None:
    """Raises ModelError where the model has more operations than passes and planner are made for."""
    count = sum(len(region.nodes) for region in graph.regions())
    if count > MAX_NODES:
        raise ModelError(
            f"the model comes to {count:,} operations, more than {MAX_NODES:,}",
            help="export it with larger layers, or without unrolled loops",
        )


def check_limits(graph: Graph, calls: Sequence[KernelCall], aliases: Aliases) -> None:
    """Raises ModelError where the model has no ends, tensors without elements, or more bytes than can be planned."""
    for kind, ends in (("input", graph.inputs), ("output", graph.outputs)):
        if not ends:
            raise ModelError(f"the model has no {kind}", help=f"export it with at least one {kind}")
    values = dict.fromkeys([*graph.inputs, *(v for call in calls for v in [*call.inputs, *call.outputs])])
    # Inputs that are empty are known, and nobody reads them; another one has to tell how many samples there are.
    read = {v for call in calls for v in call.inputs}
    empty = {v for v in graph.inputs if v not in read} if any(v.type.elements for v in graph.inputs) else set()
    problems = [
        Diagnostic(f"{v.name or v.origin}: {v.type} has no elements", v.origin, "export the model without it")
        for v in dict.fromkeys([*values, *graph.outputs])
        if v.type.elements == 0 and v not in empty
    ]
    if problems:
        raise UnsupportedError(problems)
    _check_bytes(list(values), graph, calls, aliases)


def _check_bytes(values: list[Value], graph: Graph, calls: Sequence[KernelCall], aliases: Aliases) -> None:
    """Checks the sum first: the peak is searched for, which takes time."""
    total = sum(v.type.bytes for v in values if not v.is_constant)
    help_ = "bind its free dimensions to smaller numbers (`dims`), or export it for smaller inputs"
    if total > MAX_RESULT_BYTES:
        raise ModelError(f"the model's results take {total:,} bytes in all, more than {MAX_RESULT_BYTES:,}", help=help_)
    peak = peak_bytes(calls, graph.inputs, graph.outputs, graph.states, aliases)
    if peak > MAX_ARENA_BYTES:
        raise ModelError(f"the model needs {peak:,} bytes of RAM at once, more than {MAX_ARENA_BYTES:,}", help=help_)
