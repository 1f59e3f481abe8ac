"""`verify MODEL [--on BOARD] [--samples N] [--per-layer]`: the generated Rust against the reference.

The oracle of the model's format judges, where it is installed; else our own numpy reference does, and is named as that.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from rich.table import Table

from ariel_build.answers.layers import counterparts, evaluate, tolerance
from ariel_build.answers.oracle import Answer, ask
from ariel_build.answers.samples import (
    Samples,
    cut_outputs,
    names_of,
    padded,
    random_samples,
    rare_samples,
    split_outputs,
)
from ariel_build.boards import Board
from ariel_build.boards.fit import workers_of
from ariel_build.commands.common import add_model, for_models, model_options, module_of
from ariel_build.commands.consoles import console
from ariel_build.commands.run import add_on, execute_compiled, for_others, runnable
from ariel_build.config.at_most import AtMost
from ariel_build.config.options import ModelOptions
from ariel_build.driver import Compiled, compile_model, import_file
from ariel_build.errors import MetadataError
from ariel_build.frontends.checks import shown
from ariel_build.ir import Array, Graph, Value, readable
from ariel_build.ops.quantize import Dequantize
from ariel_build.records import dataclass

__all__ = ["FIRST_ONLY", "OURS", "add", "compare", "judged_outputs", "main", "steps_of"]

OURS = "our own reference"
FIRST_ONLY = "the oracle runs the first signature only"


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    add_on(parser)
    parser.add_argument("--samples", type=int, default=4, metavar="N", help="how many random inputs (default: 4)")
    parser.add_argument("--per-layer", action="store_true", help="compare every layer's output, not only the model's")
    parser.set_defaults(main=for_models(main))


@dataclass(frozen=True)
class Judged:
    """What a tensor should be, and who says so."""

    want: Array
    judge: str


@dataclass(frozen=True)
class Agreement:
    """How one tensor compares."""

    name: str
    type: str
    judge: str
    elements: int
    different: int
    worst: float

    @property
    def holds(self) -> bool:
        """Whether the tensor agrees."""
        return self.different == 0


# NaN and infinities are among the inputs.
@np.errstate(all="ignore")
def main(arguments: argparse.Namespace) -> int:
    """Prints the agreement of every tensor and who judged it; returns 0 where all agree, 1 otherwise."""
    if arguments.samples < 1:
        raise MetadataError("at least one sample is needed", "--samples")
    options = model_options(arguments)
    board = runnable(arguments, options.cores or 1)
    if arguments.per_layer and any(isinstance(size, AtMost) for size in options.dims.values()):
        raise MetadataError(
            "layers cannot be told apart where a dimension is only bounded",
            "--per-layer",
            "fix it: `--dim NAME=N`",
        )

    def made(of: Board) -> Compiled:
        return compile_model(arguments.model, options, of, module_of(arguments), keep_all=arguments.per_layer)

    result, others = made(board), for_others(board, made)
    if result.graph.sizes:
        return _verify_sizes(arguments, options, board, result, others)
    samples = random_samples(result.graph.inputs, arguments.samples)
    # Oracles have no answer of their own to some of these (docs/rare-numbers.md): ours is held against.
    rare = rare_samples(result.graph.inputs)
    given, cores = samples.raw() + rare.raw(), workers_of(board, options)
    execution = execute_compiled(result, board, given, cores=cores, others=others, stats=False)
    lead = (samples.count + rare.count,)
    outputs = list(split_outputs(result.graph.outputs, execution.outputs, lead).values())
    got = [array[: samples.count] for array in outputs]
    imported, _ = import_file(arguments.model, options.dims, options.signature, options)
    # TFLite's integers are exact. onnxruntime itself differs between optimised and not.
    quanta = 0 if imported.format == "tflite" else 2
    wanted = list(imported.tensors) if arguments.per_layer else ()
    answer = FIRST_ONLY if options.signature else ask(arguments.model, imported, samples, wanted)
    if arguments.per_layer:
        judged = _layers(result.graph, imported, samples, answer, quanta)
        names = _layer_names(result.graph)
    else:
        judged = judged_outputs(imported, samples, answer)
        names = [shown(name) for name in names_of(result.graph.outputs, "output")]
    steps = steps_of(result.graph) if quanta else {}
    rows = [
        compare(value, name, mine, theirs, quanta=quanta, step=steps.get(value, 0.0))
        for value, name, mine, theirs in zip(result.graph.outputs, names, got, judged, strict=True)
    ]
    odd: list[Agreement] = []
    if rare.count:
        both = Samples([np.concatenate(pair) for pair in zip(samples.arrays, rare.arrays, strict=True)], lead)
        again, _ = import_file(arguments.model, options.dims, options.signature, options)
        graph = result.graph if arguments.per_layer else again
        values = evaluate(graph, both)
        for value, own, name, mine in zip(result.graph.outputs, graph.outputs, names, outputs, strict=True):
            judge = Judged(values[own][samples.count :], OURS)
            odd.append(compare(value, f"{name}, NaN and infinities in", mine[samples.count :], judge, quanta=2))
    _show([*rows, *odd], board.name, arguments.samples)
    agree = all(row.holds for row in [*rows, *odd])
    console.print(_verdict(rows, odd, answer), style="green" if agree else "bold red")
    return 0 if agree else 1


def _verify_sizes(
    arguments: argparse.Namespace,
    options: ModelOptions,
    board: Board,
    result: Compiled,
    others: Sequence[tuple[Compiled, Board]],
) -> int:
    """The same for the least size, one in the middle and the bound of dimensions that are only bounded."""
    graph = result.graph
    most = {state.dimension: state.most for state in graph.sizes}
    rows: list[Agreement] = []
    answer: Answer | str = ""
    for sizes in (dict.fromkeys(most, 1), {name: (n + 1) // 2 for name, n in most.items()}, most):
        fixed, _ = import_file(arguments.model, {**options.dims, **sizes}, options.signature, options)
        drawn = replace(random_samples(fixed.inputs, arguments.samples), sizes=sizes)
        raw, table = padded(drawn, graph.inputs).raw(), [list(sizes.values())] * drawn.count
        cores = workers_of(board, options)
        execution = execute_compiled(result, board, raw, cores=cores, others=others, stats=False, sizes=table)
        got = cut_outputs(split_outputs(graph.outputs, execution.outputs, drawn.lead), graph, drawn)
        answer = FIRST_ONLY if options.signature else ask(arguments.model, fixed, drawn)
        told = ", ".join(f"{shown(name)} = {size}" for name, size in sizes.items())
        quanta = 0 if fixed.format == "tflite" else 2
        steps = steps_of(graph) if quanta else {}
        rows += [
            compare(value, f"{shown(name)}, {told}", mine, theirs, quanta=quanta, step=steps.get(value, 0.0))
            for value, (name, mine), theirs in zip(
                graph.outputs, got.items(), judged_outputs(fixed, drawn, answer), strict=True
            )
        ]
    _show(rows, board.name, arguments.samples)
    agree = all(row.holds for row in rows)
    console.print(_verdict(rows, [], answer), style="green" if agree else "bold red")
    return 0 if agree else 1


def judged_outputs(imported: Graph, samples: Samples, answer: Answer | str) -> list[Judged]:
    """Returns what the model's outputs should be: as the oracle says, or our reference where there is none."""
    if isinstance(answer, Answer):
        return [Judged(output, answer.oracle) for output in answer.outputs]
    values = evaluate(imported, samples)
    return [Judged(values[value], OURS) for value in imported.outputs]


