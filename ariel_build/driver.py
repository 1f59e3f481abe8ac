"""The pipeline, readable as one list: model file -> Rust module. Pure: reads the model, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ariel_build import frontends
from ariel_build.boards.fit import check_fits
from ariel_build.codegen import generate, labels
from ariel_build.codegen.weights import Blob
from ariel_build.compilation.job import Job
from ariel_build.compilation.planning import Chosen, planned_within, told_of_scratch
from ariel_build.compilation.result import Compiled, FastPlace, check_budget, main_memory, predicted_of
from ariel_build.cores.ahead import ahead
from ariel_build.cores.hot import hot
from ariel_build.cores.timing import check_timing, refuse_late
from ariel_build.cores.units import Units
from ariel_build.errors import (
    ArielError,
    BoardError,
    Diagnostic,
    InternalError,
    ModelError,
    UnsupportedError,
)
from ariel_build.ir import Bound, Graph, Value, verify
from ariel_build.isa.image import for_core
from ariel_build.isa.in_place import in_place, in_place_together
from ariel_build.isa.select import select, slide_of
from ariel_build.kernels import feed, seen_through
from ariel_build.lower import Lowered, keep_rows_apart, lower
from ariel_build.machine.digest import number_of
from ariel_build.memory import MemoryPlan, fast
from ariel_build.memory.limits import check_length, check_limits, least_needs
from ariel_build.memory.streamable import check_streamable, kept_whole
from ariel_build.ops import import_model
from ariel_build.ops.bounded import bind_bounds, follow
from ariel_build.ops.kept import keep
from ariel_build.ops.reshape import is_view
from ariel_build.passes import PassLog, optimize
from ariel_build.schedule import Schedule
from ariel_build.schedule.rectified import rectified
from ariel_build.schedule.shorter import Shorter, shorter_steps

if TYPE_CHECKING:
    from ariel_build.boards import Board
    from ariel_build.config.metadata import ModelOptions

__all__ = ["Compiled", "compile_model", "import_file", "refuse_excesses", "refuse_misfits"]


#: What is told where steps do not leave out what there is not.
WHOLE_BOUND = "all of the bound is computed, however much there is: the model's rewrites do not keep track of it"


# Weights may be anything, also what no number comes out of: that is the model's affair, and no warning of ours.
@np.errstate(all="ignore")
def import_file(
    path: Path,
    dims: Mapping[str, int] | None = None,
    signature: str = "",
    options: ModelOptions | None = None,
    *,
    with_variables: bool = False,
) -> tuple[Graph, frontends.SourceModel]:
    """Reads a model file into a verified graph, and returns it with what the frontend read.

    `options` have the states that it is to keep. `with_variables` keeps all that have a name in the file, for models of
    other signatures.
    """
    with _at(path):
        source = frontends.read(path, dims, signature)
        try:
            graph = import_model(replace(source, path=path.name), with_variables=with_variables)
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
        inputs = list(graph.inputs)
        if options is not None:
            keep(graph, options.state, options.given)
        if places := _places(source, inputs, dims or {}):

            def again(name: str, size: int) -> Graph:
                other = frontends.read(path, {**(dims or {}), name: size}, signature)
                made = import_model(replace(other, path=path.name), with_variables=with_variables)
                if options is not None:
                    keep(made, options.state, options.given)
                return made

            bind_bounds(graph, places, again)
            verify(graph)
        return graph, source


def _places(
    source: frontends.SourceModel, inputs: Sequence[Value], dims: Mapping[str, int]
) -> dict[Bound, list[tuple[Value, int]]]:
    """Returns the axes of inputs that follow each bounded dimension."""
    return {
        Bound(name, int(dims[name])): [(inputs[source.inputs.index(key)], axis) for key, axis in places]
        for name, places in source.bounds.items()
        if dims[name] > 1
    }


def _imports(path: Path, signature: str) -> bool:
    """Whether the model is supported in the sizes that its file has."""
    try:
        import_model(frontends.read(path, {}, signature))
    except ArielError:
        return False
    return True


# Weights may be anything, as above.
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
    blob: Blob | None = None,
) -> Compiled:
    """Compiles the model at `path` into the Rust module `module`.

    `portable` generates code for any target, with the same results. `keep_all` makes the result of every operator an
    output of the model, in the order of the graph. What does not fit the board or a budget is refused if it `must_fit`.
    Constants go into `blob` where other models of the firmware read them, too.
    Raises ArielError with the place in the user's file.
    """
    job = Job(module, options, board, portable, keep_all, must_fit, shares=blob is not None)
    graph, source = import_file(path, options.dims, options.signature, options, with_variables=blob is not None)
    classes = None if keep_all else labels.read(options, graph.outputs, source.class_names)
    operators = Counter(node.op.name for region in graph.regions() for node in region.nodes if not is_view(node))
    with _at(path):
        log = _optimize(job, graph)
        lowered = lower(graph, options.max_iterations)
        followed = follow(graph) if graph.sizes else None
        keep_rows_apart(lowered, followed or {})
        if job.streams:
            check_streamable(graph, lowered.flow, options, job.workers)
        chosen = _choose(job, graph, lowered)
        schedule, plan, saved = planned_within(job, graph, lowered, chosen)
        units = job.sharing.units(schedule, plan) if job.sharing else None
        predicted = predicted_of(graph, schedule, plan, units, job.clock)
        late = [] if portable else check_timing(options, board, predicted)
        shorter = shorter_steps(schedule, followed, graph.sizes, lowered.images) if followed is not None else ()
        places = job.fast_places() if plan.fast_bytes else ()
        own, digest = _own(job, graph, schedule, plan, units, shorter)
        generated = generate(
            module,
            graph,
            own,
            plan,
            job.section,
            job.target,
            units,
            longest_tile=predicted.longest_cycles,
            shared=options.arena is not None,
            classes=classes,
            blob=blob,
            shorter=shorter,
            digest=digest,
            core="" if portable else board.cores[0].name,
            slide=slide_of(None if portable else board, job.workers),
            hot_section=job.hot_section,
            fast_sections=[place.section for place in places],
        )
    hot_place = FastPlace(job.hot.name, job.hot_section) if job.hot is not None and generated.hot_bytes else None
    compiled = Compiled(
        module=module,
        module_text=generated.text,
        weights=generated.weights,
        graph=graph,
        schedule=schedule,
        plan=plan,
        bounds=generated.bounds,
        predicted=predicted,
        log=log,
        operators=dict(sorted(operators.items())),
        notes=(
            *(*source.notes, *chosen.notes, *saved, *late),
            *([WHOLE_BOUND] if graph.sizes and followed is None else []),
            *(kept_whole(graph.inputs[0], schedule, plan) if job.streams else []),
            *told_of_scratch(job, schedule, plan, places),
        ),
        dependencies=(path, *(path.parent / name for name in source.files), *_files(options)),
        units=units,
        aliases=lowered.joined(),
        hot_bytes=generated.hot_bytes,
        hot_place=hot_place,
        fast_places=places,
        main_memory="" if portable else main_memory(board),
    )
    if must_fit:
        refuse_misfits(compiled, path, options, board, portable=portable)
    return compiled


def _optimize(job: Job, graph: Graph) -> PassLog:
    """Rewrites the graph, and returns what each pass did; then every result is an output if the job keeps all."""
    check_length(graph)
    log = optimize(graph)
    if job.keep_all:
        made = [v for node in graph.nodes for v in node.outputs]
        graph.outputs = made + [v for v in graph.outputs if v not in made]
        graph.output_aliases = ()
    return log


def _choose(job: Job, graph: Graph, lowered: Lowered) -> Chosen:
    """Chooses a kernel for each layer; refuses what no kernel can do, and what fits the board in no plan."""
    selected = select(lowered.calls, None if job.portable else job.board, job.workers, small=job.small)
    check_limits(graph, selected.calls, lowered.joined())
    calls, aliases = seen_through(selected.calls, lowered.aliases, graph, lowered.flow)
    calls = rectified(calls, aliases)
    if job.workers == 1:
        if job.hot is not None:
            calls = hot(calls, job.clock, job.hot.hot, fetches=job.fetches)
        calls = [call if call.hot else ahead(call, job.clock) for call in calls] if job.fetches else calls
        calls = [job.clock.divisible(in_place(call), job.limit) for call in calls]
    else:
        calls = in_place_together(calls)
    calls = fast(calls, job.fast_room)
    if job.streams:
        calls = [feed(graph.inputs[0]), *calls]
    if job.must_fit and not job.portable:
        ends = job.inputs(graph), graph.outputs, graph.states
        least = least_needs(calls, *ends, lowered.joined(), rolls=not graph.sizes)
        check_fits(job.board, **least, at_least=True)
    notes = []
    if names := [call.label or call.kernel.path for call in calls if call.hot]:
        assert job.hot is not None  # noqa: S101 - who else marks calls
        place = f"`{job.hot.name}` (section `{job.hot_section}`)"
        notes.append(f"weights in {place}: {', '.join(names)}")
    if job.small and not job.portable and not selected.shorter:
        notes.append(
            f'`optimize = "size"` changes nothing: no kernel of the model has a shorter form on {job.board.name}'
        )
    return Chosen(calls, aliases, tuple(notes))


def _own(
    job: Job,
    graph: Graph,
    schedule: Schedule,
    plan: MemoryPlan,
    units: Units | None,
    shorter: Sequence[Shorter],
) -> tuple[Schedule, int]:
    """Returns the schedule with the kernels of the program that is made, and the digest of the plan that all have.

    The digest is of the module as it would be for all cores, and of its weights: whatever a unit reads and writes
    follows from these. It is 0 where there is one program.
    """
    if not job.board.image:
        return schedule, 0
    if units is None:
        raise BoardError(
            f"`image` is `{job.board.image}`, and one core has the model to itself",
            job.options.given.get("cores", ""),
            "leave `image` out, or let more cores take part",
        )
    common = generate("plan", graph, schedule, plan, ".plan", "any", units, shorter=shorter)
    digest = number_of(common.text.encode() + common.weights)
    calls = [for_core(step.call, job.board.worker) for step in schedule.steps]
    steps = tuple(replace(step, call=call) for step, call in zip(schedule.steps, calls, strict=True))
    return replace(schedule, steps=steps), digest or 1


def refuse_misfits(
    compiled: Compiled, path: Path, options: ModelOptions, board: Board, *, portable: bool = False
) -> None:
    """Raises BoardError where the board's memories cannot hold arena and weights; then as `refuse_excesses`.

    `portable` code is not for the board: only budgets of bytes count.
    """
    if not portable:
        with _at(path):
            check_fits(board, ram_bytes=compiled.plan.arena_bytes, flash_bytes=len(compiled.weights))
    refuse_excesses(compiled, path, options, None if portable else board)


def refuse_excesses(compiled: Compiled, path: Path, options: ModelOptions, board: Board | None) -> None:
    """Raises BudgetError where the model exceeds a budget, or on the board, if it is for one, a strict deadline."""
    with _at(path):
        if board is not None:
            refuse_late(options, board, compiled.predicted)
        check_budget(compiled, options)


def _files(options: ModelOptions) -> list[Path]:
    """Returns the files that options name, beside the model."""
    return [options.labels] if isinstance(options.labels, Path) else []


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
