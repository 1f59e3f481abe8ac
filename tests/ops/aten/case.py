"""What the cases of ATen operators are made of: arrays, and formulas that several files of them need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tests.pt2_writer import dtype

#: Arrays and numbers: formulas are told as numpy reads them, and numpy's types do not follow.
Numbers: TypeAlias = Any


def drawing(seed: int) -> Callable[..., Numbers]:
    """Returns what draws arrays of a shape: each file has its own, whose numbers depend on no other file."""
    rng = np.random.default_rng(seed)
    return lambda *shape: rng.standard_normal(shape).astype(np.float32)


def singles(numbers: Sequence[float]) -> Numbers:
    return np.array(numbers, np.float32)


@dataclass(frozen=True)
class K:
    """A constant of the module."""

    data: Numbers


@dataclass(frozen=True)
class Case:
    """Operators, their arguments (arrays are inputs), and what they give for these arrays."""

    names: Sequence[str]
    arguments: dict[str, Any]
    wanted: Callable[..., Any]


class Cases(list[Case]):
    """The cases of one file, which follows a module of `ariel_build/ops/aten/`."""

    def add(self, names: str | Sequence[str], wanted: Callable[..., Any], /, **arguments: Any) -> None:  # noqa: ANN401 - any argument
        """Adds a case; names without a dot have the overload `default`."""
        split = names.split() if isinstance(names, str) else names
        self.append(Case([n if "." in n else f"{n}.default" for n in split], arguments, wanted))


real = drawing(3)
X, Y = real(2, 3, 4), real(2, 3, 4)
IMAGE, ROW = real(1, 4, 6, 8), real(1, 4, 12)
POSITIVE = np.abs(X) + np.float32(0.1)
BITS, WHOLE = X > 0, np.arange(-5, 7, dtype=np.int32).reshape(3, 4)
CUBE = real(1, 2, 2, 2, 2)
F32 = dtype("float32")


def sigmoid(x: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-x))


def soft(x: Numbers, axis: int) -> Numbers:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)
