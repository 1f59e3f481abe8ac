"""The pipeline, readable as one list: model file -> Rust module. Pure: reads the model, writes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ariel_build import frontends
from ariel_build.boards.fit import check_fits, workers_of
from ariel_build.codegen import generate, labels
from ariel_build.codegen.code_size import Bounds
from ariel_build.codegen.weights import Blob
from ariel_build.cores.ahead import ahead
from ariel_build.cores.hot import hot
from ariel_build.cores.predict import Clock, Prediction, predict, tiles_within
from ariel_build.cores.sharing import Planned, Sharing
from ariel_build.cores.split import Split
from ariel_build.cores.timing import check_timing, refuse_late
from ariel_build.cores.units import Units
from ariel_build.errors import (
    ArielError,
    BoardError,
    BudgetError,
    Diagnostic,
    InternalError,
    ModelError,
    UnsupportedError,
)
from ariel_build.ir import Bound, Graph, Value, verify
from ariel_build.isa.image import for_core
from ariel_build.isa.in_place import in_place
from ariel_build.isa.select import families_of, select, slide_of, swaps
from ariel_build.kernels import KernelCall, feed, seen_through
from ariel_build.kernels.flow import decisions
from ariel_build.lower import Lowered, keep_rows_apart, lower
from ariel_build.memory import RAM, SPEED, Effort, MemoryPlan, fast, fast_need, plan_calls
from ariel_build.memory.limits import check_length, check_limits, least_needs
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.recompute import FACTOR, Choice, Recomputed, recompute
from ariel_build.memory.streamable import check_streamable, kept_whole
from ariel_build.memory.streaming import Estimates
from ariel_build.ops import import_model
from ariel_build.ops.bounded import bind_bounds, follow
from ariel_build.ops.kept import keep
from ariel_build.ops.reshape import is_view
from ariel_build.passes import PassLog, optimize
from ariel_build.records import dataclass
from ariel_build.schedule import Aliases, Schedule
from ariel_build.schedule.bottleneck import bottlenecks
from ariel_build.schedule.rectified import rectified
from ariel_build.schedule.shorter import Shorter, shorter_steps

if TYPE_CHECKING:
    from ariel_build.boards import Board, Memory
    from ariel_build.config.metadata import ModelOptions

__all__ = ["Compiled", "compile_model", "import_file", "refuse_excesses", "refuse_misfits"]


#: Instructions per unit of the model's work that RAM within `budget.ram` may cost: the least with which it is kept.
_DEARER = (0.06, 0.1, 0.2, 0.5)
#: By how much an arena may be smaller than the estimate of what it needs: buffers are lent where they hold nothing.
_NEARLY = 1.06
#: And how many times the MACs of the model, where layers compute rows anew for it.
_MOST = 4.0
#: Bytes that tell whose the scratch in fast memory is.
_OWNER = 4
#: What is told where steps do not leave out what there is not.
WHOLE_BOUND = "all of the bound is computed, however much there is: the model's rewrites do not keep track of it"


@dataclass(frozen=True)
class FastPlace:
    """Where the scratch of a core is that is not in the arena: in a memory of the board, or with all data (empty)."""

    memory: str
    section: str


@dataclass(frozen=True)
class Compiled:
    """A compiled model: the Rust module, the weights, and what `inspect` and reports tell of it.

    `aliases` are values that share bytes, those that bodies give and the results of their branches among them.
    """

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
    aliases: Aliases = field(default_factory=dict)
    #: Bytes of the weights that are copied to fast memory before the first inference.
    hot_bytes: int = 0
    #: Their section.
    hot_section: str = ""
    #: Where the scratch of each core is that is not in the arena.
    fast_places: tuple[FastPlace, ...] = ()
    #: The memory with hot weights.
    hot_memory: str = ""
    #: The memory in which all else is, that of firmware's data; empty where the board names none.
    main_memory: str = ""

    @property
    def ram_bytes(self) -> int:
        """Bytes of static RAM: arena, scratch elsewhere, hot weights, and what there is besides (`main_bytes`)."""
        return self.main_bytes + sum(self.elsewhere.values())

    @property
    def main_bytes(self) -> int:
        """Those in the memory of firmware's data.

        The arena, what tells whether states have begun, where cores' units wait, whose scratch in fast memory is.
        """
        units = self.units.room_bytes if self.units else 0
        more = _OWNER + self.plan.fast_bytes * sum(not p.memory for p in self.fast_places) if self.fast_places else 0
        return self.plan.arena_bytes + _beside(self.graph) + units + more

    @property
    def elsewhere(self) -> Mapping[str, int]:
        """Those that board file and linker script place: the bytes for each memory of the board that has some."""
        found: Counter[str] = Counter()
        for place in self.fast_places:
            if place.memory:
                found[place.memory] += self.plan.fast_bytes
        if self.hot_bytes:
            found[self.hot_memory] += self.hot_bytes
        return dict(sorted(found.items()))

    @property
    def ram_by_memory(self) -> Mapping[str, int]:
        """The bytes of static RAM in each memory of the board; nothing where the board names none."""
        if not self.main_memory:
            return {}
        found = Counter({self.main_memory: self.main_bytes})
        found.update(self.elsewhere)
        return dict(found)

    @property
    def features(self) -> frozenset[str]:
        """The features of the runtime crate without which a kernel of the model is not compiled."""
        return frozenset(feature for step in self.schedule.steps for feature in step.call.kernel.FEATURES)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.schedule.macs


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


@dataclass(frozen=True)
class _Job:
    """What a model is compiled for: what the user asks, and what follows from that alone."""

    module: str
    options: ModelOptions
    board: Board
    portable: bool
    keep_all: bool
    must_fit: bool
    shares: bool = False

    @property
    def workers(self) -> int:
        """Cores that share the work."""
        return workers_of(self.board, self.options)

    @property
    def small(self) -> bool:
        """Whether shorter code is worth more than faster code."""
        return self.options.optimize == "size"

    @property
    def fetches(self) -> bool:
        """Whether RAM may be spent on weights that are fetched ahead."""
        return not self.portable and self.options.optimize == "speed" and self.options.budget.ram is None

    @property
    def hot(self) -> Memory | None:
        """The fast memory that weights may be in; models whose constants others read, too, have them in one place."""
        return None if self.portable or self.board.image or self.shares else self.board.for_hot(self.workers)

    @cached_property
    def fast_room(self) -> int:
        """Bytes of scratch that each core may have in fast memory.

        Whose it is must be told in one step, or under a critical section, which only pools of several cores have.
        """
        if self.portable or self.board.image or (self.workers == 1 and not swaps(self.board.cores[0].isa)):
            return 0
        return self.board.scratch_room(self.workers)

    def fast_places(self) -> tuple[FastPlace, ...]:
        """Where the scratch of each core is that is not in the arena."""
        return tuple(
            FastPlace(m.name if m else "", f"{m.section if m else '.bss'}.scratch.ariel.{self.module}")
            for m in self.board.for_scratch(self.workers)
        )

    @property
    def streams(self) -> bool:
        """Whether rows of the input are given one by one; not where each result is looked at."""
        return self.options.stream and not self.keep_all

    def inputs(self, graph: Graph) -> list[Value]:
        """Returns what is in the arena when an inference begins: nothing, where a call stands for who gives rows."""
        return [] if self.streams else list(graph.inputs)

    @property
    def efforts(self) -> Sequence[Effort]:
        """What the planner may spend, and may cost, to save RAM: one after the other, until `budget.ram` is kept."""
        if self.options.optimize == "ram":
            return (RAM,)
        if not self.options.budget.ram or self.keep_all:
            # A model that keeps every result is looked at, and keeps no budget.
            return (SPEED,)
        # What comes before each was tried as the first.
        return (SPEED, *(replace(RAM, budget=budget, before=None) for budget in _DEARER))

    @property
    def recomputes(self) -> bool:
        """Whether layers may compute rows anew for less RAM: on one core, where RAM is what counts."""
        wanted = self.options.optimize == "ram" or self.options.budget.ram is not None
        return wanted and self.workers == 1 and not self.portable and not self.keep_all

    @property
    def target(self) -> str:
        """The triple that the code is for."""
        return "any" if self.portable else self.board.image_target

    @property
    def section(self) -> str:
        """Where the weights go."""
        return self.options.weights_section or f".rodata.ariel.{self.module}"

    @cached_property
    def clock(self) -> Clock:
        """The time of a call on each core."""
        return Clock.of(self.board, self.workers)

    @cached_property
    def cut(self) -> Split:
        """What cuts steps for the cores."""
        return Split(self.clock.times, self.limit, self.clock.fed)

    @cached_property
    def limit(self) -> float | None:
        """Cycles that a tile may hold a core, at most."""
        return self.clock.limit(self.options.max_tile or self.board.max_tile)

    @cached_property
    def sharing(self) -> Sharing | None:
        """The cores that share the work; None where one has it all."""
        return Sharing(self.workers, self.clock, self.cut) if self.workers > 1 else None


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
    job = _Job(module, options, board, portable, keep_all, must_fit, shares=blob is not None)
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
        schedule, plan, saved = _plan(job, graph, lowered, chosen)
        units = job.sharing.units(schedule, plan) if job.sharing else None
        given, kept = sum(v.type.bytes for v in graph.inputs), sum(copy.source.bytes for copy in plan.copies)
        predicted = predict(schedule, units, job.clock, given, kept)
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
            hot_section=job.hot.section if job.hot is not None else "",
            fast_sections=[place.section for place in places],
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
        (
            *(*source.notes, *chosen.notes, *saved, *late),
            *([WHOLE_BOUND] if graph.sizes and followed is None else []),
            *(kept_whole(graph.inputs[0], schedule, plan) if job.streams else []),
            *_of_scratch(job, schedule, plan, places),
        ),
        (path, *(path.parent / name for name in source.files), *_files(options)),
        units,
        lowered.joined(),
        generated.hot_bytes,
        f"{job.hot.section}.ariel.{module}" if job.hot is not None and generated.hot_bytes else "",
        places,
        job.hot.name if job.hot is not None else "",
        banks[0].name if not portable and (banks := board.banks("ram")) else "",
    )
    if must_fit:
        refuse_misfits(compiled, path, options, board, portable=portable)
    return compiled


def _optimize(job: _Job, graph: Graph) -> PassLog:
    """Rewrites the graph, and returns what each pass did; then every result is an output if the job keeps all."""
    check_length(graph)
    log = optimize(graph)
    if job.keep_all:
        made = [v for node in graph.nodes for v in node.outputs]
        graph.outputs = made + [v for v in graph.outputs if v not in made]
        graph.output_aliases = ()
    return log


@dataclass(frozen=True)
class _Chosen:
    """Calls of the kernels that compute the model on this board, and what the user is told of the choice."""

    calls: Sequence[KernelCall]
    aliases: Aliases
    notes: tuple[str, ...] = ()


def _choose(job: _Job, graph: Graph, lowered: Lowered) -> _Chosen:
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
        place = f"`{job.hot.name}` (section `{job.hot.section}.ariel.{job.module}`)"
        notes.append(f"weights in {place}: {', '.join(names)}")
    if job.small and not job.portable and not selected.shorter:
        notes.append(
            f'`optimize = "size"` changes nothing: no kernel of the model has a shorter form on {job.board.name}'
        )
    return _Chosen(calls, aliases, tuple(notes))


def _of_scratch(job: _Job, schedule: Schedule, plan: MemoryPlan, places: Sequence[FastPlace]) -> Iterator[str]:
    """Yields what the user is told of scratch in fast memory, and of what there is no room for."""
    named = ", ".join(
        dict.fromkeys(f"`{place.memory}` (section `{place.section}`)" for place in places if place.memory)
    )
    if named:
        each = " for each core" if len(places) > 1 else ""
        yield f"scratch in {named}: {plan.fast_bytes:,} bytes{each}"
    memories = [memory for memory in job.board.for_scratch(job.workers) if memory is not None]
    if not memories or job.portable or job.board.image:
        return
    names = ", ".join(dict.fromkeys(f"`{memory.name}`" for memory in memories))
    if not job.fast_room and job.workers == 1 and not swaps(job.board.cores[0].isa):
        yield f"scratch stays in the arena: {job.board.cores[0].isa} has no compare-and-swap to tell whose {names} is"
        return
    for step in schedule.steps:
        if not step.call.fast and (need := fast_need(step.call)):
            yield (
                f"scratch of {step.name} stays in the arena: it takes {need:,} bytes, and {names} "
                f"{'has' if job.workers == 1 else 'have for each core'} {job.fast_room:,} for it"
            )


def _plan(job: _Job, graph: Graph, lowered: Lowered, chosen: _Chosen) -> tuple[Schedule, MemoryPlan, Sequence[str]]:
    """Returns the order of the calls, and where in the arena each value lies: proved by the checker.

    And what the user is told of a plan that is slower than it would be without `budget.ram`.
    """

    def planned(effort: Effort, calls: Sequence[KernelCall] = chosen.calls) -> Planned:
        return plan_calls(
            calls,
            job.inputs(graph),
            graph.outputs,
            graph.states,
            chosen.aliases,
            cores=job.workers,
            shares=job.cut.speeds,
            tiles=tiles_within(job.clock, job.limit),
            effort=effort,
            # Without a decision the flow is all calls, however many.
            flow=() if job.streams or calls is not chosen.calls else lowered.flow,
            rolls=not graph.sizes,
        )

    def peaks(calls: Sequence[KernelCall]) -> Peaks:
        return Peaks(calls, job.inputs(graph), graph.outputs, graph.states, chosen.aliases)

    plans: list[Planned] = []
    limit = job.options.budget.ram
    for effort in job.efforts:
        if len(plans) == 1 and job.workers == 1 and not _may_fit(chosen.calls, peaks, (limit or 0) - _beside(graph)):
            break
        plans.append(job.sharing.plan(planned, effort) if effort is SPEED and job.sharing else planned(effort))
        if plans[-1][1].arena_bytes + _beside(graph) <= (limit or 0):
            break
    if plans[-1][1].arena_bytes + _beside(graph) > (limit or 0):
        least = min(made[1].arena_bytes for made in plans)
        anew = _rows_anew(job, graph, lowered, chosen, planned, peaks, least)
        if anew is not None and anew.plan.arena_bytes < least:
            what = (
                f"layers compute rows anew: {anew.factor:.2f} times the multiply-accumulates, "
                f"{anew.plan.arena_bytes:,} bytes of the arena instead of {least:,}"
            )
            return anew.schedule, anew.plan, (what,)
    fast, best = plans[0], min(plans, key=lambda made: made[1].arena_bytes)
    if best is fast:
        return *fast, ()
    more = ""
    if job.workers == 1:
        first, last = (predict(s, None, job.clock, 0, 0).instructions for s, _ in (fast, best))
        more = f", about {max(last / max(first, 1) - 1, 0):.1%} more instructions"
    what = f"for `budget.ram` the arena has {best[1].arena_bytes:,} bytes instead of {fast[1].arena_bytes:,}{more}"
    return *best, (what,)


def _may_fit(calls: Sequence[KernelCall], peaks: Callable[[Sequence[KernelCall]], Peaks], limit: int) -> bool:
    """Whether the dearest effort may come to so many bytes, by the estimate: else none is worth a search."""
    dearest = replace(RAM, budget=max(_DEARER))
    return Estimates(peaks, dearest).cost(calls, int(limit * _NEARLY)) is not None


def _rows_anew(
    job: _Job,
    graph: Graph,
    lowered: Lowered,
    chosen: _Chosen,
    planned: Callable[[Effort, Sequence[KernelCall]], Planned],
    peaks: Callable[[Sequence[KernelCall]], Peaks],
    least: int,
) -> Recomputed | None:
    """Returns the plan in which layers compute rows anew, if these may, and it is worth what it costs.

    `least` are the bytes of the smallest arena without.
    """
    if not job.recomputes or graph.sizes or any(True for _ in decisions(lowered.flow)):
        return None
    choices = _choices(job, graph, lowered, chosen)
    # `optimize = "ram"` has no limit but a factor; where a budget is not kept, it is worth what it costs.
    ram = job.options.budget.ram
    most, limit = (_MOST, ram - _beside(graph)) if ram else (FACTOR, None)
    estimates = Estimates(peaks, replace(SPEED, chains=()))

    def within(calls: Sequence[KernelCall], goal: int) -> Planned:
        return planned(replace(SPEED, price=0.0, chains=(), goal=goal), calls)

    return recompute(chosen.calls, choices, estimates, within, most, least, limit)


def _choices(job: _Job, graph: Graph, lowered: Lowered, chosen: _Chosen) -> list[Choice]:
    """Returns the bottlenecks that may compute rows anew."""
    kept = frozenset([*graph.outputs, *chosen.aliases, *(base for base, _ in chosen.aliases.values())])
    families, choices = families_of(job.board, job.workers), list[Choice]()

    def price(call: KernelCall) -> float:
        return job.clock.work(call)[0]

    for layers in bottlenecks(lowered.calls, chosen.calls, kept, families):
        ways = layers.ways(price, f"bottleneck_{len(choices)}")
        if ways:
            choices.append(Choice(layers.calls, tuple(ways)))
    return choices


def _beside(graph: Graph) -> int:
    """Returns the bytes of static RAM beside the arena: what tells whether states have begun, and sizes."""
    beside = (4 if graph.memories else 0) + 4 * len(graph.sizes)
    return (beside + 15) // 16 * 16


def _own(
    job: _Job,
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
    digest = int.from_bytes(hashlib.sha256(common.text.encode() + common.weights).digest()[:8])
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