def _layers(graph: Graph, imported: Graph, samples: Samples, answer: Answer | str, quanta: int) -> list[Judged]:
    """Returns what every layer should be: as the oracle says of its counterpart in the file, or as our reference."""
    mine = evaluate(graph, samples)
    if isinstance(answer, str):
        return [Judged(mine[value], OURS) for value in graph.outputs]
    # Inputs are what we gave: a layer that only moves one is held against it.
    ends = [*zip(imported.inputs, samples.arrays, strict=True), *zip(imported.outputs, answer.outputs, strict=True)]
    known: dict[Value, Array] = dict(ends)
    told = dict(answer.inner) | {key: known[value] for key, value in imported.tensors.items() if value in known}
    imported.tensors = {
        key: value
        for key, value in imported.tensors.items()
        if key in told and told[key].size == samples.count * value.type.elements
    }
    theirs = evaluate(imported, samples)
    found = counterparts(graph.outputs, mine, imported, theirs, quanta)
    judged = []
    for layer, counterpart in zip(graph.outputs, found, strict=True):
        if counterpart is None:
            judged.append(Judged(mine[layer], OURS))
        else:
            shape = imported.tensors[counterpart.key].shape
            tensor = told[counterpart.key].reshape(samples.count, *shape)
            judged.append(Judged(counterpart.seen(tensor, layer), answer.oracle))
    return judged


