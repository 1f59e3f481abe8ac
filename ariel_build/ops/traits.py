"""What rewrites ask of an operator, whatever it is: passes name no operators, operators answer.

Every operator answers all of it; who adds one meets the questions where it is declared.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeGuard

from ariel_build.ir import DType, Node, Op, TensorType, Value
from ariel_build.ops.fixed_point import UNBOUNDED, Rounding, stored_bounds
from ariel_build.ops.permutation import Perm
from ariel_build.records import dataclass

if TYPE_CHECKING:
    from ariel_build.ops.base import Operator

__all__ = [
    "MOVEMENT",
    "OPAQUE",
    "POINTWISE",
    "Clamping",
    "Moved",
    "Traits",
    "Wish",
    "alike",
    "clamps",
    "clamps_nothing",
    "has",
    "keeps_axes",
    "never",
]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What holds for all nodes of an operator."""

    #: Each element of the output is a copy of one of an input's, or of a number that the operator holds.
    moves: bool
    #: An element of the output depends on those at its own place in the inputs only, which are broadcast to its shape.
    pointwise: bool
    #: It computes with the numbers that stored integers mean: other integers of the same meaning give the same.
    real: bool
    #: It may read quantised integers where its result has no scale: it asks for their scale (Dequantize), or does what
    #: it does whatever that is (all that move elements). Other ONNX operators act on the integers themselves.
    reads_scaled: bool
    #: The axis of the filter (input 1) that counts the channels of the output, where products of input 0 and filter are
    #: summed, with a bias for each channel as input 2; None for all that is no such layer.
    channels: int | None = None
    #: Cells around its image count as 0, as those inside the padding of its window do.
    bordered: bool = False
    #: Its kernels take one image: each of a batch, axis 0 of input 0 and of the output, gets a call of its own.
    by_image: bool = False


#: What all have that only move elements.
MOVEMENT = Traits(moves=True, pointwise=False, real=False, reads_scaled=True)
#: What functions of real numbers have.
POINTWISE = Traits(moves=False, pointwise=True, real=True, reads_scaled=False)

#: What claims nothing, so that passes leave it as it is.
OPAQUE = Traits(moves=False, pointwise=False, real=False, reads_scaled=False)


class Clamping(Op, Protocol):
    """An operator that clamps its results to real bounds at no cost: a fused activation."""

    #: What `dataclasses.replace` asks for.
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def clip(self) -> tuple[float, float]:
        """The real bounds."""
        ...

    @property
    def rounding(self) -> Rounding:
        """How a bound is stored."""
        ...


def clamps(op: Op) -> TypeGuard[Clamping]:
    """Whether an operator clamps its results: it has bounds, and says how they are stored."""
    return has(type(op), "clip", "rounding")


@cache
def has(kind: type, *names: str) -> bool:
    """Whether the operators of a class have attributes of these names: asked of every node, again and again."""
    return set(names) <= {field.name for field in fields(kind)}


def clamps_nothing(op: Clamping, type_: TensorType) -> bool:
    """Whether the bounds are infinite, or those of the stored type."""
    if op.clip == UNBOUNDED:
        return True
    if type_.quant is None or not type_.quant.per_tensor or type_.dtype is DType.F32:
        return False
    return stored_bounds(op.clip, type_.quant, type_.dtype, op.rounding) == type_.dtype.range


@dataclass(frozen=True)
class Moved:
    """The permutation of each input (None: it stays as it is) and output of a node, and its operator then."""

    op: Operator
    inputs: tuple[Perm | None, ...]
    outputs: tuple[Perm, ...]


@dataclass(frozen=True)
class Wish:
    """A node, and the permutation that its inputs, or with `at_output` its output, shall have."""

    node: Node
    perm: Perm
    at_output: bool

    def alike(self, op: Operator) -> Moved | None:
        """Permutes all operands and results, which have one rank, alike; operands of one element stay."""
        rank = len(self.node.output.shape)
        if len(self.perm) != rank:
            return None
        inputs: list[Perm | None] = []
        for v in self.node.inputs:
            if v is None or (v.type.elements == 1 and len(v.shape) <= rank):
                inputs.append(None)
            elif len(v.shape) == rank or v.is_constant:
                # A constant of lower rank gets axes of 1 in front.
                inputs.append(self.perm)
            else:
                return None
        return Moved(op, tuple(inputs), (self.perm,) * len(self.node.outputs))


def never(self: Operator, node: Node) -> Value | None:
    """The answer `passed_on` of an operator that always does something."""
    del self, node
    return None


def keeps_axes(self: Operator, wish: Wish) -> Moved | None:
    """The answer `permuted` of an operator that its axes are dear to."""
    del self, wish
    return None


def alike(self: Operator, wish: Wish) -> Moved | None:
    """The answer `permuted` of an operator to which all axes are one."""
    return wish.alike(self)
