"""The interface of an operator, and the table of those that exist.

An operator is one file: a frozen dataclass of its attributes with shape inference, a numpy reference, its cost, and
its lowering to a kernel call; and one importer function per format that has it. Adding one touches that file and
`kernels/<op>.rs`. What rewrites need to know of it are its traits (`traits.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from ariel_build.ir import Array, DType, Node, Quant, TensorType, Value
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.shorter import Axes, Bound, Mixed, aligned
from ariel_build.ops.traits import Moved, Traits, Wish, has
from ariel_build.records import dataclass

if TYPE_CHECKING:
    from ariel_build.kernels import KernelCall, LayerCall
    from ariel_build.ops.importer import Importer

__all__ = ["HARMLESS", "IMPORTERS", "PREPARERS", "STORED", "Operator", "imports", "prepares"]


@dataclass(frozen=True)
class Operator(ABC):
    """Base of all operators. Tensors are NHWC; attributes are plain numbers and tuples."""

    traits: ClassVar[Traits]

    @property
    def name(self) -> str:
        """Name of the operator in the field's terms, such as `Conv2d`."""
        return type(self).__name__

    @abstractmethod
    def infer(self, inputs: Sequence[TensorType | None]) -> list[TensorType | None]:
        """Returns the types of the outputs (quantisation left out); raises ValueError(reason)."""

    def ties(self, node: Node) -> list[tuple[Value, Value]]:
        """Returns pairs of values that are one tensor inside and outside of the node's bodies; ValueError(reason)."""
        if node.bodies:
            raise ValueError("it has no bodies")
        return []

    @abstractmethod
    def reference(self, inputs: Sequence[Array | None], node: Node) -> list[Array]:
        """Computes the outputs with numpy, bit for bit as the oracle does.

        Takes stored (quantised) elements; scales and zero points come from the types of `node`'s values.
        """

    def macs(self, node: Node) -> int:
        """Returns the multiply-accumulates of one inference, exactly; 0 for operators that have none."""
        return 0

    def aliases(self, node: Node) -> dict[Value, tuple[Value, int]] | None:
        """Returns the outputs that are bytes of an input, as (input, byte offset), where no kernel is needed at all."""
        return None

    @abstractmethod
    def passed_on(self, node: Node) -> Value | None:
        """Returns the input whose elements are the output's, in the same order; None where the operator does something.

        Types, and shapes, of the two may differ.
        """

    @abstractmethod
    def permuted(self, wish: Wish) -> Moved | None:
        """Returns what computes the same on tensors with permuted axes: Transpose . op = op' . Transpose.

        `wish` says how the inputs, or the output, are to be permuted, the result how all other values are then, and the
        operator that computes them; None where there is no such operator.
        """

    def after(self, first: Operator) -> Operator | None:
        """Returns the one operator that does what `first` and then this one do, where there is such a one."""
        del first
        return None

    def twin(self, constant: Value) -> Value | None:
        """Returns the stored twin of what it makes of a float constant, where it moves the twin alike."""
        del constant
        return None

    @property
    def chooses(self) -> bool:
        """Whether each element of the output is one that it has compared, the same one after any monotone function."""
        return False

    def on_signed(self) -> Operator | str:
        """Returns the operator where quantised uint8 tensors are int8 with zero points less 128, or why it has none."""
        return self if self.traits.moves or self.traits.real else f"{self.name} sees the stored integers themselves"

    def on_wide(self) -> Operator | None:
        """Returns what computes int16 as TFLite does, where that gives the nearest step of the output or the next one.

        None where there is no such kernel. Layers do where their scales are such that TFLite's multipliers hold them.
        """
        if self.traits.channels is None or not has(type(self), "rounding"):
            return None
        return replace(self, rounding=Rounding.DOUBLE)  # type: ignore[call-arg]

    def on_stored(self, quant: Quant, dtype: DType, rounding: Rounding) -> tuple[Operator, str]:
        """Returns the operator that moves integers where this one moves what they mean, and what they do not hold."""
        del quant, dtype, rounding
        return self, ""

    def shorter(self, node: Node, given: Sequence[Axes]) -> Sequence[Axes]:
        """Returns which axes of the outputs are shorter where those `given` of the inputs are; raises Mixed(why)."""
        if not self.traits.pointwise:
            raise Mixed("it is not known to compute each part of it apart")
        return [aligned(node, given)] * len(node.outputs)

    def last_axis(self, node: Node) -> int | None:
        """Returns the axis of which the node takes the last element and nothing else, if it does."""
        del node
        return None

    def counted_nodes(self, node: Node, given: Sequence[Axes], count: Callable[[Bound], Value]) -> list[Node] | None:
        """Returns nodes that compute the same of what there is, where it is said at run time how much; None for none.

        The last has the node's outputs. `count` gives an int32 of one element: how much there is of a dimension.
        """
        del node, given, count
        return None

    @abstractmethod
    def lower(self, node: Node) -> KernelCall | LayerCall:
        """Returns the call that computes `node`; raises UnsupportedReason where no kernel can."""


class UnsupportedReason(Exception):
    """Why an operator cannot be compiled, in words that stand after `CONV_2D: `."""


#: Takes the importer and the source node, adds graph nodes.
ImportFunction = Callable[["Importer"], None]
IMPORTERS: dict[tuple[str, str], Callable[..., None]] = {}
#: Attributes that an importer need not ask for: name -> why the result does not depend on it.
HARMLESS: dict[tuple[str, str], Mapping[str, str]] = {}
#: Operators whose importers take floats of 16 bits as they are stored; to all others they are float32.
STORED: set[tuple[str, str]] = set()
#: What looks at a whole model of a format before its nodes are imported.
PREPARERS: dict[str, list[Callable[[Importer], None]]] = {}


def imports(
    format_: str, *names: str, harmless: Mapping[str, str] | None = None, stored: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function as the importer of the operators `names` of a format ("tflite", "onnx" or "pt2").

    A node with an attribute that the function does not ask for is refused, unless `harmless` says why it may be so.
    Floats of 16 bits reach it as float32, and what it makes of them is rounded back, unless it takes them as they are
    `stored`, which those do that only move elements.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        for name in names:
            if (format_, name) in IMPORTERS:
                raise ValueError(f"{name} has two importers")
            IMPORTERS[format_, name] = function
            HARMLESS[format_, name] = harmless or {}
            STORED.update([(format_, name)] if stored else [])
        return function

    return register


def prepares(format_: str) -> Callable[[Callable[[Importer], None]], Callable[[Importer], None]]:
    """Registers a function that is called before the nodes of a model of a format are imported."""

    def register(function: Callable[[Importer], None]) -> Callable[[Importer], None]:
        PREPARERS.setdefault(format_, []).append(function)
        return function

    return register


def axes_of(axes: Sequence[int], rank: int, *, each_once: bool = True) -> tuple[int, ...]:
    """Returns axes counted from the front; UnsupportedReason where one does not exist, or stands there twice."""
    if any(not -rank <= a < rank for a in axes):
        raise UnsupportedReason(f"the axes {list(axes)} are outside {rank} axes")
    resolved = tuple(int(a) % rank for a in axes)
    if each_once and len(set(resolved)) < len(resolved):
        raise UnsupportedReason(f"one of the axes {list(axes)} is there twice")
    return resolved


def constant(value: Value | None, what: str) -> Array:
    """Returns the elements of an operand that must be known at build time; UnsupportedReason where it is not."""
    if value is None or value.data is None:
        raise UnsupportedReason(f"{what} is computed at run time; only a constant is supported")
    return value.data
