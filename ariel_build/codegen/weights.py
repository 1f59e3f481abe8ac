"""The weights of a model: every packed constant at a 16-aligned offset of one blob, equal ones once."""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array
from ariel_build.kernels import Packed

__all__ = ["Weights"]

ALIGNMENT = 16


class Weights:
    """Collects constants in the order in which the kernels read them."""

    def __init__(self) -> None:
        """Starts empty."""
        self._blob = bytearray()
        self._offsets: dict[Packed, int] = {}

    def place(self, packed: Packed) -> int:
        """Returns the byte offset of a constant, adding it where it is new."""
        if packed not in self._offsets:
            self._blob += bytes(-len(self._blob) % ALIGNMENT)
            self._offsets[packed] = len(self._blob)
            self._blob += little_endian(packed.data)
        return self._offsets[packed]

    def bytes(self) -> bytes:
        """Returns the blob, padded to the alignment."""
        return bytes(self._blob) + bytes(-len(self._blob) % ALIGNMENT)


def little_endian(data: Array) -> bytes:
    """Returns the elements in C order as the targets store them."""
    return np.ascontiguousarray(data, data.dtype.newbyteorder("<")).tobytes()
