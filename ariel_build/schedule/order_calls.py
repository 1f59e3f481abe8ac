"""order = argmin over topological orders of max over calls of (live bytes + made bytes + scratch).

Only graphs with branches have a choice. The search walks the sets of calls that can be done first, level by level,
and keeps the best of each level: exact while nothing has to be dropped, a beam search beyond that. The bytes are an
estimate (whole storages, no fragmentation), so whoever needs "never worse" plans both orders and compares arenas:
`ariel_build.memory.plan_calls` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ariel_build.ir import State, Value
from ariel_build.kernels import KernelCall
from ariel_build.schedule.aliases import Aliases, Place, resolve, storage_roots

__all__ = ["order_calls", "peak_bytes"]

#: How many times the search may ask whether a call can come next; a level's width follows from it.
_EFFORT = 400_000


def order_calls(
    calls: Sequence[KernelCall],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    states: Sequence[State] = (),
    alias_of: Aliases | None = None,
    cores: int = 1,
) -> list[KernelCall]:
    """Returns the calls in an order of smaller peak; the given order where none is found that is strictly better."""
    problem = _Problem.of(calls, inputs, outputs, states, alias_of or {}, cores)
    given = _peak(problem, range(len(calls)))
    if given <= problem.floor or problem.is_chain():
        return list(calls)
    peak, order = _search(problem)
    return [calls[i] for i in order] if peak < given else list(calls)


def peak_bytes(
    calls: Sequence[KernelCall],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    states: Sequence[State] = (),
    alias_of: Aliases | None = None,
    cores: int = 1,
) -> int:
    """Returns the estimated peak of the calls in the order in which they are given, states left out."""
    return _peak(_Problem.of(calls, inputs, outputs, states, alias_of or {}, cores), range(len(calls)))


@dataclass(frozen=True)
class _Call:
    """What the search needs to know of a call; storages are numbers, sets of calls are bit masks."""

    before: int
    touches: tuple[int, ...]
    scratch: int
    in_place: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Problem:
    calls: list[_Call]
    sizes: list[int]
    users: list[int]
    kept: frozenset[int]
    filled: frozenset[int]

    @property
    def floor(self) -> int:
        """No order has a smaller peak: each call needs what it touches, but for what it can do in place."""
        need = 0
        for call in self.calls:
            touched = sum(self.sizes[s] for s in call.touches)
            need = max(need, touched + call.scratch - sum({b: self.sizes[b] for _, b in call.in_place}.values()))
        return need

    def is_chain(self) -> bool:
        """Whether each call needs the one before it, so that there is no choice."""
        return all(c.before >> (i - 1) & 1 for i, c in enumerate(self.calls) if i)

    @classmethod
    def of(
        cls,
        calls: Sequence[KernelCall],
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        states: Sequence[State],
        alias_of: Aliases,
        cores: int,
    ) -> _Problem:
        places = storage_roots(calls, alias_of)
        fixed = {resolve(s.current, alias_of).root for s in states}
        numbers = {r: n for n, r in enumerate(dict.fromkeys(p.root for p in places.values() if p.root not in fixed))}

        def number_all(values: Iterable[Value]) -> frozenset[int]:
            roots = (resolve(v, alias_of).root for v in values)
            return frozenset(numbers[r] for r in roots if r in numbers)

        before = _dependencies(calls, places)
        users = [0] * len(numbers)
        table = []
        for i, call in enumerate(calls):
            touches = tuple(sorted(number_all([*call.inputs, *call.outputs])))
            for storage in touches:
                users[storage] |= 1 << i
            pairs = tuple(_in_place(call, places, numbers))
            table.append(_Call(before[i], touches, call.scratch_bytes * cores, pairs))
        sizes = [root.type.bytes for root in numbers]
        kept = number_all([*outputs, *(s.next for s in states)])
        return cls(table, sizes, users, kept, number_all(inputs))


def _dependencies(calls: Sequence[KernelCall], places: dict[Value, Place]) -> list[int]:
    """Returns for each call the set of those that must precede it: they touch the same bytes, and one writes them."""
    before = [0] * len(calls)
    accesses: dict[Value, list[tuple[int, int, int, bool]]] = {}
    for i, call in enumerate(calls):
        for values, writes in ((call.inputs, False), (call.outputs, True)):
            for value in values:
                if value not in places:
                    continue
                root, start = places[value]
                end = start + value.type.bytes
                earlier = accesses.setdefault(root, [])
                for j, low, high, wrote in earlier:
                    if j != i and (writes or wrote) and start < high and low < end:
                        before[i] |= 1 << j
                earlier.append((i, start, end, writes))
    return before


def _in_place(call: KernelCall, places: dict[Value, Place], numbers: dict[Value, int]) -> Iterable[tuple[int, int]]:
    """Yields (input storage, output storage) of the pairs that may share a region as far as their sizes go."""
    for i, o in call.in_place:
        source, target = places.get(call.inputs[i]), places.get(call.outputs[o])
        if source is None or target is None or source.root not in numbers or target.root not in numbers:
            continue
        if source.root is not target.root and target.root.type.bytes <= source.root.type.bytes:
            yield numbers[source.root], numbers[target.root]


def _cost(problem: _Problem, done: int, live: int, index: int) -> tuple[int, int]:
    """Returns the bytes that live while the call runs after those in `done`, and those that live once it is done."""
    call = problem.calls[index]
    after = done | 1 << index
    born = {s for s in call.touches if s not in problem.filled and not problem.users[s] & done}
    dead = {s for s in call.touches if s not in problem.kept and not problem.users[s] & ~after}
    made = sum(problem.sizes[s] for s in born)
    saved, sources, targets = 0, set[int](), set[int]()
    for source, target in call.in_place:
        usable = source in dead and source not in born and target in born
        if usable and source not in sources and target not in targets:
            sources.add(source)
            targets.add(target)
            saved += problem.sizes[target]
    during = live + made - saved + call.scratch
    return during, live + made - sum(problem.sizes[s] for s in dead)


def _start(problem: _Problem) -> int:
    return sum(problem.sizes[s] for s in problem.filled)


def _peak(problem: _Problem, order: Iterable[int]) -> int:
    done, live = 0, _start(problem)
    peak = live
    for index in order:
        during, live = _cost(problem, done, live, index)
        peak = max(peak, during)
        done |= 1 << index
    return peak


def _search(problem: _Problem) -> tuple[int, list[int]]:
    """Returns the best (peak, order) that the bounded search finds."""
    count = len(problem.calls)
    width = max(8, _EFFORT // max(count * count, 1))
    level: dict[int, tuple[int, int, tuple[int, ...]]] = {0: (_start(problem), _start(problem), ())}
    for _ in range(count):
        following: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        for done, (peak, live, order) in level.items():
            for index, call in enumerate(problem.calls):
                if done >> index & 1 or call.before & ~done:
                    continue
                during, rest = _cost(problem, done, live, index)
                reached = done | 1 << index
                best = following.get(reached)
                if best is None or max(peak, during) < best[0]:
                    following[reached] = (max(peak, during), rest, (*order, index))
        ranked = sorted(following.items(), key=lambda item: item[1][:2])
        level = dict(ranked[:width])
    peak, _, best_order = next(iter(level.values()))
    return peak, list(best_order)
