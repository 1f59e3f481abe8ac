"""coefficients = argmin over non-negative ones of the sum of squared relative errors, with few of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ariel_build.schedule.cost import ALONE, ANY
from ariel_build.schedule.features import features
from tools.costs.measure import Inference, Measured

__all__ = ["ASSEMBLED", "around", "fit", "fitted"]

Floats = npt.NDArray[np.float64]
#: Each coefficient more must better the mean relative error by this part of it.
_WORTH = 0.02
_MOST = 8
#: An error below which no coefficient is worth its place.
_GOOD = 0.003
#: What a kernel that was not measured is told by.
_COMMON = ("call", "outputs", "inputs", "macs")
#: Instructions of a call that do not depend on its size, at most.
_CONSTANT = 1500.0
#: Calls of fewer instructions are left out: where a kernel has one call in a firmware, the linker may compute it.
_FEWEST = 60
#: Kernels whose loops no linker changes.
ASSEMBLED = "isa::"
#: What a call counts that was made for its kernel, where models have calls of it, too; and for kernels that have one
#: call, a call of many, whose cost is brought to theirs.
_MADE, _SHARED = 0.3, 0.2
#: A change of coefficients that ends the search.
_STILL = 1e-7
#: How much a step counts at least, and the part of its model's time from which on it counts in full.
_LEAST, _FULL = 0.1, 0.05


def around(inferences: Sequence[Inference]) -> dict[str, float]:
    """Returns the coefficients of what an inference does besides its steps."""
    copied = np.array([sum(v.type.bytes for v in one.model.graph.inputs) for one in inferences], np.float64)
    weights = 1 / np.maximum(np.array([one.before for one in inferences], np.float64), 100.0)
    before = np.array([one.before for one in inferences], np.float64) * weights
    _, found = _least([weights, copied * weights], before, [math.inf, math.inf])
    return {"call": float(f"{found[0]:.4g}"), "copied": float(f"{found[1]:.4g}")}


def fit(measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Returns the coefficients of each kernel that was measured, and of all of them for the others."""
    measured = [one for one in measured if one.instructions >= _FEWEST]
    table: dict[str, dict[str, float]] = {ANY: fitted(measured, _COMMON)}
    by_kernel: dict[str, list[Measured]] = {}
    for one in measured:
        by_kernel.setdefault(one.call.kernel.path, []).append(one)
    for kernel, ones in sorted(by_kernel.items()):
        if kernel.startswith(ASSEMBLED):
            table[kernel] = fitted(ones)
            continue
        shared = [one for one in ones if not one.alone]
        # Of graphs that were made for it the linker computes too much.
        real = [one for one in ones if one.alone and not one.is_made]
        table[kernel] = fitted(shared or real or ones)
        if shared and real:
            table[kernel + ALONE] = _alone(real, shared, table[kernel])
    return table


def _alone(real: Sequence[Measured], shared: Sequence[Measured], known: Mapping[str, float]) -> dict[str, float]:
    """Returns coefficients of calls that have a kernel to themselves.

    There are few of them: what they do not tell apart is told by calls of many, times what these few take of the cost.
    """
    told = [sum(c * features(m.call, m.tiles).get(name, 0.0) for name, c in known.items()) for m in real]
    factor = float(np.median([one.instructions / max(cost, 1.0) for one, cost in zip(real, told, strict=True)]))
    brought = [replace(one, instructions=one.instructions * factor) for one in shared]
    return fitted([*real, *brought], weights=[1.0] * len(real) + [_SHARED] * len(brought))


def _distinct(measured: Sequence[Measured]) -> int:
    return len({tuple(features(one.call, one.tiles).items()) for one in measured})


def fitted(measured: Sequence[Measured], names: Sequence[str] = (), weights: Sequence[float] = ()) -> dict[str, float]:
    """Adds the feature that helps most until none helps much; `weights` are what the calls count."""
    found = [features(one.call, one.tiles) for one in measured]
    names = names or list(dict.fromkeys(name for f in found for name in f))
    counted = np.array([one.instructions for one in measured], np.float64)
    made = 1.0 if all(one.is_made for one in measured) else _MADE
    given = np.array(weights or [1.0] * len(measured)) * [made if one.is_made else 1.0 for one in measured]
    share = np.sqrt(given * [min(max(one.share / _FULL, _LEAST), 1.0) for one in measured])
    columns = {name: np.array([f.get(name, 0.0) for f in found], np.float64) / counted * share for name in names}
    distinct = _distinct(measured)
    chosen: list[str] = []
    best, solved = math.inf, np.zeros(0)
    while len(chosen) < min(_MOST, distinct, len(names)):
        tried = {
            name: _least(
                [columns[c] for c in [*chosen, name]],
                share,
                [_CONSTANT if c == "call" else math.inf for c in [*chosen, name]],
            )
            for name in names
            if name not in chosen
        }
        name = min(tried, key=lambda key: tried[key][0])
        error, solution = tried[name]
        if chosen and (error > best * (1 - _WORTH) or best < _GOOD):
            break
        chosen.append(name)
        best, solved = error, solution
    pairs: Mapping[str, float] = dict(zip(chosen, map(float, solved), strict=True))
    return {name: float(f"{pairs[name]:.4g}") for name in names if pairs.get(name, 0) > 0}


def _least(columns: Sequence[Floats], wanted: Floats, limits: Sequence[float]) -> tuple[float, Floats]:
    """Returns error and coefficients from 0 to their limits whose sum of columns is nearest: by coordinates."""
    matrix = np.stack(columns, axis=1)
    scale = np.sqrt((matrix**2).sum(axis=0)) + 1e-300
    matrix = matrix / scale
    limits = [limit * s for limit, s in zip(limits, scale, strict=True)]
    gram, right = matrix.T @ matrix, matrix.T @ wanted
    weights: Floats = np.zeros(len(columns))
    for _ in range(400):
        before = weights.copy()
        for k in range(len(columns)):
            if gram[k, k] > 0:
                weights[k] = min(max(0.0, weights[k] + (right[k] - gram[k] @ weights) / gram[k, k]), limits[k])
        if np.abs(weights - before).max() <= _STILL * np.abs(weights).max():
            break
    error = np.sqrt(((matrix @ weights - wanted) ** 2).sum() / (wanted**2).sum())
    return float(error), weights / scale
