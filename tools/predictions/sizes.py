"""Flash and stack of measured firmware -> `linked_sizes.json`: what each part of a model takes of them once linked."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ariel_build.boards.board import Board
from ariel_build.codegen.code_size import code_of, stack_of
from ariel_build.codegen.linked_size import CODE, Linked
from ariel_build.codegen.parts import ONLY, PART_BYTES, linked_kernels, parts_of
from ariel_build.codegen.program import program
from tools.predictions.measure import Row

__all__ = ["Built", "as_json", "built", "fit"]

#: Cores whose code is not that of others of their target.
_OWN = ("cortex-m7", "cortex-m55")
#: What a fit may be off by, of the flash of a model: bytes, and a part of it.
_BYTES, _PART = 8.0, 0.005
#: Bytes of parts as symbols of firmware have them, where that is less than they take at most: the constants of a call
#: have fewer fields than they are counted with, and a call is a few instructions.
LIKELY = {"model": 560.0, "calls": 30.0, "constants": 0.8}
#: How far a part may be from what is thought of it, and the code of a kernel from what it is alone: parts, and bytes.
_FREE, _CODE, _APART, _LEAST = 0.1, 0.1, 0.25, 24.0
#: The part that the linker leaves of code, before anything is known.
_LEFT = 0.95
#: What is added to the stack that a kernel was seen with, in whole words: it may be seen with more; and the most that
#: it may be of what another model with the kernel took.
_MORE, _MOST = 0.04, 1.15


@dataclass(frozen=True)
class Built:
    """Firmware with a model: its flash without the weights, and its stack, beside what they are made of."""

    model: str
    target: str
    flash: float
    weights: int
    stack: float
    kernels: Mapping[str, str]
    parts: Mapping[str, int]


def built(rows: Iterable[Row], board_of: Mapping[str, Board]) -> list[Built]:
    """Returns what is fitted, of rows of single cores."""
    found = []
    for row in rows:
        model = row.compiled
        runs = program(model.schedule, model.plan)
        kernels, parts = linked_kernels(model.schedule, runs), parts_of(model.schedule, runs=runs)
        board = board_of[row.board]
        weights, core = len(model.weights), board.cores[0].name
        target = board.image_target + (f" {core}" if core in _OWN else "")
        flash, stack = row.measured["flash"] - weights, row.measured["stack"]
        found.append(Built(row.model, target, flash, weights, stack, kernels, parts))
    return found


def fit(models: Iterable[Built]) -> dict[str, dict[str, object]]:
    """Returns the contents of the file."""
    by_target: dict[str, list[Built]] = defaultdict(list)
    for one in models:
        by_target[one.target].append(one)
    return {target: asdict(fitted(target, ones)) for target, ones in sorted(by_target.items())}


def as_json(table: Mapping[str, Mapping[str, object]]) -> str:
    """Returns JSON with a line for each kernel."""
    targets = []
    for target, linked in sorted(table.items()):
        parts = []
        for name, value in linked.items():
            if isinstance(value, dict):
                items = ",\n".join(f"   {json.dumps(key)}: {json.dumps(v)}" for key, v in sorted(value.items()))
                parts.append(f'  "{name}": {{\n{items}\n  }}')
            else:
                parts.append(f'  "{name}": {json.dumps(value)}')
        targets.append(f' "{target}": {{\n' + ",\n".join(parts) + "\n }")
    return "{\n" + ",\n".join(targets) + "\n}\n"


def fitted(target: str, models: Sequence[Built]) -> Linked:
    """Returns what the models of a target tell."""
    flash, (stacks, base) = _flash(target, models), _stacks(target, models)
    parts = {name: round(value, 3) for name, value in flash.items() if name in PART_BYTES or name == CODE}
    kernels = {name: round(value) for name, value in flash.items() if name not in parts}
    return Linked(parts, kernels, stacks, base)


def _triple(target: str) -> str:
    """Returns the target without the core."""
    return target.partition(" ")[0]


def _flash(target: str, models: Sequence[Built]) -> dict[str, float]:
    """Returns bytes of parts, and of kernels beyond their code.

    Models of several calls tell parts, and the kernels that they have; a single operator, whose constants the linker
    computes into its kernel, only tells of kernels that no larger model has.
    """
    known: dict[str, float] = {}
    for some in ([one for one in models if one.parts["calls"] > 1], [one for one in models if one.parts["calls"] == 1]):
        if some:
            known |= _least_squares(target, some, known)
    return known


def _least_squares(target: str, models: Sequence[Built], known: Mapping[str, float]) -> dict[str, float]:
    """Returns what is not known yet: least squares, each unknown near what is thought of it and never below 0 bytes."""
    paths = {name: path for one in models for path, linked in one.kernels.items() for name in (path, linked)}
    parts = sorted({name for one in models for name in one.parts})
    thought = {name: LIKELY.get(name, float(PART_BYTES[name])) for name in parts} | {CODE: _LEFT}
    free = {name: _FREE * bytes_ for name, bytes_ in thought.items()} | {CODE: _CODE}
    for name, path in sorted(paths.items()):
        thought[name] = 0.0
        free[name] = max(_APART * code_of(_triple(target), frozenset([path])), _LEAST)
    names = [name for name in thought if name not in known]
    spread = np.array([free[name] for name in names])
    rows, wanted = [], []
    for one in models:
        counts = {**one.parts, CODE: code_of(_triple(target), frozenset(one.kernels))}
        counts |= dict.fromkeys({*one.kernels, *one.kernels.values()}, 1)
        told = math.fsum(known.get(name, thought[name]) * count for name, count in counts.items())
        weight = 1 / (_BYTES + _PART * (one.flash + one.weights))
        rows.append(np.array([float(counts.get(name, 0)) for name in names]) * spread * weight)
        wanted.append((one.flash - told) * weight)
    matrix = np.vstack([np.array(rows), np.eye(len(names))])
    solved = np.linalg.lstsq(matrix, np.array([*wanted, *[0.0] * len(names)]), rcond=None)[0]
    found = {name: thought[name] + float(x) for name, x in zip(names, solved * spread, strict=True)}
    return {name: max(bytes_, 0.0) if name in PART_BYTES else bytes_ for name, bytes_ in found.items()}


def _stacks(target: str, models: Sequence[Built]) -> tuple[dict[str, int], float]:
    """Returns the stack of an inference whose deepest kernel is this one, and what kernels that were not seen add to.

    The deepest kernel of a model is not known. Each has at most the least stack that a model with it took; where that
    tells too little of a model, one of its kernels has more there: the one that tells too much of the fewest others.
    """
    seen = [frozenset(one.kernels.values()) for one in models]
    paths = {linked: path for one in models for path, linked in one.kernels.items()}
    most = {
        kernel: min(one.stack for one, kernels in zip(models, seen, strict=True) if kernel in kernels)
        for kernel in paths
    }
    for one in sorted(models, key=lambda one: one.stack):
        kernels = one.kernels.values()
        if kernels and max(most[kernel] for kernel in kernels) < one.stack:

            def excess(kernel: str, stack: float = one.stack) -> tuple[int, float, int]:
                others = [other.stack for other, kernels in zip(models, seen, strict=True) if kernel in kernels]
                told = [max(stack / other, 1.0) for other in others]
                return sum(ratio > _MOST for ratio in told), max(told), -stack_of(_triple(target), paths[kernel])

            most[min(kernels, key=excess)] = one.stack
    larger = [one for one in models if one.parts["calls"] > 1]
    beyond = [one.stack - max((stack_of(_triple(target), k) for k in one.kernels), default=0) for one in larger]
    for path in set(paths.values()):
        # What a kernel was not seen with is told by what it was.
        ways = [kernel for kernel, of in paths.items() if of == path]
        ways = [kernel for kernel in ways if not kernel.endswith(ONLY)] or ways
        most.setdefault(path, max(most[kernel] for kernel in ways))
    stacks = {kernel: math.ceil(stack / 4) * 4 + int(stack * _MORE / 4) * 4 for kernel, stack in sorted(most.items())}
    return stacks, max(beyond, default=0.0)
