"""Sizes that are inputs of an operator: constants, or what the declared shape of its output tells of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ariel_build.ops.importer import Importer

__all__ = ["sizes_input"]


def sizes_input(importer: Importer, index: int, what: str, told: Callable[[Sequence[int]], Sequence[int]]) -> list[int]:
    """Returns the integers of an input; where they are computed at run time, those that the output's shape has `told`.

    A shape that the file declares is one that the model always has, and so are the sizes that lead to it. Raises
    UnsupportedReason where the file declares none.
    """
    value = importer.input(index)
    if value.data is not None:
        return [int(n) for n in value.data.reshape(-1)]
    return list(told(importer.declared_shape(f"{what} (input {index})")))
