"""`verify MODEL [--on BOARD] [--samples N] [--per-layer]`: the generated Rust against the reference."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from ariel_build.commands.common import Subparsers, add_model, console, model_options, progress, running_options
from ariel_build.commands.run import add_on, execute_compiled, runnable
from ariel_build.driver import compile_model, import_file
from ariel_build.errors import MetadataError
from ariel_build.frontends.checks import shown
from ariel_build.ir import Array, DType, Graph, Value
from ariel_build.module_name import module_name
from ariel_build.oracle import ask
from ariel_build.reference import Interpreter
from ariel_build.samples import Samples, names_of, random_samples, rare_samples, split_outputs

__all__ = ["add", "main"]

#: |got - want| <= ABSOLUTE + RELATIVE * |want| for float32: our own order of sums.
RELATIVE, ABSOLUTE = 1e-4, 1e-5


def add(subparsers: Subparsers) -> None:
    """Declares the command."""
    text = "compare the generated Rust with the reference, on random inputs, NaN and infinities among them"
    parser = subparsers.add_parser("verify", help=text, description=text)
    add_model(parser)
    add_on(parser)
    parser.add_argument("--samples", type=int, default=4, metavar="N", help="how many random inputs (default: 4)")
    parser.add_argument("--per-layer", action="store_true", help="compare every layer's output, not only the model's")
    parser.set_defaults(main=main)


@dataclass(frozen=True)
class Agreement:
    """How one tensor compares."""

    name: str
    type: str
    elements: int
    different: int
    worst: float

    @property
    def holds(self) -> bool:
        """Whether the tensor agrees."""
        return self.different == 0


def main(arguments: argparse.Namespace) -> int:
    """Prints the agreement of every tensor; returns 0 where all agree, 1 otherwise."""
    if arguments.samples < 1:
        raise MetadataError("at least one sample is needed", "--samples")
    options = running_options(arguments)
    board = runnable(arguments)
    result = compile_model(
        arguments.model, options, board, module_name(arguments.model.stem or "model"), keep_all=arguments.per_layer
    )
    samples = random_samples(result.graph.inputs, arguments.samples)
    # Oracles have no answer of their own to some of these (docs/rare-numbers.md): ours is held against.
    rare = rare_samples(result.graph.inputs)
    execution = execute_compiled(result, board, samples.raw() + rare.raw(), cores=options.cores or 1, stats=False)
    lead = (samples.count + rare.count,)
    outputs = list(split_outputs(result.graph.outputs, execution.outputs, lead).values())
    got = [array[: samples.count] for array in outputs]
    if arguments.per_layer:
        reference, want = "the numpy reference of each operator", _evaluate(result.graph, samples)
    else:
        reference, want = _reference(arguments, result.graph, samples)
    exact = arguments.model.suffix.lower() != ".onnx"
    rows = [
        compare(value, name, mine, theirs, quanta=0 if exact else 2)
        for value, name, mine, theirs in zip(
            result.graph.outputs, names_of(result.graph.outputs, "output"), got, want, strict=True
        )
    ]
    if rare.count:
        graph = result.graph if arguments.per_layer else import_file(arguments.model, options.dims)[0]
        both = Samples([np.concatenate(pair) for pair in zip(samples.arrays, rare.arrays, strict=True)], lead)
        rows += [
            compare(value, f"{name}, NaN and infinities in", mine[samples.count :], theirs[samples.count :], quanta=2)
            for value, name, mine, theirs in zip(
                result.graph.outputs,
                names_of(result.graph.outputs, "output"),
                outputs,
                _evaluate(graph, both),
                strict=True,
            )
        ]
    _show(rows, reference, board.name, arguments.samples)
    return 0 if all(row.holds for row in rows) else 1


def _reference(arguments: argparse.Namespace, graph: Graph, samples: Samples) -> tuple[str, list[Array]]:
    """Asks the oracle of the format, or runs the imported graph in numpy where there is none."""
    answer = ask(arguments.model, graph, samples)
    if not isinstance(answer, str):
        return answer
    progress.print(f"note: {answer}; the compiler's own numpy reference answers instead")
    imported, _ = import_file(arguments.model, model_options(arguments).dims)
    return "the compiler's numpy reference", _evaluate(imported, samples)


# What is not a number comes of what is not a number.
@np.errstate(all="ignore")
def _evaluate(graph: Graph, samples: Samples) -> list[Array]:
    interpreter = Interpreter(graph)
    runs = [interpreter.outputs([a[k] for a in samples.arrays]) for k in range(samples.count)]
    return [np.stack([run[k] for run in runs]) for k in range(len(graph.outputs))]


def compare(value: Value, name: str, got: Array, want: Array, quanta: int) -> Agreement:
    """Compares one tensor: integers exactly, or within `quanta` steps; floats within RELATIVE and ABSOLUTE."""
    a, b = got.astype(np.float64), want.astype(np.float64)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    distance = np.where(equal, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
    limit = ABSOLUTE + RELATIVE * np.abs(b) if value.type.dtype is DType.F32 else np.full(b.shape, float(quanta))
    return Agreement(name, str(value.type), a.size, int((distance > limit).sum()), float(distance.max(initial=0.0)))


def _show(rows: Sequence[Agreement], reference: str, board: str, samples: int) -> None:
    table = Table(title=f"{board} against {reference}, {samples} random inputs", title_justify="left", box=None)
    for column in ("tensor", "type", "elements", "different", "worst"):
        table.add_column(column, justify="left" if column in ("tensor", "type") else "right")
    for row in rows:
        style = None if row.holds else "bold red"
        table.add_row(
            shown(row.name), row.type, f"{row.elements:,}", f"{row.different:,}", f"{row.worst:g}", style=style
        )
    console.print(table)
    agree = all(row.holds for row in rows)
    console.print("agrees" if agree else "DISAGREES", style="green" if agree else "bold red")