def _layer_names(graph: Graph) -> list[str]:
    """Returns what tells each layer: its operator and its place in the file."""
    producers = graph.producers()
    nodes = [(value, producers.get(value)) for value in graph.outputs]
    return [shown(value.name) if node is None else f"{node.op.name}, {node.origin}" for value, node in nodes]


def steps_of(graph: Graph) -> Mapping[Value, float]:
    """Returns for floats that stand for stored integers what one step of these is."""
    return {
        node.output: quant.scale
        for node in graph.nodes
        if isinstance(node.op, Dequantize) and (quant := node.input(0).type.quant) is not None and quant.per_tensor
    }


def compare(value: Value, name: str, got: Array, judged: Judged, quanta: int, step: float = 0.0) -> Agreement:
    """Compares one tensor; `layers.tolerance` says how far it may be from what it should be."""
    a, b = readable(got).astype(np.float64), readable(judged.want).astype(np.float64)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    distance = np.where(equal, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
    different = int((distance > tolerance(value, b, quanta, step)).sum())
    return Agreement(name, str(value.type), judged.judge, a.size, different, float(distance.max(initial=0.0)))


def _show(rows: Sequence[Agreement], board: str, samples: int) -> None:
    table = Table(title=f"{board}, {samples} random inputs", title_justify="left", box=None)
    for column in ("tensor", "type", "judged by", "elements", "different", "worst"):
        table.add_column(column, justify="right" if column in ("elements", "different", "worst") else "left")
    for row in rows:
        style = None if row.holds else "bold red"
        counts = f"{row.elements:,}", f"{row.different:,}", f"{row.worst:g}"
        table.add_row(row.name, row.type, row.judge, *counts, style=style)
    console.print(table)


def _verdict(rows: Sequence[Agreement], odd: Sequence[Agreement], answer: Answer | str) -> str:
    """Returns the last line: whether all agree, with whom, and if not, which part first and by how much.

    `odd` are the answers to NaN and infinities, which only our own reference judges.
    """
    oracle = answer.oracle if isinstance(answer, Answer) else ""
    parted = next((row for row in [*rows, *odd] if not row.holds), None)
    if parted is not None:
        return (
            f"DISAGREES with {parted.judge}: {parted.name} is the first to part, "
            f"{parted.different:,} of {parted.elements:,} elements, the worst by {parted.worst:g}"
        )
    ours = sum(row.judge == OURS for row in rows)
    if isinstance(answer, str):
        return f"agrees with {OURS} only: {answer}"
    if ours:
        return (
            f"agrees: {len(rows) - ours} of {len(rows)} tensors with {oracle}, {ours} with {OURS} only "
            "(no tensor of the file has their elements)"
        )
    return f"agrees with {oracle}"
