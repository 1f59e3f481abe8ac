"""order = argmin over topological orders of max over calls of (live bytes + made bytes + scratch).

Only graphs with branches have a choice. The search walks the sets of calls that can be done first, level by level,
and keeps the best of each level: exact while nothing has to be dropped, a beam search beyond that. The bytes are an
estimate (whole storages, no fragmentation), so whoever needs "never worse" plans both orders and compares arenas:
`ariel_build.memory.plan_calls` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from ariel_build.ir import State, Value
from ariel_build.kernels import KernelCall
from ariel_build.records import dataclass
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
            table.append(_Call(before[i], touches, call.arena_scratch_bytes * cores, pairs))
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


#: The last call of an order, and the same of those before it.
_Last = tuple[int, "_Last | None"]
#: The best order that leads to a set of calls: its peak, what lives behind it, those that were ready for its last call.
_Reached = tuple[int, int, int, _Last | None]


def _search(problem: _Problem) -> tuple[int, list[int]]:
    """Returns the best (peak, order) that the bounded search finds."""
    calls = problem.calls
    count = len(calls)
    width = max(8, _EFFORT // max(count * count, 1))
    followers = [[j for j, call in enumerate(calls) if call.before >> i & 1] for i in range(count)]
    # What a call costs depends on no others than those that touch what it touches: most sets of calls differ elsewhere.
    concerned = [_union(problem.users[s] for s in call.touches) for call in calls]
    costs: list[dict[int, tuple[int, int]]] = [{} for _ in calls]
    start, bits = _start(problem), sum(problem.sizes).bit_length() + 1
    ready = _union(1 << i for i, call in enumerate(calls) if not call.before)
    level: dict[int, _Reached] = {0: (start, start, ready, None)}
    for _ in range(count):
        following: dict[int, _Reached] = {}
        for done, (peak, live, before, last) in level.items():
            ready = before
            if last:
                ready &= ~(1 << last[0])
                ready |= _union(1 << j for j in followers[last[0]] if not calls[j].before & ~done)
            left = ready
            while left:
                bit = left & -left
                left ^= bit
                index = bit.bit_length() - 1
                known = done & concerned[index]
                cost = costs[index].get(known)
                if cost is None:
                    cost = costs[index][known] = _cost(problem, done, 0, index)
                during = max(peak, live + cost[0])
                best = following.get(done | bit)
                if best is None or during < best[0]:
                    following[done | bit] = (during, live + cost[1], ready, (index, last))
        sets, ranks = list(following), [(peak << bits) + live for peak, live, _, _ in following.values()]
        best_first = sorted(range(len(sets)), key=ranks.__getitem__)[:width]
        level = {sets[k]: following[sets[k]] for k in best_first}
    peak, _, _, last = next(iter(level.values()))
    order = []
    while last:
        order.append(last[0])
        last = last[1]
    return peak, order[::-1]


def _union(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)
