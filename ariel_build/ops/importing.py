"""From a source model to a graph: the loop that runs the importer functions.

Nothing stops at the first unsupported operator: all are collected, each with its place in the model, and reported in
one error.
"""

from __future__ import annotations

import numpy as np

from ariel_build.errors import Diagnostic, ModelError, UnsupportedError
from ariel_build.frontends.checks import shown
from ariel_build.frontends.source import SourceModel, SourceNode
from ariel_build.ir import Graph, Node, Value
from ariel_build.ops.advice import advice
from ariel_build.ops.base import HARMLESS, IMPORTERS, PREPARERS, UnsupportedReason
from ariel_build.ops.importer import INCONSISTENT, Importer, UnknownValueError, source_type
from ariel_build.ops.older_onnx import settle
from ariel_build.ops.reshape import Reshape

__all__ = ["import_model", "import_nodes"]

#: Operators of the file that are imported, a subgraph's anew for each call: a small file may name a great many.
MOST_NODES = 50_000

HELP = "docs/supported-ops.md lists what is supported; `cargo ariel inspect` lists what this model uses"


def import_model(model: SourceModel, *, with_variables: bool = False) -> Graph:
    """Returns the graph of `model`; UnsupportedError lists every operator that we cannot compile.

    `with_variables` keeps those on which no output depends, because other models take them over.
    """
    importer = Importer(model)
    problems: list[Diagnostic] = []
    inputs = []
    for key, name in zip(model.inputs, model.input_names, strict=True):
        try:
            type_ = source_type(model.tensors[key])
        except UnsupportedReason as reason:
            problems.append(Diagnostic(f"input `{name}`: {reason}", model.path, HELP))
            continue
        inputs.append(Value(type_, name, origin=f"input `{name}`"))
        # What has no elements is known.
        nothing = None if type_.elements else importer.constant(np.zeros(type_.shape, type_.dtype.numpy), name)
        importer.values[key] = nothing or inputs[-1]
    for prepare in PREPARERS.get(model.format, ()):
        prepare(importer)
    problems += _import_nodes(importer)
    if problems:
        raise UnsupportedError(problems)
    graph = Graph(
        model.name,
        inputs,
        [],
        importer.nodes,
        importer.states,
        source=model.path,
        format=model.format,
        signature=model.signature,
        input_aliases=model.input_aliases,
        output_aliases=model.output_aliases,
    )
    settle_inputs(graph, importer)
    name_outputs(graph, importer)
    drop_unread_states(graph, with_variables=with_variables)
    graph.tensors = {key: value for key, value in importer.values.items() if not value.is_constant}
    return graph


def drop_unread_states(graph: Graph, *, with_variables: bool = False) -> None:
    """Removes the states on which no output depends, in any inference, and what they become: counters of training.

    `with_variables` takes those that have a name in the file for read.
    """
    read = [state for state in graph.states if state.variable and with_variables]
    while True:
        needed = {*graph.outputs, *(state.next for state in read)}
        kept = []
        for node in reversed(graph.nodes):
            if not needed.isdisjoint(node.outputs):
                needed.update(v for v in node.inputs if v is not None)
                kept.append(node)
        found = [s for s in graph.states if s.current in needed or (s.variable and with_variables)]
        if len(found) == len(read):
            break
        read = found
    if len(read) < len(graph.states):
        graph.states[:], graph.nodes[:] = read, kept[::-1]


def import_nodes(*importers: Importer) -> None:
    """Imports the nodes of subgraphs; their problems are reported with those of the others."""
    problems = [problem for importer in importers for problem in _import_nodes(importer)]
    if problems:
        raise _InnerProblems(problems)


class _InnerProblems(Exception):
    """What is wrong in a subgraph."""

    def __init__(self, problems: list[Diagnostic]) -> None:
        super().__init__()
        self.problems = problems


def _import_nodes(importer: Importer) -> list[Diagnostic]:
    """Imports the nodes of a model or a subgraph, and returns what is wrong with them."""
    problems = []
    for node in importer.model.nodes:
        try:
            problem = _import_node(importer, node)
        except _InnerProblems as inner:
            problems += inner.problems
        else:
            problems += [] if problem is None else [problem]
    return problems


