"""What rows of operators have in common: a row is all that there is to say of an operator of a family.

`map1_rows.py`, `map2_rows.py`, `compare_rows.py` and `fold_rows.py` hold the rows. Importers of both formats, the numpy
reference and the lowering read them here; the runtime crate's kernels are made of them by `python -m tools.rows`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from ariel_build.ops.base import UnsupportedReason
from ariel_build.records import dataclass

if TYPE_CHECKING:
    from ariel_build.ops.importer import Importer

__all__ = ["Attribute", "Named", "Names", "Row", "called", "named", "parameters"]


@dataclass(frozen=True)
class Attribute:
    """A real attribute of a node, and what it is where the file leaves it out."""

    name: str
    default: float = 0.0


@dataclass(frozen=True)
class Named:
    """What a format calls an operator.

    `values` are the operator's parameters, in order: numbers, or attributes. Several rows may have one name: then a
    flag or a word decides, the attribute `when[0]`, which is `when[1]` for this row; the first row has its default.
    With `many`, it takes any number of operands, and combines them from the left.
    """

    name: str
    values: tuple[float | Attribute, ...] = ()
    when: tuple[str, bool | str] | None = None
    many: bool = False


#: What a format calls an operator: a word where that is all, nothing where it does not have it.
Names = str | Named | tuple[Named, ...]


class Row(Protocol):
    """A row of any family."""

    @property
    def name(self) -> str:
        """What we call it, and the runtime crate its kernels."""
        ...

    @property
    def about(self) -> str:
        """What it computes."""
        ...

    @property
    def tflite(self) -> Names:
        """What TFLite calls it."""
        ...

    @property
    def onnx(self) -> Names:
        """What ONNX calls it."""
        ...


R = TypeVar("R", bound=Row)


def called(rows: Iterable[R], format_: str) -> dict[str, list[tuple[R, Named]]]:
    """Returns what a format calls the rows: name -> the rows that have it."""
    found: dict[str, list[tuple[R, Named]]] = {}
    for row in rows:
        names = row.onnx if format_ == "onnx" else row.tflite
        names = Named(names) if isinstance(names, str) and names else names or ()
        for name in (names,) if isinstance(names, Named) else names:
            found.setdefault(name.name, []).append((row, name))
    return found


def named(importer: Importer, candidates: list[tuple[R, Named]]) -> tuple[R, Named]:
    """Returns the row that a node means, of those that have its name."""
    when = candidates[0][1].when
    if when is None:
        return candidates[0]
    attribute, default = when
    is_word = isinstance(default, str)
    found = importer.text(attribute, str(default)) if is_word else bool(importer.attribute(attribute, default))
    for row, name in candidates:
        if name.when == (attribute, found):
            return row, name
    words = " nor ".join(f"`{name.when[1]}`" for _, name in candidates if name.when is not None)
    raise UnsupportedReason(f"{attribute} is `{found}`, neither {words}")


def parameters(importer: Importer, name: Named) -> tuple[float, ...]:
    """Returns the parameters that a node gives its operator."""
    return tuple(
        importer.real(value.name, value.default) if isinstance(value, Attribute) else value for value in name.values
    )
