"""Planning = which plan a job gets: the fastest, or the cheapest that keeps its budget of RAM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ariel_build.compilation.job import Job
from ariel_build.compilation.result import FastPlace, beside
from ariel_build.cores.predict import predict, tiles_within
from ariel_build.cores.sharing import Planned
from ariel_build.ir import Graph
from ariel_build.isa.select import families_of, swaps
from ariel_build.kernels import KernelCall
from ariel_build.kernels.flow import decisions
from ariel_build.lower import Lowered
from ariel_build.memory import SPEED, Effort, MemoryPlan, fast_need, plan_calls
from ariel_build.memory.peaks import Peaks
from ariel_build.memory.recompute import FACTOR, Choice, Recomputed, recompute
from ariel_build.memory.streaming import Estimates
from ariel_build.records import dataclass
from ariel_build.schedule import Aliases, Schedule
from ariel_build.schedule.bottleneck import bottlenecks

__all__ = ["Chosen", "planned_within", "told_of_scratch"]

#: By how much an arena may be smaller than the estimate of what it needs: buffers are lent where they hold nothing.
_NEARLY = 1.06
#: How many times the MACs of the model, where layers compute rows anew for it.
_MOST = 4.0


@dataclass(frozen=True)
class Chosen:
    """Calls of the kernels that compute the model on this board, and what the user is told of the choice."""

    calls: Sequence[KernelCall]
    aliases: Aliases
    notes: tuple[str, ...] = ()


def planned_within(
    job: Job, graph: Graph, lowered: Lowered, chosen: Chosen
) -> tuple[Schedule, MemoryPlan, Sequence[str]]:
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

    limit = job.options.budget.ram or 0

    def keeps(made: Planned) -> bool:
        return made[1].arena_bytes + beside(graph) <= limit

    first, *dearer = job.efforts
    plans = [job.sharing.plan(planned, first) if job.sharing and job.is_fastest(first) else planned(first)]
    hopeless = (
        bool(dearer)
        and job.workers == 1
        and not keeps(plans[0])
        and not _may_fit(chosen.calls, peaks, dearer[-1], limit - beside(graph))
    )
    for effort in () if hopeless else dearer:
        if keeps(plans[-1]):
            break
        plans.append(planned(effort))
    if not keeps(plans[-1]):
        least = min(made[1].arena_bytes for made in plans)
        anew = _rows_anew(job, graph, lowered, chosen, planned, peaks, least)
        if anew is not None and anew.plan.arena_bytes < least:
            what = (
                f"layers compute rows anew: {anew.factor:.2f} times the multiply-accumulates, "
                f"{anew.plan.arena_bytes:,} bytes of the arena instead of {least:,}"
            )
            return anew.schedule, anew.plan, (what,)
        if hopeless:
            # What a refusal tells is the least that there is.
            plans.append(planned(dearer[-1]))
    fast, best = plans[0], min(plans, key=lambda made: made[1].arena_bytes)
    if best is fast:
        return *fast, ()
    more = ""
    if job.workers == 1:
        few, many = (predict(s, None, job.clock, 0, 0).instructions for s, _ in (fast, best))
        more = f", about {max(many / max(few, 1) - 1, 0):.1%} more instructions"
    what = f"for `budget.ram` the arena has {best[1].arena_bytes:,} bytes instead of {fast[1].arena_bytes:,}{more}"
    return *best, (what,)


def _may_fit(
    calls: Sequence[KernelCall], peaks: Callable[[Sequence[KernelCall]], Peaks], dearest: Effort, limit: int
) -> bool:
    """Whether the dearest effort may come to so many bytes, by the estimate: else none is worth a search."""
    return Estimates(peaks, dearest).cost(calls, int(limit * _NEARLY)) is not None


def _rows_anew(
    job: Job,
    graph: Graph,
    lowered: Lowered,
    chosen: Chosen,
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
    if not choices:
        return None
    # `optimize = "ram"` has no limit but a factor; where a budget is not kept, it is worth what it costs.
    ram = job.options.budget.ram
    most, limit = (_MOST, ram - beside(graph)) if ram else (FACTOR, None)
    estimates = Estimates(peaks, replace(SPEED, chains=()))

    def within(calls: Sequence[KernelCall], goal: int) -> Planned:
        return planned(replace(SPEED, price=0.0, chains=(), goal=goal), calls)

    return recompute(chosen.calls, choices, estimates, within, most, least, limit)


def _choices(job: Job, graph: Graph, lowered: Lowered, chosen: Chosen) -> list[Choice]:
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


def told_of_scratch(job: Job, schedule: Schedule, plan: MemoryPlan, places: Sequence[FastPlace]) -> Iterator[str]:
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