def settle_inputs(graph: Graph, importer: Importer) -> None:
    """Gives inputs of integers the scale with which they are read first: that is what users fill in.

    Who reads the integers themselves, or with another scale, reads a view.
    """
    for index, old in enumerate(graph.inputs):
        readings = [view for (value, quant), view in importer.views.items() if value is old and quant is not None]
        if not readings or old.type.quant is not None:
            continue
        first = readings[0]
        new = Value(first.type, old.name, origin=old.origin)
        graph.nodes[:] = [node for node in graph.nodes if first not in node.outputs]
        graph.replace_uses(first, new)
        graph.inputs[index] = new
        if any(old in node.inputs for node in graph.nodes):
            graph.nodes.insert(0, Node(Reshape(old.shape), [new], [old], old.origin))
        importer.values = {key: new if value is old else value for key, value in importer.values.items()}


def name_outputs(graph: Graph, importer: Importer) -> None:
    """Adds the outputs, each a value of its own that bears the name that the file declares.

    One that is another name of an inner value, an input, a constant or another output is an alias; `remove_identities`
    lets the producer make it, where there is one that may.
    """
    model, taken = importer.model, {*graph.inputs, *(state.current for state in graph.states)}
    for key, name in zip(model.outputs, model.output_names, strict=True):
        try:
            value = importer.value(key)
        except UnknownValueError:
            raise ModelError(
                f"output `{name}` is made by no operator", model.path, "the file is damaged: export it again"
            ) from None
        except UnsupportedReason as reason:
            raise UnsupportedError([Diagnostic(f"output `{name}`: {reason}", model.path, HELP)]) from None
        declared = model.tensors[key].declared
        if declared is not None and declared is not value.type.dtype:
            raise ModelError(
                f"output `{name}` is declared {declared.value}, but its operator makes {value.type.dtype.value}",
                model.path,
                "the file is damaged: export it again",
            )
        if value.data is not None:
            value = Value(value.type, name, value.data, value.origin)
        elif value.name != name or value in taken:
            alias = Value(value.type, name, origin=value.origin)
            graph.nodes.append(Node(Reshape(value.shape), [value], [alias], value.origin))
            value = alias
        taken.add(value)
        graph.outputs.append(value)


def _import_node(importer: Importer, node: SourceNode) -> Diagnostic | None:
    """Imports one node, or returns why it cannot be."""
    model = importer.model
    importer.node = node
    importer.asked = set()
    importer.half = None
    importer.count[0] += 1
    if importer.count[0] > MOST_NODES:
        raise ModelError(
            f"the model comes to more than {MOST_NODES:,} operations with the subgraphs that it calls", model.path, HELP
        )
    origin = f"{model.path}: {node.origin}"
    function = IMPORTERS.get((model.format, node.op))
    if function is None:
        return Diagnostic(f"operator {node.op} is not supported", origin, advice(model.format, node.op))
    try:
        refuse_misfits(node)
        settle(importer)
        function(importer)
        refuse_unread(importer)
    except UnsupportedReason as reason:
        return Diagnostic(f"{node.op}: {reason}", origin, HELP)
    except UnknownValueError:
        # Its producer is reported already; nothing is known of this node.
        return None
    except INCONSISTENT as error:
        # Importers read what a stranger's file says; a damaged one breaks them in ways that no list foresees.
        why = f"its inputs or attributes do not fit together ({type(error).__name__}: {str(error)[:80]})"
        return Diagnostic(f"{node.op}: {why}", origin, "the file may be damaged: export it again")
    return None


def refuse_misfits(node: SourceNode) -> None:
    """Refuses a node with an attribute that its operator does not have, or has otherwise."""
    if node.misfits:
        raise UnsupportedReason("; ".join(f"attribute `{shown(n)}` {why}" for n, why in node.misfits.items()))


def refuse_unread(importer: Importer) -> None:
    """Refuses a node with an attribute that its importer has not asked for, and that is not known to be harmless.

    One that has the default of its schema says nothing.
    """
    node = importer.node
    harmless = HARMLESS.get((importer.model.format, node.op), {})
    unread = sorted(set(node.attributes) - importer.asked - set(harmless) - node.defaults)
    if unread:
        names = ", ".join(f"`{shown(name)}`" for name in unread)
        raise UnsupportedReason(f"attribute{'s' if len(unread) > 1 else ''} {names}: not supported")
