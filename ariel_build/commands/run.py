"""`run MODEL --inputs in.npz --outputs out.npz [--on BOARD] [--stats stats.json]`: runs the generated Rust."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.table import Table

from ariel_build import boards
from ariel_build.answers.samples import cut_outputs, load, save, split_outputs
from ariel_build.boards import Board
from ariel_build.boards.fit import workers_of
from ariel_build.commands.common import (
    add_model,
    compiled,
    for_models,
    model_options,
    refuse_overwriting,
    refuse_several,
)
from ariel_build.commands.consoles import console, progress
from ariel_build.driver import Compiled
from ariel_build.errors import InternalError, MetadataError
from ariel_build.frontends.checks import shown
from ariel_build.ir import Array
from ariel_build.machine.files import write_atomically
from ariel_build.run import Execution, Facts, execute, timeline, timeline_svg

__all__ = ["add", "execute_compiled", "main"]


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    parser.add_argument("--inputs", type=Path, required=True, metavar="IN.npz", help="[samples, *shape] for each input")
    parser.add_argument("--outputs", type=Path, required=True, metavar="OUT.npz", help="where the outputs go")
    add_on(parser)
    parser.add_argument("--stats", type=Path, metavar="STATS.json", help="what an inference costs, measured")
    parser.add_argument(
        "--timeline", type=Path, metavar="OUT.svg", help="which core ran which tile when, on an emulated board"
    )
    parser.set_defaults(main=for_models(main))


def add_on(parser: argparse.ArgumentParser) -> None:
    """Adds the board to run on."""
    parser.add_argument("--on", metavar="BOARD", default="host", help="`host` (default) or an emulated board")


def main(arguments: argparse.Namespace) -> int:
    """Runs all samples and writes the outputs, and what they cost."""
    refuse_several(arguments)
    outputs_of = {"--outputs": arguments.outputs, "--stats": arguments.stats, "--timeline": arguments.timeline}
    refuse_overwriting(outputs_of, [arguments.model, arguments.inputs])
    options = model_options(arguments, arguments.inputs)
    board = runnable(arguments, options.cores or 1)
    result = compiled(arguments, options, board)
    others = for_others(board, lambda of: compiled(arguments, options, of))
    graph = result.graph
    samples = load(arguments.inputs, graph.inputs, graph.input_aliases, graph.input_bounds)
    if arguments.timeline is not None:
        refuse_timeline(board, result, samples.raw())
    execution = execute_compiled(
        result,
        board,
        samples.raw(),
        cores=workers_of(board, options),
        others=others,
        stats=arguments.stats is not None,
        sizes=[[samples.sizes[state.dimension] for state in graph.sizes]] * samples.count if graph.sizes else (),
    )
    outputs = cut_outputs(split_outputs(graph.outputs, execution.outputs, samples.lead), graph, samples)
    try:
        save(arguments.outputs, outputs)
        if arguments.stats is not None:
            write_atomically(arguments.stats, (json.dumps(execution.stats, indent=2) + "\n").encode())
        if arguments.timeline is not None:
            write_atomically(arguments.timeline, timeline_of(result, board, samples.raw()[0]).encode())
    except OSError as error:
        raise MetadataError(f"cannot write: {error.strerror}", str(error.filename or arguments.outputs)) from None
    _show(outputs, execution)
    return 0


def runnable(arguments: argparse.Namespace, cores: int = 1) -> Board:
    """Returns the board of `--on`, which must be one that runs here; `--board`, if given, must be the same.

    One whose cores run programs of their own is that of the first program; with one core, that has the board to itself.
    """
    if getattr(arguments, "image", None):
        raise MetadataError("all programs of a board are run", "--image", "leave it out")
    board = boards.load(arguments.on, first=cores > 1)
    if not board.is_host and board.run is None:
        known = [name for name in boards.known() if boards.load(name).run or name == "host"]
        raise MetadataError(f"`{board.name}` cannot be emulated here", "--on", "these can: " + ", ".join(known))
    given = getattr(arguments, "board", None)
    if given and not board.is_host and boards.load(given).name != board.name:
        raise MetadataError(f"`--board {given}` and `--on {board.name}` differ", "--on", "leave --board out")
    return board


def for_others(board: Board, make: Callable[[Board], Compiled]) -> list[tuple[Compiled, Board]]:
    """Returns the model as it is in the other programs of the board, each with the board for it; most have none."""
    return [(make(of), of) for of in (board.of(image) for image in board.images[1:])] if board.image else []


def execute_compiled(
    result: Compiled,
    board: Board,
    samples: Sequence[bytes],
    *,
    cores: int = 1,
    others: Sequence[tuple[Compiled, Board]] = (),
    stats: bool = True,
    sizes: Sequence[Sequence[int]] = (),
) -> Execution:
    """Builds firmware with the module and runs it on the samples; `sizes` are those of bounded dimensions."""
    facts = Facts(len(result.weights), result.plan.arena_bytes, result.macs)
    with ExitStack() as stack:
        folder = stack.enter_context(laid_out(result))
        return execute(
            folder,
            result.module,
            board,
            samples,
            streamed=result.schedule.takes_rows,
            facts=facts,
            sizes=sizes,
            cores=cores,
            others=[(stack.enter_context(laid_out(other)), of) for other, of in others],
            stats=stats,
            say=lambda text: progress.print(text, style="dim"),
        )


@contextmanager
def laid_out(result: Compiled) -> Iterator[Path]:
    """Gives a folder with the generated files, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="ariel-") as name:
        folder = Path(name)
        (folder / f"{result.module}.rs").write_text(result.module_text, encoding="utf-8")
        (folder / f"{result.module}.weights").write_bytes(result.weights)
        (folder / "ariel_models.rs").write_text(f'include!("{result.module}.rs");\n', encoding="utf-8")
        yield folder


def refuse_timeline(board: Board, result: Compiled, samples: Sequence[bytes]) -> None:
    """Raises MetadataError where there is no timeline to draw."""
    where = "--timeline"
    if board.image:
        raise MetadataError(
            "cores with programs of their own tell no timeline", where, "try the board with one program"
        )
    if not timeline.is_told_by(board):
        known = [name for name in boards.known() if timeline.is_told_by(boards.load(name))]
        raise MetadataError(f"{board.name} cannot tell when its cores do what", where, "these can: " + ", ".join(known))
    if result.units is None:
        raise MetadataError("a timeline is of several cores", where, f"add `--cores {len(board.cores)}`")
    if not samples:
        raise MetadataError("a timeline is of the first sample, and there is none", where)


def timeline_of(result: Compiled, board: Board, sample: bytes) -> str:
    """Returns the picture of one inference on several cores."""
    if result.units is None:
        raise InternalError("no units for several cores")
    with laid_out(result) as folder:
        told = timeline.record(
            folder, result.module, result.units, board, sample, say=lambda text: progress.print(text, style="dim")
        )
    return timeline_svg.drawn(told, [step.call.origin or step.name for step in result.schedule.steps])


def _show(outputs: dict[str, Array], execution: Execution) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, array in outputs.items():
        table.add_row("output", f"{shown(name)}: {array.dtype} {list(array.shape)}")
    for key, value in (execution.stats or {}).items():
        if value is not None and not (isinstance(value, list) and len(value) == 1):
            table.add_row(key.replace("_", " "), f"{value:,}" if isinstance(value, int | float) else str(value))
    console.print(table)
