"""The pipeline, readable as one list: model file -> Rust module. Pure: reads the model, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ariel_build import frontends
from ariel_build.boards.fit import check_fits
from ariel_build.codegen import generate, labels
from ariel_build.codegen.code_size import Bounds
from ariel_build.cores.check_units import check_units
from ariel_build.cores.predict import Clock, Prediction, predict, tiles_within
from ariel_build.cores.split import Split
from ariel_build.cores.timing import check_timing, refuse_late
from ariel_build.cores.units import Units, build_units
from ariel_build.errors import ArielError, BudgetError, Diagnostic, InternalError, ModelError, UnsupportedError
from ariel_build.ir import Graph, verify
from ariel_build.isa.in_place import in_place
from ariel_build.isa.select import select
from ariel_build.lower import lower
from ariel_build.memory import RAM, SPEED, WHOLE, MemoryPlan, plan_calls
from ariel_build.memory.limits import check_length, check_limits, least_needs
from ariel_build.ops import import_model
from ariel_build.ops.kept import keep
from ariel_build.ops.reshape import is_view
from ariel_build.passes import PassLog, optimize
from ariel_build.schedule import Schedule

if TYPE_CHECKING:
    from ariel_build.boards import Board
    from ariel_build.config.metadata import ModelOptions

__all__ = ["Compiled", "compile_model", "import_file", "refuse_misfits"]


@dataclass(frozen=True)
class Compiled:
    """A compiled model: the Rust module, the weights, and what `inspect` and reports tell of it."""

    module: str
    module_text: str
    weights: bytes
    graph: Graph
    schedule: Schedule
    plan: MemoryPlan
    bounds: Bounds
    predicted: Prediction
    log: PassLog
    operators: Mapping[str, int]
    notes: tuple[str, ...] = ()
    dependencies: tuple[Path, ...] = ()
    units: Units | None = None

    @property
    def ram_bytes(self) -> int:
        """Bytes of static RAM: the arena, and what tells whether its states have begun."""
        return self.plan.arena_bytes + (16 if self.graph.states else 0)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.schedule.macs


# Weights may be anything, also what no number comes out of: that is the model's affair, and no warning of ours.
@np.errstate(all="ignore")
def import_file(
    path: Path, dims: Mapping[str, int] | None = None, signature: str = "", options: ModelOptions | None = None
) -> tuple[Graph, frontends.SourceModel]:
    """Reads a model file into a verified graph, and returns it with what the frontend read.

    `options` have the states that it is to keep.
    """
    with _at(path):
        source = frontends.read(path, dims, signature)
        try:
            graph = import_model(replace(source, path=path.name))
        except UnsupportedError as error:
            if dims and _imports(path, signature):
                told = "as it is the model is supported: leave `dims` out, or export it for these sizes"
                error.diagnostics = [replace(d, help=told) for d in error.diagnostics]
            raise
        try:
            verify(graph)
        except InternalError as error:
            # Importers build only what they checked; what remains is a file that contradicts itself.
            raise ModelError(f"the model contradicts itself: {error}", help="export it again") from None
        if options is not None:
            keep(graph, options.state, options.given)
        return graph, source


def _imports(path: Path, signature: str) -> bool:
    """Whether the model is supported in the sizes that its file has."""
    try:
        import_model(frontends.read(path, {}, signature))
    except ArielError:
        return False
    return True


@np.errstate(all="ignore")
def compile_model(
    path: Path,
    options: ModelOptions,
    board: Board,
    module: str,
    *,
    portable: bool = False,
    keep_all: bool = False,
    must_fit: bool = True,
) -> Compiled:
    """Compiles the model at `path` into the Rust module `module`.

    `portable` generates code for any target, with the same results. `keep_all` makes the result of every operator an
    output of the model, in the order of the graph. What does not fit the board or a budget is refused if it `must_fit`.
    Raises ArielError with the place in the user's file.
    """
    notes: list[str] = []
    graph, source = import_file(path, options.dims, options.signature, options)
    classes = None if keep_all else labels.read(options, graph.outputs, source.class_names)
    operators = Counter(node.op.name for region in graph.regions() for node in region.nodes if not is_view(node))
    with _at(path):
        check_length(graph)
        log = optimize(graph)
        if keep_all:
            made = [v for node in graph.nodes for v in node.outputs]
            graph.outputs = made + [v for v in graph.outputs if v not in made]
            graph.output_aliases = ()
        lowered = lower(graph, options.max_iterations)
        workers = options.cores or len(board.cores)
        small = options.optimize == "size"
        selected = select(lowered.calls, None if portable else board, workers, small=small)
        calls = selected.calls
        check_limits(graph, calls, lowered.joined())
        if small and not portable and not selected.shorter:
            notes.append(
                f'`optimize = "size"` changes nothing: no kernel of the model has a shorter form on {board.name}'
            )
        cores = tuple(board.cores[min(worker, len(board.cores) - 1)] for worker in range(workers))
        clock = Clock(cores, board.weights_per_cycle)
        limit = clock.limit(options.max_tile or board.max_tile)
        alone = workers == 1
        if alone:
            calls = [clock.divisible(in_place(call), limit) for call in calls]
        effort = RAM if options.optimize == "ram" else SPEED if workers == 1 else WHOLE
        ends = graph.inputs, graph.outputs, graph.states
        if must_fit and not portable:
            check_fits(board, **least_needs(calls, *ends, lowered.joined()), at_least=True)
        tiles = tiles_within(clock, limit)
        schedule, plan = plan_calls(
            calls, *ends, lowered.aliases, cores=workers, tiles=tiles, effort=effort, flow=lowered.flow
        )
        section = options.weights_section or f".rodata.ariel.{module}"
        units = None
        if workers > 1:
            cut = Split(clock.times, limit, clock.fed)
            units = build_units(schedule, plan, workers, lambda step, _: cut.tiles(step), cut.shares)
            check_units(units, schedule, plan)
        predicted = predict(schedule, units, clock, sum(value.type.bytes for value in graph.inputs))
        if not portable:
            notes += check_timing(options, board, predicted)
        target = "any" if portable else board.target
        generated = generate(
            module,
            graph,
            schedule,
            plan,
            section,
            target,
            units,
            longest_tile=predicted.longest_cycles,
            shared=options.arena is not None,
            classes=classes,
        )
    compiled = Compiled(
        module,
        generated.text,
        generated.weights,
        graph,
        schedule,
        plan,
        generated.bounds,
        predicted,
        log,
        dict(sorted(operators.items())),
        (*source.notes, *notes),
        (path, *(path.parent / name for name in source.files), *_files(options)),
        units,
    )
    if must_fit:
        refuse_misfits(compiled, path, options, board, portable=portable)
    return compiled


def refuse_misfits(
    compiled: Compiled, path: Path, options: ModelOptions, board: Board, *, portable: bool = False
) -> None:
    """Raises BoardError where the board's memories cannot hold the model, BudgetError where it exceeds a budget.

    A strict deadline is one. `portable` code is not for the board: only budgets of bytes count.
    """
    with _at(path):
        if not portable:
            refuse_late(options, board, compiled.predicted)
            check_fits(board, ram_bytes=compiled.plan.arena_bytes, flash_bytes=len(compiled.weights))
        check_budget(compiled, options)


def _files(options: ModelOptions) -> list[Path]:
    """Returns the files that options name, beside the model."""
    return [options.labels] if isinstance(options.labels, Path) else []


def check_budget(compiled: Compiled, options: ModelOptions) -> None:
    """Raises BudgetError where the model needs more RAM or flash than the user allows."""
    needs = {
        "ram": compiled.plan.arena_bytes,
        "flash": compiled.bounds.flash,
        "stack": compiled.bounds.stack,
    }
    problems = []
    for what, need in needs.items():
        limit: int | None = getattr(options.budget, what)
        if limit is not None and need > limit:
            bound = "" if what == "ram" else "up to "
            problems.append(
                Diagnostic(
                    f"the model needs {bound}{need:,} bytes of {what}, its budget is {limit:,}",
                    options.given.get(f"budget.{what}", ""),
                    f"raise `budget.{what}`, or make the model smaller",
                )
            )
    if problems:
        raise BudgetError(problems)


class _at:  # noqa: N801 - reads as a statement: `with _at(path):`
    """Names the file in the diagnostics of every error that leaves the block."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ArielError):
            name = self.path.name
            error.diagnostics = [
                d
                if name in d.origin
                else Diagnostic(d.message, f"{self.path}: {d.origin}" if d.origin else str(self.path), d.help)
                for d in error.diagnostics
            ]
