"""Costs of kernels brought to what single models take: the judge of a prediction is firmware with one model in it.

`python -m tools.costs` fits costs over many models and graphs at once, in few large programs. What the linker makes of
a kernel in a firmware with one model is not always the same: where the layers of such a firmware are off, the cost of
their kernel is fitted anew, to them and to what it said before of all other calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from ariel_build.boards.board import Board, Core
from ariel_build.kernels import KernelCall
from ariel_build.schedule.cost import ALONE, kind_of
from ariel_build.schedule.features import features
from ariel_build.schedule.tiles import Tile
from tools.costs.boards import OWN
from tools.costs.boards import board_of as standing
from tools.costs.fit import fitted
from tools.costs.made import calls
from tools.costs.measure import Measured
from tools.predictions.judge import LAYER, LIMITS, SHARE
from tools.predictions.measure import Row

__all__ = ["refine"]

#: Cores that have costs of their own besides those of `tools.costs`, and the kind that they are like.
_LIKE = {"cortex-m33": "armv7e-m"}
Kernels = MutableMapping[str, dict[str, float]]
#: A cost is left as it is where its worst layer is nearer than this, or another would not be nearer by this part.
_NEAR, _BETTER = 0.08, 0.1
#: The part of its model from which on a layer counts in full, and what it counts beside that if it is all of its model.
_FULL, _WHOLE = 0.05, 10.0
#: Layers that take less of their model are not looked at.
_LEAST = 0.002
#: What all that a cost said before counts beside the layers together, but at least as so many layers, and each at most.
_BEFORE, _AT_LEAST, _EACH = 0.1, 2.0, 0.1
#: The tiles in which what is no image is told, too.
_PIECES = 4


def refine(costs: MutableMapping[str, Kernels], rows: Iterable[Row], board_of: Mapping[str, Board]) -> list[str]:
    """Changes costs for the better; returns what was changed, in words."""
    found: dict[tuple[str, str], list[tuple[str, Measured]]] = defaultdict(list)
    for row in rows:
        core = board_of[row.board].cores[0]
        for layer in row.layers:
            share = layer.measured / row.measured["instructions"]
            if share > _LEAST:
                path = layer.call.kernel.path
                alone = layer.alone
                one = Measured(layer.call, tuple(layer.tiles), layer.measured / layer.times, share, alone)
                name = path + (ALONE if alone else "")
                found[kind_of(core, layer.call.kernel), name].append((_own(core), one))
    said = []
    for (kind, name), layers in sorted(found.items(), key=lambda item: item[0]):
        single = [own for own in sorted({own for own, _ in layers}) if own]
        path = name.removesuffix(ALONE)
        # Those that stand for the others; cores with costs of their own only where there are no others.
        others = [one for own, one in layers if not own] or [one for _, one in layers]
        if path in costs[kind]:
            said += _refined(kind, costs[kind], name, costs[kind][path], others)
        for own in single:
            costs.setdefault(own, {})
            before = costs[own].get(path) or costs[kind].get(path)
            if before is not None:
                known = costs[own].get(name) or costs[own].get(path) or costs[kind].get(name, before)
                more = _refined(own, costs[own], name, before, [one for core, one in layers if core == own], known)
                if more and name == path and path + ALONE in costs[kind]:
                    costs[own].setdefault(path + ALONE, costs[kind][path + ALONE])
                said += more
    return said


def _own(core: Core) -> str:
    """Returns the table of a core that has one besides that of its kind; nothing for others."""
    name = "cortex-m55" if core.mve else core.name
    return name if name in {*OWN, *_LIKE} else ""


def _refined(
    kind: str,
    table: Kernels,
    name: str,
    base: Mapping[str, float],
    layers: Sequence[Measured],
    known: Mapping[str, float] | None = None,
) -> list[str]:
    """Puts a better cost into the table, if it is worth it; returns that in words."""
    off = _off(table.get(name, base) if known is None else known, layers)
    if max(map(abs, off)) <= _NEAR:
        return []
    made = _fitted(base, layers, kind, table.get(name, {}))
    after = _off(made, layers)
    before = (_missed(off, layers), (1 - _BETTER) * _mean(off, layers))
    if (_missed(after, layers), _mean(after, layers)) >= before:
        return []
    table[name] = made
    return [f"{kind}: {name}: {len(layers)} layers, {max(map(abs, off)):.1%} -> {max(map(abs, after)):.1%}"]


def _told(known: Mapping[str, float], call: KernelCall, one: Measured) -> float:
    return sum(c * features(call, one.tiles).get(name, 0.0) for name, c in known.items())


def _off(known: Mapping[str, float], layers: Sequence[Measured]) -> list[float]:
    return [_told(known, one.call, one) / one.instructions - 1 for one in layers]


def _mean(off: Sequence[float], layers: Sequence[Measured]) -> float:
    weights = [min(one.share / _FULL, 1.0) * _weight(one) for one in layers]
    return float(np.sqrt(np.average(np.square(off), weights=weights)))


def _weight(one: Measured) -> float:
    """Returns what a layer counts: one that is all of its model decides how far off that is."""
    return 1.0 + _WHOLE * one.share


def _missed(off: Sequence[float], layers: Sequence[Measured]) -> int:
    """Returns how many layers are further off than they may be, or let their models be."""
    layer, model = LIMITS[LAYER].above, LIMITS["instructions"].above
    return sum(
        (abs(o) > layer and one.share > SHARE) or abs(o) * one.share > model for o, one in zip(off, layers, strict=True)
    )


def _fitted(
    base: Mapping[str, float], layers: Sequence[Measured], kind: str, was: Mapping[str, float]
) -> dict[str, float]:
    """Returns the cost of the layers, and of what other calls cost, times what the layers take of it.

    `base` is what it cost in other firmware, `was` what such calls did before.
    """
    path = layers[0].call.kernel.path
    factor = float(np.median([one.instructions / max(_told(base, one.call, one), 1.0) for one in layers]))
    calls_of = [call for call in _calls(kind) if call.kernel.path == path]
    others = [Measured(call, tiles, 0.0, 1.0) for call in calls_of for tiles in ((), _rows(call))]
    counted = {name for one in (*others, *layers) for name in features(one.call, one.tiles)}
    if not set(base) <= counted:
        # What it was made of is not counted any more: it says nothing.
        return fitted(layers)
    before = [replace(one, instructions=max(_told(base, one.call, one) * factor, 1.0)) for one in others]
    each = min(max(_BEFORE * len(layers), _AT_LEAST) / max(len(before), 1), _EACH)
    weights = [_weight(one) for one in layers]
    found = fitted([*layers, *before], weights=weights + [each] * len(before))
    # Of what no layer has they tell nothing: that stays, or is what it is in other calls, times what they take of it.
    seen = {name for one in layers for name in features(one.call, one.tiles)}
    unseen = {name: float(f"{c * factor:.4g}") for name, c in base.items()} | dict(was)
    return {name: c for name, c in unseen.items() if name not in seen} | found


def _rows(call: KernelCall) -> tuple[Tile, ...]:
    """Returns tiles of one row of an image each, or a few of anything else."""
    extent = call.tiling.extent
    step = getattr(getattr(call.kernel, "output", None), "width", -(-extent // _PIECES))
    return tuple(Tile(at, min(at + step, extent)) for at in range(0, extent, max(step, 1)))


@cache
def _calls(kind: str) -> Sequence[KernelCall]:
    """Returns some calls of each kernel that such a core runs."""
    return list(calls(standing(_LIKE.get(kind, kind))))
