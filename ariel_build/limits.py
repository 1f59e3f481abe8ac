"""What no microcontroller could run is refused before memory is planned: the proof of a plan looks at every byte."""

from __future__ import annotations

from ariel_build.errors import Diagnostic, ModelError, UnsupportedError
from ariel_build.ir import Graph, Value
from ariel_build.lower import Lowered
from ariel_build.schedule.order_calls import peak_bytes

__all__ = ["check_limits"]

#: Bytes that may be needed at one time: the largest RAM of any board that we know of is half of that.
MAX_ARENA_BYTES = 1 << 26
#: Bytes of all results together, whenever they are needed.
MAX_RESULT_BYTES = 1 << 27


def check_limits(graph: Graph, lowered: Lowered) -> None:
    """Raises ModelError where the model has no ends, tensors without elements, or more bytes than can be planned."""
    for kind, ends in (("input", graph.inputs), ("output", graph.outputs)):
        if not ends:
            raise ModelError(f"the model has no {kind}", help=f"export it with at least one {kind}")
    values = dict.fromkeys([*graph.inputs, *(v for call in lowered.calls for v in [*call.inputs, *call.outputs])])
    problems = [
        Diagnostic(f"{v.name or v.origin}: {v.type} has no elements", v.origin, "export the model without it")
        for v in dict.fromkeys([*values, *graph.outputs])
        if v.type.elements == 0
    ]
    if problems:
        raise UnsupportedError(problems)
    _check_bytes(list(values), graph, lowered)


def _check_bytes(values: list[Value], graph: Graph, lowered: Lowered) -> None:
    """Checks the sum first: the peak is searched for, which takes time."""
    total = sum(v.type.bytes for v in values if not v.is_constant)
    help_ = "bind its free dimensions to smaller numbers (`dims`), or export it for smaller inputs"
    if total > MAX_RESULT_BYTES:
        raise ModelError(f"the model's results take {total:,} bytes in all, more than {MAX_RESULT_BYTES:,}", help=help_)
    peak = peak_bytes(lowered.calls, graph.inputs, graph.outputs, graph.states, lowered.aliases)
    if peak > MAX_ARENA_BYTES:
        raise ModelError(f"the model needs {peak:,} bytes of RAM at once, more than {MAX_ARENA_BYTES:,}", help=help_)
