"""coefficients = argmin over non-negative ones of the sum of squared relative errors, with few of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.schedule.cost import ALONE, ANY
from ariel_build.schedule.features import features
from tools.costs.measure import Inference, Measured

__all__ = ["around", "fit"]

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
_ASSEMBLED = "isa::"
#: Different calls from which on those that have a kernel to themselves are fitted by themselves.
_ENOUGH = 3
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
    table: dict[str, dict[str, float]] = {ANY: _fitted(measured, _COMMON)}
    by_kernel: dict[str, list[Measured]] = {}
    for one in measured:
        by_kernel.setdefault(one.call.kernel.path, []).append(one)
    for kernel, ones in sorted(by_kernel.items()):
        shared = [one for one in ones if not one.alone]
        # Of graphs that were made for it the linker computes too much.
        real = [one for one in ones if one.alone and not one.is_made]
        table[kernel] = _fitted(shared or real or ones)
        if shared and real and not kernel.startswith(_ASSEMBLED):
            table[kernel + ALONE] = _fitted(real) if _distinct(real) >= _ENOUGH else _times(real, table[kernel])
    return table


def _times(measured: Sequence[Measured], shared: Mapping[str, float]) -> dict[str, float]:
    """Returns coefficients times what these few calls take of the cost that they stand for."""
    told = [sum(c * features(m.call, m.tiles).get(name, 0.0) for name, c in shared.items()) for m in measured]
    factor = float(np.median([one.instructions / max(cost, 1.0) for one, cost in zip(measured, told, strict=True)]))
    return {name: float(f"{c * factor:.4g}") for name, c in shared.items()}


def _distinct(measured: Sequence[Measured]) -> int:
    return len({tuple(features(one.call, one.tiles).items()) for one in measured})


def _fitted(measured: Sequence[Measured], names: Sequence[str] = ()) -> dict[str, float]:
    """Adds the feature that helps most until none helps much."""
    found = [features(one.call, one.tiles) for one in measured]
    names = names or list(dict.fromkeys(name for f in found for name in f))
    counted = np.array([one.instructions for one in measured], np.float64)
    share = np.sqrt([min(max(one.share / _FULL, _LEAST), 1.0) for one in measured])
    columns = {name: np.array([f.get(name, 0.0) for f in found], np.float64) / counted * share for name in names}
    distinct = _distinct(measured)
    chosen: list[str] = []
    best, weights = math.inf, np.zeros(0)
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
        best, weights = error, solution
    pairs: Mapping[str, float] = dict(zip(chosen, map(float, weights), strict=True))
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
