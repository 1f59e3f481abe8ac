"""`state = { h_in = "h_out" }`: an output of one inference is an input of the next, kept in the model's own RAM."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import numpy as np

from ariel_build.errors import Diagnostic, MetadataError
from ariel_build.ir import Graph, State, Value

__all__ = ["keep"]

HELP = 'write state = { h_in = "h_out" }, the name of an input and that of the output which it is in the next call'


def keep(graph: Graph, names: Mapping[str, str], places: Mapping[str, str]) -> None:
    """Turns pairs of an input and an output into states, which begin with zero: neither is one of the model's then.

    MetadataError where there is no such input or output, or the two are of different types; `places` says where the
    user wrote a pair, by the input's name.
    """
    problems, pairs, taken = [], dict[int, int](), set[int]()
    for given, made in names.items():
        try:
            index = _find(given, graph.inputs, graph.input_aliases, "input")
            output = _find(made, graph.outputs, graph.output_aliases, "output")
            _check(graph.inputs[index], graph.outputs[output], is_free=index not in pairs and output not in taken)
            pairs[index] = output
            taken.add(output)
        except ValueError as reason:
            problems.append(Diagnostic(str(reason), places.get(f"state.{given}", ""), HELP))
    if not problems and pairs and len(pairs) == len(graph.outputs):
        told = "all outputs are kept as states: nothing is left that the model answers"
        problems.append(Diagnostic(told, places.get("state", ""), "leave one of them out of `state`"))
    if problems:
        raise MetadataError(problems)
    for index, output in pairs.items():
        current = graph.inputs[index]
        quant = current.type.quant
        zero = 0 if quant is None else quant.zero_point
        initial = np.full(current.shape, zero, current.type.dtype.numpy)
        graph.states.append(State(current, graph.outputs[output], initial))
    graph.kept = tuple(pairs.items())
    graph.inputs, graph.input_aliases = _without(pairs, graph.inputs, graph.input_aliases)
    graph.outputs, graph.output_aliases = _without(set(pairs.values()), graph.outputs, graph.output_aliases)


def _find(name: str, values: Sequence[Value], aliases: Sequence[str], kind: str) -> int:
    """Returns the number of the input or output of that name, or `<kind>_<i>`."""
    for index, value in enumerate(values):
        if name in (value.name, f"{kind}_{index}", *aliases[index : index + 1]):
            return index
    raise ValueError(f"`{name}` is no {kind} of the model; it has {', '.join(f'`{v.name}`' for v in values) or 'none'}")


def _check(current: Value, following: Value, *, is_free: bool) -> None:
    if not is_free:
        raise ValueError(f"`{current.name}` and `{following.name}`: each input and each output is kept once")
    a, b = current.type, following.type
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        raise ValueError(f"`{current.name}` is {a}, `{following.name}` is {b}: what is kept has one type")
    if a.quant != b.quant and a.quant is not None and b.quant is not None:
        raise ValueError(f"`{current.name}` is read with another scale than `{following.name}` is made with: {a}, {b}")


def _without(gone: Container[int], values: list[Value], aliases: Sequence[str]) -> tuple[list[Value], list[str]]:
    left = [k for k in range(len(values)) if k not in gone]
    return [values[k] for k in left], [aliases[k] for k in left if k < len(aliases)]
