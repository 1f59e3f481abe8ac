"""coefficients = argmin over non-negative ones of the sum of squared relative errors, with few of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ariel_build.schedule.cost import ANY, FEATURES, features
from tools.costs.measure import Measured

__all__ = ["fit"]

Floats = npt.NDArray[np.float64]
#: Each coefficient more must better the mean relative error by this part of it.
_WORTH = 0.05
_MOST = 5
#: What a kernel that was not measured is told by.
_COMMON = ("call", "outputs", "inputs", "macs")
#: Instructions of a call that do not depend on its size, at most; and sizes from which on a kernel is fitted by itself.
_CONSTANT, _ENOUGH = 1500.0, 3


def fit(measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Returns the coefficients of each kernel that was measured, and of all of them for the others."""
    table: dict[str, dict[str, float]] = {ANY: _fitted(measured, _COMMON)}
    by_kernel: dict[str, list[Measured]] = {}
    for one in measured:
        by_kernel.setdefault(one.call.kernel.path, []).append(one)
    for kernel, ones in sorted(by_kernel.items()):
        if len({tuple(features(one.call).values()) for one in ones}) < _ENOUGH:
            table[kernel] = _scaled(ones, table[ANY])
        else:
            table[kernel] = _fitted(ones, FEATURES)
    return table


def _scaled(measured: Sequence[Measured], common: Mapping[str, float]) -> dict[str, float]:
    """Returns the coefficients of all kernels times what this one takes of their cost."""
    ratios = [one.instructions / sum(c * features(one.call)[name] for name, c in common.items()) for one in measured]
    return {name: float(f"{c * float(np.mean(ratios)):.4g}") for name, c in common.items()}


def _fitted(measured: Sequence[Measured], names: Sequence[str]) -> dict[str, float]:
    """Adds the feature that helps most until none helps much."""
    found = [features(one.call) for one in measured]
    counted = np.array([one.instructions for one in measured], np.float64)
    columns = {name: np.array([f[name] for f in found], np.float64) / counted for name in names}
    distinct = len({tuple(f.values()) for f in found})
    chosen: list[str] = []
    best, weights = 1.0, np.zeros(0)
    while len(chosen) < min(_MOST, distinct):
        tried = {
            name: _least(
                [columns[c] for c in [*chosen, name]], [_CONSTANT if c == "call" else math.inf for c in [*chosen, name]]
            )
            for name in names
            if name not in chosen
        }
        name = min(tried, key=lambda key: tried[key][0])
        error, solution = tried[name]
        if chosen and error > best * (1 - _WORTH):
            break
        chosen.append(name)
        best, weights = error, solution
        if best < 1e-4:
            break
    pairs: Mapping[str, float] = dict(zip(chosen, map(float, weights), strict=True))
    return {name: float(f"{pairs[name]:.4g}") for name in names if pairs.get(name, 0) > 0}


def _least(columns: Sequence[Floats], limits: Sequence[float]) -> tuple[float, Floats]:
    """Returns error and coefficients from 0 to their limits whose sum of columns is nearest to ones: by coordinates."""
    matrix = np.stack(columns, axis=1)
    scale = np.sqrt((matrix**2).sum(axis=0)) + 1e-300
    matrix = matrix / scale
    limits = [limit * s for limit, s in zip(limits, scale, strict=True)]
    gram, right = matrix.T @ matrix, matrix.sum(axis=0)
    weights: Floats = np.zeros(len(columns))
    for _ in range(400):
        for k in range(len(columns)):
            if gram[k, k] > 0:
                weights[k] = min(max(0.0, weights[k] + (right[k] - gram[k] @ weights) / gram[k, k]), limits[k])
    return float(np.sqrt(np.mean((matrix @ weights - 1) ** 2))), weights / scale
