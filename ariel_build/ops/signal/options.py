"""What the operators on signals share: what passes hear of them, options that must be there, and states."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array, State, TensorType, Value
from ariel_build.ops.base import Operator, UnsupportedReason
from ariel_build.ops.importer import Importer
from ariel_build.ops.traits import OPAQUE, keeps_axes, never

__all__ = ["Signal", "flag", "keep", "number"]


class Signal(Operator):
    """An operator on stored integers, or floats, in a fixed order: passes leave it as it is."""

    traits = OPAQUE
    passed_on = never
    permuted = keeps_axes


def number(importer: Importer, name: str, low: int = 0, high: int = (1 << 31) - 1) -> int:
    """Returns an option that is an integer from `low` to `high`; UnsupportedReason where it is missing or outside."""
    if name not in importer.node.attributes:
        raise UnsupportedReason(f"option `{name}` is missing")
    value = importer.integer(name)
    if not low <= value <= high:
        raise UnsupportedReason(f"`{name}` is {value}, not {low} to {high}")
    return value


def flag(importer: Importer, name: str) -> bool:
    """Returns an option that is true or false."""
    return bool(number(importer, name, 0, 1))


def keep(importer: Importer, name: str, type_: TensorType, initial: Array | None = None) -> State:
    """Returns a state of the model that begins as `initial`, or as zeros; whoever reads it sets what comes `next`."""
    current = Value(type_, name, origin=importer.node.origin)
    zeros = np.zeros(type_.shape, type_.dtype.numpy)
    state = State(current, current, zeros if initial is None else initial)
    importer.states.append(state)
    return state
