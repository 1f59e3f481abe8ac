"""The weights of a model: every packed constant at a 16-aligned offset of one blob, equal ones once.

Models that are made of one file may have a blob in common: what both read is in flash once.
"""

from __future__ import annotations

import numpy as np

from ariel_build.ir import Array
from ariel_build.kernels import Packed

__all__ = ["Blob", "Weights"]

ALIGNMENT = 16


class Blob:
    """Collects constants in the order in which they come; `name` is its module where models share it."""

    def __init__(self, name: str = "") -> None:
        """Starts empty."""
        self.name = name
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


class Weights:
    """The constants of one model, in a blob of its own or in one that it shares; `hot` ones have another."""

    def __init__(self, shared: Blob | None = None) -> None:
        """Starts empty."""
        self.shared = shared
        self._own = Blob()
        self.hot = Blob()
        self._blob = self._own if shared is None else shared

    def place(self, packed: Packed) -> int:
        """Returns the byte offset of a constant, adding it where it is new."""
        self._own.place(packed)
        return self._blob.place(packed)

    def bytes(self) -> bytes:
        """Returns what the model reads; where it shares a blob, that lies elsewhere in it."""
        return self._own.bytes()


def little_endian(data: Array) -> bytes:
    """Returns the elements in C order as the targets store them."""
    return np.ascontiguousarray(data, data.dtype.newbyteorder("<")).tobytes()
