"""What kernels are made of: the bases of the declared classes (`kernels/declared`), and the values that fields hold.

A kernel declares itself in the runtime crate, beside its code (`ariel-ml-rs/src/kernels/access.rs`), and
`nox -s kernels` makes a class of each: the Rust struct is what the proofs of its `check` stand on, so the compiler's
view follows from it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, Self, dataclass_transform

from ariel_build.ir import Array, Value
from ariel_build.records import dataclass

__all__ = ["Access", "Axis", "Choice", "Field", "Kernel", "Operand", "Packed", "Part", "Scratch", "Source", "Variant"]


class Choice(Enum):
    """An enum of the runtime crate whose variants hold nothing; values are their names in Rust."""


class Axis(Enum):
    """Along which part of its output a kernel is cut into tiles."""

    ROWS = "Rows"
    PIXELS = "Pixels"
    CHANNELS = "Channels"
    ELEMENTS = "Elements"
    WHOLE = "Whole"


class Access(Enum):
    """What tiles read, and what they may lie over: as `kernels::access::Access` says."""

    WHOLE = "Whole"
    ELEMENTS = "Elements"
    UNITS = "Units"
    STATES = "States"
    WINDOW = "Window"
    COPIED_WINDOW = "CopiedWindow"
    WINDOW_OF_CHANNELS = "WindowOfChannels"
    COPIED_WINDOW_OF_CHANNELS = "CopiedWindowOfChannels"


@dataclass(frozen=True)
class Operand:
    """The region of the arena that holds a value."""

    value: Value


@dataclass(frozen=True)
class Packed:
    """Constant elements as the kernel reads them: little-endian in the weights section, 16-aligned."""

    data: Array
    what: str

    def __hash__(self) -> int:
        """Equal bytes may share one place."""
        return hash((self.data.dtype.str, self.data.shape, self.data.tobytes()))

    def __eq__(self, other: object) -> bool:
        """Equal where type, shape and bytes are equal."""
        return (
            isinstance(other, Packed)
            and self.data.dtype == other.data.dtype
            and self.data.shape == other.data.shape
            and self.data.tobytes() == other.data.tobytes()
        )


@dataclass(frozen=True)
class Source:
    """A value that a kernel reads from the arena, or from the weights where it is a constant."""

    value: Value


@dataclass(frozen=True)
class Scratch:
    """A region that lives only during the call, one per core."""

    bytes: int


@dataclass(frozen=True)
class Variant:
    """A variant of an enum of the runtime crate that may hold something, such as `Fill::Element([0, ..])`."""

    path: str


@dataclass_transform(kw_only_default=True, eq_default=False, frozen_default=True)
class Part:
    """A struct of the runtime crate: fields by keyword, each of which must be given; frozen.

    Not `dataclass`, which compiles code for each of 200 classes whenever the compiler starts.
    """

    #: The modules of the crate that name it, its own first.
    ROOMS: ClassVar[tuple[str, ...]] = ()
    #: What regions, operands and slices hold: field -> `i8`, or `R::Element` of the type that stands for a parameter.
    #: Of what a struct in a field holds, a kernel tells what it alone knows: `memories.state` -> `i16`.
    ELEMENTS: ClassVar[Mapping[str, str]] = {}
    #: What kernels that are generic over it take from it: `Element` -> `i8`.
    TYPES: ClassVar[Mapping[str, str]] = {}
    #: The fields in their order.
    FIELDS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Takes the fields of a declared class; what is in capitals is the class's own."""
        cls.FIELDS = tuple(name for name in cls.__annotations__ if not name.isupper())

    def __init__(self, **fields: Any) -> None:  # noqa: ANN401 - type checkers read the annotations of the classes
        """Takes all fields; TypeError where one is missing, or is none."""
        if fields.keys() != set(self.FIELDS):
            different = ", ".join(sorted(fields.keys() ^ set(self.FIELDS)))
            raise TypeError(f"{type(self).__name__}: {different} differ from its fields")
        self.__dict__.update(fields)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuses: a call may be read by several passes."""
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __iter__(self) -> Iterator[tuple[str, Field]]:
        """Yields the fields by their names, in the order of the struct.

        For a dict of them take `dict(iter(kernel))`: what has a field `keys` looks like a mapping.
        """
        return ((name, self.__dict__[name]) for name in self.FIELDS)

    def __repr__(self) -> str:
        """As it is made."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self)})"

    @classmethod
    def made(cls, fields: Mapping[str, Any]) -> Self:
        """Returns the struct with these fields, where only a table knows which one: type checkers see none of them."""
        return cls(**fields)

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - as in `__init__`
        """Returns the same with other values in some fields."""
        return type(self)(**{**self.__dict__, **changes})


class Kernel(Part):
    """A kernel of the runtime crate with the values of its fields."""

    #: Types of its parameters -> what generated modules call it, below `ariel_ml_rs::kernels`.
    PATHS: ClassVar[Mapping[tuple[str, ...], str]] = {}
    #: How the crate spells the type, where a class stands for an alias.
    SPELLED: ClassVar[str] = ""
    #: Parameter -> the field whose type stands for it, or `layer.cores` where that is a field of the struct in another.
    PARAMETERS: ClassVar[Mapping[str, str]] = {}
    ACCESS: ClassVar[Access] = Access.WHOLE
    #: The features of the runtime crate without which it is not compiled.
    FEATURES: ClassVar[tuple[str, ...]] = ()
    #: Pairs of fields (input, output) whose regions may be one, and those where the output is one tile; None where that
    #: follows from `ACCESS`.
    OVER: ClassVar[tuple[tuple[str, str], ...] | None] = None
    OVER_WHOLE: ClassVar[tuple[tuple[str, str], ...]] = ()

    @property
    def path(self) -> str:
        """What generated modules call it, such as `conv2d::Quantized<DoubleRounding>`."""
        return self.PATHS[tuple(type(part).__name__ for part in self.arguments)]

    @property
    def arguments(self) -> list[Part]:
        """The fields whose types are those of its parameters."""
        return [operator.attrgetter(field)(self) for field in self.PARAMETERS.values()]

    def holds(self, name: str, of: Part | None = None) -> str:
        """Returns what a region, an operand or a slice of the kernel, or of a struct in it, holds, such as `i8`."""
        inner = name.rpartition(".")[2]
        held = self.ELEMENTS[name] if of is None or name in self.ELEMENTS else of.ELEMENTS[inner]
        parameter, _, kind = held.partition("::")
        return type(operator.attrgetter(self.PARAMETERS[parameter])(self)).TYPES[kind] if kind else held


#: The value of a field.
Field = int | float | bool | tuple["Field", ...] | Operand | Packed | Source | Scratch | Part | Choice | Variant | Axis
