"""Sizes that are inputs of an operator: constants, or what the declared shape of its output tells of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ariel_build.ops.base import UnsupportedReason
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
    tensor = importer.model.tensors.get(importer.node.outputs[0])
    shape = None if tensor is None else tensor.shape
    known = [d for d in shape or () if isinstance(d, int)]
    if shape is None or len(known) != len(shape):
        why = "is computed at run time, and the file does not declare the shape of the output"
        raise UnsupportedReason(f"{what} (input {index}) {why}")
    return list(told(known))
