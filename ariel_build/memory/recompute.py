"""recompute(calls): less RAM for more MACs, by bottlenecks that expand some rows anew (`kernels.bottleneck`).

How far that goes is one number, the bytes that the wide rows of a bottleneck may take: where those under the windows of
its depthwise convolution are more, its three layers run as one call, of as many rows at a time as cost the fewest MACs
within these bytes. Smaller numbers cost more MACs, and leave more to be saved; where the peak is, only a plan tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from ariel_build.kernels import KernelCall
from ariel_build.memory.regions import MemoryPlan
from ariel_build.records import dataclass
from ariel_build.schedule import Schedule

__all__ = ["FACTOR", "Choice", "Recomputed", "recompute"]

#: By what the MACs may grow where the arena alone counts.
FACTOR = 1.3
#: The bytes that wide rows may take, one plan after the other.
_BYTES = (8192, 6144, 4096, 3072, 2048, 1536)
#: Arenas that differ by less are about equal; how many of them are made cheaper.
_ALIKE, _TRIED = 256, 2


@dataclass(frozen=True, eq=False)
class Choice:
    """Three calls in a row, the bytes of wide rows that they need, and single calls that compute the same."""

    calls: tuple[KernelCall, KernelCall, KernelCall]
    wide: int
    ways: tuple[KernelCall, ...]

    def within(self, most: int) -> KernelCall | None:
        """Returns the call of the fewest MACs in so many bytes, or of the fewest bytes; None where all take as many."""
        fit = [way for way in self.ways if way.scratch_bytes <= most]
        best = min(fit, key=lambda way: way.macs) if fit else min(self.ways, key=lambda way: way.scratch_bytes)
        return best if self.wide > max(most, best.scratch_bytes) else None


@dataclass(frozen=True)
class Recomputed:
    """A plan, and how many times the MACs of the model it takes."""

    schedule: Schedule
    plan: MemoryPlan
    factor: float


def recompute(
    calls: Sequence[KernelCall],
    choices: Sequence[Choice],
    plan: Callable[[Sequence[KernelCall]], tuple[Schedule, MemoryPlan]],
    most: float,
    limit: int | None,
) -> Recomputed | None:
    """Returns the plan of the smallest arena with at most `most` times the MACs; with a `limit`, of the fewest MACs.

    That is among plans whose arena has at most `limit` bytes. None where there is no such plan.
    """
    search = _Search(calls, choices, plan)
    steps: list[_Chosen] = []
    for within in _BYTES:
        chosen = {choice: way for choice in choices if (way := choice.within(within)) is not None}
        if chosen and chosen not in steps:
            steps.append(chosen)
    arenas = [(search.arena(chosen), search.factor(chosen), k) for k, chosen in enumerate(steps)]
    # The smaller arenas first, of about equal ones that of fewer MACs: each is made cheaper until it is cheap enough.
    for arena, _, k in sorted(arenas, key=lambda found: (found[0] // _ALIKE, found[1]))[:_TRIED]:
        goal = arena if limit is None else limit
        if arena > goal:
            break
        cheap = search.cheapened(steps[k], goal)
        if search.factor(cheap) <= most:
            return Recomputed(*search.planned(cheap), search.factor(cheap))
    return None


_Chosen = Mapping[Choice, KernelCall]


@dataclass
class _Search:
    calls: Sequence[KernelCall]
    choices: Sequence[Choice]
    plan: Callable[[Sequence[KernelCall]], tuple[Schedule, MemoryPlan]]
    #: What has been planned already: a plan takes seconds.
    plans: dict[frozenset[tuple[Choice, KernelCall]], tuple[Schedule, MemoryPlan]] = field(default_factory=dict)

    def replaced(self, chosen: _Chosen) -> list[KernelCall]:
        """Returns the calls, with those that were chosen in place of three each."""
        firsts = {choice.calls[0]: way for choice, way in chosen.items()}
        gone = {call for choice in chosen for call in choice.calls[1:]}
        return [firsts.get(call, call) for call in self.calls if call not in gone]

    def planned(self, chosen: _Chosen) -> tuple[Schedule, MemoryPlan]:
        """Returns the plan."""
        key = frozenset(chosen.items())
        if key not in self.plans:
            self.plans[key] = self.plan(self.replaced(chosen))
        return self.plans[key]

    def arena(self, chosen: _Chosen) -> int:
        """Returns the bytes of the arena."""
        return self.planned(chosen)[1].arena_bytes

    def factor(self, chosen: _Chosen) -> float:
        """Returns how many times the MACs it takes."""
        return sum(call.macs for call in self.replaced(chosen)) / max(sum(call.macs for call in self.calls), 1)

    def cheapened(self, chosen: _Chosen, goal: int) -> _Chosen:
        """Returns the same with fewer MACs, as far as the arena stays within so many bytes: dearest first."""

        def more(choice: Choice, way: KernelCall) -> int:
            return way.macs - sum(call.macs for call in choice.calls)

        for choice, way in sorted(chosen.items(), key=lambda item: -more(*item)):
            without = {c: w for c, w in chosen.items() if c is not choice}
            cheaper = sorted((w for w in choice.ways if w.macs < way.macs), key=lambda w: w.macs)
            # Its layers by themselves; else more rows at a time.
            for other in [without, *({**without, choice: w} for w in cheaper[-1:])]:
                if self.arena(other) <= goal:
                    chosen = other
                    break
        return chosen
