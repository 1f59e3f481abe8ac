"""Nodes that a graph of `made` is to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ariel_build.ir import Array, Quant, TensorType
from ariel_build.ops import Operator

__all__ = ["Wanted"]


@dataclass(frozen=True)
class Wanted:
    """A node: its operator, what it takes, the quantisation of what it makes, and which inputs are constants.

    Outputs that are quantised differently have one each.
    """

    op: Operator
    inputs: tuple[TensorType | None, ...]
    quant: Quant | tuple[Quant | None, ...] | None = None
    constants: tuple[int, ...] = ()
    #: What some of the constants are; any numbers are all others.
    data: Mapping[int, Array] = field(default_factory=dict, hash=False)
